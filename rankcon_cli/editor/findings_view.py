"""The findings of the ranking, and the way to what each is about."""

from rankcon_cli.columns import Line, indented, wrapped
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.lists import Listed, pressed, searchable
from rankcon_cli.editor.screens import frame, issue_line, key_lines, list_lines, title_line
from rankcon_cli.editor.terminal import Leave
from rankcon_cli.wording import counted

_KEYS = (("↑↓", "choose"), ("Enter", "go there"), ("Esc", "back"))


def chosen_finding(desk: Desk) -> str | None:
    """Show all findings; the class or group that the user goes to, or None."""
    if desk.facts.issues is None:
        desk.check()
    return desk.terminal.show(FindingsView(desk))


class FindingsView:
    """All findings, one a line, and the one pointed at in full. It is left with the class or group concerned, or None."""

    typing = False

    def __init__(self, desk: Desk):
        self._desk = desk
        self._issues = desk.facts.issues or ()
        self._list = Listed(tuple(searchable(i, issue.message) for i, issue in enumerate(self._issues)))
        self._page = 10

    def lines(self, width: int, height: int) -> list[Line]:
        def body(room: int) -> list[Line]:
            self._page = max(1, room - 2)
            return list_lines(self._list, lambda i, left: issue_line(self._issues[i], left), width, room)

        foot = key_lines(_KEYS, width, more=False)
        if self._issues:
            issue = self._issues[self._list.value]
            foot = [*indented(wrapped(f"{issue.name}: {issue.message}", width - 2, 4)), *foot]
        title = title_line(counted(len(self._issues), "finding"), self._desk.title(), width)
        return frame([title], body, foot, width, height)

    def press(self, key: str) -> Leave | None:
        changed = pressed(self._list, key, self._page)
        if changed is not None:
            self._list = changed
        elif key == "enter" and self._issues:
            return Leave(self._desk.facts.subject(self._issues[self._list.value]))
        elif key in ("q", "escape"):
            return Leave()
        return None
