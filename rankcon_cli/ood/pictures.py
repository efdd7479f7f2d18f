"""The embedding in two dimensions, by PCA and by t-SNE, with thumbnails to look at."""

from collections.abc import Sequence
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
class Cloud:
    """A set of images to draw: their features [n, D], class names and headline scores [n]. ``set`` as in ``Points``."""

    set: str
    features: Tensor
    class_names: Sequence[str]
    scores: np.ndarray
    images: ImageSet


def pictures(clouds: Sequence[Cloud], table: TierTable | None, seed: int, *, tsne: bool = True) -> tuple[Picture, ...]:
    """Pictures of the same points: t-SNE first, where it is wanted and there is something to spread, then PCA.

    At most ``MOST_POINTS`` in all are drawn by ``seed``, half of them known; the sets of unknowns share the rest evenly.
    Both methods look at unit-length features. The axes of PCA come from the known images alone.

    Args:
        clouds: ``"id"`` among them, none empty.
        table: the ranking whose tier-1 relatives become edges, or None.
    """
    shares = quotas({cloud.set: len(cloud.features) for cloud in clouds})
    chosen = [_draw(len(cloud.features), shares[cloud.set], seed) for cloud in clouds]
    features = [unit(cloud.features[rows.tolist()]).cpu().numpy() for cloud, rows in zip(clouds, chosen, strict=True)]
    points = [_points(cloud, rows) for cloud, rows in zip(clouds, chosen, strict=True)]
    known = features[[cloud.set for cloud in clouds].index(ID)]
    planes = {"t-SNE": _tsne(np.concatenate(features), seed) if tsne else None}
    planes["PCA"] = np.concatenate(_pca(known, features))
    ends = np.cumsum([len(rows) for rows in chosen])[:-1]
    edges = tier_1_edges(table)
    return tuple(
        Picture(
            method,
            tuple(Points(xy=part, **shared) for part, shared in zip(np.split(xy, ends), points, strict=True)),
            edges,
        )
        for method, xy in planes.items()
        if xy is not None
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


def _pca(known: np.ndarray, features: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The first two principal components of ``known``; 0 along one that there is not."""
    from sklearn.decomposition import PCA

    pca = PCA(n_components=min(2, *known.shape), svd_solver="full").fit(known)
    found = (pca.transform(part) for part in features)
    return [np.pad(xy, ((0, 0), (0, 2 - xy.shape[1]))) for xy in found]


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
