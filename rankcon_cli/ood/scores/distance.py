"""Outlier scores by distance: to a class mean, to training images, to where known outliers were drawn."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rankcon_cli.evaluation.classify import blocks, double, unit
from rankcon_cli.ood.scores.base import FitData, Inputs, Score, Scorer
from rankcon_cli.ood.scores.moments import closed_labels, direction, sums
from rankcon_cli.ood.scores.parameters import whole

#: Distances from which on the rounding of a float32 cosine, some 1e-6, changes the order of neighbours by too little to matter.
_FAR = 0.03


def _cosine(fit: FitData) -> Scorer:
    """Minus the largest cosine to a class mean: the paper's score (arXiv 2208.06083)."""
    means = unit(sums(fit.features, *closed_labels(fit), direction)[0])
    return lambda inputs: -(direction(inputs.features) @ means.T).amax(1)


def default_k(n_train: int) -> int:
    """The neighbour that kNN looks at: one in 1,000 training images, at least the 5th and at most the 50th.

    50 is what Sun et al. chose for CIFAR-10 (50,000 images). Never more than ``n_train``.
    """
    return min(max(5, min(round(n_train / 1000), 50)), n_train)


def nearest(queries: Tensor, gallery: Tensor, k: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """The ``k`` largest inner products [n, k] of each query [N, D] with the ``gallery`` [M, D], and whose [n, k] they are.

    ``evaluation.classify.neighbours`` without its order among equal products, which takes half its time and which
    no distance depends on. Yields (rows of the block, products, gallery indices).
    """
    buffer = None
    for rows in blocks(len(queries), len(gallery)):
        block = queries[rows]
        # One buffer for all blocks: else what the caller keeps lies in the holes of freed blocks, and the heap grows.
        buffer = block.new_empty(len(block), len(gallery)) if buffer is None else buffer
        yield rows, *torch.mm(block, gallery.T, out=buffer[: len(block)]).topk(k)


def _knn(fit: FitData, k: int | None = None) -> Scorer:
    """Distance to the k-th nearest training image on the unit sphere (Sun et al., ICML 2022), k by ``default_k``.

    What pytorch-ood's KNN computes, but on the device of the features. k is capped at the number of training images.
    """
    train = unit(fit.features)
    k = default_k(len(train)) if k is None else min(whole("k", k), len(train))

    def scorer(inputs: Inputs) -> Tensor:
        features = unit(inputs.features).to(train)
        found = _distances(features, train, k)
        close = found < _FAR
        if train.dtype != torch.float64 and close.any():  # an encoder whose classes have all but collapsed
            again = inputs.features[close.to(inputs.features.device)]
            found[close] = _distances(direction(again), direction(fit.features), k)
        return found

    return scorer


def _distances(features: Tensor, train: Tensor, k: int) -> Tensor:
    """Distances [N], float64, to the ``k``-th nearest of ``train``; all at unit length.

    The cosine finds the neighbour; the distance is taken anew, since sqrt(2 - 2 cos) loses small ones.
    """
    found = [
        (double(features[rows]) - double(train[indices[:, -1]])).norm(dim=1)
        for rows, _, indices in nearest(features, train, k)
    ]
    return torch.cat(found)


def _reference(fit: FitData) -> Scorer:
    """Cosine to the vector that training drew known outliers to (proposed in arXiv 2208.06083)."""
    reference = direction(fit.reference[None])[0]

    def scorer(inputs: Inputs) -> Tensor:
        x = direction(inputs.features)
        return x @ reference.to(x)

    return scorer


DISTANCE_SCORES = {
    "cosine": Score(
        _cosine,
        on=("encoder", "projection"),
        title="Cosine to the nearest class mean",
        source="arXiv 2208.06083",
        assumes="an unknown image lies far from every class mean",
    ),
    "knn": Score(
        _knn,
        on=("encoder", "projection"),
        title="Distance to the k-th nearest training image",
        source="Sun et al., ICML 2022",
        assumes="an unknown image lies where few training images lie",
        grid={"k": (1, 5, 10, 20, 50, 100, 200)},
    ),
    "reference": Score(
        _reference,
        on=("projection",),
        title="Cosine to the reference of known outliers",
        source="proposed in arXiv 2208.06083",
        assumes="an unknown image resembles the outliers that training was shown",
        needs=("reference",),
    ),
}
