"""What every figure of the page is made of: a palette, a legend, and the drawing with its finding in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from rankcon_cli.ood.result import ID, OodResult, OodSet
from rankcon_cli.report.tables import headline_measurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Okabe and Ito's colours for all kinds of colour vision, black left out (ink is for the unknown), yellow last.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")

#: The same for lines, in the order of their contrast with white (2.3 : 1 for the last two); yellow is too faint for one.
_LINES = tuple(PALETTE[i] for i in (0, 3, 2, 5, 4, 1))

#: Dashes of lines, in units of the line's width, and markers of points: a reader without colours still tells them.
DASHES = ((), (5, 2), (1, 1.6), (5, 1.6, 1, 1.6))
KNOWN_MARKERS = ("o", "s")
UNKNOWN_MARKERS = ("x", "+", "1", (6, 2, 0), "2")


@dataclass(frozen=True)
class Key:
    """One line of a legend, which is HTML so that names wrap, escape and run right to left as they should.

    kind: ``"line"``, ``"area"`` or ``"point"``; marker: the matplotlib name, as text; name: the user's name, if any.
    """

    kind: str
    colour: str
    text: str = ""
    name: str | None = None
    dash: str = ""
    marker: str = ""
    faint: bool = False


@dataclass(frozen=True)
class Plot:
    """``finding`` says in words what the figure shows; it is the caption and, without tags, the figure's label.

    figure: what ``svg`` was made of, for other formats; names: the texts that its artists of these gids stand for, which
    matplotlib has not seen.
    """

    svg: Markup
    finding: Markup
    legend: tuple[Key, ...]
    figure: "Figure"
    names: Mapping[str, str] = field(default_factory=dict)


def line_style(index: int) -> tuple[str, tuple[float, ...]]:
    """Colour and dashes of the ``index``-th run: twelve pairs before one returns."""
    return _LINES[index % len(_LINES)], DASHES[index % len(DASHES)]


def dash_array(dashes: Sequence[float], width: float) -> str:
    """``dashes`` as SVG writes them for a line of ``width``."""
    return " ".join(f"{width * length:g}" for length in dashes)


def spread(n: int, most: int) -> np.ndarray:
    """At most ``most`` evenly spread indices into ``n`` items, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def ranked_scores(scores: np.ndarray) -> np.ndarray:
    """``scores`` without NaN; infinite ones become the nearest finite numbers that keep their place in the order."""
    scores = scores[~np.isnan(scores)]
    finite = scores[np.isfinite(scores)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    return scores.clip(low - max(1.0, abs(low)), high + max(1.0, abs(high)))


def headline_scores(result: OodResult, run: str, ood: OodSet) -> tuple[np.ndarray, np.ndarray] | None:
    """The headline scores of ``run``, float64 [n_ID] and [n_OOD]; None where the run lacks them."""
    found = headline_measurement(result, run, ood.name)
    if found is None:
        return None
    keys = [(run, found.score, found.feature, name) for name in (ID, ood.name)]
    if any(key not in result.scores for key in keys):
        return None
    inside, outside = (ranked_scores(result.scores[key]) for key in keys)
    return (inside, outside) if len(inside) and len(outside) else None
