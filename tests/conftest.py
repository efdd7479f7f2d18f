"""What all tests share: GPU tests skip, saying so, where there is no GPU; larger real data where it is at hand."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# The tests' tensors are tiny: more threads only fight each other, and on a busy machine they fight hard.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell lets what it starts in the background ignore Ctrl-C, and then so do the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run and no deadline, so that a red run is the change's own and not a busy machine's;
# RANKCON_HYPOTHESIS=random looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
if os.environ.get("RANKCON_HYPOTHESIS") != "random":
    hypothesis.settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu_tests:
        return
    import torch

    if not torch.cuda.is_available():
        for item in gpu_tests:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """unpack(set, *arguments) -> folder: real data by the ``unpack.py`` of the folder that RANKCON_TEST_DATA names."""
    place = os.environ.get("RANKCON_TEST_DATA")
    if not place:
        pytest.skip("RANKCON_TEST_DATA names no folder of real data")

    def unpack(name: str, *arguments: str) -> Path:
        to = tmp_path_factory.mktemp(name)
        script = Path(place) / "unpack.py"
        subprocess.run([sys.executable, script, name, "--to", to, *arguments], check=True, capture_output=True)
        return to

    return unpack
