"""What every picture has around it: a heading with the facts of the ranking, and a legend."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rankcon_cli.picture.levels import Pairs
from rankcon_cli.picture.palette import step, steps
from rankcon_cli.picture.scene import Shape, Words
from rankcon_cli.picture.text import printable, width
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import counted

#: Space around a picture, and the least width that its heading and legend want.
MARGIN = 24.0
LEAST_WIDTH = 560.0

#: Where the heading ends.
HEADING = 86.0

_TITLE, _SMALL = 17.0, 11.5


class Key(NamedTuple):
    """An entry of a legend: its swatch, drawn with its left end at (0, 0) and ``wide`` pixels long, and its text."""

    swatch: tuple[Shape, ...]
    wide: float
    text: str


def facts(table: TierTable, pairs: Pairs | None) -> str:
    """``10 classes, up to 3 tiers; 21 pairs listed both ways, 3 one way``."""
    text = (
        f"{counted(len(table.classes), 'class')}, {'up to ' if table.depth > 1 else ''}{counted(table.depth, 'tier')}"
    )
    if pairs is None:
        return text
    return f"{text}; {counted(pairs.mutual, 'pair')} listed both ways, {pairs.one_sided:,} one way"


def heading(title: str, lines: Sequence[str], room: float) -> Iterator[Words]:
    """The title, cut to ``room`` pixels, and up to two smaller lines, above ``HEADING``."""
    yield Words(MARGIN, MARGIN + 12, fitted(title, _TITLE, room / 1.1), _TITLE, bold=True, title=printable(title))
    for i, line in enumerate(lines):
        yield Words(MARGIN, MARGIN + 32 + 16 * i, line, _SMALL, "soft")


def fitted(text: str, size: float, room: float) -> str:
    """``text`` on one line, cut so that it is about ``room`` pixels wide at most."""
    line = " ".join(printable(text[:1000]).split())
    if width(line, size) <= room:
        return line
    while line and width(line + "…", size) > room:
        line = line[:-1]
    return line.rstrip() + "…"


def legend(keys: Sequence[Key], x: float, y: float, room: float) -> tuple[list[Shape], float]:
    """The keys from left to right, on as many lines as ``room`` asks for, and where they end below."""
    shapes: list[Shape] = []
    left = x
    for key in keys:
        wide = key.wide + 6 + width(key.text, _SMALL)
        if left > x and left + wide > x + room:
            left, y = x, y + 22
        shapes += [moved(shape, left, y) for shape in key.swatch]
        shapes.append(Words(left + key.wide + 6, y + 4, key.text, _SMALL))
        left += wide + 18
    return shapes, y + 14


def moved(shape: Shape, dx: float, dy: float) -> Shape:
    """``shape`` somewhere else."""
    if hasattr(shape, "x"):
        return shape._replace(x=shape.x + dx, y=shape.y + dy)
    if hasattr(shape, "points"):
        return shape._replace(points=tuple((x + dx, y + dy) for x, y in shape.points))
    return shape._replace(segments=tuple(((a + dx, b + dy), (c + dx, d + dy)) for (a, b), (c, d) in shape.segments))


def tier_ranges(depth: int) -> Iterator[tuple[int, str]]:
    """The steps of the palette and the tiers that share each: ``1``, or ``4–6``."""
    for k in range(1, steps(depth) + 1):
        tiers = [tier for tier in range(1, depth + 1) if step(tier, depth) == k]
        yield k, str(tiers[0]) if len(tiers) == 1 else f"{tiers[0]}–{tiers[-1]}"
