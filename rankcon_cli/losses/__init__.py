"""Losses: a pure function carries the maths, a thin module stores the arguments and calls it."""

from rankcon_cli.losses.ranked import (
    VARIANTS,
    RankedContrastiveLoss,
    rank_table,
    ranked_contrastive_loss,
    temperature_table,
)
from rankcon_cli.losses.supcon import SupConLoss, supcon_loss

__all__ = [
    "VARIANTS",
    "RankedContrastiveLoss",
    "SupConLoss",
    "rank_table",
    "ranked_contrastive_loss",
    "supcon_loss",
    "temperature_table",
]
