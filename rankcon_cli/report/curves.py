"""ROC curves and score histograms, one figure an OOD set."""

import numpy as np
from markupsafe import Markup

from rankcon_cli.ood.result import OodResult, OodSet
from rankcon_cli.report.plot import PALETTE, Key, Plot, dash_array, finite_scores, line_style, spread
from rankcon_cli.report.svg import INK, to_svg
from rankcon_cli.report.tables import headline_measurement
from rankcon_cli.report.text import bdi, listed
from rankcon_cli.wording import decimal, percent

_LINE = 1.8
_MOST_VERTICES = 400
_BINS = 40


def roc(result: OodResult, ood: OodSet, key: str) -> Plot | None:
    """ROC curves of all runs with the headline score (OOD positive); None where no run has scores."""
    from matplotlib.figure import Figure
    from sklearn.metrics import roc_curve

    figure = Figure(figsize=(330 / 72, 290 / 72))
    axes = figure.add_axes((0.13, 0.13, 0.84, 0.85), xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="share of ID flagged", ylabel="share of OOD caught")
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.25, linewidth=0.8)
    axes.axhline(0.95, color=INK, alpha=0.35, linewidth=0.6)
    axes.axvline(0.05, color=INK, alpha=0.35, linewidth=0.6)
    legend, aurocs = [], {}
    for index, run in enumerate(result.runs):
        scores = finite_scores(result, run.name, ood)
        if scores is None:
            continue
        truth = np.repeat([0, 1], [len(part) for part in scores])
        flagged, caught, _ = roc_curve(truth, np.concatenate(scores))
        keep = spread(len(flagged), _MOST_VERTICES)
        colour, dashes = line_style(index)
        style = (0, dashes) if dashes else "solid"
        axes.plot(flagged[keep], caught[keep], color=colour, linewidth=_LINE, linestyle=style, clip_on=False)
        aurocs[run.name] = decimal(headline_measurement(result, run.name, ood.name).auroc)
        legend.append(Key("line", colour, f"AUROC {aurocs[run.name]}", run.name, dash_array(dashes, _LINE)))
    if not legend:
        return None
    label = "ROC curves, area under each: " + ", ".join(f"{run} {auroc}" for run, auroc in aurocs.items())
    return Plot(to_svg(figure, key, label), _ranking_of_runs(ood, aurocs), tuple(legend))


def _ranking_of_runs(ood: OodSet, aurocs: dict[str, str]) -> Markup:
    best = max(aurocs.values())
    winners = [bdi(run) for run, auroc in aurocs.items() if auroc == best]
    if len(aurocs) == 1:
        return Markup("On {}, the area under the curve of {} is {}.").format(bdi(ood.name), winners[0], best)
    if len(winners) == len(aurocs):
        return Markup("On {}, all runs have the same area under the curve, {}.").format(bdi(ood.name), best)
    return Markup("On {}, the area under the curve is largest for {}: {}.").format(bdi(ood.name), listed(winners), best)


def histogram(result: OodResult, ood: OodSet, key: str) -> Plot | None:
    """Headline scores of the subject run, ID against OOD; None where it has none."""
    from matplotlib.figure import Figure

    run = result.runs[0]
    scores = finite_scores(result, run.name, ood)
    if scores is None:
        return None
    inside, outside = scores
    found = headline_measurement(result, run.name, ood.name)
    edges = _edges(np.concatenate(scores))
    figure = Figure(figsize=(330 / 72, 290 / 72))
    axes = figure.add_axes((0.13, 0.13, 0.84, 0.85), xlim=(edges[0], edges[-1]))
    axes.set(xlabel=f"outlier score ({found.score}, {found.feature})", ylabel="share of images")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    shares = [np.histogram(part.clip(edges[0], edges[-1]), edges)[0] / len(part) for part in scores]
    axes.stairs(shares[0], edges, fill=True, color=PALETTE[0], alpha=0.7)
    axes.stairs(shares[1], edges, color=INK, linewidth=1.3)
    kept, caught = np.quantile(inside, 0.95), np.quantile(outside, 0.05)
    axes.axvline(kept, color=PALETTE[0], linewidth=1.2, linestyle=(0, (5, 2)))
    axes.axvline(caught, color=INK, linewidth=1.2, linestyle=(0, (1, 1.6)))
    finding = Markup(
        "{} of the {} images pass the line that keeps 95\u00a0% of ID; the line that catches 95\u00a0% of "
        "them flags {} of ID."
    ).format(percent(found.fpr95_id_pos), bdi(ood.name), percent(found.fpr95_ood_pos))
    legend = (
        Key("area", PALETTE[0], f"ID test images ({len(inside):,})"),
        Key("area", "currentColor", f"({len(outside):,})", ood.name),
        Key("line", PALETTE[0], "95\u00a0% of ID lie left of it", dash="6 2.4"),
        Key("line", "currentColor", "95\u00a0% of OOD lie right of it", dash="1.2 1.9"),
    )
    return Plot(to_svg(figure, key, "Histogram of outlier scores. " + finding.striptags()), finding, legend)


def _edges(scores: np.ndarray) -> np.ndarray:
    """Bin edges over all but the outermost half percent on each side, which falls into the end bins."""
    low, high = np.quantile(scores, (0.005, 0.995))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1)
