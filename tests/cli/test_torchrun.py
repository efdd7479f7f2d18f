"""The commands under the real ``torchrun``: two processes, one voice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TORCHRUN = Path(sys.executable).parent / "torchrun"
TRAIN = ("train", "--data", "digits", "--ranking", "digits", "--epochs", "2", "--norm", "group", "--batch-size", "128")


def run(*command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def torchrun(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    return run(str(TORCHRUN), "--standalone", "--nproc-per-node", "2", "-m", "rankcon_cli", *arguments, folder=folder)


@pytest.mark.skipif(not TORCHRUN.exists(), reason="no torchrun beside this Python")
def test_train_and_evaluate_with_two_processes(tmp_path):
    done = torchrun(*TRAIN, "--out", "run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run\n" and done.stderr.count("training ranked on") == 1
    assert "in each of 2 processes" in done.stderr and not (tmp_path / "run" / "training.lock").exists()

    shared = torchrun("evaluate", "run", "--json", folder=tmp_path)
    assert shared.returncode == 0, shared.stderr
    for cached in (tmp_path / "run" / "cache").iterdir():
        cached.unlink()
    alone = run(sys.executable, "-m", "rankcon_cli", "evaluate", "run", "--json", folder=tmp_path)
    ours, theirs = json.loads(shared.stdout), json.loads(alone.stdout)  # one document each
    for key in ("accuracy", "order_satisfaction", "order_satisfaction_beyond_own"):
        assert ours[key] == pytest.approx(theirs[key], abs=0.005)

    refused = torchrun(*TRAIN, "--out", "run", folder=tmp_path)
    assert refused.returncode != 0 and refused.stderr.count("holds a run already") == 1
