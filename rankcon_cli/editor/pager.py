"""Something to look through, such as a diff, and what can be chosen about it."""

from collections.abc import Callable, Mapping, Sequence

from rankcon_cli.columns import Line, padded, shown, wrapped
from rankcon_cli.editor.screens import Key, frame, key_lines, title_line
from rankcon_cli.editor.terminal import Leave

_DIFF_STYLES = {"+": "class:added", "-": "class:removed", "@": "class:tier"}
_KEY_WIDTH = 11


class Pager:
    """A view of lines. It is left with the key that was chosen, or None.

    Args:
        title: what is shown.
        folded: the lines at a width.
        keys: what can be chosen: key -> the footer's words.
        back: what Escape does, in words.
    """

    typing = False

    def __init__(self, title: str, folded: Callable[[int], list[Line]], keys: Mapping[str, str], back: str):
        self._title, self._folded, self._keys, self._back = title, folded, keys, back
        self._top = self._page = self._last = 0

    def lines(self, width: int, height: int) -> list[Line]:
        folded = self._folded(width)
        foot = key_lines([("↑↓", "scroll"), *self._keys.items(), ("Esc", self._back)], width, most=5, more=False)

        def body(room: int) -> list[Line]:
            self._page, self._last = max(1, room - 1), max(0, len(folded) - room)
            self._top = min(self._top, self._last)
            return folded[self._top : self._top + room]

        return frame([title_line(self._title, [], width)], body, foot, width, height)

    def press(self, key: str) -> Leave | None:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -self._page, "pagedown": self._page, " ": self._page}
        steps |= {"home": -self._last, "end": self._last}
        if key in self._keys:
            return Leave(key)
        if key in ("escape", "q"):
            return Leave()
        if key in steps:
            self._top = max(0, min(self._last, self._top + steps[key]))
        return None


def diff_page(title: str, texts: Sequence[str], keys: Mapping[str, str], back: str) -> Pager:
    """The lines of a unified diff in their colours; long ones are folded."""

    def folded(width: int) -> list[Line]:
        return [line for text in texts for line in _folded(text, width - 2)]

    return Pager(title, folded, keys, back)


def keys_page(title: str, keys: Sequence[Key]) -> Pager:
    """All keys of a screen, each with what it does."""

    def folded(width: int) -> list[Line]:
        lines: list[Line] = []
        for key, does in keys:
            texts = wrapped(does, width - _KEY_WIDTH - 2, most=3)
            names = [key] + [""] * (len(texts) - 1)
            lines += [[("class:key", f" {padded(n, _KEY_WIDTH)}"), *t] for n, t in zip(names, texts, strict=True)]
        return lines

    return Pager(title, folded, {}, "back")


def _folded(text: str, width: int) -> list[Line]:
    style = _DIFF_STYLES.get(text[:1], "")
    text = shown(text)
    pieces = [text[i : i + width] for i in range(0, max(1, len(text)), width)]
    return [[(style, (" " if i == 0 else "  ") + piece)] for i, piece in enumerate(pieces)]
