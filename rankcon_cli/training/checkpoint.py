"""Checkpoints in safetensors: weights, the optimiser's state and how far the training was. Nothing is unpickled."""

import dataclasses
import json
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from rankcon_cli.errors import RankconError
from rankcon_cli.files import replacing, write_atomic

_KEY = "rankcon"


@dataclasses.dataclass(frozen=True)
class Position:
    """How far a training is: ``step`` optimiser steps are done. ``loss_sum`` is over the steps of the current epoch."""

    step: int = 0
    loss_sum: float = 0.0


def save_weights(path: Path, network: nn.Module) -> None:
    """The network's state as safetensors, atomically."""
    write_tensors(path, network.state_dict(), {})


def load_weights(path: Path, network: nn.Module) -> None:
    """Load what ``save_weights`` wrote; RankconError where the file is damaged or of another network."""
    tensors, _ = read_tensors(path)
    _load(path, network, tensors)


def save_checkpoint(directory: Path, network: nn.Module, optimizer: torch.optim.Optimizer, position: Position) -> Path:
    """Write ``last.safetensors``; the checkpoint that had this name becomes ``previous.safetensors``."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items() if isinstance(value, Tensor)}
    last = directory / "last.safetensors"
    if last.exists():
        with replacing(directory / "previous.safetensors") as temporary:
            shutil.copyfile(last, temporary)
    write_tensors(last, tensors, dataclasses.asdict(position))
    return last


def load_checkpoint(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    """Restore what ``save_checkpoint`` wrote, exactly; RankconError where the file is damaged."""
    tensors, position = read_tensors(path)
    _load(path, network, {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return Position(**position)


def write_tensors(path: Path, tensors: dict[str, Tensor], position: dict) -> None:
    """``tensors`` and, as metadata, ``position``, as one safetensors file, atomically."""
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, safetensors.torch.save(plain, metadata={_KEY: json.dumps(position)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """What ``write_tensors`` wrote; RankconError where the file is missing or damaged."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            position = json.loads((file.metadata() or {})[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, position  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise RankconError(f"{path} does not exist") from error
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise RankconError(
            f"{path} is damaged or not a file of rankcon's: {error}",
            hint="previous.safetensors, if there is one beside it, is the checkpoint before: copy it to "
            "last.safetensors and resume"
            if path.name == "last.safetensors"
            else "delete it and go on from the last checkpoint with 'rankcon train --resume', or train again",
        ) from error


def _load(path: Path, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise RankconError(
            f"{path} holds the weights of another network: {str(error).splitlines()[-1].strip()}"
        ) from error
