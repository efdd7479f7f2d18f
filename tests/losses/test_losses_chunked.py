"""The chunked loss against the dense one in float64, both of its ways, and what it composes with."""

import os
import subprocess
import sys
import tracemalloc

import pytest
import torch
import torch.nn.functional as F

from rankcon_cli.losses import RankedContrastiveLoss, SupConLoss, chunked, ranked_contrastive_loss, supcon_loss
from rankcon_cli.ranking import TierTable

C = 6
KINDS = ["in", "out", "out-in", "supcon"]


def tables(ranks, seed=0):
    """Ranks with tiers of several classes, classes without a second rank, and a temperature of its own for every class."""
    generator = torch.Generator().manual_seed(seed)
    rank_CC = torch.randint(2, ranks + 2, (C, C), generator=generator).fill_diagonal_(1)
    rank_CC[2] = ranks + 1
    rank_CC[2, 2] = 1
    tau_CR = 0.1 + 0.4 * torch.rand(C, ranks, generator=generator)
    return rank_CC, tau_CR


def problem(n, m, seed=0, d=16, in_batch=False, empty=0):
    generator = torch.Generator().manual_seed(seed)
    a = F.normalize(torch.randn(n, d, generator=generator, dtype=torch.float64), dim=1)
    la = torch.randint(C, (n,), generator=generator)
    if in_batch:
        return a, la, a, la, torch.arange(n)
    b = F.normalize(torch.randn(m, d, generator=generator, dtype=torch.float64), dim=1)
    lb = torch.randint(C, (m,), generator=generator)
    lb[torch.randperm(m, generator=generator)[:empty]] = -1
    return a, la, b, lb, None


def found(kind, ranks, given, *, impl, dtype=torch.float32, tau=None, both=True):
    a, la, b, lb, own = given
    rank_CC, tau_CR = tables(ranks)
    if tau is not None:
        tau_CR = torch.full_like(tau_CR, tau)
    a = a.detach().to(dtype, copy=True).requires_grad_()
    b = a if own is not None else b.detach().to(dtype, copy=True).requires_grad_(both)
    if kind == "supcon":
        loss = supcon_loss(a, la, b, lb, temperature=tau or 0.1, self_columns=own, impl=impl)
    else:
        loss = ranked_contrastive_loss(a, la, b, lb, rank_CC, tau_CR, variant=kind, self_columns=own, impl=impl)
    loss.backward()
    return [loss.detach().double(), a.grad.double(), *([b.grad.double()] if own is None and both else [])]


def off(ours, exact):
    return max(float((a - b).norm() / b.norm().clamp(min=0.2)) for a, b in zip(ours, exact, strict=True))


@pytest.fixture(params=["by class", "masked"])
def way(request, monkeypatch):
    """Both ways over small chunks, so that a class has more than one of them and the last is cut."""
    monkeypatch.setattr(chunked, "_FEWEST_TO_SORT", 0 if request.param == "by class" else 10**9)
    monkeypatch.setitem(chunked._CHUNK, "cpu", 1)
    monkeypatch.setattr(chunked, "_FEWEST_ROWS", 7)
    return request.param


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "given",
    [
        problem(90, 90, in_batch=True),
        problem(50, 130, empty=40),
        problem(40, 30, seed=3, empty=29),
        problem(20, 25, seed=4, empty=25),
    ],
    ids=["in batch", "bank", "one sample", "empty bank"],
)
@pytest.mark.parametrize("ranks", [1, 4])
def test_it_equals_the_dense_loss(way, kind, given, ranks):
    exact = found(kind, ranks, given, impl="dense", dtype=torch.float64)
    assert off(found(kind, ranks, given, impl="chunked", dtype=torch.float64), exact) <= 1e-12
    assert off(found(kind, ranks, given, impl="chunked"), exact) <= 1e-6
    assert off(found(kind, ranks, given, impl="chunked", both=False), exact[:2]) <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tau", [0.02, 0.01, 0.003])
def test_low_temperatures_stay_finite_and_right(way, kind, tau):
    given = problem(60, 60, in_batch=True)
    exact = found(kind, 3, given, impl="dense", dtype=torch.float64, tau=tau)
    ours = found(kind, 3, given, impl="chunked", tau=tau)
    assert all(part.isfinite().all() for part in ours)
    assert off(ours, exact) <= 2e-5  # float32 cosines, 1/tau times


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tau", [0.016, 0.022, 0.0025, 0.002])
def test_an_anchor_placed_as_badly_as_can_be_keeps_its_loss(way, kind, tau):
    """exp(2/tau), what a negative may have over a positive, is in range for neither float32 nor float64 here."""
    along = torch.eye(1, 4, dtype=torch.float64)
    given = (along, torch.tensor([0]), torch.cat([-along, along]), torch.tensor([0, 1]), None)
    exact = found(kind, 1, given, impl="dense", dtype=torch.float64, tau=tau)
    assert off(found(kind, 1, given, impl="chunked", tau=tau), exact) <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [0, 7])
def test_without_an_anchor_the_loss_is_zero(way, kind, m):
    loss, *gradients = found(kind, 3, problem(0, m), impl="chunked")
    assert loss == 0 and not any(part.any() for part in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_input(way, kind):
    given = problem(60, 200)
    rounded = [part.bfloat16().double() if part is not None and part.is_floating_point() else part for part in given]
    exact = found(kind, 3, rounded, impl="dense", dtype=torch.float64)
    assert off(found(kind, 3, given, impl="chunked", dtype=torch.bfloat16), exact) <= 5e-3


def test_a_class_nobody_resembles_and_anchors_without_a_positive(way):
    a, _, b, _, _ = problem(9, 12)
    given = (a, torch.arange(9) % 3, b, torch.full((12,), 5), None)
    exact = found("in", 3, given, impl="dense", dtype=torch.float64)
    ours = found("in", 3, given, impl="chunked")
    assert all(part.isfinite().all() for part in ours)
    assert torch.allclose(ours[1], exact[1], atol=1e-7) and torch.allclose(ours[0], exact[0])


def test_labels_of_32_bits(way):
    a, la, b, lb, _ = problem(20, 30, empty=5)
    own = torch.arange(20)
    for given in ((a, la, b, lb, None), (a, la, a, la, own)):
        short = (given[0], la.int(), given[2], given[3].int(), given[4])
        assert off(found("out-in", 3, short, impl="chunked"), found("out-in", 3, given, impl="chunked")) == 0


def test_many_labels_and_few():
    """SupCon with every image a class of its own, and labels far apart."""
    a, *_ = problem(40, 40)
    labels = torch.arange(20).repeat(2) * 1000
    values = [
        supcon_loss(a, labels, a, labels, self_columns=torch.arange(40), impl=impl) for impl in ("chunked", "dense")
    ]
    assert torch.allclose(*values)


def test_a_second_derivative_is_refused_in_words():
    x = torch.randn(12, 8, dtype=torch.float64, requires_grad=True)
    loss = SupConLoss()(x, torch.arange(12) % 3)
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="impl='dense'"):
        first.sum().backward()
    (first,) = torch.autograd.grad(SupConLoss(impl="dense")(x, torch.arange(12) % 3), x, create_graph=True)
    first.sum().backward()


@pytest.mark.parametrize("name", ["in", "out", "supcon"])
def test_gradcheck(way, name):
    x, labels, *_ = problem(12, 12, d=5, in_batch=True)
    table = TierTable(classes=tuple("abcdef"), tiers=(((1,), (2,)), (), ((0, 1),), (), (), ((0,),)), scores=(None,) * 6)
    loss = SupConLoss() if name == "supcon" else RankedContrastiveLoss(table, 3, name)
    assert torch.autograd.gradcheck(lambda e: loss(e, labels), x.requires_grad_())


def test_under_autocast_and_compiled_it_gives_the_same():
    x, labels, *_ = problem(64, 64, in_batch=True)
    x = x.float()
    loss, linear = SupConLoss(), torch.nn.Linear(16, 8)

    def step(x):
        return loss(linear(x), labels)

    plain = torch.autograd.grad(step(x), linear.weight)[0]
    compiled = torch.autograd.grad(torch.compile(step, fullgraph=True, backend="aot_eager")(x), linear.weight)[0]
    assert torch.allclose(plain, compiled, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = linear(x)
        value = loss(z, labels)
    assert value.dtype == torch.float32 and torch.allclose(value, loss(z.float(), labels), rtol=1e-6)


def test_an_implementation_that_is_none_or_does_not_run_here():
    x, labels, *_ = problem(8, 8, in_batch=True)
    with pytest.raises(ValueError, match="there are auto, chunked, triton, dense"):
        SupConLoss(impl="fast")(x, labels)
    with pytest.raises(ValueError, match="needs a CUDA device"):
        SupConLoss(impl="triton")(x, labels)


def test_extra_memory_is_small_and_flat():
    """Peak of a process of its own at N = M = 2,048 and 8,192; a dense float32 [N, M] alone would be 256 MiB."""
    code = (
        "import sys, torch\n"
        "import torch.nn.functional as F\n"
        "from rankcon_cli.losses import SupConLoss\n"
        "torch.set_num_threads(1)\n"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024\n"
        "loss = SupConLoss()\n"
        "x = torch.randn(int(sys.argv[1]), 64, requires_grad=True)\n"
        "y = torch.arange(len(x)) % 10\n"
        "loss(x[:64], y[:64]).backward()\n"
        "before = peak()\n"
        "loss(x, y).backward()\n"
        "print(peak() - before)\n"
    )
    for n in ("2048", "6144"):
        done = subprocess.run([sys.executable, "-c", code, n], capture_output=True, text=True, check=True)
        assert float(done.stdout) < 60


def test_many_classes_ranked_at_random_leave_nothing_behind_each():
    """The order of the columns is another for every class, and only one at a time is kept."""
    generator = torch.Generator().manual_seed(0)
    rank_CC = torch.randint(2, 5, (300, 300), generator=generator).fill_diagonal_(1)
    labels = torch.arange(2400) % 300
    x = F.normalize(torch.randn(2400, 4, generator=generator), dim=1)
    tracemalloc.start()
    try:
        ranked_contrastive_loss(x, labels, x, labels, rank_CC, torch.full((300, 3), 0.1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_the_module_reaches_the_kernels_and_without_triton_does_not_miss_them():
    """In processes of their own: Triton reads TRITON_INTERPRET when it is imported."""
    code = (
        "import sys, torch\n"
        "if sys.argv[1] == 'without': sys.modules['triton'] = None\n"
        "from rankcon_cli.losses import SupConLoss\n"
        "x = torch.randn(40, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()\n"
        "y = torch.arange(40) % 4\n"
        "def found(impl):\n"
        "    loss = SupConLoss(impl=impl)(x, y)\n"
        "    return [loss.detach(), torch.autograd.grad(loss, x)[0]]\n"
        "if sys.argv[1] == 'without':\n"
        "    found('auto')\n"
        "    try: found('triton')\n"
        "    except ValueError as error: print(error)\n"
        "else:\n"
        "    with torch.autocast('cpu', dtype=torch.bfloat16): ours = found('triton')\n"
        "    print(all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(ours, found('chunked'))))\n"
    )
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    for how, expected in (("with", "True"), ("without", "needs a CUDA device and Triton")):
        command = [sys.executable, "-c", code, how]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert expected in done.stdout
