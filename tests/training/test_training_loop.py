"""Training: it learns, it resumes bit for bit, it stops gracefully, and its faults are clear."""

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys

import pytest
import torch
from interrupting import stopping_after

from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.training import learner
from rankcon_cli.training.checkpoint import load_weights, save_weights
from rankcon_cli.training.config import LossConfig, ModelConfig, OptimConfig, to_dict
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import create_run, open_run


def weights(run):
    return run.network().state_dict()


@pytest.mark.parametrize(
    "loss",
    [LossConfig(), LossConfig("supcon"), LossConfig("cross-entropy"), LossConfig(ce_weight=0.5)],
    ids=["ranked", "supcon", "cross-entropy", "ranked+ce"],
)
def test_every_loss_falls(config, tmp_path, loss):
    config = dataclasses.replace(config, loss=loss, optim=dataclasses.replace(config.optim, epochs=8))
    run = create_run(tmp_path / "run", plan := make_plan(config))
    train(run, plan)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 9))
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    network = run.network()
    assert (network.projection is None) == (loss.name == "cross-entropy")
    assert (network.head is None) == (loss.name != "cross-entropy" and not loss.ce_weight)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_at", [3, 4, 7])
def test_resuming_gives_the_same_weights_bit_for_bit(config, tmp_path, optimizer, stop_at):
    """Stops inside an epoch, at its end, and in a later one (4 steps an epoch)."""
    config = dataclasses.replace(config, optim=dataclasses.replace(config.optim, optimizer=optimizer))
    plan = make_plan(config)
    whole = create_run(tmp_path / "whole", plan)
    train(whole, plan)
    broken = create_run(tmp_path / "broken", plan)
    with pytest.raises(Interrupted) as caught:
        train(broken, plan, progress=stopping_after(stop_at))
    assert f"after step {stop_at} of 12" in caught.value.message and "--resume" in caught.value.hint
    assert not broken.finished
    train(open_run(broken.path), make_plan(broken.settings()), resume=True)
    for (name, a), b in zip(weights(whole).items(), weights(broken).values(), strict=True):
        assert torch.equal(a, b), name
    without_speed = [
        [{k: v for k, v in json.loads(line).items() if k != "views_per_second"} for line in text.splitlines()]
        for text in ((whole.path / "metrics.jsonl").read_text(), (broken.path / "metrics.jsonl").read_text())
    ]
    assert without_speed[0] == without_speed[1]


def test_the_same_seed_gives_the_same_weights_and_another_does_not(config, tmp_path):
    plan = make_plan(config)
    runs = [create_run(tmp_path / name, plan) for name in "ab"]
    other_plan = make_plan(dataclasses.replace(config, seed=1))
    other = create_run(tmp_path / "c", other_plan)
    for run, p in [(runs[0], plan), (runs[1], plan), (other, other_plan)]:
        train(run, p)
    a, b, c = (weights(run)["projection.2.weight"] for run in (*runs, other))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_sigterm_leaves_a_resumable_run(config, tmp_path):
    """A real process, really terminated."""
    config = dataclasses.replace(config, optim=OptimConfig(epochs=5000, batch_size=20))
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    code = (
        "import json, sys\n"
        "from rankcon_cli.errors import Interrupted\n"
        "from rankcon_cli.training.config import from_dict\n"
        "from rankcon_cli.training.loop import train\n"
        "from rankcon_cli.training.plan import make_plan\n"
        "from rankcon_cli.training.run_directory import create_run\n"
        "from pathlib import Path\n"
        "plan = make_plan(from_dict(json.load(open(sys.argv[1])), 'here'))\n"
        "def progress(items, description, total=None):\n"
        "    for i, item in enumerate(items):\n"
        "        if i == 6: print('ready', flush=True)\n"
        "        yield item\n"
        "try: train(create_run(Path(sys.argv[2]), plan), plan, progress=progress)\n"
        "except Interrupted as stop: sys.exit(stop.exit_code)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "config.json", tmp_path / "run"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()
    assert not open_run(tmp_path / "run").finished


def test_a_loss_that_is_not_finite_stops_with_the_step(config, tmp_path, monkeypatch):
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    calls = []

    class Poisoned(learner.Objective):
        def forward(self, outputs, *rest):
            calls.append(1)
            return super().forward(outputs, *rest) * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(learner, "Objective", Poisoned)
    with pytest.raises(RankconError) as caught:
        train(run, plan)
    assert "step 6" in caught.value.message and "last.safetensors" in caught.value.message
    assert "--lr" in caught.value.hint
    monkeypatch.undo()
    train(run, plan, resume=True)  # the checkpoint is from before the fault
    assert run.finished


@pytest.mark.parametrize("at", [1, 12])
def test_a_gradient_that_is_not_finite_stops_too_even_in_the_last_step(config, tmp_path, monkeypatch, at):
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    calls = []

    class Poisoned(learner.Objective):
        def forward(self, outputs, *rest):
            calls.append(1)
            if len(calls) == at:
                outputs.projection.register_hook(lambda gradient: gradient * float("inf"))
            return super().forward(outputs, *rest)

    monkeypatch.setattr(learner, "Objective", Poisoned)
    with pytest.raises(RankconError, match=f"gradient of step {at} is not finite"):
        train(run, plan)
    assert not run.finished


def test_resuming_needs_the_weights_file_no_more(config, tmp_path):
    import torchvision

    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "w.pth")
    config = dataclasses.replace(config, model=ModelConfig(encoder="resnet18", weights=str(tmp_path / "w.pth")))
    plan = make_plan(dataclasses.replace(config, optim=OptimConfig(epochs=2, batch_size=40)))
    run = create_run(tmp_path / "run", plan)
    with pytest.raises(Interrupted):
        train(run, plan, progress=stopping_after(1))
    (tmp_path / "w.pth").unlink()
    train(open_run(run.path), make_plan(run.settings(), resuming=True), resume=True)
    assert run.finished


def test_a_checkpoint_cut_in_half_is_told_and_the_one_before_serves(config, tmp_path):
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    with pytest.raises(Interrupted):
        train(run, plan, progress=stopping_after(9))
    last = run.checkpoints / "last.safetensors"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    with pytest.raises(RankconError) as caught:
        train(run, plan, resume=True)
    assert "last.safetensors is damaged" in caught.value.message and "previous.safetensors" in caught.value.hint
    (run.checkpoints / "previous.safetensors").replace(last)
    train(run, plan, resume=True)
    assert run.finished


def test_weights_cut_in_half_or_of_another_network(config, tmp_path):
    run = create_run(tmp_path / "run", make_plan(config))
    path = tmp_path / "model.safetensors"
    save_weights(path, run.untrained_network())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RankconError, match="damaged"):
        load_weights(path, run.untrained_network())
    save_weights(path, torch.nn.Linear(2, 2))
    with pytest.raises(RankconError, match="another network"):
        load_weights(path, run.untrained_network())
    with pytest.raises(RankconError, match="does not exist"):
        load_weights(tmp_path / "nowhere.safetensors", run.untrained_network())


def test_a_full_disk_keeps_the_checkpoint_that_was_there(config, tmp_path):
    """The limit on file size (RLIMIT_FSIZE) stops a write in the middle as a full disk does."""
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    with pytest.raises(Interrupted):
        train(run, plan, progress=stopping_after(5))
    last = run.checkpoints / "last.safetensors"
    before = last.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(RankconError, match="cannot write"):
            train(run, plan, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert last.read_bytes() == before
    assert not [name for name in os.listdir(run.checkpoints) if name.endswith(".part")]
    train(run, plan, resume=True)
    assert run.finished


def test_torchvision_weights_from_a_local_file(config, tmp_path):
    import torchvision

    source = torchvision.models.resnet18(weights=None)
    torch.save(source.state_dict(), tmp_path / "resnet18.pth")
    config = dataclasses.replace(
        config,
        model=ModelConfig(encoder="resnet18", weights=str(tmp_path / "resnet18.pth")),
        optim=OptimConfig(epochs=1, batch_size=80, lr=1e-30),
        data=dataclasses.replace(config.data, image_size=8),
    )
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    train(run, plan)
    assert torch.equal(run.network().encoder.layer4[1].conv2.weight, source.layer4[1].conv2.weight)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"a,b,c\n1,2,3\n", b"PK\x03\x04 cut"])
def test_weights_that_are_none(config, tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    config = dataclasses.replace(config, model=ModelConfig(encoder="resnet18", weights=str(tmp_path / "w.pth")))
    with pytest.raises(RankconError, match="cannot read the weights"):
        make_plan(config)


@pytest.mark.gpu
def test_training_on_cuda(config, tmp_path):
    plan = make_plan(dataclasses.replace(config, device="cuda"))
    run = create_run(tmp_path / "run", plan)
    train(run, plan)
    assert run.finished and plan.config.precision == "bfloat16"
