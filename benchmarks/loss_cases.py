"""What ``loss.py`` measures: sizes, the losses at them, and who computes them."""

import dataclasses
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from dense import dense_ranked_loss, dense_supcon_loss
from loss_table import DENSE, PEER
from torch import Tensor

from rankcon_cli.losses import SupConLoss, pick_implementation, ranked_contrastive_loss

D = 128
TAU_MIN, TAU_MAX = 0.1, 0.6


@dataclass(frozen=True)
class Work:
    """One loss as one implementation computes it; variant ``supcon`` is within the batch and has one rank."""

    implementation: str
    variant: str
    ranks: int


@dataclass(frozen=True)
class Setting:
    """Inputs, and the works that are timed on them in turns. ``heavy``: one call, not repeated."""

    anchors: int
    contrast: int
    works: tuple[Work, ...]
    classes: int = 10
    dtype: str = "float32"
    within_batch: bool = False
    heavy: bool = False

    @property
    def pairs(self) -> int:
        return self.anchors * self.contrast

    @property
    def name(self) -> str:
        where = "within the batch" if self.within_batch else "against a bank"
        return f"{self.anchors:,} x {self.contrast:,} {where}, {self.classes} classes, {self.dtype}"


@dataclass(frozen=True)
class Inputs:
    """anchors [N, D], its labels, the bank and its labels: the anchors themselves within the batch."""

    anchors: Tensor
    labels: Tensor
    bank: Tensor
    bank_labels: Tensor
    classes: int


def settings(device: torch.device, *, quick: bool = False, million: bool = False) -> list[Setting]:
    """All that is measured on ``device``, what the bars need first."""
    cuda = device.type == "cuda"
    ours = tuple(dict.fromkeys((pick_implementation("auto", torch.empty(1, D, device=device)), "chunked")))
    fused = ours[:1]
    largest_dense = 8192**2 if cuda else 4096**2

    def bank(anchors: int, contrast: int, by: tuple[str, ...] = ours, **other) -> Setting:
        dense = DENSE if anchors * contrast <= largest_dense else ()
        works = [Work(name, variant, 4) for variant in ("in", "out-in") for name in (*by, *dense)]
        # in and out-in of one rank are `in` and `out`.
        works += [Work(name, variant, 1) for variant in ("in", "out-in") for name in by]
        return Setting(anchors, contrast, tuple(works), **other)

    def batch(n: int) -> Setting:
        names = (*ours, *DENSE, *((PEER,) if peer_installed() else ()))
        return Setting(n, n, tuple(Work(name, "supcon", 1) for name in names), within_batch=True)

    if quick:
        return [bank(512, 1024), batch(1024), bank(512, 1024, classes=100)]
    sizes = [(512, 4096), (4096, 4096), (8192, 8192), (16384, 16384)]
    found = [bank(*sizes[1]), batch(4096), bank(*sizes[0]), bank(4096, 4096, classes=100)]
    if cuda:
        found += [bank(65536, 65536, fused, dtype=dtype) for dtype in ("bfloat16", "float32")]
    found += [bank(*size) for size in sizes[2:]]
    if million:
        found.append(Setting(2**20, 2**20, (Work(fused[0], "out-in", 4),), dtype="bfloat16", heavy=True))
    return found


def peer_installed() -> bool:
    return importlib.util.find_spec("pytorch_metric_learning") is not None


def make_inputs(setting: Setting, device: torch.device) -> Inputs:
    """Clusters with a cosine of about 0.5 within a class, drawn on the CPU: the same on every device.

    Within a batch the embeddings are of any length, for every implementation brings them to unit length itself.
    """
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(setting.classes, D, generator=generator)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        labels = torch.randint(setting.classes, (n,), generator=generator)
        z = (centres[labels] + torch.randn(n, D, generator=generator)).to(device)
        dtype = getattr(torch, setting.dtype)
        return (z if setting.within_batch else F.normalize(z, dim=1)).to(dtype), labels.to(device)

    anchors, labels = draw(setting.anchors)
    bank, bank_labels = (anchors, labels) if setting.within_batch else draw(setting.contrast)
    return Inputs(anchors.requires_grad_(), labels, bank, bank_labels, setting.classes)


def tables(classes: int, ranks: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(rank_CC, tau_CR): each class is followed by its relatives around a ring, a tenth of the classes a tier."""
    ring = torch.arange(classes, device=device)
    tier = ((ring - ring[:, None]) % classes + max(1, classes // 10) - 1) // max(1, classes // 10)
    tau_R = TAU_MIN + torch.arange(ranks, device=device) / ranks * (TAU_MAX - TAU_MIN)
    return (tier + 1).clamp(max=ranks + 1), tau_R.expand(classes, ranks).contiguous()


def loss_of(work: Work, inputs: Inputs) -> Callable[[], Tensor]:
    """The forward pass; what a training would prepare once is prepared here."""
    x = inputs
    if work.variant == "supcon":
        if work.implementation == "plain":
            return lambda: dense_supcon_loss(F.normalize(x.anchors, dim=1), x.labels, TAU_MIN)
        if work.implementation == PEER:
            from pytorch_metric_learning.losses import SupConLoss as PeerLoss

            module = PeerLoss(temperature=TAU_MIN)
        else:
            module = SupConLoss(TAU_MIN, impl=work.implementation)
        return lambda: module(x.anchors, x.labels)
    rank_CC, tau_CR = tables(x.classes, work.ranks, x.anchors.device)
    arguments = (x.anchors, x.labels, x.bank, x.bank_labels, rank_CC, tau_CR.to(_state(x.anchors)))
    if work.implementation == "plain":
        return lambda: dense_ranked_loss(*arguments, variant=work.variant)
    return lambda: ranked_contrastive_loss(*arguments, variant=work.variant, impl=work.implementation)


def in_float64(inputs: Inputs, rows: int | None = None) -> Inputs:
    """The same inputs in float64, of the first ``rows`` anchors alone where that is given."""
    anchors = inputs.anchors.detach()[:rows].double()
    own = inputs.bank is inputs.anchors
    bank = anchors if own else inputs.bank.double()
    return dataclasses.replace(inputs, anchors=anchors.requires_grad_(), labels=inputs.labels[:rows], bank=bank)


def reference(work: Work, inputs: Inputs) -> tuple[str, float | None, Tensor]:
    """(how it was found, value, gradient of the anchors) in float64.

    Dense up to 4,096 x 4,096, in chunks beyond, and past 2**33 pairs for the first 1,024 anchors alone: every anchor has
    samples of all ranks there, so its gradient is that of the smaller mean, scaled. The value is then not known.
    """
    n, pairs = len(inputs.anchors), len(inputs.anchors) * len(inputs.bank)
    rows = 1024 if pairs > 2**33 else None
    implementation = "plain" if pairs <= 4096**2 else "chunked"
    exact = in_float64(inputs, rows)
    value = loss_of(dataclasses.replace(work, implementation=implementation), exact)()
    value.backward()
    share = (rows or n) / n
    how = ("dense" if implementation == "plain" else "chunked") + " in float64"
    return (
        how + (f", the first {rows:,} anchors" if rows else ""),
        None if rows else value.item(),
        exact.anchors.grad * share,
    )


def errors(value: float, gradient: Tensor, expected: float | None, exact: Tensor) -> dict[str, float | None]:
    """Relative error of the value, and of the gradient by norms."""
    part = gradient[: len(exact)].double()
    return {
        "value_error": None if expected is None else abs(value - expected) / abs(expected),
        "gradient_error": ((part - exact).norm() / exact.norm()).item(),
    }


def _state(anchors: Tensor) -> torch.dtype:
    return torch.promote_types(anchors.dtype, torch.float32)


def warm_up(setting: Setting) -> Setting:
    """``setting`` made so small that it costs nothing, yet takes the same path; what runs once is compiled for its size."""
    n = min(setting.anchors, 8192 if setting.heavy else max(256, 16 * setting.classes))
    return dataclasses.replace(setting, anchors=n, contrast=n)
