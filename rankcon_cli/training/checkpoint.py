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


LAST, PREVIOUS = "last.safetensors", "previous.safetensors"


@dataclasses.dataclass(frozen=True)
class State:
    """What a training changes, and a checkpoint keeps."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    queue: nn.Module | None = None


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


def save_checkpoint(directory: Path, state: State, position: Position) -> Path:
    """Write ``last.safetensors``; the checkpoint that had this name becomes ``previous.safetensors``."""
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    if state.queue is not None:
        tensors |= {f"queue.{name}": tensor for name, tensor in state.queue.state_dict().items()}
    for index, found in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in found.items() if isinstance(value, Tensor)}
    last = directory / LAST
    if last.exists():
        with replacing(directory / PREVIOUS) as temporary:
            shutil.copyfile(last, temporary)
    write_tensors(last, tensors, dataclasses.asdict(position))
    return last


def load_checkpoint(path: Path, content: bytes, state: State) -> Position:
    """Restore what ``save_checkpoint`` wrote to ``path``, exactly; RankconError where ``content`` is damaged."""
    tensors, position = parse_tensors(path, content)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "queue": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, key = name.partition(".")
        parts[part][key] = tensor
    _load(path, state.network, parts["network"])
    if state.queue is not None:
        _load(path, state.queue, parts["queue"])
    parameters = [parameter for group in state.optimizer.param_groups for parameter in group["params"]]
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in parts["optimizer"].items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            # Fused optimisers walk through memory and want the state laid out as the weights are, channels last.
            tensor = torch.empty_like(parameter).copy_(tensor)
        found.setdefault(int(index), {})[key] = tensor
    state.optimizer.load_state_dict({"state": found, "param_groups": state.optimizer.state_dict()["param_groups"]})
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
        raise damaged(path, error) from error


def parse_tensors(path: Path, content: bytes) -> tuple[dict[str, Tensor], dict]:
    """As ``read_tensors``, of the ``content`` of ``path``."""
    import safetensors.torch

    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return tensors, json.loads(header["__metadata__"][_KEY])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception | str) -> RankconError:
    """The file ``path`` cannot be read, and what to do about it."""
    return RankconError(
        f"{path} is damaged or not a file of rankcon's: {error}",
        hint="previous.safetensors, if there is one beside it, is the checkpoint before: copy it to "
        "last.safetensors and resume"
        if path.name == LAST
        else "delete it and go on from the last checkpoint with 'rankcon train --resume', or train again",
    )


def _load(path: Path, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise RankconError(
            f"{path} holds the weights of another network: {str(error).splitlines()[-1].strip()}"
        ) from error
