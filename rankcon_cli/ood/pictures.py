"""The embedding in two dimensions, by PCA and by t-SNE, with thumbnails to look at."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rankcon_cli.data import ImageSet
from rankcon_cli.evaluation.classify import unit
from rankcon_cli.ood.result import ID, Picture, Points
from rankcon_cli.ranking import TierTable

MOST_POINTS = 3000
_THUMBNAIL = 32
_PERPLEXITY = 30
_FEWEST = 5  # points that t-SNE can say anything of
_NO_SPREAD = 1e-6  # of unit-length features


@dataclass(frozen=True)
class Projection:
    """Where images lie in two dimensions.

    rows: set -> which of its images are drawn; planes: method -> set -> coordinates [n, 2] of those.
    """

    rows: dict[str, np.ndarray]
    planes: dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Cloud:
    """What is told of the images of a set that is drawn: class names, headline scores [n]. ``set`` as in ``Points``."""

    set: str
    class_names: Sequence[str]
    scores: np.ndarray
    images: ImageSet


def projecting(features: Mapping[str, Tensor], seed: int, *, tsne: bool = True) -> Future[Projection]:
    """``project`` in a thread of its own: t-SNE keeps one core busy for long and needs no score to be taken first."""
    found: Future[Projection] = Future()

    def work() -> None:
        try:
            found.set_result(project(features, seed, tsne=tsne))
        except Exception as error:
            found.set_exception(error)

    # A daemon: whoever stops the program need not wait for it.
    threading.Thread(target=work, name="projection", daemon=True).start()
    return found


def project(features: Mapping[str, Tensor], seed: int, *, tsne: bool = True) -> Projection:
    """The same images by t-SNE first, where it is wanted and there is something to spread, then by PCA.

    At most ``MOST_POINTS`` in all are drawn by ``seed``, half of them known; the sets of unknowns share the rest evenly.
    Both methods look at unit-length features. The axes of PCA come from the known images alone.

    Args:
        features: set -> [n, D], ``"id"`` among them, none empty.
    """
    shares = quotas({name: len(values) for name, values in features.items()})
    rows = {name: _draw(len(values), shares[name], seed) for name, values in features.items()}
    drawn = {name: unit(values[rows[name].tolist()]).cpu().numpy() for name, values in features.items()}
    spread = _tsne(np.concatenate(list(drawn.values())), seed) if tsne else None
    planes = {"PCA": _pca(drawn)}
    if spread is not None:
        ends = np.cumsum([len(values) for values in drawn.values()])[:-1]
        planes = {"t-SNE": dict(zip(drawn, np.split(spread, ends), strict=True)), **planes}
    return Projection(rows, planes)


def pictures(projection: Projection, clouds: Sequence[Cloud], table: TierTable | None) -> tuple[Picture, ...]:
    """A picture a method of ``projection``, of its points in all.

    Args:
        clouds: one for each of its sets.
        table: the ranking whose tier-1 relatives become edges, or None.
    """
    points = {cloud.set: _points(cloud, projection.rows[cloud.set]) for cloud in clouds}
    edges = tier_1_edges(table)
    return tuple(
        Picture(method, tuple(Points(xy=plane[name], **told) for name, told in points.items()), edges)
        for method, plane in projection.planes.items()
    )


def quotas(sizes: dict[str, int], most: int = MOST_POINTS) -> dict[str, int]:
    """How many points each set gets: all it has where there is room, else as ``pictures`` says."""
    others = {name: n for name, n in sizes.items() if name != ID}
    found = {ID: min(sizes[ID], max(most // 2, most - sum(others.values())))}
    room = most - found[ID]
    for left, name in zip(range(len(others), 0, -1), sorted(others, key=others.__getitem__), strict=True):
        found[name] = min(others[name], room // left)  # what a small set leaves goes to the larger ones after it
        room -= found[name]
    return found


def tier_1_edges(table: TierTable | None) -> tuple[tuple[str, str], ...]:
    """(class, a most similar class by the ranking), for every class that has one."""
    if table is None:
        return ()
    return tuple(
        (name, table.classes[other])
        for name, tiers in zip(table.classes, table.tiers, strict=True)
        for other in (tiers[0] if tiers else ())
    )


def thumbnails(images: np.ndarray) -> np.ndarray:
    """uint8 [n, C, S, S] with S at most 32, from [n, C, H, H]: averaged down where they are larger."""
    from PIL import Image

    if not len(images) or images.shape[2] <= _THUMBNAIL:
        return images
    size = (_THUMBNAIL, _THUMBNAIL)
    planes = [Image.fromarray(plane).resize(size, Image.Resampling.BOX) for image in images for plane in image]
    return np.stack([np.asarray(plane) for plane in planes]).reshape(*images.shape[:2], *size)


def _draw(n: int, most: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _points(cloud: Cloud, rows: np.ndarray) -> dict[str, object]:
    """Everything of ``Points`` but where they lie."""
    return {
        "set": cloud.set,
        "class_names": tuple(cloud.class_names[i] for i in rows),
        "names": tuple(cloud.images.names[i] for i in rows),
        "scores": cloud.scores[rows],
        "images": thumbnails(cloud.images.images[rows]),
    }


def _pca(features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first two principal components of the known images; 0 along one that there is not."""
    from sklearn.decomposition import PCA

    known = features[ID]
    pca = PCA(n_components=min(2, *known.shape), svd_solver="full").fit(known)
    found = {name: pca.transform(part) for name, part in features.items()}
    return {name: np.pad(xy, ((0, 0), (0, 2 - xy.shape[1]))) for name, xy in found.items()}


def _tsne(features: np.ndarray, seed: int) -> np.ndarray | None:
    """t-SNE (van der Maaten and Hinton, JMLR 2008); None for too few points, or points that all coincide."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(features) < _FEWEST or np.ptp(features, axis=0).max() < _NO_SPREAD:
        return None
    wide = np.pad(features, ((0, 0), (0, max(0, 2 - features.shape[1]))))  # the start by PCA needs two dimensions
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    # On one thread: several add up their gradients in an order that differs from run to run.
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(wide).astype(np.float64)
