"""Supervised contrastive learning, L_out (Khosla et al., arXiv 2004.11362 eq. 2): the baseline of the ranked loss."""

from torch import Tensor, nn

from rankcon_cli.losses.pairs import MASKED, in_full_precision, mean_over, own_columns, unit


def supcon_loss(
    anchors: Tensor,
    anchor_labels: Tensor,
    contrast: Tensor,
    contrast_labels: Tensor,
    *,
    temperature: float = 0.1,
    self_columns: Tensor | None = None,
) -> Tensor:
    """Mean over anchors of -1/|P| sum_{p in P} log exp(h_p/tau) / sum_{x: all others} exp(h_x/tau).

    Unlike ``out`` of the ranked loss at r = 1, the other positives stand in the denominator.

    Args:
        anchors: [N, D] unit-length embeddings.
        anchor_labels: [N] int64.
        contrast: [M, D] unit-length embeddings.
        contrast_labels: [M] int64.
        temperature: tau.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored.

    Returns:
        scalar; anchors without a positive add nothing, and without any the loss is a graph-connected zero.
    """
    with in_full_precision(anchors, contrast) as (anchors, contrast):
        logits_NM = anchors @ contrast.T / temperature
        positive_NM = anchor_labels[:, None] == contrast_labels
        if self_columns is not None:
            positive_NM = positive_NM.scatter(1, self_columns[:, None], False)
            logits_NM = logits_NM.scatter(1, self_columns[:, None], MASKED)
        log_prob_NM = logits_NM.log_softmax(dim=1)
        count_N = positive_NM.sum(dim=1)
        loss_N = -log_prob_NM.masked_fill(~positive_NM, 0.0).sum(dim=1) / count_N.clamp(min=1)
        return mean_over(count_N > 0, loss_N)


class SupConLoss(nn.Module):
    """``supcon_loss`` within a batch: every embedding is an anchor and all others are its contrast."""

    def __init__(self, temperature: float = 0.1):
        super().__init__()
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss of embeddings [N, D] (any length; both views of every image) with labels [N]."""
        anchors = unit(embeddings)
        return supcon_loss(
            anchors, labels, anchors, labels, temperature=self.temperature, self_columns=own_columns(labels)
        )
