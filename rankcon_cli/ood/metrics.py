"""How well outlier scores tell unknown images from known ones; curves and areas are pytorch-ood's, in float64."""

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.errors import RankconError


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


def roc_curve(id_scores: np.ndarray, ood_scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of ID flagged and share of OOD caught, from (0, 0) to (1, 1), one point a distinct score.

    Raises RankconError as ``ood_metrics`` does.
    """
    from pytorch_ood.metrics import functional

    flagged, caught, _ = functional.roc_curve(*_labelled(id_scores, ood_scores))
    return flagged.numpy(), caught.numpy()


def _labelled(id_scores: np.ndarray, ood_scores: np.ndarray) -> tuple[Tensor, Tensor]:
    """All scores as one float64 tensor, and pytorch-ood's labels: 0 known, -1 unknown."""
    sides = {"ID": np.asarray(id_scores, np.float64), "OOD": np.asarray(ood_scores, np.float64)}
    for side, scores in sides.items():
        if scores.size == 0:
            raise RankconError(f"there are no {side} images to compare, so AUROC and FPR95 are undefined")
        if np.isnan(scores).any():
            raise RankconError(f"{np.isnan(scores).sum()} of {scores.size} {side} outlier scores are NaN")
    known, unknown = (torch.from_numpy(scores) for scores in sides.values())
    labels = torch.cat([torch.zeros(len(known)), -torch.ones(len(unknown))]).long()
    return torch.cat([known, unknown]), labels
