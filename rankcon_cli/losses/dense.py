"""The contrastive losses as their equations read, in [N, M] matrices and logarithms: slow, safe at any temperature, and
differentiable twice. The other implementations are tested and timed against this one."""

import torch
import torch.nn.functional as F
from torch import Tensor

#: Stands for "not in this sum" inside a logsumexp. Far below any cosine / temperature, yet finite, so that a row with
#: nothing in it has a harmless gradient instead of NaN.
MASKED = -1e9


def dense_loss(
    anchors: Tensor,
    contrast: Tensor,
    anchor_labels: Tensor,
    contrast_labels: Tensor,
    self_columns: Tensor | None,
    rank_CC: Tensor | None,
    scale_NR: Tensor,
    weight_NR: Tensor,
    count_NR: Tensor,
    kinds: tuple[str, ...],
) -> Tensor:
    """sum_n sum_i w_i(n) l_i(n), a scalar, by autograd; the arguments are those of ``chunked_strip``."""
    cos_NM = anchors @ contrast.T
    rank_NM = pair_ranks(anchor_labels, contrast_labels, self_columns, rank_CC)
    total = cos_NM.sum() * 0.0
    for i, kind in enumerate(kinds):
        logits_NM = cos_NM * scale_NR[:, i, None].to(cos_NM.dtype)
        loss_N = _TERMS[kind](logits_NM, rank_NM == i + 1, rank_NM > i + 1)
        total = total + torch.where(count_NR[:, i] > 0, loss_N * weight_NR[:, i].to(loss_N.dtype), 0.0).sum()
    return total


def pair_ranks(
    anchor_labels: Tensor, contrast_labels: Tensor, self_columns: Tensor | None, rank_CC: Tensor | None
) -> Tensor:
    """The rank of every pair, uint8 [N, M]; 0 for one that is ignored: an anchor with itself, an empty place."""
    if rank_CC is None:
        rank_NM = 2 - (anchor_labels[:, None] == contrast_labels).byte()
    else:
        rank_NM = rank_CC.byte()[anchor_labels][:, contrast_labels.clamp(min=0)]
    rank_NM = rank_NM.masked_fill(contrast_labels < 0, 0)
    return rank_NM if self_columns is None else rank_NM.scatter(1, self_columns[:, None], 0)


def _in(logits_NM: Tensor, positive_NM: Tensor, lower_NM: Tensor) -> Tensor:
    return _log_sum(logits_NM, positive_NM | lower_NM) - _log_sum(logits_NM, positive_NM)


def _out(logits_NM: Tensor, positive_NM: Tensor, lower_NM: Tensor) -> Tensor:
    # -log e^p / (e^p + D) = -log sigmoid(p - log D), exact for positives however badly placed.
    loss_NM = -F.logsigmoid(logits_NM - _log_sum(logits_NM, lower_NM)[:, None])
    return (loss_NM * positive_NM).sum(dim=1) / positive_NM.sum(dim=1).clamp(min=1)


def _supcon(logits_NM: Tensor, positive_NM: Tensor, lower_NM: Tensor) -> Tensor:
    mean_N = (logits_NM * positive_NM).sum(dim=1) / positive_NM.sum(dim=1).clamp(min=1)
    return _log_sum(logits_NM, positive_NM | lower_NM) - mean_N


def _log_sum(logits_NM: Tensor, mask_NM: Tensor) -> Tensor:
    return logits_NM.masked_fill(~mask_NM, MASKED).logsumexp(dim=1)


_TERMS = {"in": _in, "out": _out, "supcon": _supcon}
