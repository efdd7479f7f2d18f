"""A step in parts equals the whole step; what a queue holds; what normalises; where the time goes."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from interrupting import stopping_after
from torch import nn

from rankcon_cli.errors import Interrupted, RankconError, UsageError
from rankcon_cli.losses import Contrast, RankedContrastiveLoss, SupConLoss
from rankcon_cli.models import ENCODERS, Network, batch_norms
from rankcon_cli.training.config import EngineConfig, LossConfig, ModelConfig, OptimConfig, OutlierConfig, resolve
from rankcon_cli.training.devices import autocast
from rankcon_cli.training.feed import make_feed
from rankcon_cli.training.learner import make_learner, views_of
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.profile import PHASES, StepProfile, unprofiled
from rankcon_cli.training.queue import KeyQueue
from rankcon_cli.training.run_directory import create_run, open_run
from rankcon_cli.training.step import forward_backward
from rankcon_cli.training.world import World


def network(norm="group", encoder="conv", size=8, n_classes=3):
    torch.manual_seed(0)
    return Network(encoder, 1, size, [0.3], [0.4], 8, n_classes, norm=norm).double().train()


def images(n=24, size=8):
    return torch.rand(n, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def cast():
    return autocast(torch.device("cpu"), "float64")


def step_of(net, loss_of, at_a_time=None, x=None):
    net.zero_grad()
    loss = forward_backward(net, images() if x is None else x, loss_of, cast, unprofiled, at_a_time=at_a_time)
    return loss, {name: p.grad.clone() for name, p in net.named_parameters()}


def contrastive(outputs):
    labels = torch.arange(len(outputs.encoder)) // 8
    return SupConLoss()(outputs.projection, labels) + F.cross_entropy(outputs.logits, labels)


@pytest.mark.parametrize("at_a_time", [1, 5, 12, 23, 24, 100])
@pytest.mark.parametrize("norm", ["group", "frozen"])
def test_parts_give_the_loss_and_the_gradient_of_the_whole_exactly(norm, at_a_time):
    net = network(norm)
    loss, whole = step_of(net, contrastive)
    part_loss, parts = step_of(net, contrastive, at_a_time)
    assert abs(loss - part_loss) <= 1e-12
    for name, gradient in whole.items():
        assert (gradient - parts[name]).abs().max() <= 1e-12, name


def test_a_loss_that_asks_the_heads_again_reaches_their_weights():
    net = network()

    def mixed(outputs):
        again = net.heads(outputs.encoder[:4] / 2 + outputs.encoder[4:8] / 2)
        return contrastive(outputs) + again.projection.square().sum()

    _, whole = step_of(net, mixed)
    _, parts = step_of(net, mixed, 7)
    assert all((whole[name] - parts[name]).abs().max() <= 1e-12 for name in whole)


def test_batch_normalisation_takes_the_statistics_of_each_part_and_counts_an_image_once():
    net = network("batch")
    _, whole = step_of(net, contrastive)
    tracked = [int(m.num_batches_tracked) for m in batch_norms(net)]
    _, parts = step_of(net, contrastive, 8)
    assert any((whole[name] - parts[name]).abs().max() > 1e-6 for name in whole)
    assert [int(m.num_batches_tracked) for m in batch_norms(net)] == [n + 3 for n in tracked]
    assert all(m.track_running_stats for m in batch_norms(net))
    # A part has images of every class, though they come class by class: each second one of 24.
    first = net.encoder[1]
    seen = []
    first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].mean().item()))
    by_class = torch.arange(3.0).double().repeat_interleave(8).view(24, 1, 1, 1).expand(24, 1, 8, 8)
    step_of(net, contrastive, 12, x=by_class)
    assert len(seen) == 4 and max(seen) == pytest.approx(min(seen), abs=1e-6)


def test_parts_under_bfloat16_autocast_keep_their_gradients():
    """Autocast keeps weights it has cast: those of the pass without gradient must not serve the one with it."""
    net = network().float()

    def half():
        return autocast(torch.device("cpu"), "bfloat16")

    x = images().float()
    forward_backward(net, x, contrastive, half, unprofiled, at_a_time=6)
    parts = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    forward_backward(net, x, contrastive, half, unprofiled)
    for name, p in net.named_parameters():
        assert (p.grad - parts[name]).norm() <= 0.05 * p.grad.norm() + 1e-4, name


@pytest.mark.parametrize("outliers", [False, True])
def test_training_in_parts_gives_the_same_weights(config, small_digits, tmp_path, outliers):
    config = dataclasses.replace(
        config, precision="float64", model=ModelConfig(norm="group"), optim=OptimConfig(epochs=1, batch_size=20)
    )
    if outliers:
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, withhold=("four",)),
            outliers=OutlierConfig(
                virtual="feature", spec=config.data.spec, classes=("four",), loss="learned-reference"
            ),
        )
    weights = []
    for name, micro in (("whole", None), ("parts", 3)):
        plan = make_plan(dataclasses.replace(config, engine=EngineConfig(micro_batch=micro)))
        run = create_run(tmp_path / name, plan)
        train(run, plan)
        weights.append(open_run(run.path).network().double().state_dict())
    assert all((weights[0][name] - weights[1][name]).abs().max() <= 1e-6 for name in weights[0])


# -- the queue ------------------------------------------------------------------------------------


def test_the_queue_holds_the_newest_keys_of_a_network_that_follows():
    net = network()
    queue = KeyQueue(net, 10, 0.9)
    x, labels = images(12), torch.arange(12)
    before = [p.clone() for p in queue.network.parameters()]
    first = queue.push(x[:6], labels[:6], cast)
    assert first.self_columns is None and first.labels.tolist() == [0, 1, 2, 3, 4, 5, -1, -1, -1, -1]
    torch.testing.assert_close(first.embeddings[:6], F.normalize(net(x[:6]).projection, dim=1).detach())
    assert not first.embeddings.requires_grad
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1.0)
    queue.follow(net)
    for key, was, now in zip(queue.network.parameters(), before, net.parameters(), strict=True):
        torch.testing.assert_close(key, 0.9 * was + 0.1 * now)
    second = queue.push(x[6:], labels[6:], cast, at_a_time=4)  # in two parts, which changes nothing
    torch.testing.assert_close(second.embeddings[:6], F.normalize(queue.network(x[6:]).projection, dim=1).detach())
    assert second.labels.tolist() == [6, 7, 8, 9, 10, 11, 0, 1, 2, 3]


def test_frozen_statistics_are_frozen_in_the_network_of_the_keys_too():
    net = Network("conv", 1, 8, [0.3], [0.4], 8, None, norm="frozen").double()  # as it is built: no mode was asked for
    queue = KeyQueue(net, 10, 0.9)
    before = [m.running_mean.clone() for m in batch_norms(queue.network)]
    queue.push(images(6), torch.arange(6), cast)
    assert all(torch.equal(m.running_mean, b) for m, b in zip(batch_norms(queue.network), before, strict=True))


def test_the_loss_against_a_queue_has_gradient_on_the_anchors_alone(small_digits):
    from rankcon_cli.ranking import compile_ranking, load

    table = compile_ranking(load(str(small_digits / "ranking.json")))
    z = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    keys = F.normalize(torch.randn(9, 4, dtype=torch.float64), dim=1)
    labels, key_labels = torch.arange(6) % 5, torch.tensor([0, 1, 2, 3, 4, 0, -1, -1, -1])
    loss = RankedContrastiveLoss(table, 3)(z, labels, Contrast(keys, key_labels))
    filled = RankedContrastiveLoss(table, 3)(z, labels, Contrast(keys[:6], key_labels[:6]))
    torch.testing.assert_close(loss, filled)
    loss.backward()
    assert z.grad.abs().sum() > 0


@pytest.mark.parametrize("stop_at", [2, 5])
def test_training_against_a_queue_learns_and_resumes_bit_for_bit(config, tmp_path, stop_at):
    config = dataclasses.replace(
        config, loss=LossConfig(queue=60, momentum=0.9), optim=dataclasses.replace(config.optim, epochs=6)
    )
    plan = make_plan(config)
    whole, broken = create_run(tmp_path / "whole", plan), create_run(tmp_path / "broken", plan)
    train(whole, plan)
    with pytest.raises(Interrupted):
        train(broken, plan, progress=stopping_after(stop_at))
    train(open_run(broken.path), make_plan(broken.settings()), resume=True)
    ours, theirs = (run.network().state_dict() for run in (whole, broken))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    losses = [json.loads(line)["loss"] for line in (whole.path / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"loss.queue": 100, "loss.name": "cross-entropy"}, "--loss is cross-entropy"),
        ({"loss.queue": 100, "outliers.virtual": "image"}, "does not go with outliers"),
        ({"loss.queue": -1}, "--queue must be 0 or more"),
        ({"loss.momentum": 1.0}, "--momentum must be at least 0 and below 1"),
        ({"engine.micro_batch": 0}, "--micro-batch must be 1 or more"),
        ({"engine.loss_impl": "fast"}, "engine.loss_impl"),
        ({"model.norm": "frozen"}, "--norm frozen"),
        ({"model.norm": "group", "model.weights": "w.pth"}, "--norm group"),
        ({"loss.tau_min": 0.001}, "--tau-min must be at least 0.002"),
    ],
)
def test_settings_that_make_no_sense(flags, words):
    with pytest.raises(UsageError, match=words):
        resolve({"data.spec": "digits", "ranking": "digits"} | flags)


def test_a_queue_smaller_than_a_batch_is_refused(config):
    with pytest.raises(RankconError, match="--queue 10 is smaller than a batch of 20"):
        make_plan(dataclasses.replace(config, loss=LossConfig(queue=10)))


# -- normalisation, implementations, profile -------------------------------------------------------


@pytest.mark.parametrize("encoder", ["conv", "resnet8", "resnet18"])
def test_group_normalisation_leaves_no_trace_of_the_batch(encoder):
    assert encoder in ENCODERS
    net = Network(encoder, 1, 32, [0.3], [0.4], 8, None, norm="group").train()
    assert not batch_norms(net) and any(isinstance(m, nn.GroupNorm) for m in net.modules())
    x = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(net(x).projection[:1], net(x[:1]).projection, rtol=1e-4, atol=1e-5)


def test_frozen_statistics_stay_while_the_weights_train():
    net = network("frozen")
    assert not any(m.training for m in batch_norms(net)) and net.encoder.training
    before = [m.running_mean.clone() for m in batch_norms(net)]
    _, gradients = step_of(net, contrastive)
    assert all(torch.equal(m.running_mean, b) for m, b in zip(batch_norms(net), before, strict=True))
    assert gradients["encoder.1.weight"].abs().sum() > 0


def test_every_implementation_trains_the_same(config, tmp_path):
    config = dataclasses.replace(config, optim=OptimConfig(epochs=1, batch_size=20))
    found = []
    for impl in ("chunked", "dense"):
        plan = make_plan(dataclasses.replace(config, engine=EngineConfig(loss_impl=impl)))
        run = create_run(tmp_path / impl, plan)
        train(run, plan)
        found.append(run.network().state_dict())
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-3, atol=1e-4)


def test_a_profile_adds_up(config, tmp_path):
    plan = make_plan(config)
    profile = StepProfile(torch.device("cpu"))
    train(create_run(tmp_path / "run", plan), plan, profile=profile)
    rows = profile.rows()
    assert [name for name, *_ in rows] == [*PHASES, "rest"]
    assert sum(share for *_, share in rows) == pytest.approx(1) and all(ms >= 0 for _, ms, _ in rows)
    assert StepProfile(torch.device("cpu")).rows() == []


def test_compiled_it_trains_the_same(config, tmp_path, monkeypatch):
    """With a backend that traces but generates no code: the real one needs a compiler and half a minute."""
    compiled = []
    original = nn.Module.compile

    def traced(module, *args, **kwargs):
        compiled.append(module)
        return original(module, backend="aot_eager")

    monkeypatch.setattr(nn.Module, "compile", traced)
    config = dataclasses.replace(config, optim=OptimConfig(epochs=1, batch_size=20))
    found = []
    for name, engine in (("eager", EngineConfig()), ("compiled", EngineConfig(compile=True))):
        plan = make_plan(dataclasses.replace(config, engine=engine))
        run = create_run(tmp_path / name, plan)
        train(run, plan)
        found.append(open_run(run.path).network().state_dict())
    assert len(compiled) == 1
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-3, atol=1e-4)


def test_the_views_of_an_image_do_not_depend_on_who_makes_them(config):
    plan = make_plan(config)
    pixels = torch.from_numpy(plan.images.images[:8])
    whole = views_of(plan, World(), pixels, 2, 5)
    for rank in range(2):
        mine = views_of(plan, World(rank, 2), pixels[rank::2], 2, 5)
        assert torch.equal(mine, torch.cat([whole[:8][rank::2], whole[8:][rank::2]]))
    assert not np.array_equal(whole[:8], whole[8:])


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("loss", "engine"),
    [
        (LossConfig(), EngineConfig()),
        (LossConfig(queue=60), EngineConfig()),
        (LossConfig(), EngineConfig(micro_batch=7)),
    ],
    ids=["batch", "queue", "parts"],
)
def test_a_step_on_cuda_asks_the_device_nothing(config, loss, engine):
    config = dataclasses.replace(config, device="cuda", loss=loss, engine=engine)
    plan = make_plan(config)
    learner = make_learner(plan, torch.device("cuda"), World(), untrained=True)
    feed = make_feed(plan.images.images, plan.train, torch.device("cuda"), engine)
    batches = feed.batches(np.arange(20) + i for i in range(6))
    for step, (index, pixels) in enumerate(batches):
        torch.cuda.set_sync_debug_mode("error" if step > 2 else "default")  # the first ones compile and choose
        try:
            learner.step(index, pixels, step, unprofiled)
        finally:
            torch.cuda.set_sync_debug_mode("default")
