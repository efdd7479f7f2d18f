"""The 2-D picture of the embedding: known classes in colour, unknown sets in ink."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from rankcon_cli.ood.result import OodResult, Points
from rankcon_cli.report.plot import KNOWN_MARKERS, PALETTE, UNKNOWN_MARKERS, Key, Plot, spread
from rankcon_cli.report.svg import INK, to_svg
from rankcon_cli.report.tables import attractions
from rankcon_cli.report.text import bdi, shortened
from rankcon_cli.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLOURED = len(PALETTE) * len(KNOWN_MARKERS)
_MOST_LABELLED_UNKNOWN = 8
_MOST_KNOWN_POINTS = 2000
_MOST_UNKNOWN_POINTS = 1500
_LABEL_LENGTH = 16


def embedding(result: OodResult, key: str) -> Plot | None:
    """All clouds of ``result.points`` in one figure; None where there is no point."""
    from matplotlib.figure import Figure

    clouds = [_finite(cloud) for cloud in result.points]
    clouds = [cloud for cloud in clouds if len(cloud.xy)]
    if not clouds:
        return None
    known = [cloud for cloud in clouds if cloud.set == "id"]
    unknown = [cloud for cloud in clouds if cloud.set != "id"]
    figure = Figure(figsize=(560 / 72, 420 / 72))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98), aspect="equal", adjustable="datalim")
    axes.set_axis_off()
    names: dict[str, str] = {}
    legend = [entry for cloud in known for entry in _draw_known(axes, cloud, _coloured(result), names)]
    most = _MOST_UNKNOWN_POINTS // max(1, len(unknown))
    for index, cloud in enumerate(unknown):
        legend.append(_draw_unknown(axes, cloud, most, UNKNOWN_MARKERS[index % len(UNKNOWN_MARKERS)]))
    unknown_classes = sum(len(set(cloud.class_names)) for cloud in unknown)
    if unknown_classes <= _MOST_LABELLED_UNKNOWN:
        for cloud in unknown:
            _label(axes, cloud, list(dict.fromkeys(cloud.class_names)), "unknown", names)
    finding = _counts(known, unknown, most) + _strongest_pull(result)
    if len(result.id_classes) > _MOST_COLOURED:
        finding += (
            f" Only the {len(PALETTE)} known classes that swallow most unknown images have a colour of their own."
        )
    label = "The embedding in two dimensions. " + finding.striptags()
    return Plot(to_svg(figure, key, label, names), finding, tuple(legend))


def _draw_known(axes: "Axes", cloud: Points, coloured: list[str], names: dict[str, str]) -> Iterator[Key]:
    shown = _thinned(cloud, _MOST_KNOWN_POINTS)
    classes = np.array(shown.class_names, dtype=object)
    rest = ~np.isin(classes, coloured)
    if rest.any():
        axes.plot(*shown.xy[rest].T, "o", color=INK, alpha=0.18, markersize=3.2, markeredgewidth=0)
    for index, name in enumerate(coloured):
        colour, marker = PALETTE[index % len(PALETTE)], KNOWN_MARKERS[index // len(PALETTE)]
        own = shown.xy[classes == name]
        axes.plot(*own.T, marker, color=colour, alpha=0.75, markersize=4.2, markeredgewidth=0)
        yield Key("point", colour, name=name, marker=marker)
    _label(axes, cloud, coloured, "known", names)
    if others := len(set(cloud.class_names) - set(coloured)):
        yield Key("point", "currentColor", f"{others:,} other known classes", marker="o", faint=True)


def _draw_unknown(axes: "Axes", cloud: Points, most: int, marker: str | tuple[int, ...]) -> Key:
    shown = _thinned(cloud, most)
    axes.plot(*shown.xy.T, linestyle="none", marker=marker, color=INK, alpha=0.7, markersize=5, markeredgewidth=0.9)
    return Key("point", "currentColor", f"(unknown, {counted(len(cloud.xy), 'image')})", cloud.set, marker=str(marker))


def _label(axes: "Axes", cloud: Points, classes: list[str], kind: str, names: dict[str, str]) -> None:
    """The name of each class at the median of its points, by a gid that stands for it."""
    members = np.array(cloud.class_names, dtype=object)
    for name in classes:
        own = cloud.xy[members == name]
        if len(own):
            gid = f"{kind}-{len(names)}"
            names[gid] = shortened(name, _LABEL_LENGTH)
            axes.text(*np.median(own, axis=0), "-", ha="center", va="center", gid=gid)


def _coloured(result: OodResult) -> list[str]:
    """The known classes that get a colour: all, or where they are too many those that swallow most unknown images."""
    if len(result.id_classes) <= _MOST_COLOURED:
        return list(result.id_classes)
    swallowed: Counter[str] = Counter()
    for entry in result.swallowed:
        swallowed[entry.known_class] += entry.count
    first = sorted(result.id_classes, key=lambda name: -swallowed[name])[: len(PALETTE)]
    return [name for name in result.id_classes if name in first]


def _strongest_pull(result: OodResult) -> Markup:
    pulls = [row for ood in result.sets for row in attractions(result, ood.name)[:1]]
    if not pulls:
        return Markup("")
    row = max(pulls, key=lambda row: row.nearest[0][1] / row.n)
    known_class, count = row.nearest[0]
    return Markup(" The strongest pull: {} of {} lie nearest to {}.").format(
        percent(count / row.n), bdi(row.ood_class), bdi(known_class)
    )


def _counts(known: list[Points], unknown: list[Points], most: int) -> Markup:
    n_known, n_unknown = (sum(len(cloud.xy) for cloud in clouds) for clouds in (known, unknown))
    shown = [
        sum(min(len(cloud.xy), cap) for cloud in clouds)
        for clouds, cap in ((known, _MOST_KNOWN_POINTS), (unknown, most))
    ]
    text = f"Each point is one image: {n_known:,} of known classes in colour, {n_unknown:,} of unknown ones in ink."
    if shown != [n_known, n_unknown]:
        text += f" An even selection is drawn: {shown[0]:,} known and {shown[1]:,} unknown."
    return Markup("{}").format(text)


def _finite(cloud: Points) -> Points:
    xy = np.asarray(cloud.xy, dtype=float).reshape(-1, 2)
    keep = np.isfinite(xy).all(axis=1)
    return Points(cloud.set, xy[keep], tuple(name for name, ok in zip(cloud.class_names, keep, strict=True) if ok))


def _thinned(cloud: Points, most: int) -> Points:
    """At most ``most`` points, evenly spread through the cloud's own order so that every class keeps its share."""
    keep = spread(len(cloud.xy), most)
    return Points(cloud.set, cloud.xy[keep], tuple(cloud.class_names[i] for i in keep))
