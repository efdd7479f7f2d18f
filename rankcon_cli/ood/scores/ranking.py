"""Outlier scores on the cosines to all class means, which ranked training puts in order.

An image is held against what is usual for the class it is nearest to. What is usual is taken from that class's training
images, each compared with its class's mean without itself: a mean that contains an image lies a little too close to it,
the more so the fewer images a class has. Encoders fit their training images, so cosines of new ones are lower still;
that part cannot be seen in training images and stays.

All are experimental: none did better than what needs no ranking (docs/ood.md, benchmarks/ood_scores.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks, unit
from rankcon_cli.ood.scores.base import FitData, Inputs, Score, Scorer
from rankcon_cli.ood.scores.gaussian import RIDGE
from rankcon_cli.ood.scores.moments import closed_labels, direction, sums
from rankcon_cli.wording import counted

#: Bytes of the class covariances of ``consistency`` beyond which it is refused: 1,000 classes of 512 dimensions take 2.1e9.
_COVARIANCE_BYTES = 2**32


@dataclass(frozen=True)
class _Known:
    """The classes of the training images, numbered without gaps.

    features: [N, D]; labels: [N]; sums: [C, D], of the unit-length features; means: [C, D], those at unit length.
    """

    features: Tensor
    labels: Tensor
    sums: Tensor
    means: Tensor

    @property
    def n_classes(self) -> int:
        return len(self.means)

    def cosines(self, inputs: Inputs) -> Tensor:
        """Cosines [n, C] to the class means."""
        return direction(inputs.features) @ self.means.T

    def each(self) -> Iterator[Tensor]:
        """Class by class, the cosines [n, C] of its training images to the class means, to its own without the image itself."""
        for c in range(self.n_classes):
            features = self.features[self.labels == c]
            yield torch.cat([self._held_out(features[rows], c) for rows in blocks(*features.shape)])

    def _held_out(self, features: Tensor, c: int) -> Tensor:
        x = direction(features)
        cosines = x @ self.means.T
        cosines[:, c] = (x * unit(self.sums[c] - x)).sum(1)
        return cosines


def _known(fit: FitData) -> _Known:
    labels, n_classes = closed_labels(fit)
    total, counts = sums(fit.features, labels, n_classes, direction)
    if single := int((counts < 2).sum()):
        raise RankconError(
            f"{counted(single, 'class')} of {n_classes} with a single training image: what is usual for a class cannot be "
            "told from one",
            hint="give every class at least two training images, or withhold those that have one",
        )
    return _Known(fit.features, labels, total, unit(total))


def _require_spread(variance: Tensor) -> None:
    if variance < 1e-24:  # float64 rounding of cosines
        raise RankconError(
            "the training images of each class all lie alike to the class means, so nothing can be unusual",
            hint="give each class several different images; where it has them, the encoder has collapsed",
        )


def _class_cosine(fit: FitData) -> Scorer:
    """How far the largest cosine to a class mean is below what is usual for that class, in standard deviations."""
    return _below_usual(_known(fit), _own)


def _own(cosines: Tensor, classes: Tensor) -> Tensor:
    return cosines.gather(1, classes[:, None])[:, 0]


def _tier_gap(fit: FitData) -> Scorer:
    """How far the gap between the cosine to the predicted class and the mean cosine to its tier 1 is below what is usual.

    In standard deviations of the class. An unknown image falls between a class and its relatives: farther from the class and
    closer to them than members are, so the gap is *small*. A class without tiers treats all others alike, as training
    does: they are its tier 1. Raises RankconError for a single class.
    """
    known = _known(fit)
    if known.n_classes < 2:
        raise RankconError("the outlier score 'tier_gap' needs two known classes: with one, there is no gap")
    relatives = _relatives(fit).to(known.means)

    def gap(cosines: Tensor, classes: Tensor) -> Tensor:
        return _own(cosines, classes) - (cosines * relatives[classes]).sum(1)

    return _below_usual(known, gap)


def _relatives(fit: FitData) -> Tensor:
    """Weights [C, C], rows of sum 1: in row c even ones on tier 1 of class c, or on all other classes where it has none."""
    table = fit.table.select(fit.labels.unique().tolist())
    n = len(table.classes)
    weights = (1 - torch.eye(n, dtype=torch.float64)) / (n - 1)
    for c, tiers in enumerate(table.tiers):
        if tiers:
            weights[c] = 0
            weights[c, list(tiers[0])] = 1 / len(tiers[0])
    return weights


def _below_usual(known: _Known, statistic: Callable[[Tensor, Tensor], Tensor]) -> Scorer:
    """How far ``statistic`` (of cosines [n, C] and classes [n]) is below its mean for the predicted class, in deviations.

    The variance of a class is that of its images and of one more that varies as all classes do on average: two images
    left out of their own mean have equal cosines to it, hence none of their own.
    """
    values = [statistic(held, torch.full_like(held[:, 0], c, dtype=torch.long)) for c, held in enumerate(known.each())]
    counts = torch.bincount(known.labels, minlength=known.n_classes).to(known.means)
    usual = torch.stack([v.mean() for v in values])
    variances = torch.stack([v.var(correction=0) for v in values])
    pooled = (counts * variances).sum() / counts.sum()
    _require_spread(pooled)
    deviations = ((counts * variances + pooled) / (counts + 1)).sqrt()

    def scorer(inputs: Inputs) -> Tensor:
        cosines = known.cosines(inputs)
        predicted = cosines.argmax(1)
        return (usual[predicted] - statistic(cosines, predicted)) / deviations[predicted]

    return scorer


def _consistency(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance of the vector of cosines to all class means from that of the predicted class.

    One Gaussian a class. Its log-determinant is left out: with it the score would be a density, by which every image of a
    widely spread class looks more unknown than one of a tight class; the distance alone is distributed alike in all classes.
    Raises RankconError where the covariances do not fit into 4 GiB.
    """
    known = _known(fit)
    span = _span(known.means)
    size = 8 * known.n_classes * span.shape[1] ** 2
    if size > _COVARIANCE_BYTES:
        raise RankconError(
            f"the outlier score 'consistency' would take {size / 2**30:.0f} GiB for a covariance a class"
        )
    centres, roots = _gaussians(known, span)

    def scorer(inputs: Inputs) -> Tensor:
        cosines = known.cosines(inputs)
        predicted = cosines.argmax(1)
        centred = cosines @ span - centres[predicted]
        distances = torch.empty_like(cosines[:, 0])
        for c in predicted.unique().tolist():
            rows = predicted == c
            distances[rows] = torch.linalg.solve_triangular(roots[c], centred[rows].T, upper=False).square().sum(0)
        return distances

    return scorer


def _span(means: Tensor) -> Tensor:
    """An orthonormal basis [C, r] of the space that the cosines [C] to ``means`` [C, D] of any image lie in.

    With more classes than dimensions it is smaller than C, and the covariance of the cosines has no inverse outside it.
    """
    basis, values, _ = torch.linalg.svd(means, full_matrices=False)
    least = values.amax() * max(means.shape) * torch.finfo(means.dtype).eps  # as torch.linalg.matrix_rank has it
    return basis[:, values > least]


def _gaussians(known: _Known, span: Tensor) -> tuple[Tensor, Tensor]:
    """Centre [C, r] and Cholesky root of the covariance [C, r, r] of the held-out cosines of each class, in ``span``.

    A class's covariance is that of its n images and of r more with the covariance pooled over all classes: the posterior
    mean under an inverse Wishart prior. Ledoit and Wolf's share, estimated from the few images that make shrinkage needed, is
    zero for a class of two, and their multiple of the identity knows nothing of how cosines to related classes vary together.
    """
    counts = torch.bincount(known.labels, minlength=known.n_classes).to(span)
    n_classes, rank = span.shape
    centres, scatters = span.new_empty(n_classes, rank), span.new_empty(n_classes, rank, rank)
    for c, held in enumerate(known.each()):
        vectors = held @ span
        centres[c] = vectors.mean(0)
        centred = vectors - centres[c]
        scatters[c] = centred.T @ centred
    pooled = scatters.sum(0) / counts.sum()
    variance = pooled.diagonal().sum() / max(1, rank)
    _require_spread(variance)
    covariances = scatters.add_(rank * pooled).div_((counts + rank)[:, None, None])
    covariances.diagonal(dim1=1, dim2=2).add_(RIDGE * variance)
    return centres, torch.linalg.cholesky(covariances)


RANKING_SCORES = {
    "consistency": Score(
        _consistency,
        on=("encoder", "projection"),
        title="Rank consistency",
        source="rankcon",
        assumes="the cosines of an unknown image to all class means are together unusual for the class it is nearest to",
        experimental=True,
    ),
    "class_cosine": Score(
        _class_cosine,
        on=("encoder", "projection"),
        title="Cosine to the nearest class mean, standardised by class",
        source="rankcon",
        assumes="as cosine; some classes are spread wider than others",
        experimental=True,
    ),
    "tier_gap": Score(
        _tier_gap,
        on=("encoder", "projection"),
        title="Gap between the nearest class and its tier 1",
        source="rankcon",
        assumes="an unknown image falls between a class and its relatives",
        needs=("table",),
        experimental=True,
    ),
}
