"""What the outlier scores of one set of unknown images say: rows, pictures and points of the report, from arrays."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor

from rankcon_cli.evaluation.classify import unit
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.result import FooledImage, Measurement, Points, Swallowed

_POINTS = 2000  # of a set in the 2-D picture


def measurement(
    run: str, ood: str, score: str, feature: str, id_scores: np.ndarray, ood_scores: np.ndarray
) -> Measurement:
    """One row of the report's table; raises RankconError as ``ood_metrics`` does."""
    metrics = ood_metrics(id_scores, ood_scores)
    return Measurement(run, ood, score, feature, **metrics, n_id=len(id_scores), n_ood=len(ood_scores))


def swallowed(
    ood: str, ood_classes: Sequence[str], cosines: np.ndarray, id_classes: Sequence[str]
) -> tuple[Swallowed, ...]:
    """Which known class each unknown image lies nearest to, counted by unknown class; within one the largest first.

    Args:
        ood: the set's name.
        ood_classes: unknown class of each image, n.
        cosines: [n, C] to the class means of the known classes ``id_classes``.
    """
    nearest = np.asarray(cosines).argmax(1)
    sizes = Counter(ood_classes)
    pairs = Counter(zip(ood_classes, (id_classes[c] for c in nearest), strict=True))
    rows = [Swallowed(ood, unknown, known, count, sizes[unknown]) for (unknown, known), count in pairs.items()]
    return tuple(sorted(rows, key=lambda row: (row.ood_class, -row.count, row.known_class)))


def id_share_more_outlying(id_scores: np.ndarray, ood_scores: np.ndarray) -> np.ndarray:
    """For each OOD score, the share of ID scores that are strictly larger: near 1 where the score was fooled."""
    ascending = np.sort(id_scores)
    return 1 - np.searchsorted(ascending, ood_scores, side="right") / len(ascending)


def fooled_images(
    ood: str,
    id_scores: np.ndarray,
    ood_scores: np.ndarray,
    cosines: np.ndarray,
    names: Sequence[str],
    ood_classes: Sequence[str],
    id_classes: Sequence[str],
    image: Callable[[int], np.ndarray],
    k: int,
) -> tuple[FooledImage, ...]:
    """The ``k`` unknown images with the lowest outlier scores, the lowest first; ties in order of the images.

    Args:
        id_scores, ood_scores: of the headline score, [m] and [n].
        cosines: [n, C] to the class means of the known classes ``id_classes``.
        names, ood_classes: what to call each image, and its unknown class, n each.
        image: index -> uint8 [channels, H, W]; called for the chosen images alone.
    """
    worst = np.argsort(ood_scores, kind="stable")[:k]
    share = id_share_more_outlying(id_scores, ood_scores[worst])
    nearest = cosines[worst].argmax(1)
    return tuple(
        FooledImage(
            ood=ood,
            name=names[i],
            ood_class=ood_classes[i],
            nearest_class=id_classes[c],
            similarity=float(cosines[i, c]),
            id_share_more_outlying=float(more),
            image=image(int(i)),
        )
        for i, c, more in zip(worst, nearest, share, strict=True)
    )


def pca_points(sets: Mapping[str, tuple[Tensor, Sequence[str]]], seed: int) -> tuple[Points, ...]:
    """The first two principal components of unit-length features, at most 2,000 images a set, drawn by ``seed``.

    The axes come from the drawn ``"id"`` images alone, so that every picture of a run has the same ones.

    Args:
        sets: name of the set -> (features [n, D], class name of each image), none empty; ``"id"`` must be among them.
    """
    from sklearn.decomposition import PCA

    drawn = {}
    for name, (features, class_names) in sets.items():
        chosen = np.sort(np.random.default_rng(seed).permutation(len(features))[:_POINTS])
        drawn[name] = unit(features).cpu().numpy()[chosen], tuple(class_names[i] for i in chosen)
    known = drawn["id"][0]
    pca = PCA(n_components=min(2, *known.shape), svd_solver="full").fit(known)
    points = []
    for name, (features, class_names) in drawn.items():
        xy = pca.transform(features)
        points.append(Points(name, np.pad(xy, ((0, 0), (0, 2 - xy.shape[1]))), class_names))
    return tuple(points)
