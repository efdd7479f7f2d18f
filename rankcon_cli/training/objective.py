"""The training loss: of a network's outputs, as ``LossConfig`` names it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankcon_cli.losses import Contrast, RankedContrastiveLoss, SupConLoss, unit
from rankcon_cli.models import Outputs
from rankcon_cli.ranking import TierTable
from rankcon_cli.training.config import LossConfig
from rankcon_cli.training.world import ALONE, World


class Objective(nn.Module):
    """The loss that ``config`` names, of a network's outputs: contrastive on z, cross-entropy on the logits, or both.

    Args:
        table: the ranking in label order, where the loss needs one.
        impl: implementation of the contrastive loss, one of ``losses.IMPLEMENTATIONS``.
        world: the processes whose images are contrasted with each other.
    """

    def __init__(self, config: LossConfig, table: TierTable | None, impl: str = "auto", world: World = ALONE):
        super().__init__()
        self.contrastive = CONTRASTIVE_LOSSES[config.name](config, table, impl)
        self.ce_weight = 1.0 if config.name == "cross-entropy" else config.ce_weight
        self.world = world

    def forward(self, outputs: Outputs, labels: Tensor, contrast: Contrast | None = None) -> Tensor:
        """This process's share of the loss of the outputs for its N views with labels [N], a scalar; shares add up to it.

        contrast: what the views are contrasted with; None: all others, those of other processes among them.
        """
        loss = outputs.encoder.new_zeros((), dtype=torch.promote_types(outputs.encoder.dtype, torch.float32))
        if self.contrastive is not None:
            across = self.world.sum if self.world.size > 1 else None
            if contrast is None and self.world.size > 1:
                contrast = self._gathered(unit(outputs.projection), labels)
            loss = loss + self.contrastive(outputs.projection, labels, contrast, across)
        if self.ce_weight:
            ce = F.cross_entropy(outputs.logits.to(loss.dtype), labels)
            loss = loss + self.ce_weight * ce / self.world.size
        return loss

    def _gathered(self, embeddings: Tensor, labels: Tensor) -> Contrast:
        own = torch.arange(len(labels), device=labels.device) + self.world.rank * len(labels)
        return Contrast(self.world.gather(embeddings), self.world.gather(labels), own)


def _ranked(config: LossConfig, table: TierTable | None, impl: str) -> nn.Module:
    return RankedContrastiveLoss(table, config.ranks, config.variant, config.tau_min, config.tau_max, impl)


#: loss name -> (its configuration, the ranking in label order, the implementation) -> module, or None
CONTRASTIVE_LOSSES = {
    "ranked": _ranked,
    "supcon": lambda config, table, impl: SupConLoss(config.temperature, impl),
    "cross-entropy": lambda config, table, impl: None,
}
