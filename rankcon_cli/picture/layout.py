"""Where the classes of a graph stand: a plane in which distances follow the tiers, with room for names."""

import math
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.picture.order import by_blocks, distances
from rankcon_cli.ranking.table import TierTable

if TYPE_CHECKING:
    import numpy as np


class Spread(NamedTuple):
    """How a layout treats distances d in [0, 1]: it wants ``nearest + d**power`` and cares by that to the -``care``."""

    nearest: float
    power: float
    care: float


#: Classes evenly apart, so that names have room; and groups apart that show the groups within.
EVEN = Spread(0.1, 2.0, 1.5)
GROUPED = Spread(0.05, 2.0, 1.0)

#: Products of [C, C] and [C, 2] matrices that the layout may take, times C^2: 300 rounds of 100 classes, 60 of 1,000.
_WORK = 60_000_000
_LEAST_ROUNDS, _MOST_ROUNDS = 30, 300


def positions(table: TierTable, spread: Spread) -> "np.ndarray":
    """float64 [C, 2] in [0, 1]: similar classes near each other, unlisted pairs far, wherever they are.

    Stress majorisation (SMACOF; de Leeuw, 1977) of ``distances``, from a circle in the order of ``by_blocks``.
    There is no chance in it: the same table gives the same places.
    """
    import numpy as np

    n = len(table.classes)
    target = spread.nearest + distances(table) ** spread.power
    weight = target**-spread.care
    np.fill_diagonal(weight, 0.0)
    stiffness = np.diag(weight.sum(1)) - weight
    # The inverse on all but the shift that a layout is free to make, which 1 / n pins.
    inverse = np.linalg.inv(stiffness + 1 / n)
    angle = np.empty(n)
    angle[by_blocks(table)] = np.arange(n) * 2 * math.pi / n
    places = np.stack([np.cos(angle), np.sin(angle)], 1)
    pull = weight * target
    for _ in range(min(_MOST_ROUNDS, max(_LEAST_ROUNDS, _WORK // n**2))):
        between = np.sqrt(np.maximum(_squares(places), 1e-12))
        ratio = pull / between
        places = inverse @ (ratio.sum(1)[:, None] * places - ratio @ places)
    return _upright(places)


def _squares(places: "np.ndarray") -> "np.ndarray":
    """Squared distances between all rows."""
    norms = (places**2).sum(1)
    return norms[:, None] + norms[None] - 2 * places @ places.T


def _upright(places: "np.ndarray") -> "np.ndarray":
    """The cloud with its long axis level and the first class on the left and above, filling the unit square."""
    import numpy as np

    centred = places - places.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1]
    turned *= np.where(turned[0] > 0, -1.0, 1.0)
    low, high = turned.min(0), turned.max(0)
    return (turned - low) / np.maximum(high - low, 1e-9)


def spread_out(places: "np.ndarray", boxes: "np.ndarray", size: tuple[float, float]) -> "np.ndarray":
    """``places`` [C, 2] in pixels, moved until boxes [C, 2] (width, height) centred on them overlap no more, or little.

    Overlapping boxes leave each other along the shorter way, and all stay inside ``size``.
    """
    import numpy as np

    places = places.copy()
    least, most = boxes / 2, np.array(size) - boxes / 2
    apart = (boxes[:, None] + boxes[None]) / 2
    for _ in range(300):
        gap = places[:, None] - places[None]
        overlap = np.where((np.abs(gap) < apart).all(2)[..., None], apart - np.abs(gap), 0.0)
        overlap[np.arange(len(places)), np.arange(len(places))] = 0.0
        if overlap.max() < 0.5:
            break
        across = overlap[..., 0] < overlap[..., 1]
        move = np.where(gap < 0, -overlap, overlap) * 0.3
        step = np.stack([np.where(across, move[..., 0], 0.0), np.where(across, 0.0, move[..., 1])], 2).sum(1)
        limit = 0.5 * boxes
        places = np.clip(places + np.clip(step, -limit, limit), least, most)
    return places
