"""The ranked contrastive loss: RINCE's rank-wise InfoNCE with a ranking of its own for every class.

Sources: arXiv 2208.06083 eq. 2 (``in``), RINCE arXiv 2201.11736 eq. 3-5 (``out``, ``out-in``). Written from the equations.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rankcon_cli.losses.chunked import LEAST_TAU
from rankcon_cli.losses.contrast import contrastive_loss
from rankcon_cli.losses.pairs import Contrast, unit, within
from rankcon_cli.ranking import TierTable

#: variant -> where the sum over the positives stands in rank 1 and in the other ranks, inside or outside the logarithm.
VARIANTS = {"in": ("in", "in"), "out": ("out", "out"), "out-in": ("out", "in")}


def rank_table(table: TierTable, ranks: int) -> Tensor:
    """rank_CC [C, C] int64: the rank of each column class for each anchor class when ``ranks`` ranks are trained.

    1 is the class itself, k + 1 its tier k, ``ranks + 1`` a negative: an unlisted class or a tier past the trained ranks.
    """
    tier_CC = torch.from_numpy(table.array()).long()
    trained = (tier_CC >= 0) & (tier_CC < ranks)
    return torch.where(trained, tier_CC + 1, ranks + 1)


def temperature_table(table: TierTable, ranks: int, tau_min: float, tau_max: float) -> Tensor:
    """tau_CR [C, R] float32: tau(s) = tau_min + (1 - s)(tau_max - tau_min) for each class and rank.

    s is the tier's score, 1 for the class itself, and 1 - (i - 1)/r at rank i where the tiers have none.
    """
    unscored = [1 - i / ranks for i in range(ranks)]
    rows = []
    for scores in table.scores:
        row = list(unscored)
        if scores is not None:
            row[1 : 1 + len(scores)] = scores[: ranks - 1]
        rows.append(row)
    return tau_min + (1 - torch.tensor(rows)) * (tau_max - tau_min)


def ranked_contrastive_loss(
    anchors: Tensor,
    anchor_labels: Tensor,
    contrast: Tensor,
    contrast_labels: Tensor,
    rank_CC: Tensor,
    tau_CR: Tensor,
    *,
    variant: str = "out-in",
    self_columns: Tensor | None = None,
    impl: str = "auto",
    low_tau: bool = False,
    across: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """L = 1/r sum_i mean of l_i over the anchors that have at least one sample of rank i.

    With h the cosine, P_i the contrast samples of rank i and tau_i the anchor class's temperature of that rank:

        in:   l_i = -log  sum_{p in P_i} exp(h_p/tau_i) / sum_{x: rank >= i} exp(h_x/tau_i)
        out:  l_i = mean_{p in P_i} -log exp(h_p/tau_i) / [exp(h_p/tau_i) + sum_{x: rank > i} exp(h_x/tau_i)]
        out-in: ``out`` for rank 1 and ``in`` for the others

    An anchor without a sample of rank i adds nothing to rank i; without any positive at all the loss is a zero that is
    still connected to the graph. No [N, M] matrix is held, and the gradient is taken in the forward pass.

    Args:
        anchors: [N, D] unit-length embeddings.
        anchor_labels: [N] int64 in 0..C-1.
        contrast: [M, D] unit-length embeddings; the anchors themselves for contrast within the batch.
        contrast_labels: [M] int64; -1 for an empty place of a queue, which is ignored.
        rank_CC: [C, C] int64 from ``rank_table``.
        tau_CR: [C, R] from ``temperature_table``.
        variant: a key of ``VARIANTS``.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored; None where no
            column is.
        impl, low_tau, across: as for ``contrastive_loss``.

    Returns:
        scalar in float32 (float64 for float64 input), also under autocast.
    """
    first, others = VARIANTS[variant]
    return contrastive_loss(
        anchors,
        anchor_labels,
        contrast,
        contrast_labels,
        rank_CC=rank_CC,
        tau_NR=tau_CR[anchor_labels],
        kinds=(first, *[others] * (tau_CR.shape[1] - 1)),
        self_columns=self_columns,
        impl=impl,
        low_tau=low_tau,
        across=across,
    )


class RankedContrastiveLoss(nn.Module):
    """``ranked_contrastive_loss`` as a module: of a batch within itself, or against a ``Contrast`` that is given.

    Args:
        table: the compiled ranking, its classes in label order.
        ranks: number r of trained ranks, the class itself included (r = 1 is plain contrast with the own class).
        variant: a key of ``VARIANTS``.
        tau_min, tau_max: temperatures at scores 1 and 0.
        impl: one of ``IMPLEMENTATIONS``.
    """

    def __init__(
        self,
        table: TierTable,
        ranks: int = 3,
        variant: str = "out-in",
        tau_min: float = 0.1,
        tau_max: float = 0.6,
        impl: str = "auto",
    ):
        super().__init__()
        self.variant, self.impl, self.low_tau = variant, impl, tau_min < LEAST_TAU
        self.register_buffer("rank_CC", rank_table(table, ranks), persistent=False)
        self.register_buffer("tau_CR", temperature_table(table, ranks, tau_min, tau_max), persistent=False)

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
        return ranked_contrastive_loss(
            anchors,
            labels,
            contrast.embeddings,
            contrast.labels,
            self.rank_CC,
            self.tau_CR,
            variant=self.variant,
            self_columns=contrast.self_columns,
            impl=self.impl,
            low_tau=self.low_tau,
            across=across,
        )
