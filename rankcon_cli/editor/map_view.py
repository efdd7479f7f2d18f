"""The map of the ranking: every class with its tiers, what is not ranked, and the findings."""

from dataclasses import replace

from rankcon_cli.columns import Line, columns, shown, spread
from rankcon_cli.editor.class_edits import ask_note
from rankcon_cli.editor.class_view import ClassView
from rankcon_cli.editor.desk import COMMON_KEYS, Desk
from rankcon_cli.editor.findings_view import chosen_finding
from rankcon_cli.editor.group_view import GroupView
from rankcon_cli.editor.lists import Listed, pointed, pressed, searchable, with_rows
from rankcon_cli.editor.pager import keys_page
from rankcon_cli.editor.screens import (
    class_line,
    counts_line,
    findings_lines,
    frame,
    key_lines,
    list_lines,
    query_line,
    said_lines,
    title_line,
)
from rankcon_cli.editor.terminal import Act, Leave

_KEYS = (
    ("Enter", "open"),
    ("/", "find"),
    ("w", "save"),
    ("q", "quit"),
    ("Tab", "next unranked"),
    ("u", "undo"),
    ("g", "groups"),
    ("f", "findings"),
)
_ALL_KEYS = (
    ("↑ ↓, k j", "choose a class; PgUp, PgDn, Home, End too"),
    ("Enter, →", "open the class"),
    ("/", "find a class by typing; Esc ends it"),
    ("Tab", "go to the next class that is not ranked"),
    ("n", "note on the class"),
    ("g", "groups"),
    ("f", "all findings"),
    ("c", "check now"),
    *COMMON_KEYS,
    ("q, Esc", "quit"),
)
_SEARCH_KEYS = (("↑↓", "choose"), ("Enter", "open"), ("Esc", "end the search"))


class MapView:
    """The screen that the editor begins with. Leaving it leaves the editor."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._page = 10
        self._list = Listed(())
        self._refresh()

    def _refresh(self) -> None:
        """Take up the classes as they are now: another program's may have been taken over."""
        self._classes = self._desk.ranking.classes
        self._list = with_rows(self._list, (searchable(name, shown(name)) for name in self._classes))
        self._widest = max(columns([("", shown(name))]) for name in self._classes)

    def lines(self, width: int, height: int) -> list[Line]:
        desk, facts = self._desk, self._desk.facts
        if self._classes is not desk.ranking.classes:
            self._refresh()
        name_width = min(self._widest, max(8, (width - 6) // 3))

        def body(room: int) -> list[Line]:
            self._page = max(1, room - 2)
            return list_lines(
                self._list, lambda name, left: class_line(facts, facts.label[name], left, name_width), width, room
            )

        head = [title_line(desk.ranking.name or "ranking", desk.title(), width), spread(counts_line(facts), [], width)]
        if self._list.typing:
            head.append(query_line(self._list, "find", width))
        typing = self._list.typing
        keys = key_lines(_SEARCH_KEYS if typing else _KEYS, width, more=not typing)
        foot = [*findings_lines(facts.issues, width), *said_lines(desk.said, width), *keys]
        return frame(head, body, foot, width, height)

    @property
    def typing(self) -> bool:
        return self._list.typing

    def press(self, key: str) -> Leave | Act | None:
        self._desk.said = []
        changed = pressed(self._list, key, self._page)
        if changed is not None:
            self._list = changed
            return None
        if self._list.typing:
            if key == "enter" and self._list.shown:
                self._end_search()
                return self._open
            if key in ("escape", "backspace"):
                self._end_search()
            return None
        common = self._desk.press(key)
        if common is not None:
            return None if common is True else common
        return self._own(key)

    def _own(self, key: str) -> Leave | Act | None:
        desk = self._desk
        if key in ("q", "escape"):
            return desk.leave()
        if key == "/":
            self._list = replace(self._list, typing=True)
        elif key == "tab":
            found = desk.facts.next_unranked(self._list.value)
            self._list = pointed(self._list, found)
            if found is None:
                desk.tell("every class is ranked")
        elif key == "c":
            desk.check()
        acts = {
            "enter": self._open,
            "right": self._open,
            "l": self._open,
            "g": lambda: desk.terminal.show(GroupView(desk)),
            "f": self._findings,
            "n": lambda: ask_note(desk, self._list.value),
            "?": lambda: desk.terminal.show(keys_page("keys of the map", _ALL_KEYS)),
        }
        return acts.get(key)

    def _end_search(self) -> None:
        value = self._list.value
        self._list = pointed(replace(self._list, typing=False, query="", at=0), value)

    def _open(self) -> None:
        last = self._desk.terminal.show(ClassView(self._desk, self._list.value))
        self._list = pointed(self._list, last)

    def _findings(self) -> None:
        subject = chosen_finding(self._desk)
        if subject in self._desk.facts.label:
            self._list = pointed(self._list, subject)
            self._open()
        elif subject is not None:
            self._desk.terminal.show(GroupView(self._desk, subject))
