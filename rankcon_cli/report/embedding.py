"""The 2-D pictures of the embedding: known classes in colour, unknown sets in ink, the ranking's edges between classes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from rankcon_cli.ood.result import ID, OodResult, Picture, Points
from rankcon_cli.report.labels import place_labels
from rankcon_cli.report.plot import KNOWN_MARKERS, PALETTE, UNKNOWN_MARKERS, Key, Plot, spread
from rankcon_cli.report.svg import INK, to_svg
from rankcon_cli.report.text import bdi, shortened
from rankcon_cli.wording import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The size of a picture, in the units of its SVG.
SIZE = (560, 420)
_MOST_COLOURED = len(PALETTE) * len(KNOWN_MARKERS)
_MOST_LABELLED_UNKNOWN = 8
_MOST_KNOWN_POINTS = 2000
_MOST_UNKNOWN_POINTS = 1500
_LABEL_LENGTH = 16
_LABEL_SIZE = 14  # on a phone; 12 elsewhere


@dataclass(frozen=True)
class Drawn:
    """A drawn picture, and where its points stand in the SVG: float [n, 2], the clouds one after the other."""

    picture: Picture
    plot: Plot
    places: np.ndarray


def embeddings(result: OodResult) -> list[Drawn]:
    """Every picture of ``result`` drawn; none where there is no point."""
    return [
        _embedding(result, picture, f"embedding{i}")
        for i, picture in enumerate(_drawable(result))
        if any(len(cloud.xy) for cloud in picture.clouds)
    ]


def _embedding(result: OodResult, picture: Picture, key: str) -> Drawn:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0] / 72, SIZE[1] / 72), dpi=72)
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98), aspect="equal", adjustable="datalim")
    axes.set_axis_off()
    coloured = _coloured(result)
    known = [cloud for cloud in picture.clouds if cloud.set == ID]
    unknown = [cloud for cloud in picture.clouds if cloud.set != ID]
    legend = [entry for cloud in known for entry in _draw_known(axes, cloud, coloured)]
    for index, cloud in enumerate(unknown):
        legend.append(_draw_unknown(axes, result, cloud, UNKNOWN_MARKERS[index % len(UNKNOWN_MARKERS)]))
    axes.apply_aspect()
    middles = {name: place for cloud in known for name, place in _middles(axes, cloud, coloured).items()}
    if _draw_edges(axes, picture, middles):
        legend.append(Key("line", "currentColor", "from a class to the one the ranking calls most similar"))
    names, left_out = _label(axes, middles, _unknown_middles(axes, unknown))
    finding = _counts(result, picture) + _strongest_pull(result) + _omissions(result, left_out)
    label = f"The embedding in two dimensions, by {picture.method}. " + finding.striptags()
    places = np.concatenate([_places(axes, cloud.xy) for cloud in picture.clouds])
    places[:, 1] = SIZE[1] - places[:, 1]
    return Drawn(picture, Plot(to_svg(figure, key, label, names), finding, tuple(legend), figure, names), places)


def _places(axes: "Axes", xy: np.ndarray) -> np.ndarray:
    """Points [n, 2] in the units of the figure, from its lower left corner."""
    return axes.transData.transform(xy) if len(xy) else np.empty((0, 2))


def _draw_known(axes: "Axes", cloud: Points, coloured: list[str]) -> Iterator[Key]:
    classes = np.array(cloud.class_names, dtype=object)
    rest = ~np.isin(classes, coloured)
    if rest.any():
        axes.plot(*cloud.xy[rest].T, "o", color=INK, alpha=0.18, markersize=3.2, markeredgewidth=0)
    for index, name in enumerate(coloured):
        colour, marker = PALETTE[index % len(PALETTE)], KNOWN_MARKERS[index // len(PALETTE)]
        own = cloud.xy[classes == name]
        axes.plot(*own.T, marker, color=colour, alpha=0.75, markersize=4.2, markeredgecolor=INK, markeredgewidth=0.35)
        yield Key("point", colour, name=name, marker=marker)
    if others := len(set(cloud.class_names) - set(coloured)):
        yield Key("point", "currentColor", f"{others:,} other known classes", marker="o", faint=True)


def _draw_unknown(axes: "Axes", result: OodResult, cloud: Points, marker: str | tuple[int, ...]) -> Key:
    axes.plot(*cloud.xy.T, linestyle="none", marker=marker, color=INK, alpha=0.7, markersize=5, markeredgewidth=0.9)
    kind = next((ood.kind for ood in result.sets if ood.name == cloud.set), "")
    kind = "" if kind in ("other", cloud.set) else f"{kind}, "
    text = f"(unknown, {kind}{counted(len(cloud.xy), 'image')})"
    return Key("point", "currentColor", text, cloud.set, marker=str(marker))


def _middles(axes: "Axes", cloud: Points, classes: list[str]) -> dict[str, np.ndarray]:
    """The median place of the points of each of ``classes`` that has any."""
    members = np.array(cloud.class_names, dtype=object)
    own = {name: cloud.xy[members == name] for name in classes}
    return {name: _places(axes, np.median(xy, axis=0)[None])[0] for name, xy in own.items() if len(xy)}


def _unknown_middles(axes: "Axes", unknown: list[Points]) -> list[tuple[str, np.ndarray]]:
    """The classes of all unknown sets with their middles, where they are few enough to be named."""
    classes = [(cloud, list(dict.fromkeys(cloud.class_names))) for cloud in unknown]
    if sum(len(names) for _, names in classes) > _MOST_LABELLED_UNKNOWN:
        return []
    return [pair for cloud, names in classes for pair in _middles(axes, cloud, names).items()]


def _draw_edges(axes: "Axes", picture: Picture, middles: dict[str, np.ndarray]) -> bool:
    """An arrow from each class to its most similar one, where both have a place; whether there was any."""
    edges = [(start, end) for start, end in picture.edges if start in middles and end in middles and start != end]
    style = {"arrowstyle": "->", "color": INK, "alpha": 0.75, "linewidth": 1.1, "shrinkA": 9, "shrinkB": 9}
    for start, end in edges:
        axes.annotate(
            "", middles[end], middles[start], xycoords="figure pixels", textcoords="figure pixels", arrowprops=style
        )
    return bool(edges)


def _label(
    axes: "Axes", known: dict[str, np.ndarray], unknown: list[tuple[str, np.ndarray]]
) -> tuple[dict[str, str], int]:
    """Names at or near the middles, by a gid that stands for each, and how many found no room."""
    from matplotlib.transforms import IdentityTransform

    entries = [("known", *entry) for entry in known.items()] + [("unknown", *entry) for entry in unknown]
    texts = [shortened(name, _LABEL_LENGTH) for _, name, _ in entries]
    places = place_labels([(x, y) for _, _, (x, y) in entries], texts, _LABEL_SIZE, SIZE)
    names: dict[str, str] = {}
    for (kind, _, _), text, place in zip(entries, texts, places, strict=True):
        if place is not None:
            gid = f"{kind}-{len(names)}"
            names[gid] = text
            axes.text(*place, "-", ha="center", va="center", gid=gid, transform=IdentityTransform())
    return names, places.count(None)


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
    pulls = [entry for entry in result.swallowed if entry.n]
    if not pulls:
        return Markup("")
    row = max(pulls, key=lambda entry: entry.count / entry.n)
    return Markup(" The strongest pull: {} of the images of {} lie nearest to {}.").format(
        percent(row.count / row.n), bdi(row.ood_class), bdi(row.known_class)
    )


def _counts(result: OodResult, picture: Picture) -> Markup:
    known = sum(len(cloud.xy) for cloud in picture.clouds if cloud.set == ID)
    unknown = sum(len(cloud.xy) for cloud in picture.clouds if cloud.set != ID)
    text = f"Each point is one image: {known:,} of known classes in colour, {unknown:,} of unknown ones in ink."
    if (total := result.n_id + sum(ood.n for ood in result.sets)) > known + unknown:
        text += f" They are a selection of {total:,}."
    return Markup("{}").format(text)


def _omissions(result: OodResult, left_out: int) -> str:
    text = ""
    if len(result.id_classes) > _MOST_COLOURED:
        text += f" Only the {len(PALETTE)} known classes that swallow most unknown images have a colour of their own."
    if left_out:
        text += f" {counted(left_out, 'name')} found no room and stand in the legend alone."
    return text


def _drawable(result: OodResult) -> tuple[Picture, ...]:
    """The pictures with the points that have a place in all of them, evenly thinned, the same in each."""
    if not result.pictures:
        return ()
    several = max(1, sum(cloud.set != ID for cloud in result.pictures[0].clouds))
    kept = []
    for clouds in zip(*(picture.clouds for picture in result.pictures), strict=True):
        places = [np.asarray(cloud.xy, dtype=float).reshape(-1, 2) for cloud in clouds]
        finite = np.flatnonzero(np.logical_and.reduce([np.isfinite(xy).all(axis=1) for xy in places]))
        most = _MOST_KNOWN_POINTS if clouds[0].set == ID else _MOST_UNKNOWN_POINTS // several
        chosen = finite[spread(len(finite), most)]
        kept.append([_select(replace(cloud, xy=xy), chosen) for cloud, xy in zip(clouds, places, strict=True)])
    return tuple(
        replace(picture, clouds=tuple(clouds[i] for clouds in kept)) for i, picture in enumerate(result.pictures)
    )


def _select(cloud: Points, chosen: np.ndarray) -> Points:
    return Points(
        cloud.set,
        cloud.xy[chosen],
        tuple(cloud.class_names[i] for i in chosen),
        tuple(cloud.names[i] for i in chosen) if cloud.names else (),
        None if cloud.scores is None else cloud.scores[chosen],
        None if cloud.images is None else cloud.images[chosen],
    )
