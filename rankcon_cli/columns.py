"""Styled lines of a screen: made safe to show, measured in columns and cut to a width."""

from collections.abc import Iterable, Sequence

from prompt_toolkit.utils import get_cwidth

#: A style of ``terminal.STYLE`` and a text without line breaks, as prompt_toolkit draws them.
Fragment = tuple[str, str]
Line = list[Fragment]

#: Names of a long tier past these are not looked at: no terminal shows more of them in a line.
MOST_NAMES = 100


def shown(text: str) -> str:
    """``text`` with what a terminal would obey or hide (control and bidirectional characters) as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def cut(text: str, width: int) -> str:
    """``text`` if it takes at most ``width`` columns, else its beginning and an ellipsis."""
    if get_cwidth(text) <= width:
        return text
    taken, columns = [], 0
    for letter in text:
        columns += get_cwidth(letter)
        if columns > width - 1:
            break
        taken.append(letter)
    return "".join(taken) + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """``text`` cut or filled up to exactly ``width`` columns."""
    text = cut(text, width)
    return text + " " * (width - get_cwidth(text))


def columns(line: Line) -> int:
    return sum(get_cwidth(text) for _, text in line)


def fitted(line: Line, width: int) -> Line:
    """The line cut to ``width`` columns."""
    if columns(line) <= width:
        return line
    kept, left = [], width
    for style, text in line:
        if get_cwidth(text) >= left:
            # The ellipsis tells that something is missing, even where this fragment alone would just fit.
            kept.append((style, cut(text + " ", left)))
            break
        kept.append((style, text))
        left -= get_cwidth(text)
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """``left``, and ``right`` at the other end of the line where there is room for both; else ``left`` first."""
    gap = width - columns(left) - columns(right)
    return [*left, ("", " " * gap), *right] if gap >= 2 else fitted([*left, ("", "  "), *right], width)


def flowing(items: Iterable[Line], width: int, between: str = "  ") -> list[Line]:
    """Items one after the other, on as many lines as they take; none is broken at a line's end."""
    lines: list[Line] = []
    for item in items:
        if lines and columns(lines[-1]) + len(between) + columns(item) <= width:
            lines[-1] = [*lines[-1], ("", between), *item]
        else:
            lines.append(fitted(item, width))
    return lines


def wrapped(text: str, width: int, most: int, style: str = "") -> list[Line]:
    """A text on up to ``most`` lines, broken between words; what does not fit is cut."""
    lines: list[str] = []
    for word in shown(text).split():
        if lines and get_cwidth(lines[-1]) + 1 + get_cwidth(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [[(style, cut(line, width))] for line in lines]


def indented(lines: Iterable[Line], by: int = 1) -> list[Line]:
    return [[("", " " * by), *line] for line in lines]


def names_in_line(names: Sequence[str]) -> str:
    """``a, b, c`` of names as they are shown; an ellipsis where there are more than any line holds."""
    joined = ", ".join(map(shown, names[:MOST_NAMES]))
    return joined if len(names) <= MOST_NAMES else joined + ", …"


def some_names(names: Sequence[str], most: int = 3) -> str:
    """``a, b, c and 4 more``: names in a message of one line."""
    told = ", ".join(cut(shown(name), 40) for name in names[:most])
    return told if len(names) <= most else f"{told} and {len(names) - most:,} more"
