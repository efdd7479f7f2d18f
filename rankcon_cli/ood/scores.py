"""Outlier scores: one number an image, larger for what looks more out-of-distribution.

A feature score is fitted on one feature of the known classes' training images and takes the same feature of any
image; a logit score takes logits and fits nothing. Features are brought to unit length first, always. Arithmetic is
float64 wherever a small difference of large terms decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import (
    blocks,
    class_means,
    class_sums,
    double,
    nearest_class_mean,
    neighbours,
    unit,
)

#: Variance added in every direction by the Gaussian scores, as a share of the mean variance within classes.
RIDGE = 1e-6


@dataclass(frozen=True)
class FitData:
    """One feature (encoder output or projection) of the known classes' training images.

    features: [N, D], of any length; labels: [N], class indices, gaps allowed.
    """

    features: Tensor
    labels: Tensor


#: Takes features [n, D] or logits [n, C], gives outlier scores [n].
Scorer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Score:
    """An outlier score: what it takes, and the function that fits it. A logit score is fitted on None."""

    takes: Literal["feature", "logits"]
    fit: Callable[[FitData | None], Scorer]


def outlier_scores(name: str, sets: Mapping[str, Tensor], fit: FitData | None = None) -> dict[str, np.ndarray]:
    """The outlier scores, float64 [n], of each set of images under ``SCORES[name]``, fitted once for all of them.

    Args:
        name: a key of ``SCORES``.
        sets: name of the set -> features [n, D] (the feature of ``fit``), or logits [n, C].
        fit: needed by a score that takes a feature.

    Raises:
        RankconError: NaN or infinity among the inputs; no training image, or training images that the score cannot
            be fitted on (Gaussian scores: no spread within classes; ``rmd``: a single class).
    """
    score = SCORES[name]
    for set_name, inputs in sets.items():
        _require_finite(inputs, f"{score.takes} of {set_name!r}")
    if score.takes == "feature":
        _require_finite(fit.features, "features of the training images")
        if len(fit.features) == 0:
            raise RankconError(f"there is no training image to fit the outlier score {name!r} on")
        fit = FitData(fit.features, fit.labels.unique(return_inverse=True)[1])  # closes gaps: classes are 0..C-1
    scorer = score.fit(fit)
    return {set_name: _by_blocks(scorer, inputs) for set_name, inputs in sets.items()}


def _require_finite(inputs: Tensor, what: str) -> None:
    bad = int((~inputs.isfinite()).any(1).sum())
    if bad:
        raise RankconError(
            f"the {what} are not finite for {bad} of {len(inputs)} images",
            hint="the run may have diverged: see its metrics, and train with a lower learning rate",
        )


def _by_blocks(scorer: Scorer, inputs: Tensor) -> np.ndarray:
    parts = [scorer(inputs[rows]).cpu().numpy() for rows in blocks(*inputs.shape)]
    return np.concatenate([np.empty(0), *parts])  # float64 by the first, empty part


def _msp(_: None) -> Scorer:
    """Minus the largest softmax probability (Hendrycks and Gimpel, ICLR 2017)."""
    from pytorch_ood.detector import MaxSoftmax

    return lambda logits: MaxSoftmax.score(double(logits))


def _energy(_: None) -> Scorer:
    """Minus the log-sum-exp of the logits (Liu et al., NeurIPS 2020)."""
    from pytorch_ood.detector import EnergyBased

    return lambda logits: EnergyBased.score(double(logits))


def _cosine(fit: FitData) -> Scorer:
    """Minus the largest cosine to a class mean: the paper's score (arXiv 2208.06083)."""
    means = class_means(double(fit.features), fit.labels, _n_classes(fit))
    return lambda features: -nearest_class_mean(means, double(features)).amax(1)


def _n_classes(fit: FitData) -> int:
    return int(fit.labels.max()) + 1


def default_k(n_train: int) -> int:
    """The neighbour that kNN looks at: one in 1,000 training images, at least the 5th and at most the 50th.

    50 is what Sun et al. chose for CIFAR-10 (50,000 images). Never more than ``n_train``.
    """
    return min(max(5, min(round(n_train / 1000), 50)), n_train)


def _knn(fit: FitData) -> Scorer:
    """Distance to the k-th nearest training image on the unit sphere (Sun et al., ICML 2022), k by ``default_k``.

    What pytorch-ood's KNN computes, but on the device of the features.
    """
    train = unit(fit.features)
    k = default_k(len(train))

    def scorer(features: Tensor) -> Tensor:
        features = unit(features)
        # The cosine finds the neighbour; the distance is taken anew, since sqrt(2 - 2 cos) loses small ones.
        found = [
            (double(features[rows]) - double(train[indices[:, -1]])).norm(dim=1)
            for rows, _, indices in neighbours(features, train, k)
        ]
        return torch.cat(found)

    return scorer


# pytorch-ood's Mahalanobis and RMD work in float32 alone and add 1e-6 to the unnormalised scatter. Encoders with dead
# units and sets with fewer images than dimensions have a singular scatter, whose float32 inverse is noise. So the
# same distances are computed here, with the covariance divided by N and a ridge relative to it.


def _mahalanobis(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance to the nearest class, under one shared covariance (Lee et al., NeurIPS 2018)."""
    train, means = _class_centres(fit)
    within = _covariance(train, means, fit.labels)
    distances = _squared_distances(means, within, _ridge(within))
    return lambda features: distances(features).amin(1)


def _rmd(fit: FitData) -> Scorer:
    """Squared Mahalanobis distance to the nearest class, less that to all training images (Ren et al., 2021)."""
    if _n_classes(fit) < 2:
        raise RankconError("the outlier score 'rmd' needs two known classes: with one, every image scores the same")
    train, means = _class_centres(fit)
    within = _covariance(train, means, fit.labels)
    centre = train.mean(0, keepdim=True)
    overall = _covariance(train, centre, torch.zeros_like(fit.labels))
    # One ridge for both, so that a direction in which no training image varies cancels.
    to_class = _squared_distances(means, within, _ridge(within))
    to_all = _squared_distances(centre, overall, _ridge(within))
    return lambda features: to_class(features).amin(1) - to_all(features)[:, 0]


def _class_centres(fit: FitData) -> tuple[Tensor, Tensor]:
    """The unit-length training features [N, D] and their mean by class [C, D], float64."""
    train = unit(double(fit.features))
    sums, counts = class_sums(train, fit.labels, _n_classes(fit))
    return train, sums / counts[:, None]


def _covariance(train: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    """Covariance [D, D] of ``train`` around the centre of each row's label, divided by N."""
    labels = labels.to(train.device)
    scatter = train.new_zeros(train.shape[1], train.shape[1])
    for rows in blocks(*train.shape):
        centred = train[rows] - centres[labels[rows]]
        scatter += centred.T @ centred
    return scatter / len(train)


def _ridge(within: Tensor) -> float:
    variance = within.diagonal().mean().item()
    if variance < 1e-24:  # float64 rounding of unit-length features
        raise RankconError(
            "the training images of each class all have the same feature, so Gaussian outlier scores cannot be fitted",
            hint="give each class several different images; where it has them, the encoder has collapsed",
        )
    return RIDGE * variance


def _squared_distances(centres: Tensor, covariance: Tensor, ridge: float) -> Scorer:
    """The function from features [n, D] to squared Mahalanobis distances [n, C] to ``centres`` [C, D]."""
    root = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))
    origin = centres.mean(0)  # near the features, so that the squares below cancel little

    def whiten(x: Tensor) -> Tensor:
        return torch.linalg.solve_triangular(root, (x - origin).T, upper=False).T

    targets = whiten(centres)

    def distances(features: Tensor) -> Tensor:
        x = whiten(unit(double(features)))
        squares = (x * x).sum(1, keepdim=True) - 2 * x @ targets.T + (targets * targets).sum(1)
        return squares.clamp_min(0)

    return distances


SCORES: dict[str, Score] = {
    "msp": Score("logits", _msp),
    "energy": Score("logits", _energy),
    "cosine": Score("feature", _cosine),
    "knn": Score("feature", _knn),
    "mahalanobis": Score("feature", _mahalanobis),
    "rmd": Score("feature", _rmd),
}
