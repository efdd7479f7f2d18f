"""The Triton kernels against the equations in float64: small and interpreted on the CPU, larger where there is a GPU.

Triton decides when it is first imported whether it interprets, and other tests may import it before: this file run as a
script is the one process that works all interpreted cases and prints how far each is off.
"""

import json
import math
import os
import subprocess
import sys
import zlib
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

TABLES = {
    1: [[1, 2, 2, 2], [2, 1, 2, 2], [2, 2, 1, 2], [2, 2, 2, 1]],
    # Not symmetric; class 2 has nothing at rank 2 and class 3 nothing below rank 2.
    3: [[1, 2, 3, 4], [3, 1, 2, 4], [4, 3, 1, 4], [2, 2, 2, 1]],
    4: [[1, 2, 3, 4], [2, 1, 4, 5], [5, 3, 1, 2], [4, 2, 3, 1]],
}


class Case(NamedTuple):
    """One call. ``source``: ``batch`` (contrast is the anchors), ``bank`` (some slots empty) or ``lonely`` (a bank, and
    an anchor whose class it lacks)."""

    kinds: tuple[str, ...] = ("in",)
    source: str = "batch"
    table: bool = True
    N: int = 41
    M: int = 70
    D: int = 24
    tau: tuple[float, float] = (0.1, 0.6)
    dtype: str = "float32"
    gradients: tuple[bool, bool] = (True, True)
    tiles: tuple[int, ...] = (16, 32, 16, 4, 2, 9)


CASES = {
    "in, one rank": Case(),
    "in, ranks without a table": Case(table=False, source="bank"),
    "in, three ranks": Case(("in",) * 3, N=49, M=49),
    "in, four ranks, bank": Case(("in",) * 4, "bank", gradients=(True, False)),
    "out, one rank": Case(("out",), "bank", gradients=(True, False)),
    "out, three ranks": Case(("out",) * 3, N=40, D=33),
    "out-in, three ranks": Case(("out", "in", "in"), D=40),
    "out-in, four ranks, bank": Case(("out", "in", "in", "in"), "bank", D=16, gradients=(True, False)),
    "supcon": Case(("supcon",), table=False),
    "supcon, bank": Case(("supcon",), "bank", table=False, gradients=(True, False)),
    "an anchor without a positive": Case(("out", "in", "supcon"), "lonely"),
    "no positive, in": Case(source="lonely"),
    "no positive, out": Case(("out",), "lonely", gradients=(True, False)),
    "no positive, supcon": Case(("supcon",), "lonely", table=False),
    "gradient of the contrast alone": Case(("out", "in", "in"), "bank", gradients=(False, True)),
    "no gradient": Case(("out", "in", "in"), gradients=(False, False)),
    "one split": Case(("out", "in", "in"), tiles=(32, 16, 32, 4, 2, 1)),
    "own tiles": Case(("out", "in", "in"), N=70, M=130, source="bank", tiles=()),
    "cold, in": Case(("in",) * 3, tau=(0.02, 0.02)),
    "cold, out-in": Case(("out", "in", "in"), tau=(0.02, 0.3)),
    "cold, supcon": Case(("supcon",), table=False, tau=(0.02, 0.02)),
    "coldest": Case(("out", "in", "in"), tau=(0.0145, 0.0145)),
    "bfloat16, out-in": Case(("out", "in", "in"), dtype="bfloat16"),
    "bfloat16, supcon": Case(("supcon",), "bank", table=False, dtype="bfloat16"),
}
BOUNDS = {"float32": 1e-6, "bfloat16": 5e-3}
INTERPRETED_BOUNDS = {**BOUNDS, "bfloat16": 1e-2}  # the interpreter cuts off the bits that a GPU rounds
COLD_BOUND = 5e-6  # exp(s / 0.02) carries the rounding of s fifty times over


def build(case: Case, device: str = "cpu") -> dict:
    """The arguments of ``fused_strip`` for a case, the same in every run."""
    draw = torch.Generator().manual_seed(zlib.crc32(repr(case).encode()))
    R = len(case.kinds)
    label_N = torch.randint(4, (case.N,), generator=draw)
    centre_CD = torch.randn(4, case.D, generator=draw)

    def embed(labels: Tensor) -> Tensor:
        noisy = centre_CD[labels] + torch.randn(len(labels), case.D, generator=draw)
        return torch.nn.functional.normalize(noisy, dim=1).to(getattr(torch, case.dtype))

    a = embed(label_N)
    if case.source == "batch":
        b, label_M, self_N = a, label_N, torch.arange(case.N)
    else:
        label_M, self_N = torch.randint(4, (case.M,), generator=draw), None
        if case.source == "lonely":
            label_M[label_M == label_N[3]] = (label_N[3] + 1) % 4
        b = embed(label_M)
        label_M[torch.rand(case.M, generator=draw) < 0.2] = -1
    rank_CC = torch.tensor(TABLES[R]) if case.table else None
    rank_NM = ranks(label_N, label_M, self_N, rank_CC)
    count_NR = torch.stack([(rank_NM == i + 1).sum(dim=1) for i in range(R)], dim=1).float()
    low, high = case.tau
    tau_NR = low + (high - low) * torch.rand(case.N, R, generator=draw)
    weight_NR = (0.5 + torch.rand(case.N, R, generator=draw)) / (case.N * R) * (count_NR > 0)
    arguments = {
        "anchors": a,
        "contrast": b,
        "anchor_labels": label_N,
        "contrast_labels": label_M,
        "self_columns": self_N,
        "rank_CC": rank_CC,
        "scale_NR": 1 / tau_NR,
        "weight_NR": weight_NR,
        "count_NR": count_NR,
    }
    arguments = {k: v if v is None else v.to(device) for k, v in arguments.items()}
    return {**arguments, "kinds": case.kinds, "gradients": case.gradients}


def ranks(label_N: Tensor, label_M: Tensor, self_N: Tensor | None, rank_CC: Tensor | None) -> Tensor:
    """[N, M]: the rank of every pair, 0 where it is ignored."""
    if rank_CC is None:
        rank_NM = 2 - (label_N[:, None] == label_M).long()
    else:
        rank_NM = rank_CC[label_N][:, label_M.clamp(min=0)]
    rank_NM = rank_NM.masked_fill(label_M < 0, 0)
    return rank_NM if self_N is None else rank_NM.scatter(1, self_N[:, None], 0)


def reference(arguments: dict) -> tuple[Tensor, Tensor, Tensor]:
    """(loss, gradient of the anchors, of the contrast samples) in float64, dense, gradients by autograd."""
    a, b = (arguments[k].double().requires_grad_() for k in ("anchors", "contrast"))
    rank_NM = ranks(*(arguments[k] for k in ("anchor_labels", "contrast_labels", "self_columns", "rank_CC")))
    total = (a @ b.T).sum() * 0
    for i, kind in enumerate(arguments["kinds"]):
        has = arguments["weight_NR"][:, i] > 0
        logits = (a @ b.T * arguments["scale_NR"][:, i, None].double())[has]
        same, lower = rank_NM[has] == i + 1, rank_NM[has] > i + 1
        log_lower = logits.masked_fill(~lower, -1e9).logsumexp(dim=1)
        log_same = logits.masked_fill(~same, -1e9).logsumexp(dim=1)
        if kind == "in":
            loss = torch.nn.functional.softplus(log_lower - log_same, threshold=800)
        elif kind == "out":
            each = torch.nn.functional.softplus(log_lower[:, None] - logits, threshold=800)
            loss = (each * same).sum(dim=1) / same.sum(dim=1)
        else:
            loss = torch.logaddexp(log_lower, log_same) - (logits * same).sum(dim=1) / same.sum(dim=1)
        total = total + (arguments["weight_NR"][has, i].double() * loss).sum()
    return total.detach(), *torch.autograd.grad(total, (a, b))


def compare(case: Case, device: str = "cpu") -> dict:
    """How far a call is off: the relative error of the loss, and of each gradient by its norm; None where none came."""
    from rankcon_cli.losses import fused

    arguments = build(case, device)
    got = fused.fused_strip(**arguments, _tiles=fused.Tiles(*case.tiles) if case.tiles else None)
    wanted = reference(arguments)
    names = ("loss", "anchors", "contrast")
    off = {k: g if g is None else error(g, w) for k, g, w in zip(names, got, wanted, strict=True)}
    dtypes = [str(g.dtype) for g in got if g is not None]
    return {**off, "dtypes": dtypes}


def error(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return ((got.double() - wanted).norm() / wanted.norm()).item()


@pytest.fixture(scope="session")
def interpreted() -> dict:
    """case -> ``compare`` of it, all worked by one process in which Triton interprets."""
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def check(case: Case, off: dict, bounds: dict) -> None:
    bound = max(bounds[case.dtype], 0 if case.tau[0] >= 0.1 else COLD_BOUND)
    assert off["loss"] <= bound
    for wanted, side in zip(case.gradients, ("anchors", "contrast"), strict=True):
        assert (off[side] is not None) == wanted
        assert not wanted or off[side] <= bound
    assert off["dtypes"] == ["torch.float32"] + [f"torch.{case.dtype}"] * sum(case.gradients)


@pytest.mark.parametrize("name", CASES)
def test_interpreted_kernels_follow_the_equations(name: str, interpreted: dict):
    check(CASES[name], interpreted[name], INTERPRETED_BOUNDS)


def test_an_empty_bank_is_a_zero(interpreted: dict):
    assert interpreted["empty bank"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["in", "out", "supcon"])
def test_a_nan_is_not_hidden(kind: str, interpreted: dict):
    assert all(math.isnan(value) for value in interpreted[f"nan, {kind}"])


def sizes_of(arguments: dict) -> list[float]:
    """The sum of absolute values of each of the three results."""
    from rankcon_cli.losses.fused import fused_strip

    return [part.abs().sum().item() for part in fused_strip(**arguments)]


def empty_bank() -> dict:
    arguments = build(Case(("out", "in", "supcon"), "bank"))
    arguments["contrast_labels"].fill_(-1)
    return {**arguments, **{k: torch.zeros_like(arguments[k]) for k in ("weight_NR", "count_NR")}}


def one_nan(kind: str) -> dict:
    arguments = build(Case((kind,), "bank", table=False))
    arguments["contrast"][arguments["contrast_labels"].argmax()] = torch.nan
    return arguments


GPU_CASES = {
    "out-in, batch": Case(("out", "in", "in", "in")),
    "in, bank": Case(("in",) * 3, "bank"),
    "out, bank": Case(("out",) * 3, "bank"),
    "supcon": Case(("supcon",), table=False),
    "cold": Case(("out", "in", "in"), tau=(0.02, 0.3)),
}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("D", [96, 128, 200, 512])
@pytest.mark.parametrize("name", GPU_CASES)
def test_on_a_gpu(name: str, D: int, dtype: str):
    case = GPU_CASES[name]._replace(N=1000, M=3000, D=D, dtype=dtype, tiles=())
    check(case, compare(case, "cuda"), BOUNDS)


@pytest.mark.gpu
def test_few_anchors_split_the_contrast_samples_on_a_gpu():
    case = Case(("out", "in", "in", "in"), "bank", N=512, M=4096, D=128, tiles=())
    check(case, compare(case, "cuda"), BOUNDS)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", BOUNDS)
def test_pairs_are_never_stored(dtype: str):
    """8,192 x 8,192 at four ranks: one matrix of the pairs alone would take 256 MiB."""
    from rankcon_cli.losses.fused import fused_strip

    size = 8192
    draw = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(size, 128, generator=draw), dim=1)
    labels = torch.randint(4, (size,), generator=draw).cuda()
    rank_CC = torch.tensor(TABLES[4]).cuda()
    class_count = labels.bincount(minlength=4)
    count_NR = torch.stack([(class_count * (rank_CC == i + 1)).sum(dim=1) for i in range(4)], dim=1)[labels].float()
    count_NR[:, 0] -= 1
    weight_NR = (count_NR > 0).float() / (4 * size)
    scale_NR = torch.tensor([10.0, 5.0, 4.0, 3.0]).cuda().expand(size, 4).contiguous()
    vectors = vectors.to("cuda", getattr(torch, dtype))
    own = torch.arange(size, device="cuda")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss, *both = fused_strip(
        vectors,
        vectors,
        labels,
        labels,
        own,
        rank_CC,
        scale_NR,
        weight_NR,
        count_NR,
        ("out", "in", "in", "in"),
        (True, True),
    )
    torch.cuda.synchronize()
    assert torch.cuda.max_memory_allocated() - before < 100e6
    assert all(t.isfinite().all() for t in (loss, *both))


if __name__ == "__main__":
    torch.set_num_threads(1)
    results = {name: compare(case) for name, case in CASES.items()}
    results["empty bank"] = sizes_of(empty_bank())
    results |= {f"nan, {kind}": sizes_of(one_nan(kind)) for kind in ("in", "out", "supcon")}
    print(json.dumps(results))
