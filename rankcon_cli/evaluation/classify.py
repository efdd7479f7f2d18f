"""Classifiers on frozen embeddings: nearest class mean, k nearest neighbours, linear probe.

Everything works in blocks of rows, so memory stays bounded at any number of images and on any device.
"""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rankcon_cli.errors import RankconError

log = logging.getLogger("rankcon")

_BLOCK = 2**23  # elements of the largest temporary matrix: 32 MiB in float32
_MANY = 200  # neighbours from which on selecting them costs more than the cosines
_KNN_TEMPERATURE = 0.07
_PROBE_ITERATIONS = 300


def unit(x: Tensor) -> Tensor:
    """The rows of ``x`` [N, D] at unit length, float32 (float64 stays); a row of zeros stays zero."""
    return functional.normalize(x if x.dtype == torch.float64 else x.float(), dim=1)


def double(x: Tensor) -> Tensor:
    """``x`` in float64, on the CPU where its device (Apple's MPS) has none."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices of ``n`` rows such that a [rows, width] matrix of each is of bounded size."""
    rows = max(1, _BLOCK // max(1, width))
    for start in range(0, n, rows):
        yield slice(start, start + rows)


def class_sums(x: Tensor, labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Sum of the rows of ``x`` [N, D] by class, and the number of rows: [C, D] and [C], in ``x``'s dtype.

    A product with one-hot labels: unlike ``index_add_`` it gives the same bits each time on a GPU.
    """
    sums = x.new_zeros(n_classes, x.shape[1])
    for rows in blocks(len(x), n_classes):
        sums += functional.one_hot(labels[rows].long(), n_classes).to(x).T @ x[rows]
    return sums, torch.bincount(labels.long(), minlength=n_classes).to(x)


def class_means(features: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """The direction of each class: the mean of its unit-length features, at unit length.

    Args:
        features: [N, D].
        labels: [N], each in 0..C-1, on the device of ``features``.

    Returns:
        [C, D].

    Raises:
        RankconError: a class has no sample.
    """
    _require_every_class(labels, n_classes)
    return unit(class_sums(unit(features), labels, n_classes)[0])


def _require_every_class(labels: Tensor, n_classes: int) -> None:
    missing = (torch.bincount(labels.long(), minlength=n_classes) == 0).nonzero().flatten().tolist()
    if missing:
        raise RankconError(
            f"{len(missing)} of {n_classes} classes have no training image (by index: {str(missing[:10])[1:-1]})",
            hint="give each of them at least one image, or withhold them",
        )


def nearest_class_mean(means: Tensor, features: Tensor) -> Tensor:
    """Cosines [N, C] of ``features`` [N, D] to the class means [C, D]; the largest one predicts the class.

    The classifier of "Contrastive Learning for OOD in Object detection", arXiv 2208.06083.
    """
    return unit(features) @ means.T


def neighbours(queries: Tensor, gallery: Tensor, k: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """The ``k`` nearest gallery rows of each query by cosine, best first, block by block.

    Args:
        queries: [N, D] and gallery [M, D], at unit length; k <= M.

    Yields:
        (rows of the block, cosines [n, k], gallery indices [n, k]). Of equal cosines the lower index comes first.
    """
    for rows in blocks(len(queries), len(gallery)):
        cosines = queries[rows] @ gallery.T
        many = k > _MANY and cosines.device.type == "cpu" and cosines.dtype == torch.float32
        indices = _many_largest(cosines, k) if many else _largest(cosines, k)
        yield rows, cosines.gather(1, indices), indices


def _largest(x: Tensor, k: int) -> Tensor:
    """Column indices [n, k] of the ``k`` largest values in each row of ``x`` [n, M], the largest first, ties by index."""
    values, indices = x.topk(k)
    # topk orders and cuts ties as it likes. Where a tie crosses the cut, sort the whole row instead ...
    cut = (x >= values[:, -1:]).sum(1) > k
    if cut.any():
        values[cut], indices[cut] = (part[:, :k] for part in x[cut].sort(descending=True, stable=True))
    # ... and order the ties inside it by index.
    indices, by_index = indices.sort(dim=1)
    by_value = values.gather(1, by_index).sort(dim=1, descending=True, stable=True).indices
    return indices.gather(1, by_value)


def _many_largest(x: Tensor, k: int) -> Tensor:
    """``_largest`` for finite float32 on the CPU: five times as fast where k is in the thousands, as mAP@R asks."""
    found = np.empty((len(x), k), dtype=np.int64)
    for row, values in zip(found, x.numpy(), strict=True):
        cut = len(values) - k
        candidates = np.flatnonzero(values >= np.partition(values, cut)[cut])
        bits = values[candidates].view(np.int32)
        rising = np.where(bits < 0, np.int32(-(2**31)) - bits, bits).astype(np.int64)  # ordered as the floats are
        row[:] = np.sort(-rising << 32 | candidates)[:k] & 0xFFFFFFFF
    return torch.from_numpy(found)


def knn_predict(train: Tensor, train_labels: Tensor, features: Tensor, k: int, n_classes: int) -> Tensor:
    """The class [N] that the ``k`` nearest training images vote for, each with weight exp(cosine / 0.07).

    The weighted vote of Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination"
    (CVPR 2018, section 3.4), customary for contrastive encoders.

    Args:
        train: [M, D], train_labels [M] in 0..C-1, features [N, D], all on one device.
        k: capped at M.
    """
    train, features = unit(train), unit(features)
    predictions = torch.empty(len(features), dtype=torch.long, device=features.device)
    for rows, cosines, indices in neighbours(features, train, min(k, len(train))):
        weights = ((cosines - cosines[:, :1]) / _KNN_TEMPERATURE).exp()  # relative to the best: exp stays in range
        votes = weights.new_zeros(len(weights), n_classes)
        # Neighbour by neighbour: scatter_add_ would sum in another order each time on a GPU.
        for weight, label in zip(weights.T, train_labels.long()[indices].T, strict=True):
            votes[torch.arange(len(votes), device=votes.device), label] += weight
        predictions[rows] = votes.argmax(1)
    return predictions


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on standardised features: logits = (x - mean) / scale @ weight.T + bias.

    weight: [C, D]; bias: [C]; mean and scale: [D].
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    scale: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits [N, C] of ``features`` [N, D], on their device."""
        weight, bias, mean, scale = (
            part.to(features.device) for part in (self.weight, self.bias, self.mean, self.scale)
        )
        return (features.float() - mean) / scale @ weight.T + bias


def linear_probe(train: Tensor, train_labels: Tensor, n_classes: int) -> LinearProbe:
    """Fit multinomial logistic regression (L2, C = 1, L-BFGS: no randomness) on the features as they are given.

    Args:
        train: [N, D].
        train_labels: [N] in 0..C-1.

    Raises:
        RankconError: a class has no sample, or there are fewer than two classes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if n_classes < 2:
        raise RankconError("a linear probe needs at least two classes", hint="withhold fewer classes")
    _require_every_class(train_labels, n_classes)
    features, labels = train.float().cpu().numpy(), train_labels.cpu().numpy()
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(max_iter=_PROBE_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(features), labels)
    if model.n_iter_.max() >= _PROBE_ITERATIONS:
        log.info("the linear probe stopped after %d iterations, before it converged", _PROBE_ITERATIONS)
    weight, bias = torch.from_numpy(model.coef_).float(), torch.from_numpy(model.intercept_).float()
    if n_classes == 2:
        # scikit-learn keeps only the difference of the two logits. Halved between them it gives the same softmax, and
        # an energy that treats both classes alike.
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    mean, scale = (torch.from_numpy(part).float() for part in (scaler.mean_, scaler.scale_))
    return LinearProbe(weight, bias, mean, scale)


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Share of ``predictions`` [N] equal to ``labels`` [N]; NaN without samples."""
    return (predictions == labels).sum().item() / len(labels) if len(labels) else float("nan")


def confusion_matrix(predictions: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Counts [C, C], int64: row the true class, column the predicted one."""
    cells = labels.long() * n_classes + predictions.long()
    return torch.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
