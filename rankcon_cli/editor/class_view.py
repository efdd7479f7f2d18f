"""One class: its tiers, and everything that can be done with them."""

from rankcon_cli.columns import Line, columns, cut, fitted, indented, names_in_line, padded, shown, spread, wrapped
from rankcon_cli.editor import class_edits as edits
from rankcon_cli.editor.desk import COMMON_KEYS, Desk
from rankcon_cli.editor.findings_view import chosen_finding
from rankcon_cli.editor.group_view import GroupView
from rankcon_cli.editor.lists import Listed, pointed, pressed, searchable, toggled, with_rows
from rankcon_cli.editor.pager import keys_page
from rankcon_cli.editor.screens import (
    about,
    frame,
    issue_line,
    key_lines,
    list_lines,
    note_lines,
    said_lines,
    title_line,
)
from rankcon_cli.editor.terminal import Act, Leave
from rankcon_cli.ranking.edit import ClassTier, class_tiers
from rankcon_cli.wording import counted

_KEYS = (
    ("a", "add"),
    ("x", "remove"),
    ("K J", "move up, down"),
    ("u", "undo"),
    ("Esc", "map"),
    ("m", "merge"),
    ("s", "scores"),
    ("Tab", "next unranked"),
)
_EMPTY_KEYS = (("a", "add"), ("0", "nothing is similar"), ("u", "undo"), ("Tab", "next unranked"), ("Esc", "map"))
_ALL_KEYS = (
    ("a", "add classes, each a new last tier"),
    ("i", "add before the tier at the pointer"),
    ("A", "add into the tier at the pointer"),
    ("x, Del", "remove the class, or the marked ones"),
    ("K J", "move up or down (also Shift-↑ ↓)"),
    ("t", "move to a tier of your choice"),
    ("Space", "mark, for x, K, J, t, p, b"),
    ("m", "merge the tier with the next"),
    ("p", "part: split the marked from their tier"),
    ("s", "scores of the tiers"),
    ("b", "both ways: let a one-way class list this one"),
    ("e", "edit the list as text"),
    ("d", "drop the list, go by the groups"),
    ("0", "nothing is similar"),
    ("g", "groups of the class"),
    ("n", "note on the class"),
    ("f", "all findings"),
    ("→ ←", "next and previous class"),
    ("Tab", "next class that is not ranked"),
    *COMMON_KEYS,
    ("Esc, q", "back to the map"),
)


class ClassView:
    """The screen of a class. It is left with the name of the class it showed last."""

    typing = False

    def __init__(self, desk: Desk, name: str):
        self._desk = desk
        self._page = 10
        self._show(name)

    def _show(self, name: str) -> None:
        self._name = name
        self._list = Listed(())
        self._refresh()

    def _refresh(self) -> None:
        """Take up the tiers as they are now."""
        self._facts = self._desk.facts
        self._tiers: tuple[ClassTier, ...] = class_tiers(self._facts.ranking, self._name)
        self._tier = {other: k for k, tier in enumerate(self._tiers, 1) for other in tier.names}
        self._list = with_rows(self._list, (searchable(other, shown(other)) for other in self._tier))
        self._widest = max((columns([("", shown(other))]) for other in self._tier), default=0)
        self._listers = self._facts.one_sided(self._name)

    # -- drawing ------------------------------------------------------------------------------------

    def lines(self, width: int, height: int) -> list[Line]:
        if self._name not in self._desk.facts.label:
            return [fitted([("class:warning", f" Esc: there is no class {shown(self._name)} any more")], width)]
        if self._facts is not self._desk.facts:
            self._refresh()

        def body(room: int) -> list[Line]:
            self._page = max(1, room - 2)
            if not self._tier:
                hint = "a adds similar classes, 0 says that there are none"
                return indented(wrapped(hint, width - 4, 2, "class:quiet"), by=3)
            return list_lines(self._list, self._row, width, room)

        keys = _KEYS if self._tier else _EMPTY_KEYS
        place = f"{self._facts.label[self._name] + 1:,} of {len(self._facts.ranking.classes):,}"
        at = f"tier {self._tier[self._list.value]} of {len(self._tiers)}" if len(self._tier) > height // 2 else ""
        kind = spread([("class:quiet", f" {self._kind()}")], [("class:quiet", at)], width)
        head = [title_line(self._name, self._desk.title(), width, place), kind]
        foot = [*self._remarks(width), *said_lines(self._desk.said, width), *key_lines(keys, width)]
        return frame(head, body, foot, width, height)

    def _kind(self) -> str:
        """Where the tiers come from."""
        listing = self._facts.ranking.rankings.get(self._name)
        if listing is None and self._name in self._facts.unranked:
            return "not ranked yet"
        if listing is None:
            return f"{counted(len(self._tiers), 'tier')} by groups (@); an edit makes a list of its own"
        if not self._tiers:
            return "nothing similar, says its list"
        rest = ", then its groups (@)" if listing.rest_of_groups else ""
        return f"{counted(len(self._tiers), 'tier')} by a list of its own{rest}"

    def _row(self, other: str, width: int) -> Line:
        """A member: its tier, the tier's score and group on the first one, and whether it lists this class too."""
        k = self._tier[other]
        tier = self._tiers[k - 1]
        first = tier.names[0] == other
        marker = "" if self._facts.lists(other, self._name) else "one-way"
        score = f"{tier.score:<7.4g}" if tier.score is not None and first else " " * 7 if tier.score is not None else ""
        group = f"@{shown(tier.group)}" if tier.group is not None and first else ""
        room = max(6, width - 4 - len(score) - 9)
        name_width = min(room, self._widest)
        return [
            ("class:tier", f"{k if first else '':<3} "),
            ("class:score", score),
            ("", padded(shown(other), name_width)),
            ("class:warning", f" {marker:<7} "),
            ("class:group", cut(group, max(0, room - name_width))),
        ]

    def _remarks(self, width: int) -> list[Line]:
        """The note, who lists the class in vain, and the warnings about it."""
        lines = note_lines(self._facts, self._name, width)
        if self._listers:
            text = f" listed by, not listing: {names_in_line(self._listers)}"
            lines.append([("class:quiet", cut(text, width))])
        # W201 and W205 are told by the lines above and under the name.
        others = [issue for issue in about(self._facts, self._name) if issue.code not in ("W201", "W205")]
        return [*lines, *(issue_line(issue, width) for issue in others[:2])]

    # -- keys ---------------------------------------------------------------------------------------

    def press(self, key: str) -> Leave | Act | None:
        if self._name not in self._desk.facts.label:
            return Leave(None) if key in ("escape", "q") else None
        if self._facts is not self._desk.facts:
            self._refresh()
        self._desk.said = []
        if key in ("escape", "q"):
            return Leave(self._name)
        changed = pressed(self._list, key, self._page)
        if changed is not None:
            self._list = changed
            return None
        common = self._desk.press(key)
        if common is not None:
            return None if common is True else common
        if key in ("right", "l", "left", "h", "tab"):
            return self._go(key)
        return self._ask(key) or self._edit(key)

    def _go(self, key: str) -> None:
        classes, c = self._facts.ranking.classes, self._facts.label[self._name]
        if key == "tab":
            found = self._facts.next_unranked(self._name)
            if found is None:
                self._desk.tell("every class is ranked")
                return
            self._show(found)
        else:
            self._show(classes[(c + (1 if key in ("right", "l") else -1)) % len(classes)])

    def _chosen(self) -> list[str]:
        """The marked classes in their order, else the one at the pointer."""
        marks = set(self._list.marks) or {self._list.value}
        return [other for other in self._tier if other in marks]

    def _ask(self, key: str) -> Act | None:
        """The act of a key that needs the terminal."""
        desk, name, tiers = self._desk, self._name, self._tiers
        acts = {
            "a": lambda: self._add(),
            "e": lambda: edits.ask_text(desk, name),
            "f": self._findings,
            "g": lambda: edits.ask_groups(desk, name),
            "n": lambda: edits.ask_note(desk, name),
            "s": lambda: edits.ask_scores(desk, name, tiers),
            "?": lambda: desk.terminal.show(keys_page("keys of a class", _ALL_KEYS)),
        }
        if self._tier:
            k = self._tier[self._list.value]
            acts |= {
                "i": lambda: self._add(k),
                "A": lambda: self._add(k, into=True),
                "t": lambda: edits.ask_tier(desk, name, tiers, self._chosen()),
            }
        return acts.get(key)

    def _add(self, tier: int | None = None, *, into: bool = False) -> None:
        added = edits.add_classes(self._desk, self._name, tier, into=into)
        self._refresh()
        self._list = pointed(self._list, added[-1] if added else None)

    def _findings(self) -> None:
        subject = chosen_finding(self._desk)
        if subject in self._facts.label:
            self._show(subject)
        elif subject is not None:
            self._desk.terminal.show(GroupView(self._desk, subject))

    def _edit(self, key: str) -> None:
        """The edit of a key that asks nothing."""
        desk, name, tiers = self._desk, self._name, self._tiers
        if key == "d":
            edits.use_groups(desk, name)
        elif key == "0":
            edits.empty(desk, name)
        if not self._tier:
            return
        if key == " ":
            self._list = pressed(toggled(self._list, self._list.value), "down") or self._list
        elif key in ("K", "s-up", "J", "s-down"):
            edits.shift(desk, name, tiers, self._chosen(), -1 if key in ("K", "s-up") else 1)
        elif key in ("x", "delete"):
            edits.remove(desk, name, self._chosen())
        elif key == "m":
            edits.merge(desk, name, tiers, self._tier[self._list.value])
        elif key == "p":
            edits.split(desk, name, tiers, self._chosen())
        elif key == "b":
            edits.list_back(desk, name, tiers, self._chosen())
