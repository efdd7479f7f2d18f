"""The work of a contrastive loss in row chunks: O(N) memory, the gradient taken in the forward pass.

With E_i = exp(c_i s) of a pair with cosine s and c_i = 1/tau_i, everything a rank needs of an anchor are plain sums: A over
the contrast samples of rank i and D over those ranked lower. A chunk of anchors sees all its contrast samples at once, so its
share of the gradient is complete with it, and no [N, M] matrix outlives its chunk. The exponentials are not shifted: as
|s| <= 1 they lie within e^-c and e^c, which float32 holds for tau >= ``LEAST_TAU`` (a shift by 1 would need twice the range).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

#: The least temperature whose sums over a million samples float32 holds: e^(1/tau) * 1e6 < 3e38. Below it: float64.
LEAST_TAU = 0.0145

#: Elements of a chunk's matrices: on the CPU they should stay in its caches, elsewhere they pay for the launches.
_CHUNK = {"cpu": 2**19, "other": 2**22}
_FEWEST_ROWS = 32
#: With fewer anchors than this to a class, sorting by class costs more than the masks it saves.
_FEWEST_TO_SORT = 8


def chunked_strip(
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
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """sum_n sum_i w_i(n) l_i(n), and its gradients by the anchors and by the contrast samples.

    Args:
        anchors: [N, D] and contrast: [M, D], unit length, float32 or float64.
        anchor_labels: [N] int64; contrast_labels: [M] int64, -1 for an empty place, which is ignored.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored; None for none.
        rank_CC: [C, C], the rank of a pair by its classes, each class of rank 1 to itself; None: rank 1 where the labels
            are equal, else 2.
        scale_NR: [N, R], c_i = 1/tau_i; weight_NR: [N, R], 0 where there is no sample of rank i; count_NR: [N, R], |P_i|.
        kinds: of each rank a key of ``TERMS``.
        gradients: which of the two are wanted.

    Returns:
        (scalar, [N, D] or None, [M, D] or None).
    """
    scale_NR, weight_NR, count_NR = (t.to(anchors.dtype) for t in (scale_NR, weight_NR, count_NR))
    dA = torch.empty_like(anchors) if gradients[0] else None
    dB = torch.zeros_like(contrast) if gradients[1] else None
    # Only on the CPU may the host look at the labels: elsewhere that would wait for the device.
    sort = anchors.device.type == "cpu" and len(anchors) >= _FEWEST_TO_SORT * len(anchor_labels.unique())
    strips = _by_class if sort else _masked
    loss = anchors.new_zeros(())
    inputs = (anchors, contrast, anchor_labels, contrast_labels, self_columns, rank_CC)
    for part in strips(*inputs, (scale_NR, weight_NR, count_NR), kinds, dA, dB):
        loss = loss + part
    return loss, dA, dB


def _by_class(
    anchors: Tensor,
    contrast: Tensor,
    anchor_labels: Tensor,
    contrast_labels: Tensor,
    self_columns: Tensor | None,
    rank_CC: Tensor | None,
    per_rank: tuple[Tensor, Tensor, Tensor],
    kinds: tuple[str, ...],
    dA: Tensor | None,
    dB: Tensor | None,
) -> Iterator[Tensor]:
    """Anchors and contrast samples class by class: to the anchors of one class each rank is a few runs of columns, no mask.

    A class's runs are put together in the order of their rank (``_Layout``), so that rank i and all below it are one block.
    """
    rows_N, columns_M = anchor_labels.argsort(stable=True), contrast_labels.argsort(stable=True)
    columns_M = columns_M[int((contrast_labels < 0).sum()) :]
    bank = contrast.index_select(0, columns_M)
    if not len(bank):
        if dA is not None:
            dA.zero_()
        return
    sizes = contrast_labels[columns_M].unique_consecutive(return_counts=True)
    place_M = columns_M.new_empty(len(contrast_labels)).scatter_(0, columns_M, torch.arange(len(columns_M)))
    layouts: dict[int, _Layout] = {}  # the last one alone: classes come one after the other
    dbank = torch.zeros_like(bank) if dB is not None else None
    most = min(_rows_of(len(bank), anchors.device), len(anchors))
    buffers = [bank.new_empty(most * len(bank)) for _ in range(3)]
    per_rank = [part.index_select(0, rows_N) for part in per_rank]
    done = 0
    for chunk in rows_N.split(most):
        mine = anchors.index_select(0, chunk)
        pairs, *scratch = (buffer[: len(chunk) * len(bank)].view(len(chunk), len(bank)) for buffer in buffers)
        torch.mm(mine, bank.T, out=pairs)
        classes, members = anchor_labels[chunk].unique_consecutive(return_counts=True)
        start = 0
        for label, n in zip(classes.tolist(), members.tolist(), strict=True):
            if label not in layouts:
                layouts = {label: _Layout.of(label, *sizes, rank_CC, len(kinds))}
            layout, rows = layouts[label], slice(start, start + n)
            cos, G = (part[rows] for part in scratch)
            layout.gather(pairs[rows], cos)
            own = None if self_columns is None else place_M[self_columns[chunk[rows]], None] + layout.shift
            given = [part[done : done + n] for part in per_rank]
            yield _blocks(cos, pairs[rows], G, layout.borders, own, given, kinds)  # what was gathered makes room
            layout.scatter(G, pairs[rows])
            start, done = start + n, done + n
        if dA is not None:
            dA.index_copy_(0, chunk, pairs @ bank)
        if dbank is not None:
            dbank.addmm_(pairs.T, mine)
    if dB is not None:
        dB.index_copy_(0, columns_M, dbank)


@dataclass(frozen=True)
class _Layout:
    """How the columns, sorted by class, are put in the order of their rank to one class.

    runs: (first column, one past the last) of each run, in the order of rank; borders: rank i's columns are then
    ``borders[i - 1]`` to ``borders[i]``, and those ranked lower follow. shift: how far the class's own columns move.
    """

    runs: list[tuple[int, int]]
    borders: list[int]
    shift: int

    @classmethod
    def of(cls, label: int, classes: Tensor, counts: Tensor, rank_CC: Tensor | None, ranks: int) -> "_Layout":
        rank_K = 2 - (classes == label).long() if rank_CC is None else rank_CC[label][classes]
        ends = counts.cumsum(0).tolist()
        by_rank = sorted(zip(rank_K.tolist(), [0, *ends[:-1]], ends, classes.tolist(), strict=True))
        runs: list[tuple[int, int]] = []
        borders, at, shift = [0] * (ranks + 1), 0, 0
        for rank, start, end, name in by_rank:
            if name == label:
                shift = at - start
            at += end - start
            borders[rank:] = [at] * (ranks + 1 - rank)
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
        return cls(runs, borders, shift)

    def gather(self, sorted_by_class: Tensor, out: Tensor) -> None:
        torch.cat([sorted_by_class[:, start:end] for start, end in self.runs], dim=1, out=out)

    def scatter(self, by_rank: Tensor, out: Tensor) -> None:
        at = 0
        for start, end in self.runs:
            out[:, start:end] = by_rank[:, at : at + end - start]
            at += end - start


def _blocks(
    cos: Tensor,
    exp: Tensor,
    G: Tensor,
    borders: list[int],
    own: Tensor | None,
    per_rank: list[Tensor],
    kinds: tuple[str, ...],
) -> Tensor:
    """The loss of a chunk of one class; ``G`` receives d loss / d cos, ``exp`` is scratch.

    borders: as of ``_Layout``. own: [B, 1], the column of each anchor itself, among those of rank 1.
    """
    untouched, loss = True, cos.new_zeros(())
    if own is not None:
        cos.scatter_(1, own, 0.0)
    for i, kind in enumerate(kinds):
        low, high = borders[i], borders[i + 1]
        if low == high:
            continue
        term, absent = TERMS[kind]
        scale, weight, count = (part[:, i, None] for part in per_rank)
        E = torch.mul(cos[:, low:], scale, out=exp[:, low:]).exp_()
        positive, lower = E[:, : high - low], E[:, high - low :]
        if own is not None and i == 0:
            positive.scatter_(1, own, absent)
        D = lower.sum(dim=1, keepdim=True)
        part, lower_scale = term(cos[:, low:high], positive, D, scale, weight, count)
        if own is not None and i == 0:
            positive.scatter_(1, own, 0.0)
        loss = loss + part
        if untouched:  # the first rank with a sample begins at column 0
            G[:, :high] = positive
            torch.mul(lower, lower_scale, out=G[:, high:])
            untouched = False
        else:
            G[:, low:high] += positive
            G[:, high:].addcmul_(lower, lower_scale)
    if untouched:
        G.zero_()
    return loss


def _masked(
    anchors: Tensor,
    contrast: Tensor,
    anchor_labels: Tensor,
    contrast_labels: Tensor,
    self_columns: Tensor | None,
    rank_CC: Tensor | None,
    per_rank: tuple[Tensor, Tensor, Tensor],
    kinds: tuple[str, ...],
    dA: Tensor | None,
    dB: Tensor | None,
) -> Iterator[Tensor]:
    """In the order given, with a mask a chunk: asks the device nothing, and any number of classes costs the same."""
    known = contrast_labels.clamp(min=0)
    for rows in torch.arange(len(anchors), device=anchors.device).split(_rows_of(len(contrast), anchors.device)):
        mine, labels = anchors[rows], anchor_labels[rows]
        cos = mine @ contrast.T
        rank = 2 - (labels[:, None] == contrast_labels).byte() if rank_CC is None else rank_CC.byte()[labels][:, known]
        rank = rank.masked_fill(contrast_labels < 0, 0)
        if self_columns is not None:
            rank = rank.scatter(1, self_columns[rows, None], 0)
        G, loss = torch.zeros_like(cos), cos.new_zeros(())
        for i, kind in enumerate(kinds):
            term, absent = TERMS[kind]
            scale, weight, count = (part[rows, i, None] for part in per_rank)
            E = (cos * scale).exp_()
            here = rank == i + 1
            positive, lower = E.masked_fill(~here, absent), E.masked_fill_(rank <= i + 1, 0.0)
            D = lower.sum(dim=1, keepdim=True)
            part, lower_scale = term(cos.masked_fill(~here, 0.0), positive, D, scale, weight, count)
            loss = loss + part
            G += positive.masked_fill_(~here, 0.0)
            G.addcmul_(lower, lower_scale)
        yield loss
        if dA is not None:
            dA[rows] = G @ contrast
        if dB is not None:
            dB.addmm_(G.T, mine)


def _rows_of(columns: int, device: torch.device) -> int:
    return max(_FEWEST_ROWS, _CHUNK["cpu" if device.type == "cpu" else "other"] // max(1, columns))


# A term: (cosines of the positives [B, P], 0 where absent; E of the positives, ``absent`` where absent; D, c, w and |P|, all
# [B, 1]) -> (sum of w l, what E of a lower-ranked pair is multiplied by to give its gradient [B, 1]). It leaves the gradient
# at the positives in the place of their E.


def _in(cos: Tensor, E: Tensor, D: Tensor, scale: Tensor, weight: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    A = torch.where(count > 0, E.sum(dim=1, keepdim=True), 1.0)
    share = D / (A + D)
    E.mul_(-weight * scale * share / A)
    return (weight * _log1p_ratio(D, A, A.log)).sum(), weight * scale / (A + D)


def _out(cos: Tensor, E: Tensor, D: Tensor, scale: Tensor, weight: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    each = weight / count.clamp(min=1)
    loss = (each * _log1p_ratio(D, E, lambda: scale * cos).sum(dim=1, keepdim=True)).sum()
    E.add_(D).reciprocal_()
    lower_scale = each * scale * E.sum(dim=1, keepdim=True)
    E.mul_(-each * scale * D)
    return loss, lower_scale


def _supcon(cos: Tensor, E: Tensor, D: Tensor, scale: Tensor, weight: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    each = weight * scale / count.clamp(min=1)
    total = torch.where(count > 0, E.sum(dim=1, keepdim=True) + D, 1.0)
    loss = (weight * total.log() - each * cos.sum(dim=1, keepdim=True)).sum()
    E.mul_(weight * scale / total).sub_(each)
    return loss, weight * scale / total


def _log1p_ratio(D: Tensor, E: Tensor, log_E: Callable[[], Tensor]) -> Tensor:
    """log(1 + D/E). D and E are in range (E of an absent one apart), but D/E, up to M e^(2c), may pass it."""
    found = (D / E).log1p_()
    if found.is_cpu and bool(found.sum().isfinite()):
        return found
    return torch.where(found.isinf(), D.log() - log_E(), found)


#: kind -> (term, what E of an absent positive is taken as: it then adds nothing)
TERMS: dict[str, tuple[Callable[..., tuple[Tensor, Tensor]], float]] = {
    "in": (_in, 0.0),
    "out": (_out, math.inf),
    "supcon": (_supcon, 0.0),
}
