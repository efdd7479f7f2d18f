"""What is on the screen, in a window of any size: what matters least gives way first. Pure: text and numbers in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prompt_toolkit.utils import get_cwidth

from rankcon_cli.columns import Line, cut

_BLANK: Line = [("", "")]
_NARROW = 39  # columns


class Choice(NamedTuple):
    """The keys as they are shown, what they do, and the style of that."""

    keys: str
    text: str
    style: str = ""


class Page(NamedTuple):
    """The parts of a screen.

    Attributes:
        asides: what is told beside the question; the last gives way first.
        title: the question.
        choices: what it is about.
        others: the other keys; in a small window they are named alone.
    """

    asides: Sequence[str]
    title: str
    choices: Sequence[Choice]
    others: Sequence[Choice]


def laid_out(page: Page, columns: int, rows: int) -> list[Line]:
    """The page on at most ``rows`` lines of at most ``columns``: the fullest of its drafts that fits."""
    width = max(columns - 1, 2)  # in the last column some terminals wrap by themselves
    return next((draft for draft in _drafts(page, width) if len(draft) <= rows), _barest(page, width, rows))


def wrapped(text: str, width: int) -> list[str]:
    """``text`` on lines of at most ``width`` columns, broken between words, and within one only if it is longer."""
    lines: list[str] = []
    for word in text.split():
        if lines and get_cwidth(lines[-1]) + 1 + get_cwidth(word) <= width:
            lines[-1] += " " + word
        else:
            lines += _pieces(word, width)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and get_cwidth(pieces[-1]) + get_cwidth(letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _drafts(page: Page, width: int) -> Iterator[list[Line]]:
    """The page from its fullest form down."""
    indent = _indent(page, width)
    title = _styled(wrapped(page.title, width), "class:name")
    choices = [line for choice in page.choices for line in _choice(choice, indent, width)]
    others = [line for choice in page.others for line in _choice(choice, indent, width)]
    for count in range(len(page.asides), -1, -1):
        asides = _styled((line for text in page.asides[:count] for line in wrapped(text, width)), "class:soft")
        yield [*asides, *([_BLANK] if asides else []), *title, _BLANK, *choices, *others]
    yield [*title, *choices, *others]
    yield [*title, *choices, _keys_alone(page, width)]


def _barest(page: Page, width: int, rows: int) -> list[Line]:
    """One line each for the choices, what is left for the question, its end cut where it must be."""
    indent = _indent(page, width)
    room = max(rows - len(page.choices) - 1, 1)
    title = wrapped(page.title, width)
    title = title if len(title) <= room else [*title[: room - 1], cut(" ".join(title[room - 1 :]), width)]
    choices = [
        [*_margin(choice, indent), (choice.style, cut(choice.text, max(width - indent, 1)))] for choice in page.choices
    ]
    return [*_styled(title, "class:name"), *choices, _keys_alone(page, width)][:rows]


def _indent(page: Page, width: int) -> int:
    widest = max(get_cwidth(choice.keys) for choice in (*page.choices, *page.others))
    return widest + (4 if width >= _NARROW else 2)


def _choice(choice: Choice, indent: int, width: int) -> list[Line]:
    first, *more = wrapped(choice.text, max(width - indent, 2))
    return [[*_margin(choice, indent), (choice.style, first)], *([("", " " * indent), (choice.style, m)] for m in more)]


def _margin(choice: Choice, indent: int) -> Line:
    """The keys, right-aligned in the ``indent`` columns before the text."""
    return [("class:key", " " * (indent - 2 - get_cwidth(choice.keys)) + choice.keys + "  ")]


def _keys_alone(page: Page, width: int) -> Line:
    return [("class:key", cut(" ".join(choice.keys for choice in page.others if choice.keys), width))]


def _styled(lines: Iterable[str], style: str) -> list[Line]:
    return [[(style, line)] for line in lines]
