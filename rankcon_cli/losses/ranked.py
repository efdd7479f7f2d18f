"""The ranked contrastive loss: RINCE's rank-wise InfoNCE with a ranking of its own for every class.

Sources: arXiv 2208.06083 eq. 2 (``in``), RINCE arXiv 2201.11736 eq. 3-5 (``out``, ``out-in``). Written from the equations.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankcon_cli.losses.pairs import MASKED, in_full_precision, mean_over, own_columns, unit
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
) -> Tensor:
    """L = 1/r sum_i mean of l_i over the anchors that have at least one sample of rank i.

    With h the cosine, P_i the contrast samples of rank i and tau_i the anchor class's temperature of that rank:

        in:   l_i = -log  sum_{p in P_i} exp(h_p/tau_i) / sum_{x: rank >= i} exp(h_x/tau_i)
        out:  l_i = mean_{p in P_i} -log exp(h_p/tau_i) / [exp(h_p/tau_i) + sum_{x: rank > i} exp(h_x/tau_i)]
        out-in: ``out`` for rank 1 and ``in`` for the others

    An anchor without a sample of rank i adds nothing to rank i; without any positive at all the loss is a zero that is
    still connected to the graph. This dense form holds a few [N, M] matrices; a faster one may stand in for it as long
    as it keeps this signature.

    Args:
        anchors: [N, D] unit-length embeddings.
        anchor_labels: [N] int64 in 0..C-1.
        contrast: [M, D] unit-length embeddings; the anchors themselves for contrast within the batch.
        contrast_labels: [M] int64.
        rank_CC: [C, C] int64 from ``rank_table``.
        tau_CR: [C, R] from ``temperature_table``.
        variant: a key of ``VARIANTS``.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored; None where no
            column is.

    Returns:
        scalar in float32 (float64 for float64 input), also under autocast.
    """
    first, others = VARIANTS[variant]
    with in_full_precision(anchors, contrast) as (anchors, contrast):
        cos_NM = anchors @ contrast.T
        rank_NM = rank_CC[anchor_labels][:, contrast_labels]
        if self_columns is not None:
            rank_NM = rank_NM.scatter(1, self_columns[:, None], 0)
        tau_NR = tau_CR.to(cos_NM.dtype)[anchor_labels]
        total = cos_NM.sum() * 0.0
        for rank in range(1, tau_NR.shape[1] + 1):
            logits_NM = cos_NM / tau_NR[:, rank - 1, None]
            term = _TERMS[first if rank == 1 else others]
            positive_NM, lower_NM = rank_NM == rank, rank_NM > rank
            total = total + mean_over(positive_NM.any(dim=1), term(logits_NM, positive_NM, lower_NM))
        return total / tau_NR.shape[1]


def _in(logits_NM: Tensor, positive_NM: Tensor, lower_NM: Tensor) -> Tensor:
    numerator = logits_NM.masked_fill(~positive_NM, MASKED).logsumexp(dim=1)
    denominator = logits_NM.masked_fill(~(positive_NM | lower_NM), MASKED).logsumexp(dim=1)
    return denominator - numerator


def _out(logits_NM: Tensor, positive_NM: Tensor, lower_NM: Tensor) -> Tensor:
    # -log e^p / (e^p + D) = -log sigmoid(p - log D), exact for positives however badly placed.
    log_lower = logits_NM.masked_fill(~lower_NM, MASKED).logsumexp(dim=1, keepdim=True)
    loss_NM = -F.logsigmoid(logits_NM - log_lower)
    return (loss_NM * positive_NM).sum(dim=1) / positive_NM.sum(dim=1).clamp(min=1)


_TERMS = {"in": _in, "out": _out}


class RankedContrastiveLoss(nn.Module):
    """``ranked_contrastive_loss`` within a batch: every embedding is an anchor and all others are its contrast.

    Args:
        table: the compiled ranking, its classes in label order.
        ranks: number r of trained ranks, the class itself included (r = 1 is plain contrast with the own class).
        variant: a key of ``VARIANTS``.
        tau_min, tau_max: temperatures at scores 1 and 0.
    """

    def __init__(
        self, table: TierTable, ranks: int = 3, variant: str = "out-in", tau_min: float = 0.1, tau_max: float = 0.6
    ):
        super().__init__()
        self.variant = variant
        self.register_buffer("rank_CC", rank_table(table, ranks), persistent=False)
        self.register_buffer("tau_CR", temperature_table(table, ranks, tau_min, tau_max), persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss of embeddings [N, D] (any length; both views of every image) with labels [N]."""
        anchors = unit(embeddings)
        return ranked_contrastive_loss(
            anchors,
            labels,
            anchors,
            labels,
            self.rank_CC,
            self.tau_CR,
            variant=self.variant,
            self_columns=own_columns(labels),
        )
