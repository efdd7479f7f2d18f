"""Several processes train what one would: the same weights, whatever their number, and one of them writes."""

import dataclasses
import json
import os
import signal

import pytest
import torch
import torch.distributed as dist
from several import in_processes

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.sharing import dismiss, serve
from rankcon_cli.training.config import EngineConfig, LossConfig, ModelConfig, OptimConfig, OutlierConfig
from rankcon_cli.training.loop import require_fit, train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import create_run, open_run
from rankcon_cli.training.world import Agreement, World, joined


@pytest.fixture
def exact(config):
    """float64 and group normalisation: what an image becomes depends on no other image."""
    return dataclasses.replace(
        config,
        precision="float64",
        model=ModelConfig(norm="group"),
        optim=OptimConfig(epochs=2, batch_size=20),
    )


def trained(config, out, size=1):
    plan = make_plan(config)
    run = create_run(out, plan)
    if size == 1:
        train(run, plan)
    else:
        assert in_processes(size, lambda world: train(run if world.leader else None, plan, world=world)) == [0] * size
    return open_run(run.path)


def differ(a, b):
    ours, theirs = (run.network().double().state_dict() for run in (a, b))
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "loss",
    [
        LossConfig(),
        LossConfig(variant="out"),
        LossConfig("supcon", ce_weight=0.5),
        LossConfig("cross-entropy"),
        LossConfig(queue=50, momentum=0.9),
    ],
    ids=["ranked", "out", "supcon+ce", "cross-entropy", "queue"],
)
def test_the_weights_are_those_of_one_process(exact, tmp_path, loss, size):
    config = dataclasses.replace(exact, loss=loss)
    one, several = trained(config, tmp_path / "one"), trained(config, tmp_path / "several", size)
    assert differ(one, several) <= 1e-10
    lines = [
        [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()] for run in (one, several)
    ]
    for ours, theirs in zip(*lines, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-6) and ours["step"] == theirs["step"]


def test_in_parts_and_by_several_processes_at_once(exact, tmp_path):
    parts = dataclasses.replace(exact, engine=EngineConfig(micro_batch=3))
    assert differ(trained(exact, tmp_path / "one"), trained(parts, tmp_path / "several", 2)) <= 1e-10


@pytest.mark.parametrize("virtual", ["image", "feature"])
def test_outliers_train_with_several_processes(exact, small_digits, tmp_path, virtual):
    """Each process takes its own outliers, so the weights are not those of one; all must agree, or the sums would hang."""
    outliers = OutlierConfig(
        virtual=virtual, spec=exact.data.spec, classes=("four",), loss="learned-reference", weight=0.1
    )
    config = dataclasses.replace(
        exact, data=dataclasses.replace(exact.data, withhold=("four",)), outliers=outliers, ranking=exact.ranking
    )
    assert trained(config, tmp_path / "run", 2).finished


def test_batch_statistics_of_each_process_train_too(config, tmp_path):
    run = trained(config, tmp_path / "run", 2)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and lines[-1]["loss"] < lines[0]["loss"]


def test_resuming_with_another_number_of_processes(exact, tmp_path):
    whole = trained(exact, tmp_path / "whole")
    plan = make_plan(exact)
    run = create_run(tmp_path / "run", plan)

    def stopped(world: World) -> None:
        def progress(items, description, total=None):
            for i, item in enumerate(items, start=1):
                if i == 3 and world.rank == 1:
                    os.kill(os.getpid(), signal.SIGINT)  # one is asked to stop, and all do
                yield item

        train(run if world.leader else None, plan, world=world, progress=progress)

    outcome = in_processes(2, stopped)
    assert all("stopped after step 4 of 8" in str(words) for words in outcome), outcome
    in_processes(4, lambda world: train(run if world.leader else None, plan, world=world, resume=True))
    assert differ(whole, open_run(run.path)) <= 1e-10


def test_a_process_that_dies_ends_the_training_which_resumes(exact, tmp_path):
    whole = trained(exact, tmp_path / "whole")
    plan = make_plan(exact)
    run = create_run(tmp_path / "run", plan)

    def dying(world: World) -> None:
        def progress(items, description, total=None):
            for i, item in enumerate(items, start=1):
                if i == 6 and world.rank == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield item

        train(run if world.leader else None, plan, world=world, progress=progress)

    outcome = in_processes(2, dying)
    assert "another process of this job died" in outcome[0] and outcome[1] == -signal.SIGKILL
    assert (run.checkpoints / "last.safetensors").exists() and not run.finished
    train(run, plan, resume=True)
    assert differ(whole, open_run(run.path)) <= 1e-10


def test_a_process_that_hangs_is_given_up(exact, tmp_path):
    plan = make_plan(exact)
    run = create_run(tmp_path / "run", plan)

    def hanging(world: World) -> None:
        def progress(items, description, total=None):
            for i, item in enumerate(items, start=1):
                if i == 3 and world.rank == 1:
                    signal.pause()
                yield item

        signal.alarm(8)  # so that the one that hangs ends some time
        train(run if world.leader else None, plan, world=world, progress=progress)

    outcome = in_processes(2, hanging, timeout=3)
    assert "did not answer within 3 s" in outcome[0]


def test_a_batch_that_cannot_be_shared_is_refused(exact, tmp_path):
    plan = make_plan(exact)
    with pytest.raises(RankconError, match="batch of 20 images cannot be shared equally among 3"):
        train(None, plan, world=World(1, 3))
    config = dataclasses.replace(exact, model=ModelConfig(norm="sync"))
    with pytest.raises(RankconError, match="--norm sync works on GPUs alone"):
        train(None, make_plan(config), world=World(0, 2))


def test_outliers_that_do_not_go_with_the_processes_are_refused(exact, small_digits):
    images = f"npz:{small_digits / 'small.npz'}"
    config = dataclasses.replace(
        exact,
        data=dataclasses.replace(exact.data, withhold=("four",)),
        optim=OptimConfig(epochs=1, batch_size=4),
        outliers=OutlierConfig(spec=images, classes=("four",)),
    )
    with pytest.raises(RankconError, match="4 images brings 1 known outlier, and there are 4 processes"):
        train(None, make_plan(config), world=World(1, 4))
    plan = make_plan(dataclasses.replace(exact, outliers=OutlierConfig("image"), engine=EngineConfig(micro_batch=5)))
    on_gpus = dataclasses.replace(plan.config, device="cuda", model=ModelConfig(norm="sync"))
    with pytest.raises(RankconError, match="--virtual-outliers image is for one process"):
        require_fit(dataclasses.replace(plan, config=on_gpus), World(1, 2))


def test_what_is_gathered_has_its_gradients_back():
    def work(world: World) -> None:
        x = torch.arange(6.0).reshape(3, 2).add(10 * world.rank).requires_grad_()
        everything = world.gather(x)
        expected = torch.cat([torch.arange(6.0).reshape(3, 2) + 10 * rank for rank in range(world.size)])
        assert torch.equal(everything.detach(), expected)
        (everything.sum(dim=1) * (world.rank + 1) * torch.arange(1.0, 1 + len(everything))).sum().backward()
        rows = torch.arange(1.0, 4.0) + 3 * world.rank
        total = sum(rank + 1 for rank in range(world.size))
        assert torch.equal(x.grad, (rows * total)[:, None].expand(3, 2))
        in_order = world.gather_shards(torch.arange(world.rank, 3 * world.size, world.size))
        assert in_order.tolist() == list(range(3 * world.size))
        assert world.broadcast_bytes(b"abc" if world.leader else None) == b"abc"
        assert world.broadcast_bytes(b"") == b""

    assert in_processes(3, work) == [0] * 3


def test_a_gradient_that_another_shares_stays_as_it_is():
    def work(world: World) -> None:
        x, other = torch.ones(2, 3, requires_grad=True), torch.zeros(2 * world.size, 3, requires_grad=True)
        shared = 1 * other + world.gather(x)
        shared.backward(torch.ones_like(shared))
        assert torch.equal(other.grad, torch.ones_like(other)) and torch.equal(x.grad, torch.full((2, 3), 2.0))

    assert in_processes(2, work) == [0] * 2


@pytest.mark.parametrize(("gpus", "backend"), [(2, "cpu:gloo,cuda:nccl"), (0, "gloo")])
def test_what_lies_on_the_cpu_is_exchanged_where_there_are_gpus_too(monkeypatch, gpus, backend):
    """Without a name torch starts NCCL alone, which knows no tensor on the CPU."""
    started = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: None)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: True)
    monkeypatch.setattr(dist, "init_process_group", lambda name=None, **rest: started.append(name))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with joined(1.0) as world:
        assert world == World(1, 2)
    assert started == [backend]


def test_a_wish_of_one_is_known_to_all_a_step_later():
    def work(world: World) -> None:
        agreement = Agreement(world)
        answers = [agreement.reached(world.rank == 1 and step >= 2) for step in range(5)]
        assert answers == [False, False, False, True, True], answers

    assert in_processes(2, work) == [0] * 2
    assert [Agreement(World()).reached(wish) for wish in (False, True)] == [False, True]


def test_embedding_is_shared(config, tmp_path):
    run = trained(config, tmp_path / "run")
    images = make_plan(config).images
    alone = Embedder(run, "cpu").embed(images)
    for cached in (run.path / "cache").iterdir():
        cached.unlink()

    def work(world: World) -> None:
        if not world.leader:
            serve(world, lambda path, device: Embedder(open_run(path), device).heads)
            return
        found = Embedder(run, "cpu", world=world).embed(images)
        dismiss(world)
        assert found.logits is None and torch.equal(found.labels, alone.labels)
        torch.testing.assert_close(found.encoder, alone.encoder, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.projection, alone.projection, rtol=0, atol=1e-5)

    assert in_processes(3, work) == [0] * 3
