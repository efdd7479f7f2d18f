"""The ranking as a graph: classes as dots, what they list as lines that show its tier and which way it goes."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.picture.layout import EVEN, GROUPED, positions, spread_out
from rankcon_cli.picture.legend import HEADING, LEAST_WIDTH, MARGIN, Key, facts, heading, legend, tier_ranges
from rankcon_cli.picture.levels import count_pairs
from rankcon_cli.picture.palette import step
from rankcon_cli.picture.scene import Disc, Lines, Point, Polygon, Scene, Shape, Words
from rankcon_cli.picture.text import isolated, shortened, width
from rankcon_cli.ranking.table import TierTable

if TYPE_CHECKING:
    import numpy as np

#: Most classes that a graph is drawn of: the layout looks at all pairs, again and again.
MOST_CLASSES = 2000

#: Up to how many classes all tiers are drawn, where the caller does not say.
_ALL_TIERS = 20

#: Up to how many classes each has its name.
_ALL_NAMED = 120

#: Most lines; beyond it an even selection is drawn.
_MOST_LINES = 20_000

_LABEL = 22


class Edge(NamedTuple):
    """A pair of classes a < b: the tier of b in a's list and of a in b's; None where it is not listed."""

    a: int
    b: int
    there: int | None
    back: int | None

    @property
    def one_sided(self) -> bool:
        return self.there is None or self.back is None

    @property
    def nearest(self) -> int:
        return min(tier for tier in (self.there, self.back) if tier is not None)


def graph(table: TierTable, title: str, tiers: int | None = None) -> Scene:
    """The graph of ``table`` with the pairs that are in the first ``tiers`` tiers of at least one of them.

    tiers: None draws all up to 20 classes, and tier 1 of more. RankconError over ``MOST_CLASSES``.
    """
    n = len(table.classes)
    if n > MOST_CLASSES:
        raise RankconError(
            f"a graph of {n:,} classes would be one grey cloud: {MOST_CLASSES:,} are the most that are drawn",
            hint="draw the heat map (--kind heatmap), or a part: 'rankcon rank subset'",
        )
    tiers = min(table.depth, tiers or (table.depth if n <= _ALL_TIERS else 1))
    found = edges(table, tiers)
    drawn = found if len(found) <= _MOST_LINES else [found[i * len(found) // _MOST_LINES] for i in range(_MOST_LINES)]
    wide = min(1400.0, LEAST_WIDTH - 2 * MARGIN + 75 * math.sqrt(n - 2))
    high = round(0.72 * wide)
    font = 12.0 if n <= 30 else 10.0
    names = [shortened(name, _LABEL) for name in table.classes]
    places = _places(table, names, font, (wide, high))
    shapes = [*_lines(table, drawn, places), *_discs(table, places), *_names(table, names, places, font)]
    keys, bottom = legend(
        list(_keys(table.depth, tiers, drawn, arrows=n <= _ALL_NAMED)), MARGIN, HEADING + high + 30, wide
    )
    what = facts(table, count_pairs(table))
    notes = [_tiers_drawn(tiers, table.depth)]
    if len(drawn) < len(found):
        notes.append(f"{len(drawn):,} of {len(found):,} pairs are drawn.")
    described = f"Graph of the ranking {isolated(title)}: {what}. {' '.join(notes)}"
    top = heading(title, [what, " ".join(notes)], wide)
    return Scene(wide + 2 * MARGIN, bottom + MARGIN - 8, title, described, table.depth, (*top, *shapes, *keys))


def edges(table: TierTable, tiers: int) -> list[Edge]:
    """The pairs of which one lists the other in its first ``tiers`` tiers; the nearest last, so that they lie on top."""
    listed = [{b: k for k, members in enumerate(row, 1) for b in members} for row in table.tiers]
    pairs = {(min(a, b), max(a, b)) for a, row in enumerate(table.tiers) for members in row[:tiers] for b in members}
    found = (Edge(a, b, listed[a].get(b), listed[b].get(a)) for a, b in pairs)
    return sorted(found, key=lambda edge: (-edge.nearest, edge.a, edge.b))


def _tiers_drawn(tiers: int, depth: int) -> str:
    if tiers == depth:
        return "Lines lead to what a class lists."
    return f"Lines lead to the first {'tier' if tiers == 1 else f'{tiers} tiers'} of each class, of up to {depth}."


def _places(table: TierTable, names: list[str], font: float, size: tuple[float, float]) -> "np.ndarray":
    """The classes' dots in pixels."""
    import numpy as np

    n = len(names)
    if n > _ALL_NAMED:
        return MARGIN + np.array([0, HEADING - MARGIN]) + positions(table, GROUPED) * np.array(size)
    boxes = np.array([(max(16.0, width(name, font) + 6), font + 20.0) for name in names])
    inner = np.array(size) - boxes.max(0)
    centred = boxes.max(0) / 2 + positions(table, EVEN) * inner
    # The box is that of dot and name: the dot stands in its upper part.
    return spread_out(centred, boxes, size) + np.array([MARGIN, HEADING - font / 2])


def _lines(table: TierTable, found: list[Edge], places: "np.ndarray") -> Iterator[Shape]:
    """A line a pair, the half at a class coloured by the tier it gives the other, with an arrow where only one lists.

    In a large graph, which has no room for arrows, the other half is grey.
    """
    n = len(places)
    titled = n <= _ALL_NAMED
    radius = _radius(n)
    merged: dict[tuple[str, float], list[tuple[Point, Point]]] = {}
    for edge in found:
        a, b = (tuple(places[c].tolist()) for c in (edge.a, edge.b))
        title = _title(table, edge) if titled else None
        for segment, tier in _segments(edge, a, b, arrows=titled):
            paint = "self" if tier is None else f"t{step(tier, table.depth)}"
            wide = _thickness(tier or table.depth, table.depth, n)
            if titled:
                yield Lines((segment,), paint, wide, 1.0, title)
            else:
                merged.setdefault((paint, wide), []).append(segment)
        if titled and edge.one_sided:
            tier = edge.nearest
            start, end = (a, b) if edge.back is None else (b, a)
            yield _arrow(start, end, radius, _thickness(tier, table.depth, n), f"t{step(tier, table.depth)}")
    for (paint, wide), segments in merged.items():
        yield Lines(tuple(segments), paint, wide, 0.6)


def _segments(edge: Edge, a: Point, b: Point, *, arrows: bool) -> list[tuple[tuple[Point, Point], int | None]]:
    """The line of a pair, or its two halves where the tiers differ, with their tiers.

    A pair that is listed one way is a whole line for an arrow; without arrows its other half has no tier.
    """
    if edge.there == edge.back or (edge.one_sided and arrows):
        return [((a, b), edge.nearest)]
    middle = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    return [((a, middle), edge.there), ((b, middle), edge.back)]


def _arrow(start: Point, end: Point, radius: float, wide: float, paint: str) -> Polygon:
    """A head at the dot of the class that is listed."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    long = 6 + 2 * wide
    tip = end[0] - ux * (radius + 1), end[1] - uy * (radius + 1)
    base = tip[0] - ux * long, tip[1] - uy * long
    side = 0.42 * long
    return Polygon((tip, (base[0] - uy * side, base[1] + ux * side), (base[0] + uy * side, base[1] - ux * side)), paint)


def _discs(table: TierTable, places: "np.ndarray") -> Iterator[Disc]:
    for c, (x, y) in enumerate(places.tolist()):
        yield Disc(x, y, _radius(len(places)), "ink", _listing(table, c))


def _names(table: TierTable, names: list[str], places: "np.ndarray", font: float) -> Iterator[Words]:
    """All names; in a large graph those that find room, the classes that are listed most often first."""
    n = len(names)
    below = _radius(n) + font
    if n <= _ALL_NAMED:
        chosen = range(n)
    else:
        chosen = _with_room(table, [width(name, font) for name in names], font, places)
    for c in chosen:
        x, y = places[c].tolist()
        title = shortened(table.classes[c], 200) if names[c] != table.classes[c] else None
        yield Words(x, y + below, names[c], font, anchor="middle", halo=True, title=title)


def _with_room(table: TierTable, widths: list[float], font: float, places: "np.ndarray") -> list[int]:
    """Classes whose names do not come near each other."""
    listings = [0] * len(widths)
    for tiers in table.tiers:
        for b in tiers[0] if tiers else ():
            listings[b] += 1
    chosen: list[int] = []
    for c in sorted(range(len(widths)), key=lambda c: (-listings[c], c)):
        x, y = places[c].tolist()
        if all(
            abs(x - places[d][0]) > (widths[c] + widths[d]) / 2 + 20 or abs(y - places[d][1]) > 4 * font for d in chosen
        ):
            chosen.append(c)
    return chosen


def _listing(table: TierTable, c: int) -> str:
    """What a tooltip says of a class: its name, and its first three tiers, cut."""
    lines = [isolated(table.classes[c])]
    for k, members in enumerate(table.tiers[c][:3], 1):
        more = f" and {len(members) - 6:,} more" if len(members) > 6 else ""
        lines.append(f"{k} {', '.join(isolated(table.classes[b], 40) for b in members[:6])}{more}")
    return "\n".join(lines)


def _title(table: TierTable, edge: Edge) -> str:
    a, b = isolated(table.classes[edge.a]), isolated(table.classes[edge.b])
    there, back = (f"tier {tier}" if tier else "not listed" for tier in (edge.there, edge.back))
    return f"{a} → {b}: {there}\n{b} → {a}: {back}"


def _radius(n: int) -> float:
    return 6.0 if n <= 30 else 4.0 if n <= _ALL_NAMED else 2.5


def _thickness(tier: int, depth: int, n: int) -> float:
    """Thick for tier 1, thinner from tier to tier."""
    most = 4.0 if n <= 30 else 2.0 if n <= _ALL_NAMED else 0.8
    return round(most * (1 - 0.8 * (tier - 1) / max(2, depth)), 2)


def _keys(depth: int, tiers: int, found: list[Edge], *, arrows: bool) -> Iterator[Key]:
    """The legend: the tiers that lines show, and how they show two of them, or one side."""
    long = 26.0
    shown = max((tier for edge in found for tier in (edge.there, edge.back) if tier), default=tiers)
    line = ((0.0, 0.0), (long, 0.0))
    for k, label in tier_ranges(depth):
        if k <= step(shown, depth):
            tier = int(label.split("–")[0])
            yield Key((Lines((line,), f"t{k}", _thickness(tier, depth, 30)),), long, f"tier {label}")
    halves = ((0.0, 0.0), (long / 2, 0.0)), ((long / 2, 0.0), (long, 0.0))
    if any(not edge.one_sided and edge.there != edge.back for edge in found):
        two = (Lines(halves[:1], "t1", 4.0), Lines(halves[1:], f"t{step(2, depth)}", 2.5))
        yield Key(two, long, "each half: the tier that its class gives the other")
    if any(edge.one_sided for edge in found):
        grey = Lines(halves[:1], "t1", 2.0), Lines(halves[1:], "self", 2.0)
        arrow = Lines((line,), "t1", 2.0), _arrow((0, 0), (long, 0), 0, 2.0, "t1")
        yield Key(arrow if arrows else grey, long, "not listed the other way")
