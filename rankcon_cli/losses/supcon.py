"""Supervised contrastive learning, L_out (Khosla et al., arXiv 2004.11362 eq. 2): the baseline of the ranked loss."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rankcon_cli.losses.chunked import LEAST_TAU
from rankcon_cli.losses.contrast import contrastive_loss
from rankcon_cli.losses.pairs import Contrast, unit, within


def supcon_loss(
    anchors: Tensor,
    anchor_labels: Tensor,
    contrast: Tensor,
    contrast_labels: Tensor,
    *,
    temperature: float = 0.1,
    self_columns: Tensor | None = None,
    impl: str = "auto",
    low_tau: bool = False,
    across: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Mean over anchors of -1/|P| sum_{p in P} log exp(h_p/tau) / sum_{x: all others} exp(h_x/tau).

    Unlike ``out`` of the ranked loss at r = 1, the other positives stand in the denominator.

    Args:
        anchors: [N, D] unit-length embeddings.
        anchor_labels: [N] int64, any numbers from 0 on.
        contrast: [M, D] unit-length embeddings.
        contrast_labels: [M] int64; -1 for an empty place of a queue, which is ignored.
        temperature: tau.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored.
        impl, low_tau, across: as for ``contrastive_loss``.

    Returns:
        scalar; anchors without a positive add nothing, and without any the loss is a graph-connected zero.
    """
    return contrastive_loss(
        anchors,
        anchor_labels,
        contrast,
        contrast_labels,
        rank_CC=None,
        tau_NR=torch.full(
            (len(anchors), 1),
            temperature,
            dtype=torch.promote_types(anchors.dtype, torch.float32),
            device=anchors.device,
        ),
        kinds=("supcon",),
        self_columns=self_columns,
        impl=impl,
        low_tau=low_tau,
        across=across,
    )


class SupConLoss(nn.Module):
    """``supcon_loss`` as a module: of a batch within itself, or against a ``Contrast`` that is given."""

    def __init__(self, temperature: float = 0.1, impl: str = "auto"):
        super().__init__()
        self.temperature, self.impl, self.low_tau = temperature, impl, temperature < LEAST_TAU

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        contrast: Contrast | None = None,
        across: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Scalar loss of embeddings [N, D] (any length; both views of every image) with labels [N].

        contrast: None is the batch itself, where every embedding is an anchor and all others are its contrast.
        """
        anchors = unit(embeddings)
        contrast = contrast or within(anchors, labels)
        return supcon_loss(
            anchors,
            labels,
            contrast.embeddings,
            contrast.labels,
            temperature=self.temperature,
            self_columns=contrast.self_columns,
            impl=self.impl,
            low_tau=self.low_tau,
            across=across,
        )
