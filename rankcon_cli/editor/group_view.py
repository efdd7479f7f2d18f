"""The groups: what each holds, and making, changing, naming, scoring and removing them."""

from collections.abc import Sequence

from rankcon_cli.columns import Line, columns, cut, names_in_line, padded, shown
from rankcon_cli.editor.class_edits import ask_note
from rankcon_cli.editor.desk import COMMON_KEYS, Desk
from rankcon_cli.editor.lists import Listed, pointed, pressed, searchable, with_rows
from rankcon_cli.editor.pager import keys_page
from rankcon_cli.editor.picker import Picker
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
from rankcon_cli.ranking import edit as change
from rankcon_cli.ranking.document import as_member, is_group, name_fault
from rankcon_cli.wording import counted

_KEYS = (
    ("a", "new"),
    ("Enter", "members"),
    ("r", "rename"),
    ("x", "remove"),
    ("s", "score"),
    ("u", "undo"),
    ("Esc", "map"),
)
_ALL_KEYS = (
    ("a", "make a new group"),
    ("Enter", "choose its members: classes and groups"),
    ("r", "rename it, wherever it is named"),
    ("x, Del", "remove it; what named it names its members"),
    ("s", "score of the tier that it makes"),
    ("n", "note on it"),
    *COMMON_KEYS,
    ("Esc, q", "back to the map"),
)


class GroupView:
    """The screen of the groups."""

    typing = False

    def __init__(self, desk: Desk, name: str | None = None):
        self._desk = desk
        self._page = 10
        self._list = Listed(())
        self._refresh()
        self._list = pointed(self._list, name)

    def _refresh(self) -> None:
        self._groups = self._desk.ranking.groups
        self._list = with_rows(self._list, (searchable(name, shown(name)) for name in self._groups))
        self._widest = max((columns([("", shown(name))]) for name in self._groups), default=0)

    def lines(self, width: int, height: int) -> list[Line]:
        if self._groups is not self._desk.ranking.groups:
            self._refresh()

        def body(room: int) -> list[Line]:
            self._page = max(1, room - 2)
            if not self._groups:
                return [[("class:quiet", "   no groups yet: a makes one")]]
            return list_lines(self._list, self._row, width, room)

        head = [title_line("groups", self._desk.title(), width), [("class:quiet", f" {self._kind()}")]]
        foot = [*said_lines(self._desk.said, width), *key_lines(_KEYS, width)]
        if self._groups:
            facts, name = self._desk.facts, self._list.value
            foot = [*note_lines(facts, name, width), *(issue_line(i, width) for i in about(facts, name)[:2]), *foot]
        return frame(head, body, foot, width, height)

    def _kind(self) -> str:
        facts = self._desk.facts
        ranked = len(facts.ranking.classes) - len(facts.ranking.rankings) - len(facts.unranked)
        verb = "ranks" if len(self._groups) == 1 else "rank"
        return f"{counted(len(self._groups), 'group')} {verb} {counted(ranked, 'class')}" if self._groups else ""

    def _row(self, name: str, width: int) -> Line:
        group = self._groups[name]
        name_width = min(self._widest, max(8, width // 3)) + 1
        score = "" if group.score is None else f" {group.score:g}"
        members = names_in_line(group.of)
        left = max(1, width - name_width - 1 - len(score))
        return [
            ("class:group", padded(f"@{shown(name)}", name_width)),
            ("", " "),
            ("", cut(members, left)),
            ("class:score", score),
        ]

    # -- keys ---------------------------------------------------------------------------------------

    def press(self, key: str) -> Leave | Act | None:
        self._desk.said = []
        if self._groups is not self._desk.ranking.groups:
            self._refresh()
        if key in ("escape", "q"):
            return Leave()
        changed = pressed(self._list, key, self._page)
        if changed is not None:
            self._list = changed
            return None
        common = self._desk.press(key)
        if common is not None:
            return None if common is True else common
        if self._groups and key in ("x", "delete"):
            name = self._list.value
            self._desk.edit(lambda r: change.remove_group(r, name), f"group {shown(name)} removed")
            return None
        return self._ask(key)

    def _ask(self, key: str) -> Act | None:
        desk = self._desk
        acts = {"a": self._new, "?": lambda: desk.terminal.show(keys_page("keys of the groups", _ALL_KEYS))}
        if self._groups:
            name = self._list.value
            acts |= {
                "enter": lambda: self._choose_members(name),
                "r": lambda: self._rename(name),
                "s": lambda: self._score(name),
                "n": lambda: ask_note(desk, name),
            }
        return acts.get(key)

    def _new(self) -> None:
        name = self._desk.terminal.text("name of the new group", "", lambda text: self._name_fault(text))
        if name is not None and self._choose_members(name.strip()):
            self._refresh()
            self._list = pointed(self._list, name.strip())

    def _choose_members(self, name: str) -> bool:
        """Pick the members of a group, new or not; whether anything was changed."""
        ranking = self._desk.ranking
        old = ranking.groups.get(name)
        members = [*("@" + group for group in ranking.groups if group != name), *map(as_member, ranking.classes)]
        rows = [searchable(member, shown(member)) for member in members]
        title = f"members of @{shown(name)}"
        picker = Picker(title, rows, _draw_member, marks=old.of if old else (), takes_pointed=old is None)
        picked: Sequence[str] | None = self._desk.terminal.show(picker)
        if picked is None:
            return False
        score = old.score if old else None
        what = f"group {shown(name)} {'changed' if old else 'made'}"
        return self._desk.edit(lambda r: change.set_group(r, name, picked, score), what)

    def _rename(self, name: str) -> None:
        new = self._desk.terminal.text(f"new name of @{shown(name)}", name, lambda text: self._name_fault(text, name))
        if new is not None and new.strip() != name:
            new = new.strip()
            if self._desk.edit(lambda r: change.rename_group(r, name, new), f"group {shown(name)} renamed"):
                self._refresh()
                self._list = pointed(self._list, new)

    def _score(self, name: str) -> None:
        old = self._groups[name].score
        question = f"score of the tier that @{shown(name)} makes (empty: none)"
        answer = self._desk.terminal.text(question, "" if old is None else f"{old:g}", _score_fault)
        if answer is not None:
            score = float(answer) if answer.strip() else None
            self._desk.edit(lambda r: change.set_group_score(r, name, score), f"score of group {shown(name)} set")

    def _name_fault(self, text: str, old: str | None = None) -> str | None:
        text = text.strip()
        if text.startswith("@"):
            return "the @ is written where a group is named, not in its name"
        if fault := name_fault(text):
            return f"this can name no group: {fault}"
        if text in self._desk.facts.label:
            return "a class has this name"
        return "there is a group of this name" if text != old and text in self._groups else None


def _draw_member(member: str, width: int) -> Line:
    return [("class:group" if is_group(member) else "", cut(shown(member), width))]


def _score_fault(text: str) -> str | None:
    try:
        return None if not text.strip() or 0 < float(text) < 1 else "a number between 0 and 1"
    except ValueError:
        return "a number between 0 and 1, or nothing"
