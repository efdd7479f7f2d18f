"""Losses: a pure function carries the maths, a thin module stores the arguments and calls it."""

from rankcon_cli.losses.chunked import LEAST_TAU
from rankcon_cli.losses.contrast import IMPLEMENTATIONS, contrastive_loss, pick_implementation
from rankcon_cli.losses.outliers import class_mean_repulsion, exposure_loss, reference_loss
from rankcon_cli.losses.pairs import Contrast, unit, within
from rankcon_cli.losses.ranked import (
    VARIANTS,
    RankedContrastiveLoss,
    rank_table,
    ranked_contrastive_loss,
    temperature_table,
)
from rankcon_cli.losses.supcon import SupConLoss, supcon_loss

__all__ = [
    "IMPLEMENTATIONS",
    "LEAST_TAU",
    "VARIANTS",
    "Contrast",
    "RankedContrastiveLoss",
    "SupConLoss",
    "class_mean_repulsion",
    "contrastive_loss",
    "exposure_loss",
    "pick_implementation",
    "rank_table",
    "ranked_contrastive_loss",
    "reference_loss",
    "supcon_loss",
    "temperature_table",
    "unit",
    "within",
]
