"""ROC curves, precision-recall curves and score histograms of the headline score, for one OOD set."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from rankcon_cli.ood.result import Group, OodResult, OodSet
from rankcon_cli.report.plot import PALETTE, Key, Plot, dash_array, headline_scores, line_style, spread
from rankcon_cli.report.svg import INK, to_svg
from rankcon_cli.report.tables import headline_aggregate, headline_measurement
from rankcon_cli.report.text import bdi, listed
from rankcon_cli.wording import decimal, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (290, 262)
_LINE = 1.8
_FAINT = 0.55  # of a line of reference: 3 : 1 against the page, light and dark
_MOST_VERTICES = 400
_BINS = 40
_MOST_FAINT = 9
_DEPLOYED = PALETTE[3]

#: Scores of known and of unknown images -> x and y of a curve.
Curve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def roc(result: OodResult, ood: OodSet, key: str) -> Plot | None:
    """ROC curves of all groups with the headline score (OOD positive); None where no run has scores."""
    figure, axes = _panel("share of ID flagged", "share of OOD caught")
    axes.plot([0, 1], [0, 1], color=INK, alpha=_FAINT, linewidth=0.8)
    axes.axhline(0.95, color=INK, alpha=_FAINT, linewidth=0.6)
    axes.axvline(0.05, color=INK, alpha=_FAINT, linewidth=0.6)
    legend, areas = _draw_groups(axes, result, ood, roc_points, "auroc", "AUROC")
    if not legend:
        return None
    label = "ROC curves, area under each: " + ", ".join(f"{group} {area}" for group, area in areas.items())
    return Plot(to_svg(figure, key, label), _largest(ood, areas, "the area under the ROC curve"), legend, figure)


def precision_recall(result: OodResult, ood: OodSet, key: str) -> Plot | None:
    """Precision over recall, OOD positive, of all groups with the headline score; None where no run has scores."""
    figure, axes = _panel("share of OOD caught", "share of flagged that are OOD")
    axes.axhline(ood.n / (ood.n + result.n_id), color=INK, alpha=_FAINT, linewidth=0.8)
    legend, areas = _draw_groups(axes, result, ood, precision_recall_points, "aupr_out", "AUPR-OUT")
    if not legend:
        return None
    label = "Precision-recall curves, area under each: " + ", ".join(f"{group} {area}" for group, area in areas.items())
    finding = _largest(ood, areas, "AUPR-OUT") + " The thin line is chance at this balance."
    return Plot(to_svg(figure, key, label), finding, legend, figure)


def roc_points(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of ID flagged and share of OOD caught, one point a distinct score."""
    from sklearn.metrics import roc_curve

    flagged, caught, _ = roc_curve(np.repeat([0, 1], [len(inside), len(outside)]), np.concatenate([inside, outside]))
    return flagged, caught


def precision_recall_points(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision with OOD as the positive class, one point a distinct score."""
    from sklearn.metrics import precision_recall_curve

    truth = np.repeat([0, 1], [len(inside), len(outside)])
    precision, recall, _ = precision_recall_curve(truth, np.concatenate([inside, outside]))
    return recall, precision


def _panel(x: str, y: str) -> tuple["Figure", "Axes"]:
    """A square plot of two shares."""
    figure, axes = _axes(x, y)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return figure, axes


def _axes(x: str, y: str) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE[0] / 72, _SIZE[1] / 72))
    axes = figure.add_axes((0.15, 0.14, 0.83, 0.84))
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def _draw_groups(
    axes: "Axes", result: OodResult, ood: OodSet, curve: Curve, metric: str, name: str
) -> tuple[tuple[Key, ...], dict[str, str]]:
    """One curve a group, its first run's, the other seeds faint behind it; the legend, and the metric by group."""
    legend, values = [], {}
    for index, group in enumerate(result.groups):
        lines = {run: scores for run in group.runs if (scores := headline_scores(result, run, ood))}
        if not lines:
            continue
        colour, dashes = line_style(index)
        first, *others = lines.values()
        for scores in others[:_MOST_FAINT]:
            axes.plot(*_thinned(curve(*scores)), color=colour, alpha=0.4, linewidth=0.7)
        style = (0, dashes) if dashes else "solid"
        axes.plot(*_thinned(curve(*first)), color=colour, linewidth=_LINE, linestyle=style, clip_on=False)
        values[group.name] = decimal(_measured(result, group, ood, metric))
        seeds = f", mean of {len(group.runs)}" if len(group.runs) > 1 else ""
        dash = dash_array(dashes, _LINE)
        legend.append(Key("line", colour, f"{name} {values[group.name]}{seeds}", group.name, dash))
    return tuple(legend), values


def _measured(result: OodResult, group: Group, ood: OodSet, metric: str) -> float | None:
    found = headline_aggregate(result, group.name, ood.name)
    return found.metrics[metric].value if found and metric in found.metrics else None


def _thinned(points: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    keep = spread(len(points[0]), _MOST_VERTICES)
    return points[0][keep], points[1][keep]


def _largest(ood: OodSet, areas: dict[str, str], what: str) -> Markup:
    best = max(areas.values())
    winners = [bdi(group) for group, area in areas.items() if area == best]
    if len(areas) == 1:
        return Markup("On {}, {} of {} is {}.").format(bdi(ood.name), what, winners[0], best)
    if len(winners) == len(areas):
        return Markup("On {}, {} is the same for all, {}.").format(bdi(ood.name), what, best)
    return Markup("On {}, {} is largest for {}: {}.").format(bdi(ood.name), what, listed(winners), best)


def histogram(result: OodResult, ood: OodSet, key: str) -> Plot | None:
    """Headline scores of the subject run, ID against OOD, with the deployed threshold; None where it has none."""
    run = result.runs[0]
    scores = headline_scores(result, run.name, ood)
    found = headline_measurement(result, run.name, ood.name)
    if scores is None or found is None:
        return None
    edges = _edges(np.concatenate(scores))
    figure, axes = _axes(f"outlier score ({found.score}, {found.feature})", "share of images")
    axes.set_position((0.2, 0.14, 0.78, 0.84))  # room for "12.5 %" beside the title of the axis
    axes.set(xlim=(edges[0], edges[-1]))
    axes.locator_params(axis="x", nbins=6)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    shares = [np.histogram(part.clip(edges[0], edges[-1]), edges)[0] / len(part) for part in scores]
    axes.stairs(shares[0], edges, fill=True, color=PALETTE[0], alpha=0.7)
    axes.stairs(shares[0], edges, color=PALETTE[0], linewidth=0.8)
    axes.stairs(shares[1], edges, color=INK, linewidth=1.3)
    inside, outside = scores
    axes.axvline(np.quantile(inside, 0.95), color=PALETTE[0], linewidth=1.2, linestyle=(0, (5, 2)))
    axes.axvline(np.quantile(outside, 0.05), color=INK, linewidth=1.2, linestyle=(0, (1, 1.6)))
    finding = Markup(
        "{} of the {} images pass the line that keeps 95\u00a0% of ID; the line that catches 95\u00a0% of "
        "them flags {} of ID."
    ).format(percent(found.fpr95_id_pos), bdi(ood.name), percent(found.fpr95_ood_pos))
    legend = [
        Key("area", PALETTE[0], f"ID test images ({len(inside):,})"),
        Key("area", "currentColor", f"({len(outside):,})", ood.name),
        Key("line", PALETTE[0], "95\u00a0% of ID lie left of it", dash="6 2.4"),
        Key("line", "currentColor", "95\u00a0% of OOD lie right of it", dash="1.2 1.9"),
    ]
    threshold = result.threshold
    if threshold is not None and edges[0] <= threshold.value <= edges[-1]:
        axes.axvline(threshold.value, color=_DEPLOYED, linewidth=1.4)
        legend.append(Key("line", _DEPLOYED, "the threshold in use"))
    return Plot(
        to_svg(figure, key, "Histogram of outlier scores. " + finding.striptags()), finding, tuple(legend), figure
    )


def _edges(scores: np.ndarray) -> np.ndarray:
    """Bin edges over all but the outermost half percent on each side, which falls into the end bins."""
    low, high = np.quantile(scores, (0.005, 0.995))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1)
