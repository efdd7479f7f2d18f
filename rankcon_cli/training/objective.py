"""The training loss: of a network's outputs, as ``LossConfig`` names it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankcon_cli.losses import RankedContrastiveLoss, SupConLoss
from rankcon_cli.models import Outputs
from rankcon_cli.ranking import TierTable
from rankcon_cli.training.config import LossConfig


class Objective(nn.Module):
    """The loss that ``config`` names, of a network's outputs: contrastive on z, cross-entropy on the logits, or both."""

    def __init__(self, config: LossConfig, table: TierTable | None):
        super().__init__()
        self.contrastive = CONTRASTIVE_LOSSES[config.name](config, table)
        self.ce_weight = 1.0 if config.name == "cross-entropy" else config.ce_weight

    def forward(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Scalar loss of the outputs for N views with labels [N]."""
        loss = outputs.encoder.new_zeros((), dtype=torch.float32)
        if self.contrastive is not None:
            loss = loss + self.contrastive(outputs.projection, labels)
        if self.ce_weight:
            loss = loss + self.ce_weight * F.cross_entropy(outputs.logits.float(), labels)
        return loss


def _ranked(config: LossConfig, table: TierTable | None) -> nn.Module:
    return RankedContrastiveLoss(table, config.ranks, config.variant, config.tau_min, config.tau_max)


#: loss name -> (its configuration, the ranking in label order) -> module of (embeddings [N, P], labels [N]), or None
CONTRASTIVE_LOSSES = {
    "ranked": _ranked,
    "supcon": lambda config, table: SupConLoss(config.temperature),
    "cross-entropy": lambda config, table: None,
}
