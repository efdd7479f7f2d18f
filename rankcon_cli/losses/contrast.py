"""What all contrastive losses here are: a weighted sum over anchors and ranks, done by one of three implementations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rankcon_cli.losses.chunked import LEAST_TAU, chunked_strip
from rankcon_cli.losses.dense import dense_loss
from rankcon_cli.losses.pairs import in_full_precision

#: ``auto`` is triton on a CUDA device that has it, else chunked. ``dense`` can be differentiated twice.
IMPLEMENTATIONS = ("auto", "chunked", "triton", "dense")
#: Dimensions up to which the triton implementation has tiles.
WIDEST = 512


def contrastive_loss(
    anchors: Tensor,
    anchor_labels: Tensor,
    contrast: Tensor,
    contrast_labels: Tensor,
    *,
    rank_CC: Tensor | None,
    tau_NR: Tensor,
    kinds: tuple[str, ...],
    self_columns: Tensor | None = None,
    impl: str = "auto",
    low_tau: bool = False,
    across: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """1/R sum_i of the mean of l_i over the anchors that have a sample of rank i; ``kinds`` names each l_i.

    Args:
        anchors: [N, D] and contrast: [M, D], unit length; float32, float64, or bfloat16, which is taken as it is and
            summed in float32.
        anchor_labels: [N] int64; contrast_labels: [M] int64, -1 for an empty place.
        rank_CC: [C, C], the rank of a pair by its classes, 1 on the diagonal; None: 1 where the labels are equal, else 2.
        tau_NR: [N, R], the temperature of each anchor and rank.
        self_columns: [N] int64, the column of ``contrast`` that is the anchor itself and is ignored; None for none.
        impl: one of ``IMPLEMENTATIONS``.
        low_tau: a temperature lies below ``LEAST_TAU`` (0.0145) and float32 is not enough. On the CPU this is found out
            by itself; on other devices asking would wait for them.
        across: sums a tensor over the processes that hold the other anchors; the loss is then this one's share, and the
            shares add up to the loss.

    Returns:
        scalar in float32 (float64 for float64 input), also under autocast. Without a positive a zero in the graph.

    Raises:
        ValueError: an implementation that does not exist or does not run here; several kinds without ``rank_CC``.
    """
    if rank_CC is None and len(kinds) > 1:
        raise ValueError("without a rank table there is one rank beside the negatives: give one kind, or rank_CC")
    with torch.autocast(anchors.device.type, enabled=False):
        count_NR = rank_counts(anchor_labels, contrast_labels, self_columns, rank_CC, len(kinds))
        n_valid_R = (count_NR > 0).sum(dim=0)
        if across is not None:
            n_valid_R = across(n_valid_R)
        state = torch.promote_types(anchors.dtype, torch.float32)
        weight_NR = (count_NR > 0).to(state) / (len(kinds) * n_valid_R.clamp(min=1))
        scale_NR = 1 / tau_NR.to(state)
        inputs = (anchor_labels, contrast_labels, self_columns, rank_CC, scale_NR, weight_NR, count_NR)
        impl = pick_implementation(impl, anchors, low_tau)
        if impl == "dense":
            with in_full_precision(anchors, contrast) as (anchors, contrast):
                return dense_loss(anchors, contrast, *inputs, kinds)
        # Within a batch the two sides are one tensor, and torch.compile wants different ones.
        contrast, columns, *others = contrast.view_as(contrast), contrast_labels.view_as(contrast_labels), *inputs[2:]
        how = (",".join(kinds), f"{impl}:float64" if low_tau else impl)
        return _Contrast.apply(anchors, contrast, anchor_labels, columns, *others, *how)


def rank_counts(
    anchor_labels: Tensor, contrast_labels: Tensor, self_columns: Tensor | None, rank_CC: Tensor | None, ranks: int
) -> Tensor:
    """How many contrast samples of each rank an anchor has, itself not counted: float32 [N, R], exact up to 2**24."""
    filled = contrast_labels >= 0
    if rank_CC is None:
        ordered = contrast_labels.sort().values
        bounds = [torch.searchsorted(ordered, anchor_labels, right=right) for right in (True, False)]
        count_NR = (bounds[0] - bounds[1]).float()[:, None]
    else:
        # A scatter, for bincount would wait for the device. The sums are of whole numbers and so the same in any order.
        count_C = torch.zeros(len(rank_CC), device=rank_CC.device)
        count_C.scatter_add_(0, contrast_labels.clamp(min=0), filled.float())
        count_CR = torch.stack([((rank_CC == i + 1) * count_C).sum(dim=1) for i in range(ranks)], dim=1)
        count_NR = count_CR[anchor_labels]
    if self_columns is not None:
        count_NR = torch.cat([count_NR[:, :1] - 1, count_NR[:, 1:]], dim=1)
    return count_NR


def pick_implementation(name: str, anchors: Tensor, low_tau: bool = False) -> str:
    """What ``name`` means for ``anchors`` [N, D]; ValueError where there is no such implementation, or it cannot do them."""
    if name not in IMPLEMENTATIONS:
        raise ValueError(f"there is no implementation {name!r} of the loss; there are {', '.join(IMPLEMENTATIONS)}")
    suits = not low_tau and anchors.dtype != torch.float64 and anchors.shape[1] <= WIDEST
    if name == "auto":
        return "triton" if anchors.is_cuda and suits and triton_runs(anchors.device) else "chunked"
    if name == "triton" and not triton_runs(anchors.device):
        raise ValueError(
            f"the triton implementation of the loss needs a CUDA device and Triton, not {anchors.device.type}"
        )
    if name == "triton" and not suits:
        raise ValueError(
            f"the triton implementation of the loss takes float32 or bfloat16 of up to {WIDEST} dimensions, and "
            f"temperatures of {LEAST_TAU} and more"
        )
    return name


def triton_runs(device: torch.device) -> bool:
    """Whether the fused implementation runs on ``device``: False too where Triton is not installed."""
    try:
        from rankcon_cli.losses.fused import available
    except ImportError:
        return False
    return available(device)


def _strip(
    anchors: Tensor,
    contrast: Tensor,
    anchor_labels: Tensor,
    contrast_labels: Tensor,
    self_columns: Tensor | None,
    rank_CC: Tensor | None,
    scale_NR: Tensor,
    weight_NR: Tensor,
    count_NR: Tensor,
    kinds: str,
    impl: str,
    for_anchors: bool,
    for_contrast: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """One opaque operator, so that ``torch.compile`` need not look into the chunks: (loss, d anchors, d contrast)."""
    inputs = (anchor_labels, contrast_labels, self_columns, rank_CC, scale_NR, weight_NR, count_NR)
    asked = (for_anchors, for_contrast)
    impl, _, state = impl.partition(":")
    # An operator's body runs under the autocast of its caller.
    with torch.autocast(anchors.device.type, enabled=False):
        if impl == "triton":
            from rankcon_cli.losses.fused import fused_strip

            work = torch.promote_types(anchors.dtype, contrast.dtype)
            loss, *found = fused_strip(anchors.to(work), contrast.to(work), *inputs, tuple(kinds.split(",")), asked)
        else:
            # The CPU can be asked without waiting for it.
            low_tau = state == "float64" or (anchors.is_cpu and bool((scale_NR > 1 / LEAST_TAU).any()))
            work = torch.promote_types(anchors.dtype, contrast.dtype)
            work = torch.promote_types(work, torch.float64 if low_tau else torch.float32)
            loss, *found = chunked_strip(anchors.to(work), contrast.to(work), *inputs, tuple(kinds.split(",")), asked)
            loss = loss.to(_loss_dtype(anchors))
    dA, dB = (
        like.new_empty(0) if g is None else g.to(like.dtype) for g, like in zip(found, (anchors, contrast), strict=True)
    )
    return loss, dA, dB


def _fake_strip(anchors: Tensor, contrast: Tensor, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    *_, for_anchors, for_contrast = inputs
    return (
        anchors.new_empty((), dtype=_loss_dtype(anchors)),
        torch.empty_like(anchors) if for_anchors else anchors.new_empty(0),
        torch.empty_like(contrast) if for_contrast else contrast.new_empty(0),
    )


def _loss_dtype(anchors: Tensor) -> torch.dtype:
    return torch.promote_types(anchors.dtype, torch.float32)


# By hand, for torch.library.custom_op would import the compiler, two seconds of it, at the first call.
_LIBRARY = torch.library.Library("rankcon", "FRAGMENT")
_LIBRARY.define("contrast_strip" + torch.library.infer_schema(_strip, mutates_args=()))
_LIBRARY.impl("contrast_strip", _strip, "CompositeExplicitAutograd")
torch.library.register_fake("rankcon::contrast_strip", _fake_strip, lib=_LIBRARY)


class _Contrast(torch.autograd.Function):
    """The gradient is taken in the forward pass, while the chunk's exponentials are at hand; backward only scales it."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, contrast: Tensor, *inputs: Any) -> Tensor:
        loss, dA, dB = torch.ops.rankcon.contrast_strip(anchors, contrast, *inputs, *ctx.needs_input_grad[:2])
        ctx.save_for_backward(dA, dB)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        found = [
            saved * gradient.to(saved.dtype) if needed else None
            for saved, needed in zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        ]
        if torch.is_grad_enabled():  # create_graph=True
            guard = gradient.new_zeros((), requires_grad=True)
            found = [None if part is None else _NoSecond.apply(part, guard) for part in found]
        return *found, *[None] * (len(ctx.needs_input_grad) - 2)


class _NoSecond(torch.autograd.Function):
    """The first derivative, refusing to be differentiated: a second would need what the chunks have let go."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, guard: Tensor) -> Tensor:
        return first.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None]:
        raise NotImplementedError("this implementation of the loss has no second derivative; use impl='dense'")
