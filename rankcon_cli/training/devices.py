"""Which device does the work, and in which precision."""

import contextlib
from collections.abc import Callable

import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.training.world import launched

#: Makes the context of one forward pass: see ``autocast``.
Cast = Callable[[], contextlib.AbstractContextManager]


def pick_device(name: str) -> torch.device:
    """``auto`` is the first CUDA device, else Apple's MPS, else the CPU. RankconError where there is no such device."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    missing = RankconError(
        f"there is no device {name!r} here", hint="'rankcon doctor' lists the devices; --device auto picks one"
    )
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise missing
    if ":" in name and launched():
        raise RankconError(
            f"torchrun gives every process a device of its own, and {name} is one", hint="say --device cuda"
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise missing from error
    return device


def pick_precision(name: str, device: torch.device) -> str:
    """``auto`` is bfloat16 on a CUDA device that has it, else float32."""
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """bf16 autocast where ``precision`` says so; nothing otherwise. Entered once a forward pass: its cache of weights in
    bf16 must not outlive a pass without gradient."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def working_dtype(precision: str) -> torch.dtype:
    """Of weights and views: float64 where ``precision`` says so, else float32, of which autocast takes what it may."""
    return torch.float64 if precision == "float64" else torch.float32
