"""Sums and scatters of training features by class: float64, in blocks, whatever the labels and the device."""

from collections.abc import Callable

import torch
from torch import Tensor

from rankcon_cli.evaluation.classify import blocks, class_sums, double, unit
from rankcon_cli.ood.scores.base import FitData


def direction(features: Tensor) -> Tensor:
    """The rows of ``features`` [n, D] at unit length, float64."""
    return unit(double(features))


def closed_labels(fit: FitData) -> tuple[Tensor, int]:
    """Labels [N] numbered anew without gaps, in the order of the old ones, and how many classes there are."""
    classes, labels = fit.labels.unique(return_inverse=True)
    return labels, len(classes)


def sums(
    features: Tensor, labels: Tensor, n_classes: int, prepare: Callable[[Tensor], Tensor] = double
) -> tuple[Tensor, Tensor]:
    """Sum of ``prepare(features)`` [N, D] by class and the number of rows: [C, D] and [C], float64."""
    total = prepare(features[:0]).new_zeros(n_classes, features.shape[1])
    for rows in blocks(*features.shape):
        part = prepare(features[rows])
        total += class_sums(part, labels[rows].to(part.device), n_classes)[0]
    return total, torch.bincount(labels, minlength=n_classes).to(total)


def scatter(features: Tensor, centres: Tensor, labels: Tensor, prepare: Callable[[Tensor], Tensor] = double) -> Tensor:
    """Sum [D, D] of the outer products of ``prepare(features)`` [N, D] less the centre [C, D] of each row's label."""
    total = torch.zeros_like(centres[0].outer(centres[0]))
    for rows in blocks(*features.shape):
        centred = prepare(features[rows]) - centres[labels[rows].to(centres.device)]
        total += centred.T @ centred
    return total
