"""What the losses share: precision, unit length, the contrast of a batch with itself, and means over what counts."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Contrast:
    """What anchors are contrasted with: a gathered batch, or a queue of keys.

    embeddings: [M, D] unit length; labels: [M] int64, -1 for an empty place; self_columns: [N] int64, where each anchor
    finds itself; None where it does not.
    """

    embeddings: Tensor
    labels: Tensor
    self_columns: Tensor | None = None


def within(anchors: Tensor, labels: Tensor) -> Contrast:
    """The contrast of a batch [N, D] with itself."""
    return Contrast(anchors, labels, torch.arange(len(labels), device=labels.device))


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
