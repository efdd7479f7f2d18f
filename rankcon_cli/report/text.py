"""Names as the page prints them."""

import re

from markupsafe import Markup

# Lone surrogates (file names that are no UTF-8) and control characters may not stand in an HTML or SVG document.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """``text`` with what a document may not hold replaced by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def bdi(name: str) -> Markup:
    """A name of the user's: escaped, and isolated so that right-to-left letters do not reorder their surroundings."""
    return Markup("<bdi>{}</bdi>").format(printable(name))


def shortened(name: str, length: int) -> str:
    """``name`` on one line of at most ``length`` characters, for labels inside a figure."""
    line = " ".join(printable(name).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def listed(items: list[Markup]) -> Markup:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return Markup("").join(items)
    return Markup("{} and {}").format(Markup(", ").join(items[:-1]), items[-1])
