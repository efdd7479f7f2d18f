"""How well outlier scores tell unknown images from known ones; curves and areas are pytorch-ood's, in float64."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from rankcon_cli.errors import RankconError

if TYPE_CHECKING:
    from torch import Tensor

#: The measures of a score against a set, in the order of a report; all but ``oscr`` are those of ``ood_metrics``.
METRICS = ("auroc", "aupr_in", "aupr_out", "fpr95_ood_pos", "fpr95_id_pos", "oscr")


def ood_metrics(id_scores: np.ndarray, ood_scores: np.ndarray) -> dict[str, float]:
    """AUROC, AUPR and FPR95 of outlier scores (larger = more out-of-distribution).

    ``auroc``: chance that an OOD image scores above an ID image, ties half. ``aupr_in`` (ID positive) and ``aupr_out``
    (OOD positive): trapezoidal area under recall/precision; they depend on the balance of the sets.
    ``fpr95_ood_pos``: share of ID flagged when at least 95 % of OOD is caught (OpenOOD v1.5, pytorch-ood).
    ``fpr95_id_pos``: share of OOD accepted when at least 95 % of ID is kept (Energy, KNN, CIDER, VOS).

    Args:
        id_scores: [n], ood_scores: [m]; infinite ones are allowed.

    Raises:
        RankconError: a side is empty or holds NaN.
    """
    from pytorch_ood.metrics import functional

    scores, labels = _labelled(id_scores, ood_scores)
    swapped = -scores, -1 - labels  # ID as the positive class
    return {
        "auroc": functional.auroc(scores, labels).item(),
        "aupr_in": functional.aupr(scores, labels, positive="id").item(),
        "aupr_out": functional.aupr(scores, labels, positive="ood").item(),
        "fpr95_ood_pos": functional.fpr_at_tpr(scores, labels).item(),
        "fpr95_id_pos": functional.fpr_at_tpr(*swapped).item(),
    }


def oscr(id_scores: np.ndarray, id_correct: np.ndarray, ood_scores: np.ndarray) -> float:
    """Area under the open-set classification rate (Dhamija et al., NeurIPS 2018; Vaze et al., ICLR 2022).

    The curve runs over all thresholds: the share of known images that lie at or below it and are classified right, over the
    share of unknown images at or below it. Images that tie enter together, on a straight line between two points, so that
    an unknown image counts for half of the known ones it ties with: the area is the mean over unknown images of the share
    of known images that are right and score below, plus half of those that are right and tie. It is the closed-set
    accuracy at most, and half of it for constant scores. (The papers count ties against the classifier.)

    Args:
        id_scores: outlier scores [n] of known images; id_correct: [n], whether each is classified right.
        ood_scores: [m].

    Raises:
        RankconError: a side is empty or holds NaN.
    """
    import torch
    from pytorch_ood.metrics import functional

    scores, labels = _labelled(id_scores, ood_scores)
    right = torch.from_numpy(right_ones(id_correct, id_scores))
    predictions = torch.cat([right.long() - 1, labels[len(right) :]])  # a known image has label 0
    return functional.oscr_score(scores, predictions, labels)


def roc_curve(id_scores: np.ndarray, ood_scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of ID flagged and share of OOD caught, from (0, 0) to (1, 1), one point a distinct score.

    Raises RankconError as ``ood_metrics`` does.
    """
    from pytorch_ood.metrics import functional

    flagged, caught, _ = functional.roc_curve(*_labelled(id_scores, ood_scores))
    return flagged.numpy(), caught.numpy()


def pr_curve(
    id_scores: np.ndarray, ood_scores: np.ndarray, positive: Literal["ood", "id"] = "ood"
) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision, from (0, 1) to (1, share of positives), one point a distinct score.

    The area under it by trapezoids is ``aupr_out`` or ``aupr_in``, as ``positive`` says.
    Raises RankconError as ``ood_metrics`` does.
    """
    from pytorch_ood.metrics import functional

    precision, recall, _ = functional.pr_curve(*_labelled(id_scores, ood_scores), positive=positive)
    return recall.flip(0).numpy(), precision.flip(0).numpy()


def two_sides(id_scores: np.ndarray, ood_scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as float64 [n] and [m]; RankconError where one is empty or holds NaN."""
    known, unknown = np.asarray(id_scores, np.float64), np.asarray(ood_scores, np.float64)
    for side, scores in (("ID", known), ("OOD", unknown)):
        if scores.size == 0:
            raise RankconError(f"there are no {side} images to compare, so AUROC and FPR95 are undefined")
        if np.isnan(scores).any():
            raise RankconError(f"{np.isnan(scores).sum()} of {scores.size} {side} outlier scores are NaN")
    return known, unknown


def right_ones(id_correct: np.ndarray, id_scores: np.ndarray) -> np.ndarray:
    right = np.asarray(id_correct, bool)
    if right.shape != np.shape(id_scores):
        raise ValueError(f"{right.shape} answers, right or wrong, for {np.shape(id_scores)} known images")
    return right


def _labelled(id_scores: np.ndarray, ood_scores: np.ndarray) -> "tuple[Tensor, Tensor]":
    """All scores as one float64 tensor, and pytorch-ood's labels: 0 known, -1 unknown."""
    import torch

    known, unknown = two_sides(id_scores, ood_scores)
    labels = torch.cat([torch.zeros(len(known)), -torch.ones(len(unknown))]).long()
    return torch.from_numpy(np.concatenate([known, unknown])), labels
