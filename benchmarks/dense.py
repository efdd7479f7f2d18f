"""The losses in plain PyTorch, straight from their equations: what a careful person writes in an afternoon, autograd included.

Nothing of the package is used, and nothing is slower than it must be: ranks are looked up in bytes, every rank takes one
exponential a pair, masks select instead of multiplying. Unit vectors have a cosine of at most 1, so that 1 is all the shift
that the exponentials need at temperatures of 0.03 and more. ``loss.py`` times the package against this.
"""

import torch
from torch import Tensor


def dense_ranked_loss(
    anchors: Tensor,
    anchor_labels: Tensor,
    contrast: Tensor,
    contrast_labels: Tensor,
    rank_CC: Tensor,
    tau_CR: Tensor,
    variant: str = "out-in",
) -> Tensor:
    """1/r sum_i of the mean of l_i over the anchors that have a sample of rank i; contrast is a bank without empty places.

    Args:
        anchors: [N, D] and contrast: [M, D], unit length.
        anchor_labels: [N] and contrast_labels: [M], int64 in 0..C-1.
        rank_CC: [C, C], 1 for the class itself, i for rank i, r + 1 for a negative.
        tau_CR: [C, r] temperatures.
        variant: ``in``, ``out``, or ``out-in`` (``out`` for rank 1 alone).
    """
    cos_NM = anchors @ contrast.T
    rank_NM = rank_CC.byte()[:, contrast_labels][anchor_labels]
    ranks = tau_CR.shape[1]
    total = cos_NM.new_zeros(())
    for i in range(1, ranks + 1):
        positive_NM = rank_NM == i
        exp_NM = ((cos_NM - 1) / tau_CR[anchor_labels, i - 1, None]).exp()
        lower_N = torch.where(rank_NM > i, exp_NM, 0.0).sum(dim=1)
        if variant == "out" or (variant == "out-in" and i == 1):
            each_NM = torch.log1p(lower_N[:, None] / exp_NM)
            loss_N = torch.where(positive_NM, each_NM, 0.0).sum(dim=1) / positive_NM.sum(dim=1)
        else:
            loss_N = torch.log1p(lower_N / torch.where(positive_NM, exp_NM, 0.0).sum(dim=1))
        valid_N = positive_NM.any(dim=1)
        if valid_N.any():
            total = total + loss_N[valid_N].mean()
    return total / ranks


def dense_supcon_loss(embeddings: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """L_out of SupCon within the batch (arXiv 2004.11362 eq. 2), over the anchors that have a positive."""
    logits_NN = embeddings @ embeddings.T / temperature
    itself_NN = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive_NN = (labels[:, None] == labels) & ~itself_NN
    count_N = positive_NN.sum(dim=1)
    log_sum_N = logits_NN.masked_fill(itself_NN, -torch.inf).logsumexp(dim=1)
    loss_N = log_sum_N - torch.where(positive_NN, logits_NN, 0.0).sum(dim=1) / count_N
    return loss_N[count_N > 0].mean()
