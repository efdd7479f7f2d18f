"""The Triton kernels of ``fused``: each program makes its tiles of cosines anew and keeps sums of them alone.

Letters: N anchors, M contrast samples, D features (DP: the next power of two), C classes, R ranks (RP: the next power of two).
"""

import triton
import triton.language as tl

#: exp(x) = exp2(x log2 e): the GPU only has the latter, and the factor is folded into the scale of each anchor.
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _load_rows(pointer, rows, ok, D: tl.constexpr, DP: tl.constexpr):
    """[rows, DP]: rows of a [*, D] matrix, zero where not ``ok`` and past D."""
    features = tl.arange(0, DP)
    at = rows.to(tl.int64)[:, None] * D + features[None, :]
    return tl.load(pointer + at, mask=ok[:, None] & (features < D)[None, :], other=0.0)


@triton.jit
def _load_labels(pointer, at, ok):
    # triton 3.2 fails to compile some pipelined loads whose masked entries are anything but 0.
    return tl.load(pointer + at, mask=ok, other=0).to(tl.int32)


@triton.jit
def _store_rows(pointer, rows, ok, block, D: tl.constexpr, DP: tl.constexpr):
    features = tl.arange(0, DP)
    at = rows.to(tl.int64)[:, None] * D + features[None, :]
    tl.store(pointer + at, block.to(pointer.dtype.element_ty), mask=ok[:, None] & (features < D)[None, :])


@triton.jit
def _dot(left, right, WIDEN: tl.constexpr):
    if WIDEN:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, input_precision="ieee")


@triton.jit
def _log1p_ratio(x, y, gap):
    """log(1 + x/y), given ``gap`` = log x - log y too: x/y itself may pass the largest float32. NaN stays NaN."""
    ratio = tl.minimum(x, y) / tl.maximum(x, y)
    rounded = 1.0 + ratio
    exact = rounded == 1.0
    # log(1 + ratio) with the rounding of 1 + ratio divided out again: right for small ratios too.
    log = tl.where(exact, ratio, tl.log(rounded) * (ratio / tl.where(exact, 1.0, rounded - 1.0)))
    return log + tl.maximum(gap, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _ranks(cos, rank_ptr, self_ptr, label_n, label_m, rows, row_ok, columns, column_ok, C):
    """[rows, columns] int32: the rank of every pair of a tile, 0 where it is ignored."""
    filled = (column_ok & (label_m >= 0))[None, :]
    if rank_ptr is not None:
        rank = tl.load(rank_ptr + label_n[:, None] * C + label_m[None, :], mask=filled, other=0).to(tl.int32)
        # Never true, and only there to bring the looked-up tile into the layout of ``cos`` once and not at every rank.
        rank = tl.where(cos > 4.0, 0, rank)
    else:
        rank = tl.where(filled, tl.where(label_n[:, None] == label_m[None, :], 1, 2), 0)
    if self_ptr is not None:
        own = _load_labels(self_ptr, rows, row_ok)
        rank = tl.where(own[:, None] == columns[None, :], 0, rank)
    return rank


@triton.jit
def sums_kernel(
    a_ptr, b_ptr, a_label_ptr, b_label_ptr, self_ptr, rank_ptr, scale_ptr, out_ptr, N, M, C, split_columns,
    D: tl.constexpr, DP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """out [splits, 3, N, R]: A and D of every anchor and rank, and the sum of s over the rank where ``supcon`` asks."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_ok = rows < N
    a = _load_rows(a_ptr, rows, row_ok, D, DP)
    label_n = _load_labels(a_label_ptr, rows, row_ok)
    slots = tl.arange(0, RP)[None, :]
    same = tl.zeros([ROWS, RP], tl.float32)
    lower = tl.zeros([ROWS, RP], tl.float32)
    cosines = tl.zeros([ROWS, RP], tl.float32)
    first = tl.program_id(1) * split_columns
    for start in range(first, tl.minimum(first + split_columns, M), COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        column_ok = columns < M
        b = _load_rows(b_ptr, columns, column_ok, D, DP)
        label_m = _load_labels(b_label_ptr, columns, column_ok)
        cos = _dot(a, tl.trans(b), WIDEN)
        rank = _ranks(cos, rank_ptr, self_ptr, label_n, label_m, rows, row_ok, columns, column_ok, C)
        for i in tl.static_range(R):
            scale = tl.load(scale_ptr + rows * R + i, mask=row_ok, other=0.0) * LOG2E
            exp = tl.exp2(cos * scale[:, None])
            part = tl.sum(tl.where(rank == i + 1, exp, 0.0), axis=1)
            same += tl.where(slots == i, part[:, None], 0.0)
            part = tl.sum(tl.where(rank > i + 1, exp, 0.0), axis=1)
            lower += tl.where(slots == i, part[:, None], 0.0)
            if (SUPCONS >> i) & 1:
                part = tl.sum(tl.where(rank == i + 1, cos, 0.0), axis=1)
                cosines += tl.where(slots == i, part[:, None], 0.0)
    at = tl.program_id(1) * 3 * N * R + rows[:, None] * R + slots
    ok = row_ok[:, None] & (slots < R)
    tl.store(out_ptr + at, same, mask=ok)
    tl.store(out_ptr + at + N * R, lower, mask=ok)
    tl.store(out_ptr + at + 2 * N * R, cosines, mask=ok)


@triton.jit
def outside_kernel(
    a_ptr, b_ptr, a_label_ptr, b_label_ptr, self_ptr, rank_ptr, scale_ptr, sums_ptr, out_ptr, N, M, C, split_columns,
    D: tl.constexpr, DP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """out [splits, 2, N, R]: for ``out`` ranks the sums over the rank of log(1 + D/E) and of 1/(E + D)."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_ok = rows < N
    a = _load_rows(a_ptr, rows, row_ok, D, DP)
    label_n = _load_labels(a_label_ptr, rows, row_ok)
    slots = tl.arange(0, RP)[None, :]
    losses = tl.zeros([ROWS, RP], tl.float32)
    inverses = tl.zeros([ROWS, RP], tl.float32)
    first = tl.program_id(1) * split_columns
    for start in range(first, tl.minimum(first + split_columns, M), COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        column_ok = columns < M
        b = _load_rows(b_ptr, columns, column_ok, D, DP)
        label_m = _load_labels(b_label_ptr, columns, column_ok)
        cos = _dot(a, tl.trans(b), WIDEN)
        rank = _ranks(cos, rank_ptr, self_ptr, label_n, label_m, rows, row_ok, columns, column_ok, C)
        for i in tl.static_range(R):
            if (OUTS >> i) & 1:
                logit = cos * tl.load(scale_ptr + rows * R + i, mask=row_ok, other=0.0)[:, None]
                exp = tl.exp2(logit * LOG2E)
                lower = tl.load(sums_ptr + N * R + rows * R + i, mask=row_ok, other=0.0)
                loss = _log1p_ratio(lower[:, None], exp, tl.log(lower)[:, None] - logit)
                part = tl.sum(tl.where(rank == i + 1, loss, 0.0), axis=1)
                losses += tl.where(slots == i, part[:, None], 0.0)
                part = tl.sum(tl.where(rank == i + 1, 1.0 / (exp + lower[:, None]), 0.0), axis=1)
                inverses += tl.where(slots == i, part[:, None], 0.0)
    at = tl.program_id(1) * 2 * N * R + rows[:, None] * R + slots
    ok = row_ok[:, None] & (slots < R)
    tl.store(out_ptr + at, losses, mask=ok)
    tl.store(out_ptr + at + N * R, inverses, mask=ok)


@triton.jit
def coefficients_kernel(
    scale_ptr, weight_ptr, count_ptr, sums_ptr, outside_ptr, out_ptr, loss_ptr, N,
    R: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """out [3, N, R]: what ``_pair_gradient`` multiplies by at pairs of lower rank and of this rank, and D; loss [N]."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    ok = rows < N
    loss_n = tl.zeros([ROWS], tl.float32)
    for i in tl.static_range(R):
        at = rows * R + i
        scale = tl.load(scale_ptr + at, mask=ok, other=0.0)
        weight = tl.load(weight_ptr + at, mask=ok, other=0.0)
        count = tl.maximum(tl.load(count_ptr + at, mask=ok, other=1.0), 1.0)
        same = tl.load(sums_ptr + at, mask=ok, other=0.0)
        counts = (weight != 0.0) & (same != 0.0)
        same = tl.where(counts, same, 1.0)
        lower = tl.where(counts, tl.load(sums_ptr + N * R + at, mask=ok, other=0.0), 0.0)
        weight = tl.where(counts, weight, 0.0)
        force = weight * scale
        if (OUTS >> i) & 1:
            loss = tl.load(outside_ptr + at, mask=ok & counts, other=0.0) / count
            at_lower = force * (tl.load(outside_ptr + N * R + at, mask=ok & counts, other=0.0) / count)
            at_same = -force / count
        elif (SUPCONS >> i) & 1:
            loss = tl.log(same + lower) - scale * tl.load(sums_ptr + 2 * N * R + at, mask=ok, other=0.0) / count
            at_lower = force / (same + lower)
            at_same = -force / count
        else:
            loss = _log1p_ratio(lower, same, tl.log(lower) - tl.log(same))
            at_lower = force / (same + lower)
            at_same = -(force * (lower / (same + lower))) / same
        loss_n += weight * loss
        tl.store(out_ptr + at, at_lower, mask=ok)
        tl.store(out_ptr + N * R + at, at_same, mask=ok)
        tl.store(out_ptr + 2 * N * R + at, lower, mask=ok)
    tl.store(loss_ptr + rows, loss_n, mask=ok)


@triton.jit
def _pair_gradient(
    cos, rank, scale_ptr, coefficient_ptr, rows, row_ok, N,
    R: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr,
):  # fmt: skip
    """[rows, columns]: the derivative of the loss by the cosine of every pair of a tile."""
    gradient = tl.zeros_like(cos)
    for i in tl.static_range(R):
        at = rows * R + i
        scale = tl.load(scale_ptr + at, mask=row_ok, other=0.0) * LOG2E
        at_lower = tl.load(coefficient_ptr + at, mask=row_ok, other=0.0)[:, None]
        at_same = tl.load(coefficient_ptr + N * R + at, mask=row_ok, other=0.0)
        exp = tl.exp2(cos * scale[:, None])
        if (OUTS >> i) & 1:
            lower = tl.load(coefficient_ptr + 2 * N * R + at, mask=row_ok, other=0.0)
            same = (at_same * lower)[:, None] / (exp + lower[:, None])
        elif (SUPCONS >> i) & 1:
            same = exp * at_lower + at_same[:, None]
        else:
            same = exp * at_same[:, None]
        gradient += tl.where(rank > i + 1, exp * at_lower, tl.where(rank == i + 1, same, 0.0))
    return gradient


@triton.jit
def anchor_gradient_kernel(
    a_ptr, b_ptr, a_label_ptr, b_label_ptr, self_ptr, rank_ptr, scale_ptr, coefficient_ptr, out_ptr, N, M, C, split_columns,
    D: tl.constexpr, DP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """out [splits, N, D]: G B over the columns of the split."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_ok = rows < N
    a = _load_rows(a_ptr, rows, row_ok, D, DP)
    label_n = _load_labels(a_label_ptr, rows, row_ok)
    total = tl.zeros([ROWS, DP], tl.float32)
    first = tl.program_id(1) * split_columns
    for start in range(first, tl.minimum(first + split_columns, M), COLUMNS):
        columns = start + tl.arange(0, COLUMNS)
        column_ok = columns < M
        b = _load_rows(b_ptr, columns, column_ok, D, DP)
        label_m = _load_labels(b_label_ptr, columns, column_ok)
        cos = _dot(a, tl.trans(b), WIDEN)
        rank = _ranks(cos, rank_ptr, self_ptr, label_n, label_m, rows, row_ok, columns, column_ok, C)
        gradient = _pair_gradient(cos, rank, scale_ptr, coefficient_ptr, rows, row_ok, N, R, OUTS, SUPCONS)
        total += _dot(gradient.to(b.dtype), b, WIDEN)
    _store_rows(out_ptr + tl.program_id(1).to(tl.int64) * N * D, rows, row_ok, total, D, DP)


@triton.jit
def contrast_gradient_kernel(
    a_ptr, b_ptr, a_label_ptr, b_label_ptr, self_ptr, rank_ptr, scale_ptr, coefficient_ptr, out_ptr, N, M, C, split_rows,
    D: tl.constexpr, DP: tl.constexpr, R: tl.constexpr, RP: tl.constexpr, OUTS: tl.constexpr, SUPCONS: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """out [splits, M, D]: G^T A over the anchors of the split. The tile keeps anchors as rows: their scalars are few."""
    columns = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    column_ok = columns < M
    b = _load_rows(b_ptr, columns, column_ok, D, DP)
    label_m = _load_labels(b_label_ptr, columns, column_ok)
    total = tl.zeros([COLUMNS, DP], tl.float32)
    first = tl.program_id(1) * split_rows
    for start in range(first, tl.minimum(first + split_rows, N), ROWS):
        rows = start + tl.arange(0, ROWS)
        row_ok = rows < N
        a = _load_rows(a_ptr, rows, row_ok, D, DP)
        label_n = _load_labels(a_label_ptr, rows, row_ok)
        cos = _dot(a, tl.trans(b), WIDEN)
        rank = _ranks(cos, rank_ptr, self_ptr, label_n, label_m, rows, row_ok, columns, column_ok, C)
        gradient = _pair_gradient(cos, rank, scale_ptr, coefficient_ptr, rows, row_ok, N, R, OUTS, SUPCONS)
        total += _dot(tl.trans(gradient.to(a.dtype)), a, WIDEN)
    _store_rows(out_ptr + tl.program_id(1).to(tl.int64) * M * D, columns, column_ok, total, D, DP)
