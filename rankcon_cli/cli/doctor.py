"""``rankcon doctor``: what is installed, which device is used, and whether torch and torchvision fit together."""

import platform
import sys
from typing import Any

import typer

from rankcon_cli import __version__
from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.errors import ExitCode


def doctor(json: Json = False) -> None:
    """Look over the installation; exit 1 where something keeps rankcon from working."""
    from rankcon_cli.training.environment import package_versions

    packages = package_versions()
    problems = [f"{name} is not installed" for name, version in packages.items() if version is None]
    device, devices = None, []
    try:
        devices = _devices()
        device = devices[0]
    except (ImportError, OSError, RuntimeError) as error:
        problems.append(f"torch cannot be imported: {error}")
    else:
        problems += _torchvision_problems()
    found: dict[str, Any] = {
        "format": "rankcon/doctor",
        "version": 1,
        "rankcon": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": packages,
        "devices": devices,
        "device": device,
        "problems": problems,
    }
    if json:
        console.json(found)
    else:
        rows = [
            ("rankcon", __version__),
            ("python", found["python"]),
            *((n, v or "missing") for n, v in packages.items()),
        ]
        console.table(("package", "version"), rows)
        console.out(f"\ndevices: {', '.join(devices) or 'none'}; --device auto uses {device}")
        console.out("\n".join(f"problem: {p}" for p in problems) or "torch and torchvision fit together; all is well")
    if problems:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _devices() -> list[str]:
    """Usable devices, the one that ``auto`` picks first."""
    import torch

    found = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, f"cpu ({torch.get_num_threads()} threads)"]


def _torchvision_problems() -> list[str]:
    """Empty where torchvision imports beside this torch and its compiled operators answer."""
    import torch

    try:
        import torchvision

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except (ImportError, RuntimeError, AttributeError) as error:
        return [
            f"torchvision does not fit torch {torch.__version__} ({error}); install the pair together: "
            "pip install --upgrade torch torchvision"
        ]
    return []


def register(app: typer.Typer) -> None:
    command(app, "doctor")(doctor)
