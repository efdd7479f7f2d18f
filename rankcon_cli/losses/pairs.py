"""What the contrastive losses share: masking, precision and the mean over the anchors that count."""

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

#: Stands for "not in this sum" inside a logsumexp. Far below any cosine / temperature, yet finite, so that a row with
#: nothing in it has a harmless gradient instead of NaN.
MASKED = -1e9


def own_columns(labels: Tensor) -> Tensor:
    """[N] int64: where each anchor finds itself when the contrast samples are the anchors."""
    return torch.arange(len(labels), device=labels.device)


def mean_over(valid_N: Tensor, loss_N: Tensor) -> Tensor:
    """Mean of ``loss_N`` over the valid anchors; the others get no gradient. Zero, still in the graph, if none is."""
    return torch.where(valid_N, loss_N, 0.0).sum() / valid_N.sum().clamp(min=1)


def unit(embeddings: Tensor) -> Tensor:
    """``embeddings`` [N, D] at unit length, in full precision also under autocast."""
    with in_full_precision(embeddings) as (full,):
        return F.normalize(full, dim=1)


@contextlib.contextmanager
def in_full_precision(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors in float32 (float64 stays), with autocast off: a loss at low temperature is ruined by bf16 logits."""
    with torch.autocast(tensors[0].device.type, enabled=False):
        yield tuple(t if t.dtype == torch.float64 else t.float() for t in tensors)
