"""The streamed feed: the same batches and weights as the resident one; workers that die or hang end it with advice."""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from faulty_training import Trainings, wait_for

from rankcon_cli.errors import RankconError
from rankcon_cli.training.config import EngineConfig, to_dict
from rankcon_cli.training.feed import _Rows, explaining_workers, make_feed
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import create_run, open_run

CPU = torch.device("cpu")


def streamed(config, workers, timeout=600.0):
    engine = dataclasses.replace(config.engine, residence="stream", workers=workers, timeout=timeout)
    return dataclasses.replace(config, engine=engine)


def workers():
    return multiprocessing.active_children()


def at_step(n, do):
    """A ``Progress`` that calls ``do`` while batch ``n`` is under way."""

    def progress(items, description, total=None):
        for i, item in enumerate(items, start=1):
            if i == n:
                do()
            yield item

    return progress


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No worker, alive or dead, and no shared memory."""
    shared = Path("/dev/shm")

    def mine():
        return {path.name for path in shared.glob(f"*_{os.getpid()}_*")}

    before = mine()
    yield
    assert not workers()
    with contextlib.suppress(ChildProcessError):  # there are none at all
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a zombie"
    assert mine() == before


@pytest.fixture
def reference(config, tmp_path):
    run = create_run(tmp_path / "reference", plan := make_plan(config))
    train(run, plan)
    return (run.path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("n", [0, 2])
def test_batches_are_those_of_the_resident_feed(n):
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    rows = np.random.default_rng(1).permutation(50)[:40]
    indices = [np.random.default_rng(i).integers(0, 40, 8) for i in range(15)]
    resident = [*make_feed(images, rows, CPU, EngineConfig(residence="device")).batches(indices)]
    found = [*make_feed(images, rows, CPU, EngineConfig(residence="stream", workers=n)).batches(indices)]
    assert len(found) == 15
    for (a, x), (b, y), index in zip(resident, found, indices, strict=True):
        assert np.array_equal(a, index) and np.array_equal(b, index)
        assert torch.equal(x, y) and np.array_equal(x.numpy(), images[rows[index]])


@pytest.mark.parametrize("n", [0, 2])
def test_weights_are_those_of_the_resident_feed(config, tmp_path, reference, n):
    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, n)))
    train(run, plan)
    assert (run.path / "model.safetensors").read_bytes() == reference


@pytest.mark.parametrize(
    ("number", "timeout", "says"),
    [(signal.SIGKILL, 600.0, "died .*Killed"), (signal.SIGSTOP, 1.0, "silent for 1 s")],
    ids=["killed", "hanging"],
)
def test_a_worker_that_dies_or_hangs(config, tmp_path, reference, number, timeout, says):
    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, 2, timeout)))

    def harm():
        os.kill(workers()[0].pid, number)
        time.sleep(0.2)  # the news of its death comes here, between two batches

    started = time.monotonic()
    with pytest.raises(RankconError, match=says) as caught:
        train(run, plan, progress=at_step(6, harm))
    assert time.monotonic() - started < 20
    assert all(word in caught.value.hint for word in ("--resume", "--workers 0", "--timeout", "--residence device"))
    assert not workers()
    train(open_run(run.path), make_plan(run.settings()), resume=True)
    assert (run.path / "model.safetensors").read_bytes() == reference


def test_all_workers_hang_in_the_middle_of_a_read(config, tmp_path, monkeypatch):
    real = _Rows.__getitem__
    monkeypatch.setattr(
        _Rows, "__getitem__", lambda self, index: time.sleep(600) if index.sum() % 2 else real(self, index)
    )
    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, 2, 1.0)))
    with pytest.raises(RankconError, match=r"silent for 1 s"):
        train(run, plan)
    monkeypatch.undo()
    train(run, plan, resume=True)
    assert run.finished


def test_what_a_worker_raised_is_told(config, monkeypatch):
    def no_space(self, index):
        raise RuntimeError("unable to write to file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(_Rows, "__getitem__", no_space)
    images = np.zeros((4, 1, 2, 2), dtype=np.uint8)
    feed = make_feed(images, np.arange(4), CPU, EngineConfig(residence="stream", workers=1))
    with pytest.raises(RankconError, match="No space left on device"):
        next(feed.batches([np.arange(2)] * 3))
    with pytest.raises(RuntimeError, match="a shape is wrong"), explaining_workers(config.engine):
        raise RuntimeError("a shape is wrong")


def test_a_fault_of_the_training_leaves_no_worker(config, tmp_path):
    """Even while its traceback is kept, which holds on to the feed."""

    def fault():
        assert len(workers()) == 2
        raise KeyError("a fault")

    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, 2)))
    with pytest.raises(KeyError) as caught:
        train(run, plan, progress=at_step(5, fault))
    assert caught and not workers()


def test_workers_that_cannot_be_started(config, tmp_path, monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, 2)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", refuse)
        with pytest.raises(RankconError, match="cannot start 2 workers") as caught:
            train(run, plan)
    assert "--workers 0" in caught.value.hint


def test_workers_heed_no_interrupt(config, tmp_path, reference):
    """A terminal sends Ctrl-C to all processes; here the training itself is spared."""

    def interrupt():
        for worker in workers():
            os.kill(worker.pid, signal.SIGINT)

    run = create_run(tmp_path / "run", plan := make_plan(streamed(config, 2)))
    train(run, plan, progress=at_step(6, interrupt))
    assert (run.path / "model.safetensors").read_bytes() == reference


def test_a_training_killed_with_its_workers_alive_resumes_at_once(config, tmp_path, reference):
    """They notice only after seconds that it is gone, and do not keep its lock until then."""
    trainings = Trainings()
    tree = to_dict(streamed(config, 2))
    process = trainings.begin(tmp_path / "run", tree, name="metrics.jsonl", at=2, then="hang")
    wait_for(tmp_path / "hangs")
    trainings.kill(process)
    assert trainings.run(tmp_path / "run", tree) == 0, (tmp_path / "run.log").read_text()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == reference
    trainings.close()
