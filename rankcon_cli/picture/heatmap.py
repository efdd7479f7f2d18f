"""The tiers as a heat map, a class a row: what a row lists, by column."""

from collections.abc import Iterator, Sequence

from rankcon_cli.picture.legend import HEADING, LEAST_WIDTH, MARGIN, Key, facts, heading, legend, tier_ranges
from rankcon_cli.picture.levels import count_pairs, pooled, rows_of_levels
from rankcon_cli.picture.palette import step, steps
from rankcon_cli.picture.scene import Polygon, Raster, Rect, Scene, Shape, Words
from rankcon_cli.picture.text import isolated, shortened, width
from rankcon_cli.ranking.table import TierTable

#: Most classes that each have a cell and a label of their own; beyond it the cells are pixels of an image.
MOST_CELLS = 120

#: Most pixels of the image a side; beyond it a pixel stands for several classes.
_MOST_PIXELS = 1200

_SIDE = 920.0
_LABEL = 28


def heatmap(table: TierTable, order: Sequence[int], title: str) -> Scene:
    """The heat map of ``table``, rows and columns in ``order`` (labels, each once)."""
    pairs = count_pairs(table)
    what = facts(table, pairs)
    large = len(order) > MOST_CELLS
    shapes, right, bottom, note = (_image if large else _cells)(table, order)
    wide = max(right + MARGIN, LEAST_WIDTH)
    keys, bottom = legend(
        _keys(table.depth, marked=not large and pairs is not None and pairs.one_sided > 0),
        MARGIN,
        bottom + 28,
        wide - 2 * MARGIN,
    )
    lines = [what, f"A row shows what its class lists. {note}".strip()]
    described = f"Heat map of the ranking {isolated(title)}: {what}."
    top = heading(title, lines, wide - 2 * MARGIN)
    return Scene(wide, bottom + MARGIN - 8, title, described, table.depth, (*top, *shapes, *keys))


def _cells(table: TierTable, order: Sequence[int]) -> tuple[list[Shape], float, float, str]:
    """A rectangle for every listed class, with names beside rows and above columns."""
    n = len(order)
    side = max(7.5, min(26.0, _SIDE / n))
    font = min(12.0, 0.92 * side)
    names = [shortened(table.classes[c], _LABEL) for c in order]
    longest = max(width(name, font) for name in names)
    slanted = side >= 16
    left = MARGIN + longest + 6
    top = HEADING + (0.75 if slanted else 1) * longest + 8
    shapes: list[Shape] = [Rect(left, top, n * side, n * side, "panel")]
    for i, name in enumerate(names):
        middle = (i + 0.5) * side
        full = table.classes[order[i]]
        title = shortened(full, 200) if name != full else None
        shapes.append(Words(left - 6, top + middle + 0.35 * font, name, font, anchor="end", title=title))
    for i, name in enumerate(names):
        x = left + (i + (0.6 if slanted else 0.5)) * side
        title = shortened(table.classes[order[i]], 200) if name != table.classes[order[i]] else None
        shift = 0.0 if slanted else 0.35 * font
        shapes.append(Words(x + shift, top - 6, name, font, angle=-45.0 if slanted else -90.0, title=title))
    shapes += _listed(table, order, left, top, side)
    right = left + n * side
    if slanted:
        right = max(right, *(left + (i + 0.6) * side + 0.75 * width(name, font) for i, name in enumerate(names)))
    return shapes, right, top + n * side, ""


def _listed(table: TierTable, order: Sequence[int], left: float, top: float, side: float) -> Iterator[Shape]:
    """The cells, colour after colour, then what stands upon them."""
    levels = list(rows_of_levels(table, order, order))
    gap = 1.0 if side >= 16 else 0.5
    radius = 2.0 if side >= 16 else 0.0
    names = [isolated(table.classes[c]) for c in order]

    def cell(i: int, j: int, paint: str, title: str) -> Rect:
        at = left + j * side + gap / 2, top + i * side + gap / 2
        return Rect(*at, side - gap, side - gap, paint, title, radius)

    places: dict[str, list[tuple[int, int]]] = {f"t{k}": [] for k in range(1, steps(table.depth) + 1)}
    for i, row in enumerate(levels):
        for j, level in enumerate(row):
            if level > 0:
                places[f"t{step(level, table.depth)}"].append((i, j))
    for paint, found in places.items():
        for i, j in found:
            yield cell(i, j, paint, _title(names[i], names[j], levels[i][j], levels[j][i]))
    yield from (cell(i, i, "self", names[i]) for i in range(len(order)))
    for paint, found in places.items():
        upon = paint.replace("t", "on")
        for i, j in found:
            x, y = left + j * side, top + i * side
            if side >= 16:
                size = 11.0 if levels[i][j] < 10 else 9.0
                yield Words(x + side / 2, y + side / 2 + 0.36 * size, str(levels[i][j]), size, upon, "middle")
            if levels[j][i] < 0:
                yield _corner(x + side - gap / 2, y + gap / 2, 0.32 * side)


def _title(row: str, column: str, level: int, back: int) -> str:
    returned = "not listed" if back < 0 else f"tier {back}"
    return f"{row} lists {column}: tier {level}; the other way: {returned}"


def _corner(x: float, y: float, size: float) -> Polygon:
    """The upper right corner of a cell, cut off."""
    return Polygon(((x - size, y), (x, y), (x, y + size)), "panel")


def _image(table: TierTable, order: Sequence[int]) -> tuple[list[Shape], float, float, str]:
    """A pixel for every pair of classes, or of neighbouring classes, with as many names beside it as fit."""
    import numpy as np

    n, size = len(order), min(len(order), _MOST_PIXELS)
    side = float(size * max(1, round(1000 / size)))
    colour = np.array([1, *(1 + step(k, table.depth) for k in range(1, table.depth + 1)), 0], dtype=np.uint8)
    paints = ("panel", "self", *(f"t{k}" for k in range(1, steps(table.depth) + 1)))
    pixels = colour[pooled(table, order, size)]  # unlisted is -1: the last one
    every = -(-n * 12 // int(side))
    font = 9.5
    named = [(i, shortened(table.classes[order[i]], _LABEL)) for i in range(0, n, every)]
    left = MARGIN + max(width(name, font) for _, name in named) + 6
    top = HEADING + 14
    shapes: list[Shape] = [Raster(left, top, side, pixels, paints)]
    for i, name in named:
        shapes.append(Words(left - 6, top + (i + 0.5) * side / n + 0.35 * font, name, font, anchor="end"))
    shapes += _strips(table, order, size, left, top, side)
    note = f"One class in {every} is named; columns stand in the order of rows."
    if size < n:
        note += f" A pixel stands for about {n / size:.1f} classes and shows their most similar tier."
    return shapes, left + side, top + side, note


def _strips(table: TierTable, order: Sequence[int], size: int, left: float, top: float, side: float) -> Iterator[Rect]:
    """An unpainted rectangle over each row of pixels that says which class it is, and what that lists first."""
    n = len(order)
    for i in range(size):
        first, last = -(-i * n // size), -(-(i + 1) * n // size) - 1
        title = isolated(table.classes[order[first]])
        if last > first:
            title += f" to {isolated(table.classes[order[last]])}"
        elif table.tiers[order[first]]:
            members = table.tiers[order[first]][0]
            more = f" and {len(members) - 6:,} more" if len(members) > 6 else ""
            title += f", tier 1: {', '.join(isolated(table.classes[b], 40) for b in members[:6])}{more}"
        yield Rect(left, top + i * side / size, side, side / size, None, title)


def _keys(depth: int, *, marked: bool) -> Iterator[Key]:
    """The legend: the class itself, the tiers, what is not listed, and the mark of one side."""
    box = 14.0

    def square(paint: str) -> Rect:
        return Rect(0, -box / 2, box, box, paint, None, 2.0)

    yield Key((square("self"),), box, "the class itself")
    for k, tiers in tier_ranges(depth):
        yield Key((square(f"t{k}"),), box, f"tier {tiers}")
    yield Key((square("panel"),), box, "not listed")
    if marked and depth:
        yield Key((square("t1"), _corner(box, -box / 2, 0.4 * box)), box, "not listed the other way")
