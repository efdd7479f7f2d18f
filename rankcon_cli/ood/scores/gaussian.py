"""Outlier scores under Gaussian classes, all on features at unit length."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks
from rankcon_cli.ood.scores.base import FitData, Inputs, Score, Scorer
from rankcon_cli.ood.scores.moments import closed_labels, direction, scatter, sums

#: Variance added in every direction by the Gaussian scores, as a share of the mean variance within classes.
RIDGE = 1e-6

#: Bytes of the class covariances of ``ssd`` beyond which it is refused: 200 classes of 1,000 dimensions take 1.6e9.
_SSD_BYTES = 2**31

# pytorch-ood's Mahalanobis and RMD work in float32 alone and add 1e-6 to the unnormalised scatter. Encoders with dead
# units and sets with fewer images than dimensions have a singular scatter, whose float32 inverse is noise. So the
# same distances are computed here, with the covariance divided by N and a ridge relative to it.


@dataclass(frozen=True)
class Whitened:
    """Class centres under one covariance, made ready for distances, float64.

    origin: [D]; root: [D, D], the Cholesky root of the covariance; targets: [C, D], the centres, whitened.
    """

    origin: Tensor
    root: Tensor
    targets: Tensor

    def whiten(self, x: Tensor) -> Tensor:
        """``x`` [n, D] where the covariance is the identity."""
        return torch.linalg.solve_triangular(self.root, (x - self.origin).T, upper=False).T

    def distances(self, x: Tensor) -> Tensor:
        """Squared Mahalanobis distances [n, C] of features [n, D], float64, to the centres."""
        x = self.whiten(x)
        squares = (x * x).sum(1, keepdim=True) - 2 * x @ self.targets.T + (self.targets * self.targets).sum(1)
        return squares.clamp_min(0)


def whitened(centres: Tensor, covariance: Tensor, ridge: float) -> Whitened:
    """``Whitened`` of ``centres`` [C, D] under ``covariance`` [D, D] with ``ridge`` added in every direction."""
    root = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))
    origin = centres.mean(0)  # near the features, so that the squares of distances cancel little
    found = Whitened(origin, root, centres)
    return replace(found, targets=found.whiten(centres))


def shared(fit: FitData) -> Whitened:
    """The class means under the covariance that all classes share."""
    means, _, within = _moments(fit.features, *closed_labels(fit))
    return whitened(means, within, _ridge(within))


def shared_and_overall(fit: FitData) -> tuple[Whitened, Whitened]:
    """``shared``, and the mean of all training images under the covariance of all, with one ridge for both, so that a
    direction in which no training image varies cancels in the difference of distances."""
    means, counts, within = _moments(fit.features, *closed_labels(fit))
    if len(means) < 2:
        raise RankconError("the outlier score 'rmd' needs two known classes: with one, every image scores the same")
    shares = counts[:, None] / counts.sum()
    centre = (shares * means).sum(0, keepdim=True)
    overall = within + (means - centre).T @ (shares * (means - centre))
    return whitened(means, within, _ridge(within)), whitened(centre, overall, _ridge(within))


def _mahalanobis(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance to the nearest class, under one shared covariance (Lee et al., NeurIPS 2018)."""
    classes = shared(fit)
    return lambda inputs: classes.distances(direction(inputs.features)).amin(1)


def _rmd(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance to the nearest class, less that to all training images (Ren et al., 2021)."""
    classes, everything = shared_and_overall(fit)

    def scorer(inputs: Inputs) -> Tensor:
        x = direction(inputs.features)
        return classes.distances(x).amin(1) - everything.distances(x)[:, 0]

    return scorer


def _ssd(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance to the nearest class, each class with its own covariance (Sehwag et al., ICLR 2021).

    SSD clusters the training features and takes the distance to the nearest cluster; here the known classes are the
    clusters. Each covariance is shrunk towards a multiple of the identity as Ledoit and Wolf (2004) say, which the paper
    does where images are few: it changes little where they are many and keeps the inverse sound where they are not.

    Raises RankconError where the covariances take more than 2 GiB.
    """
    labels, n_classes = closed_labels(fit)
    size = 8 * n_classes * fit.features.shape[1] ** 2
    if size > _SSD_BYTES:
        raise RankconError(f"the outlier score 'ssd' would take {size / 2**30:.0f} GiB for one covariance a class")
    shapes = [_shape(fit.features[labels == c]) for c in range(n_classes)]
    ridge = _ridge(sum(n * covariance for _, n, covariance in shapes) / len(labels))
    classes = [whitened(centre, covariance, ridge) for centre, _, covariance in shapes]

    def scorer(inputs: Inputs) -> Tensor:
        x = direction(inputs.features)
        nearest = classes[0].distances(x)
        for one in classes[1:]:
            nearest = torch.minimum(nearest, one.distances(x))
        return nearest[:, 0]

    return scorer


def _shape(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``_moments`` of one class's ``features`` [n, D], the covariance shrunk towards its mean variance in every direction.

    By the share that makes the expected squared error least: lemmas 3.2 to 3.4 of Ledoit and Wolf, "A well-conditioned
    estimator for large-dimensional covariance matrices" (2004).
    """
    centre, n, covariance = _moments(features, torch.zeros(len(features), dtype=torch.long), 1)
    target = covariance.diagonal().mean() * torch.eye(len(covariance)).to(covariance)
    apart = (covariance - target).square().sum()
    if apart == 0:  # a single image, a single dimension
        return centre, n, covariance
    squares = ((direction(features[rows]) - centre).square().sum(1) for rows in blocks(*features.shape))
    error = (sum(part.square().sum() for part in squares) / n - covariance.square().sum()) / n
    return centre, n, torch.lerp(covariance, target, (error / apart).clamp(0, 1)[0])


def _moments(features: Tensor, labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of the unit-length ``features`` [N, D]: means by class [C, D], counts [C], covariance around the means [D, D]."""
    total, counts = sums(features, labels, n_classes, direction)
    means = total / counts[:, None]
    return means, counts, scatter(features, means, labels, direction) / len(features)


def _ridge(within: Tensor) -> float:
    variance = within.diagonal().mean().item()
    if variance < 1e-24:  # float64 rounding of unit-length features
        raise RankconError(
            "the training images of each class all have the same feature, so Gaussian outlier scores cannot be fitted",
            hint="give each class several different images; where it has them, the encoder has collapsed",
        )
    return RIDGE * variance


GAUSSIAN_SCORES = {
    "mahalanobis": Score(
        _mahalanobis,
        on=("encoder", "projection"),
        title="Mahalanobis distance to the nearest class",
        source="Lee et al., NeurIPS 2018",
        assumes="classes are Gaussian with one covariance",
    ),
    "rmd": Score(
        _rmd,
        on=("encoder", "projection"),
        title="Relative Mahalanobis distance",
        source="Ren et al., 2021 (arXiv 2106.09022)",
        assumes="as mahalanobis; what makes all images differ alike is taken off",
    ),
    "ssd": Score(
        _ssd,
        on=("encoder", "projection"),
        title="Mahalanobis distance to the nearest class, each with its own covariance (SSD)",
        source="Sehwag et al., ICLR 2021",
        assumes="classes are Gaussian, each of its own shape, with images enough to learn it from",
    ),
}
