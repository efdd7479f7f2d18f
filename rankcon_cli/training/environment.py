"""What a result depended on: versions, device, revision. For run directories and ``rankcon doctor``."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

from rankcon_cli import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "pytorch-ood",
    "pillow",
    "safetensors",
    "typer",
    "networkx",
)


def package_versions() -> dict[str, str | None]:
    """Installed versions of the packages that results depend on; None for one that is missing."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def environment(device: str) -> dict[str, object]:
    """Versions, machine, device by name, git revision of the working directory and the command line."""
    return {
        "rankcon": __version__,
        "python": platform.python_version(),
        "packages": package_versions(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "device": device_name(device),
        "git_revision": git_revision(Path.cwd()),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def device_name(device: str) -> str:
    """The device as its maker calls it, e.g. ``cuda: NVIDIA H100``."""
    if device.startswith("cuda"):
        import torch

        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"{device}: {_processor()}"


def _processor() -> str:
    """The processor by name: from /proc/cpuinfo on Linux, where Python knows the architecture alone."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def git_revision(directory: Path) -> str | None:
    """The commit checked out in ``directory``, with ``-dirty`` for uncommitted changes; None outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
