"""The ranked and the supervised contrastive loss on a GPU: Triton kernels that recompute instead of storing [N, M].

As in flash attention, every pass over the pairs computes a tile of cosines anew. Here no running maximum is needed: unit
vectors have |s| <= 1, so exp(s / tau) stays in float32's range without any shift down to tau = 0.014, and all state is
plain sums that may come in any order. Passes: the sums of each anchor and rank; a second one over the same pairs where
some rank stands outside the logarithm; the gradient of the anchors; the gradient of the contrast samples.
Memory is O(N R + N D + M D), and nothing waits for the GPU.

Letters: N anchors, M contrast samples, D features, C classes, R ranks; rank R + 1 is a negative, rank 0 is ignored.
Importing this module imports triton. Under TRITON_INTERPRET=1, set before that, the kernels run on the CPU.
"""

import contextlib
import os
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from rankcon_cli.losses.fused_kernels import (
    anchor_gradient_kernel,
    coefficients_kernel,
    contrast_gradient_kernel,
    outside_kernel,
    sums_kernel,
)

KINDS = ("in", "out", "supcon")


class Tiles(NamedTuple):
    """How the [N, M] pairs are cut: rows and columns of a tile, its columns in the pass for the gradient of the contrast,
    warps and pipeline stages of a program, programs wanted."""

    rows: int
    columns: int
    contrast_columns: int
    warps: int
    stages: int
    programs: int


def available(device: torch.device) -> bool:
    """Whether ``fused_strip`` runs on ``device``: a CUDA device, or any where Triton interprets its kernels."""
    return device.type == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"


def fused_strip(
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
    gradients: tuple[bool, bool],
    *,
    _tiles: Tiles | None = None,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """sum_n sum_i weight_ni l_i(n) of a strip of anchors against all contrast samples, and its gradients.

    With E = exp(scale_ni s), A the sum of E over the samples of rank i and D over those of any lower-ranked kind (> i):

        in:      l = log(1 + D/A)
        out:     l = mean over the samples p of rank i of log(1 + D/E_p)
        supcon:  l = log(A + D) - scale_ni (mean of s over the samples of rank i)

    Args:
        anchors: [N, D] unit-length rows, float32 (full-precision products) or bfloat16 (accumulated in float32).
        contrast: [M, D], likewise.
        anchor_labels: [N] int64 >= 0.
        contrast_labels: [M] int64; -1 is an empty slot and is ignored.
        self_columns: [N] int64, the column that is the anchor itself and is ignored, or None.
        rank_CC: [C, C] integers, the rank 1..R+1 of a column class for an anchor class; None: 1 for the own class, else 2.
        scale_NR: [N, R] float32, 1/tau, at most 70.
        weight_NR: [N, R] float32, 0 where the anchor has no sample of that rank.
        count_NR: [N, R] float32, the number of samples of that rank, self excluded.
        kinds: R of ``KINDS``.
        gradients: whether the anchors' and the contrast samples' gradients are wanted.

    Returns:
        loss, a float32 scalar; the gradient of the anchors [N, D] or None; that of the contrast samples [M, D] or None,
        both in the dtype of the inputs.
    """
    anchors, contrast = anchors.contiguous(), contrast.contiguous()
    (N, D), M, R = anchors.shape, len(contrast), len(kinds)
    scale_NR, weight_NR, count_NR = (t.contiguous() for t in (scale_NR, weight_NR, count_NR))
    if rank_CC is not None:  # a byte an entry keeps the rows that a tile looks up within the nearest cache
        rank_CC = rank_CC.to(torch.uint8).contiguous()
    tiles = _tiles or _choose_tiles(D, R, anchors)
    row_blocks, row_splits, split_columns = _split(N, tiles.rows, M, tiles.columns, tiles.programs)
    column_blocks, column_splits, split_rows = _split(M, tiles.contrast_columns, N, tiles.rows, tiles.programs)

    pairs = (anchors, contrast, anchor_labels, contrast_labels, self_columns, rank_CC, scale_NR)
    sizes = (N, M, 0 if rank_CC is None else rank_CC.shape[1])
    outs, supcons = (sum(1 << i for i, k in enumerate(kinds) if k == kind) for kind in ("out", "supcon"))
    constants = {
        "D": D,
        "DP": max(16, triton.next_power_of_2(D)),
        "R": R,
        "RP": triton.next_power_of_2(R),
        "OUTS": outs,
        "SUPCONS": supcons,
        "ROWS": tiles.rows,
        # The interpreter multiplies the bits of bfloat16 as integers; in float32 its products are exact.
        "WIDEN": anchors.device.type == "cpu" and anchors.dtype == torch.bfloat16,
    }
    constants |= {"num_warps": tiles.warps, "num_stages": tiles.stages}
    by_rows = {**constants, "COLUMNS": tiles.columns}
    by_columns = {**constants, "COLUMNS": tiles.contrast_columns}

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=anchors.device)

    with torch.cuda.device(anchors.device) if anchors.is_cuda else contextlib.nullcontext():
        grid = (row_blocks, row_splits)
        parts_SKNR = empty(row_splits, 3, N, R)
        sums_kernel[grid](*pairs, parts_SKNR, *sizes, split_columns, **by_rows)
        sums_KNR = _add_up(parts_SKNR)
        outside_KNR = None
        if outs:
            parts_SKNR = empty(row_splits, 2, N, R)
            outside_kernel[grid](*pairs, sums_KNR, parts_SKNR, *sizes, split_columns, **by_rows)
            outside_KNR = _add_up(parts_SKNR)

        coefficients_KNR, loss_N = empty(3, N, R), empty(N)
        coefficients_kernel[(triton.cdiv(N, 128),)](
            scale_NR, weight_NR, count_NR, sums_KNR, outside_KNR, coefficients_KNR, loss_N, N, R, outs, supcons, 128
        )

        anchor_gradient = contrast_gradient = None
        if gradients[0]:
            out = empty(row_splits, N, D, dtype=torch.float32 if row_splits > 1 else anchors.dtype)
            anchor_gradient_kernel[grid](*pairs, coefficients_KNR, out, *sizes, split_columns, **by_rows)
            anchor_gradient = _add_up(out).to(anchors.dtype)
        if gradients[1]:
            out = empty(column_splits, M, D, dtype=torch.float32 if column_splits > 1 else contrast.dtype)
            grid = (column_blocks, column_splits)
            contrast_gradient_kernel[grid](*pairs, coefficients_KNR, out, *sizes, split_rows, **by_columns)
            contrast_gradient = _add_up(out).to(contrast.dtype)
    return loss_N.sum(), anchor_gradient, contrast_gradient


def _choose_tiles(D: int, R: int, anchors: Tensor) -> Tiles:
    """Tiles whose state stays in a Hopper GPU's registers; fixed, since trying several out would stop the GPU.

    Tensor cores want 64 rows, and the gradient of the contrast samples, whose tile is turned, 64 columns.
    """
    programs = 4 * torch.cuda.get_device_properties(anchors.device).multi_processor_count if anchors.is_cuda else 4
    if anchors.dtype == torch.float32:
        rows, columns = (64, 32) if D <= 128 else (32, 32) if D <= 256 else (32, 16)
        return Tiles(rows, columns, columns, 8, 2, programs)
    if D <= 128:
        return Tiles(64, 64 if R == 1 else 32, 64, 4, 3, programs)
    return Tiles(64, 32, 32, 4, 2, programs) if D <= 256 else Tiles(64, 16, 32, 8, 2, programs)


def _split(items: int, block: int, others: int, step: int, programs: int) -> tuple[int, int, int]:
    """(blocks, splits, others in a split): few blocks leave a GPU idle, so several programs share a block's loop.

    Every split keeps at least two steps, and the copies of the result stay below ``programs`` blocks.
    """
    blocks, steps = max(1, triton.cdiv(items, block)), max(1, triton.cdiv(others, step))
    splits = max(1, min(programs // blocks, steps // 2))
    steps_each = triton.cdiv(steps, splits)
    return blocks, triton.cdiv(steps, steps_each), steps_each * step


def _add_up(parts: Tensor) -> Tensor:
    """The sum over the splits, in a fixed order."""
    return parts.sum(dim=0) if len(parts) > 1 else parts[0]
