"""Names as documents and figures may show them."""

import re
import unicodedata

# Lone surrogates (file names that are no UTF-8) and control characters may not stand in an HTML or SVG document.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """``text`` with what a document may not hold replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shortened(name: str, length: int) -> str:
    """``name`` on one line of at most ``length`` characters, for labels inside a figure."""
    line = " ".join(printable(name).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def isolated(name: str, length: int = 60) -> str:
    """``name`` for the middle of a plain-text sentence: shortened, its direction kept from its surroundings."""
    short = shortened(name, length)
    # The left-to-right scripts need no isolate, and without one the text can be searched and compared as it is.
    left_to_right = all(unicodedata.bidirectional(letter) not in _TURNING for letter in short)
    return short if left_to_right else f"\u2068{short}\u2069"


_TURNING = frozenset(("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "PDF", "PDI", "FSI"))


def width(text: str, size: float) -> float:
    """About how wide ``text`` is in a sans-serif face of ``size``: the viewer chooses the face, so nobody knows."""
    return size * sum(_ems(letter) for letter in text)


def _ems(letter: str) -> float:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.7 if letter.isupper() or letter in "mw%@…" else 0.57
