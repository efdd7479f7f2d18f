"""Pick from many: type to filter, mark several, take what is pointed at."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rankcon_cli.columns import Line, indented, wrapped
from rankcon_cli.editor.lists import Listed, Row, pressed, toggled
from rankcon_cli.editor.screens import frame, key_lines, list_lines, query_line, title_line
from rankcon_cli.editor.terminal import Leave


class Picker:
    """A view of rows that are filtered by typing. It is left with a list of values, or with None by Escape.

    Args:
        title: what is asked.
        rows: the rows, most plausible first.
        draw: a row's value and a width to its line.
        hint: a sentence under the title.
        marks: None: one row is taken, by Enter. Else Tab marks rows, these from the start, and Enter takes the marked
            ones (``takes_pointed``: or, where none is, the one that is pointed at).
        done: what Escape does, in a word.
    """

    typing = True

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        draw: Callable[[Any, int], Line],
        *,
        hint: str = "",
        marks: Sequence[Any] | None = None,
        takes_pointed: bool = True,
        done: str = "back",
    ):
        self._title, self._draw, self._hint, self._done = title, draw, hint, done
        self._many, self._takes_pointed = marks is not None, takes_pointed
        self._list = Listed(tuple(rows), typing=True, marks=tuple(marks or ()))
        self._page = 10
        self._typed_is_done = False

    def lines(self, width: int, height: int) -> list[Line]:
        keys = [("↑↓", "choose"), *([("Tab", "mark")] if self._many else []), ("Enter", "take"), ("Esc", self._done)]
        head = [title_line(self._title, [], width), *indented(wrapped(self._hint, width - 2, 2))]

        def body(room: int) -> list[Line]:
            self._page = max(1, room - 2)
            return list_lines(self._list, self._draw, width, room)

        head.append(query_line(self._list, "find", width))
        return frame(head, body, key_lines(keys, width, more=False), width, height)

    def press(self, key: str) -> Leave | None:
        state = self._list
        if key == "enter":
            return self._taken()
        if key == "tab" and self._many and state.shown:
            self._list = replace(toggled(state, state.value), at=min(state.at + 1, len(state.shown) - 1))
            self._typed_is_done = True
            return None
        if self._typed_is_done and len(key) == 1:  # after a mark, typing looks for the next one
            state = replace(state, query="", at=0)
        self._typed_is_done = False
        changed = pressed(state, key, self._page)
        if changed is not None:
            self._list = changed
        elif key == "escape":
            return Leave()
        return None

    def _taken(self) -> Leave | None:
        state = self._list
        if self._many and (state.marks or not self._takes_pointed):
            return Leave(list(state.marks))
        return Leave([state.value]) if state.shown else None
