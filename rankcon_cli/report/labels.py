"""Names in a picture, moved a little where they would cover each other, and left out where that does not help."""

import math
from collections.abc import Sequence

from rankcon_cli.picture.text import width

#: How far a name may move, in heights of a line, and in how many directions.
_REACH = (1.1, 1.7, 2.4)
_DIRECTIONS = 8


def place_labels(
    anchors: Sequence[tuple[float, float]], names: Sequence[str], size: float, box: tuple[float, float]
) -> list[tuple[float, float] | None]:
    """Where each name is to be centred, in the units of ``anchors``; None for one that finds no free place.

    Earlier names have the first choice. size: of the letters; box: width and height of the picture, which holds all.
    """
    height = 1.15 * size
    taken: list[tuple[float, float, float]] = []
    places: list[tuple[float, float] | None] = []
    for (x, y), name in zip(anchors, names, strict=True):
        half = width(name, size) / 2 + 0.15 * size
        place = next((p for p in _places(x, y, height) if _is_free(p, half, height, taken, box)), None)
        places.append(place)
        if place is not None:
            taken.append((*place, half))
    return places


def _places(x: float, y: float, height: float) -> list[tuple[float, float]]:
    """The anchor itself, then rings of places around it; wider than high, as names are."""
    angles = [2 * math.pi * i / _DIRECTIONS for i in (2, 6, 1, 3, 5, 7, 0, 4)]
    rings = [
        (x + 1.6 * reach * height * math.cos(angle), y + reach * height * math.sin(angle))
        for reach in _REACH
        for angle in angles
    ]
    return [(x, y), *rings]


def _is_free(
    place: tuple[float, float],
    half: float,
    height: float,
    taken: list[tuple[float, float, float]],
    box: tuple[float, float],
) -> bool:
    x, y = place
    inside = half <= x <= box[0] - half and height / 2 <= y <= box[1] - height / 2
    clear = all(abs(x - other_x) >= half + other or abs(y - other_y) >= height for other_x, other_y, other in taken)
    return inside and clear
