"""What all screens are drawn with: the frame, lists, the line of keys, tiers and findings. Pure."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from rankcon_cli.columns import (
    MOST_NAMES,
    Fragment,
    Line,
    columns,
    cut,
    fitted,
    flowing,
    indented,
    names_in_line,
    padded,
    shown,
    spread,
    wrapped,
)
from rankcon_cli.editor.facts import Facts
from rankcon_cli.editor.lists import Listed, view
from rankcon_cli.ranking import Issue
from rankcon_cli.wording import counted

#: A key as the footer shows it, and what it does in a word or two.
Key = tuple[str, str]

_MORE_KEYS: Line = [("class:key", "?"), ("", " all keys")]


def frame(head: list[Line], body: Callable[[int], list[Line]], foot: list[Line], width: int, height: int) -> list[Line]:
    """Head, body and foot, with a blank line between where there is room, in at most ``height`` lines that fit.

    The body gets what the others leave, three lines at least; for that the foot is cut from above.
    """
    room = height - len(head) - len(foot)
    if room < 3:
        foot = foot[max(0, 3 - room) :]
        room = max(1, height - len(head) - len(foot))
    gap: list[Line] = [[]] if room > 6 else []
    lines = [*head, *gap, *body(room - 2 * len(gap)), *gap, *foot]
    return [fitted(line, width) for line in lines[:height]]


def title_line(title: str, right: Line, width: int, beside: str = "") -> Line:
    """What the screen shows, with something ``beside`` it where there is room, and at the other end the state."""
    title = shown(title)
    wanted = min(columns([("", title)]), width // 2)
    # Where it is narrow the title comes first, then the last fragment of the state.
    right = next((r for r in (right, right[-1:]) if width - columns(r) - 3 >= wanted), [])
    left: Line = [("class:title", " " + cut(title, width - columns(right) - 3))]
    if columns(left) + len(beside) + columns(right) + 4 <= width:
        left.append(("class:quiet", f"  {beside}"))
    return spread(left, right, width)


def list_lines(state: Listed, draw: Callable[[Any, int], Line], width: int, height: int) -> list[Line]:
    """The rows around the pointer; where some are out of sight, how many are above and below."""
    n = len(state.shown)
    if not n:
        return [[("class:quiet", f"   nothing holds {shown(state.query)!r}" if state.query else "   (nothing)")]]
    more = n > height and height >= 5
    start, end = view(n, state.at, height - 2 * more)
    if more:  # at either end one of the two lines that count is not needed
        start, end = start - (end == n), end + (start == 0)
    lines = []
    for i in range(start, end):
        pointed = i == state.at
        line: Line = [("class:pointer", " » " if pointed else "   ")]
        if state.marks:
            line.append(("class:mark", "✓ " if state.shown[i].value in state.marks else "  "))
        taken = 5 if state.marks else 3
        row = draw(state.shown[i].value, width - taken)
        lines.append(line + ([(f"{style} class:at", text) for style, text in row] if pointed else row))
    if more:
        above: list[Line] = [[("class:quiet", f"   ↑ {start:,} more")]] if start else []
        below: list[Line] = [[("class:quiet", f"   ↓ {n - end:,} more")]] if end < n else []
        lines = [*above, *lines, *below]
    return lines


def query_line(state: Listed, what: str, width: int) -> Line:
    """What was typed to find a row, and how many rows hold it."""
    found = f"{len(state.shown):,} of {len(state.rows):,}"
    if state.marks:
        found = f"{len(state.marks):,} marked · {found}"
    left: Line = [("class:key", f" {what}: "), ("class:query", shown(state.query)), ("class:pointer", "▏")]
    return spread(left, [("class:quiet", found)], width)


def key_lines(keys: Sequence[Key], width: int, most: int = 2, *, more: bool = True) -> list[Line]:
    """As many keys as ``most`` lines hold, in their order; ``more``: last the one that shows all of them."""
    items: list[Line] = [[("class:key", key), ("", " " + does)] for key, does in keys]
    for n in range(len(items), -1, -1):
        lines = flowing([*items[:n], *([_MORE_KEYS] if more else [])], width - 1)
        if len(lines) <= most:
            break
    return indented(lines)


def said_lines(said: Sequence[Fragment], width: int, most: int = 2) -> list[Line]:
    """What came of the last key, indented."""
    return indented(line for style, text in said for line in wrapped(text, width - 2, most, style))


def tiers_line(facts: Facts, c: int, width: int) -> Line:
    """The tiers of a class in one line: ``@`` for one that its groups rank, ``dog > deer, horse``."""
    name, table = facts.ranking.classes[c], facts.table
    if name in facts.unranked:
        return [("class:warning", cut("not ranked yet", width))]
    listed = name in facts.ranking.rankings
    mark: Fragment = ("class:group", "  " if listed else "@ ")
    if not table.tiers[c]:
        return [mark, ("class:quiet", cut("nothing similar", width - 2))]
    parts = [
        names_in_line([table.classes[b] for b in islice(members, MOST_NAMES)])
        for members in islice(table.tiers[c], MOST_NAMES)
    ]
    return [mark, ("" if listed else "class:quiet", cut(" > ".join(parts), width - 2))]


def class_line(facts: Facts, c: int, width: int, name_width: int) -> Line:
    """A row of the map: the name, whether there are warnings about it, its tiers."""
    name = facts.ranking.classes[c]
    warned = "!" if facts.marked[name] else " "
    head: Line = [("", padded(shown(name), name_width)), ("class:warning", f" {warned} ")]
    return [*head, *tiers_line(facts, c, max(8, width - name_width - 3))]


def counts_line(facts: Facts) -> Line:
    """How many classes are ranked, and by what."""
    total, lists, none = len(facts.ranking.classes), len(facts.ranking.rankings), len(facts.unranked)
    line: Line = [("", f" {counted(total, 'class')}:")]
    if none:
        line += [("class:warning", f" {none:,} not ranked"), ("", ",")]
    line.append(("", f" {lists:,} listed"))
    if total - lists - none:
        line += [("", f", {total - lists - none:,} by groups ("), ("class:group", "@"), ("", ")")]
    return line


def findings_lines(issues: Sequence[Issue] | None, width: int, most: int = 2) -> list[Line]:
    """The first warnings and how many more there are. Classes that are not ranked (W205) are counted elsewhere."""
    if issues is None:
        return [[("class:quiet", cut(" too much to check after every edit: c checks now", width))]]
    told = [issue for issue in issues if issue.severity != "information"]
    if not told:
        return [[("class:good", " no errors, no warnings")]]
    told = [issue for issue in told if issue.code != "W205"]
    lines = [issue_line(issue, width) for issue in told[:most]]
    if len(told) > most:
        lines[-1:] = [[("class:warning", f" … {counted(len(told) - most + 1, 'more warning')}: f shows them")]]
    return lines


def issue_line(issue: Issue, width: int) -> Line:
    style = {"error": "class:error", "warning": "class:warning"}.get(issue.severity, "class:quiet")
    return [(style, f" {issue.code} "), ("", cut(shown(issue.message), width - len(issue.code) - 2))]


def note_lines(facts: Facts, key: str, width: int) -> list[Line]:
    """The note on a class or a group, if there is one."""
    notes = facts.ranking.notes
    if notes is None or isinstance(notes, str) or key not in notes:
        return []
    return indented(wrapped(f"note: {notes[key]}", width - 2, 2))


def about(facts: Facts, name: str) -> list[Issue]:
    """The warnings about a class or a group."""
    return [i for i in facts.issues or () if facts.subject(i) == name and i.severity != "information"]
