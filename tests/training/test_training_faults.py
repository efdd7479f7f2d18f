"""Faults of a training: killed at any moment, no space, no memory, no data, not alone. It resumes, or says clearly why not."""

import dataclasses
import errno
import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import torch
from faulty_training import Trainings, wait_for

from rankcon_cli.cli.main import main
from rankcon_cli.errors import RankconError
from rankcon_cli.files import claimed, require_unclaimed
from rankcon_cli.models import Network
from rankcon_cli.training import learner
from rankcon_cli.training.checkpoint import PREVIOUS, Position, State
from rankcon_cli.training.config import to_dict
from rankcon_cli.training.journal import Journal
from rankcon_cli.training.loop import train
from rankcon_cli.training.memory import explaining_memory, explaining_setup
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import create_run, open_run
from rankcon_cli.training.run_files import CHECKPOINTS, METRICS, RECORD

CPU_SAYS = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "1125899906842624 bytes. Error code 12 (Cannot allocate memory)"
)
KILLED = (-9, -14)  # by SIGKILL, or by the alarm, which nothing handles either


@pytest.fixture(scope="module")
def trainings():
    server = Trainings()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _handlers():
    """``main`` sets how the process takes SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def tree(config):
    return to_dict(config)


def said(out: Path) -> str:
    return out.with_name(f"{out.name}.log").read_text()


def assert_undisturbed(out: Path, whole: Path) -> None:
    """``out`` ended as ``whole`` did, and nothing else lies in it."""
    names, wanted = ({str(p.relative_to(run)) for p in run.rglob("*")} for run in (out, whole))
    assert names == wanted, "no half-written file, no lock"
    # Killed after the last checkpoint it writes that one again, and the one before is then the same.
    tell = (RECORD, METRICS, f"{CHECKPOINTS}/{PREVIOUS}")
    for name in sorted(n for n in wanted if (out / n).is_file() and n not in tell):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    lines = [
        [json.loads(line) | {"views_per_second": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (out, whole)
    ]
    assert lines[0] == lines[1]


def until_finished(trainings, out, tree, faults, *, force=False):
    """Start it with a fault, again and again, until it is through; how often it was killed."""
    for kills, fault in enumerate(faults):
        begun = not force or ((out / "run.json").exists() and open_run(out).config.seed == tree["seed"])
        status = trainings.run(out, tree, force=not begun, **fault)
        if status == 0:
            return kills
        assert status in KILLED, said(out)
    raise AssertionError("it never ended")


def random_faults(dice, accesses, seconds):
    while True:
        yield {"at": dice.randint(1, accesses)} if dice.random() < 0.6 else {"after": dice.uniform(0, seconds)}


def test_killed_at_any_moment_it_resumes_to_the_same_weights(trainings, tree, tmp_path):
    """At random accesses to its files and at random moments; it is started again as the command line would."""
    whole, dice, kills = tmp_path / "whole", random.Random(7), 0
    assert trainings.run(whole, tree) == 0
    for chain in range(100):
        out = tmp_path / f"run{chain}"
        kills += until_finished(trainings, out, tree, random_faults(dice, 30, 0.25))
        assert_undisturbed(out, whole)
        if kills >= 40:
            break


@pytest.mark.parametrize(
    ("name", "at"),
    [("model.safetensors", 1), ("model.safetensors", 3), ("metrics.jsonl", 2), ("previous.safetensors", 4)],
)
def test_killed_between_the_last_writes(trainings, tree, tmp_path, name, at):
    assert trainings.run(tmp_path / "whole", tree) == 0
    assert trainings.run(tmp_path / "run", tree, name=name, at=at) == -9
    assert trainings.run(tmp_path / "run", tree) == 0
    assert_undisturbed(tmp_path / "run", tmp_path / "whole")


def test_killed_while_it_replaces_a_run(trainings, tree, tmp_path):
    whole, out, dice = tmp_path / "whole", tmp_path / "run", random.Random(3)
    assert trainings.run(whole, tree | {"seed": 1}) == 0
    for _ in range(2):
        shutil.rmtree(out, ignore_errors=True)
        assert trainings.run(out, tree) == 0
        (out / "cache").mkdir()
        (out / "cache" / ".abc.safetensors.xyz.part").touch()
        until_finished(trainings, out, tree | {"seed": 1}, random_faults(dice, 60, 0.6), force=True)
        assert_undisturbed(out, whole)


def test_a_run_whose_making_was_cut_short_starts_without_force_and_nothing_else_does(config, tmp_path):
    plan = make_plan(config)
    begun = create_run(tmp_path / "begun", plan).path
    (begun / "run.json").unlink()
    (begun / ".run.json.abc.part").touch()
    assert create_run(begun, plan) and not list(begun.glob(".*.part"))

    train(open_run(begun), plan)
    (begun / "run.json").unlink()
    with pytest.raises(RankconError, match=r"lost its run\.json"):
        create_run(begun, plan)
    assert (begun / "model.safetensors").exists()

    for name in ("ranking.json", "metrics.jsonl", "film.part"):
        mine = tmp_path / name.replace(".", "-")
        mine.mkdir()
        (mine / name).write_text("mine")
        for force in (False, True):
            with pytest.raises(RankconError, match="no run directory"):
                create_run(mine, plan, force=force)
        assert (mine / name).read_text() == "mine"


def test_metrics_torn_by_a_crash_and_an_empty_checkpoint(config, tmp_path):
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    train(run, plan)
    text = (run.path / "metrics.jsonl").read_text()
    (run.path / "metrics.jsonl").write_bytes(text.encode() + b'{"step": "x"}\n\0\xff\n{"epoch": 4, "st')
    Journal(run).go_on_from(12)
    assert (run.path / "metrics.jsonl").read_text() == text
    (run.path / "model.safetensors").unlink()
    (run.checkpoints / "last.safetensors").write_bytes(b"")
    with pytest.raises(RankconError, match=r"last\.safetensors is damaged.*empty") as caught:
        train(run, plan, resume=True)
    assert "previous.safetensors" in caught.value.hint


def test_a_disk_that_is_full_at_any_write_loses_nothing(config, tmp_path, monkeypatch):
    """Each write in turn, from the making of the run to its weights, finds no space; then there is some again."""
    plan = make_plan(config)
    whole = create_run(tmp_path / "whole", plan)
    train(whole, plan)
    out, faults, writes = tmp_path / "run", 0, []
    real = os.open, Path.write_bytes, shutil.copyfile

    def full(write):
        def attempt(*arguments, **more):
            writes.append(1)
            if len(writes) == faults + 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(*arguments, **more)

        return attempt

    while True:
        writes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full(real[1]))
            patch.setattr(shutil, "copyfile", full(real[2]))
            patch.setattr(os, "fsync", full(os.fsync))
            patch.setattr("rankcon_cli.training.journal.to_json", full(json.dumps))
            try:
                resume = (out / "run.json").exists()
                run = open_run(out) if resume else create_run(out, plan)
                train(run, plan, resume=resume)
            except RankconError as error:
                assert "cannot write" in error.message and "No space left" in error.message
                assert "space" in error.hint
                if (out / "checkpoints").exists():
                    assert not list(out.rglob("*.part"))
            else:
                break
        faults += 1
    assert faults > 10
    assert_undisturbed(out, whole.path)


def test_data_that_are_gone(trainings, config, tree, small_digits, tmp_path, capsys):
    """A training that has begun holds its images; resuming and evaluating say what is missing."""
    data = tmp_path / "data"
    shutil.copytree(small_digits, data)
    tree = tree | {"data": tree["data"] | {"spec": f"npz:{data / 'small.npz'}"}}
    out, whole = tmp_path / "run", tmp_path / "whole"
    assert trainings.run(whole, tree) == 0
    process = trainings.begin(out, tree, name="metrics.jsonl", at=1, then="hang", seconds=0.5)
    wait_for(tmp_path / "hangs")
    data.rename(tmp_path / "elsewhere")
    assert trainings.end(process) == 0
    assert_undisturbed(out, whole)

    (out / "model.safetensors").unlink()
    for command in (["train", "--resume", "--out", str(out)], ["evaluate", str(whole)]):
        assert main(command) == 3
        assert f"{data / 'small.npz'}" in capsys.readouterr().err
    (tmp_path / "elsewhere").rename(data)
    assert main(["train", "--resume", "--out", str(out)]) == 0
    assert main(["evaluate", str(whole)]) == 0


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), RuntimeError(CPU_SAYS), MemoryError()],
    ids=["cuda", "cpu", "python"],
)
def test_out_of_memory_says_which_flag_helps_and_it_does(config, tmp_path, monkeypatch, capsys, error):
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    real, calls = Network.forward, []

    def forward(self, images):
        calls.append(1)
        if len(images) > 20 and len(calls) > 6:  # a step has 40 views
            raise error
        return real(self, images)

    monkeypatch.setattr(Network, "forward", forward)
    with pytest.raises(RankconError) as caught:
        train(run, plan)
    assert "out of memory on cpu in a step of 20 images, 20 at a time" in caught.value.message
    assert "--micro-batch 10" in caught.value.hint and "50.0" in caught.value.hint and "--resume" in caught.value.hint
    assert main(["train", "--resume", "--out", str(run.path), "--micro-batch", "10"]) == 0
    assert run.finished, capsys.readouterr().err


def test_what_out_of_memory_advises(config):
    def advice(micro):
        engine = dataclasses.replace(config.engine, micro_batch=micro)
        with (
            pytest.raises(RankconError) as caught,
            explaining_memory(dataclasses.replace(config, engine=engine), 256, torch.device("cpu")),
        ):
            torch.empty(2**50)
        return caught.value.hint

    assert "--micro-batch 128" in advice(None) and "--micro-batch 32: 12.5" in advice(None)
    assert "--micro-batch 2 " in advice(3) and "--micro-batch 1: 33.3" in advice(3)
    assert "--micro-batch" not in advice(1) and "--encoder" in advice(1)
    with (
        pytest.raises(RankconError, match="no room for the network"),
        explaining_setup(torch.device("cpu"), "the network", ""),
    ):
        raise RuntimeError("CUDA error: out of memory")
    with pytest.raises(RuntimeError, match="shape"), explaining_memory(config, 256, torch.device("cpu")):
        raise RuntimeError("a shape is wrong")


@pytest.mark.parametrize("change", [{"micro_batch": 7}, {"queue": 60}, {"micro_batch": 7, "queue": 60}], ids=str)
def test_nan_is_told_in_parts_and_with_a_queue_and_no_checkpoint_has_it(config, tmp_path, monkeypatch, change):
    config = dataclasses.replace(
        config,
        engine=dataclasses.replace(config.engine, micro_batch=change.get("micro_batch")),
        loss=dataclasses.replace(config.loss, queue=change.get("queue", 0)),
    )
    plan, whole = make_plan(config), tmp_path / "whole"
    train(create_run(whole, plan), plan)
    run, calls = create_run(tmp_path / "run", plan), []

    class Poisoned(learner.Objective):
        def forward(self, outputs, *rest):
            calls.append(1)
            return super().forward(outputs, *rest) * (float("nan") if len(calls) == 6 else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "Objective", Poisoned)
        with pytest.raises(
            RankconError, match=r"step 6 is not finite; the last good checkpoint is .*last\.safetensors"
        ):
            train(run, plan)
    assert not run.finished
    train(run, plan, resume=True)
    assert_undisturbed(run.path, whole)


def test_two_trainings_in_one_run_directory(trainings, tree, tmp_path, capsys):
    """While one is at work others are refused, whatever they ask for, and nothing of it is removed."""
    out = tmp_path / "run"
    options = ["train", "--data", "digits", "--ranking", "digits", "--out", str(out)]
    for name in (".splits.json", "metrics.jsonl"):  # in the making of the run, and in its training
        process = trainings.begin(out, tree, name=name, at=1, then="hang")
        wait_for(tmp_path / "hangs")
        (tmp_path / "hangs").unlink()
        before = sorted(out.rglob("*"))
        resume = [["train", "--resume", "--out", str(out)]] if (out / "run.json").exists() else []
        for command in (options, [*options, "--force"], *resume):
            assert main(command) == 3
            message = capsys.readouterr().err
            assert f"another training is at work in {out}: process {process} on " in message, command
        assert sorted(out.rglob("*")) == before
        trainings.kill(process)
        assert (out / "training.lock").exists(), "and yet it keeps nobody out"
    assert trainings.run(out, tree) == 0
    assert not (out / "training.lock").exists()


def test_a_finished_run_is_of_use_while_another_trains(trainings, tree, tmp_path):
    assert trainings.run(tmp_path / "done", tree) == 0
    process = trainings.begin(tmp_path / "run", tree, name="metrics.jsonl", at=1, then="hang")
    wait_for(tmp_path / "hangs")
    assert main(["evaluate", str(tmp_path / "done")]) == 0
    assert main(["evaluate", str(tmp_path / "run")]) == 3, "not finished"
    trainings.kill(process)


def test_the_lock_is_let_go_by_what_is_forked_and_goes_away(tmp_path):
    """A worker that outlives its training must not hold the lock."""
    lock = tmp_path / "training.lock"
    with pytest.raises(KeyError), claimed(lock, "taken"):
        with pytest.raises(RankconError, match=f"taken: process {os.getpid()}"):
            require_unclaimed(lock, "taken")
        with pytest.raises(RankconError, match="taken"), claimed(lock, "taken"):
            pass
        child = os.fork()
        if not child:
            from rankcon_cli.files import _claims

            os._exit(len(_claims))
        assert os.waitpid(child, 0)[1] == 0
        raise KeyError
    assert not lock.exists()
    require_unclaimed(lock, "taken")


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch, config):
    def refuse(*arguments, **more):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with (
            pytest.raises(RankconError, match=r"cannot write .*training\.lock: Permission denied") as caught,
            claimed(tmp_path / "run" / "training.lock", "taken"),
        ):
            pass
    assert caught.value.hint
    run = create_run(tmp_path / "run", make_plan(config))
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(RankconError, match=r"cannot write .*Permission denied"):
        Journal(run).keep(State(run.untrained_network(), torch.optim.SGD([torch.zeros(1)])), Position(1))
