"""Embedding by several processes: the leader hands out images in rounds and gathers what the others make of them.

The others need nothing but the run directory. They wait for work until they are dismissed, since what comes between two
embeddings (fitting, resampling, drawing) is the leader's alone.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from rankcon_cli.progress import Progress
from rankcon_cli.training.world import World

#: uint8 [n, C, S, S] -> the heads there are, each float32 [n, ...] on the CPU.
Forward = Callable[[np.ndarray], list[Tensor]]


def share_out(
    world: World, run: Path, device: str, images: np.ndarray, batch: int, forward: Forward, progress: Progress
) -> Iterator[list[Tensor]]:
    """What ``forward`` gives for ``images``, in their order, round by round of at most ``batch`` images a process."""
    request = {"run": str(run), "device": device, "n": len(images), "shape": list(images.shape[1:]), "batch": batch}
    world.broadcast_bytes(json.dumps(request).encode())
    rounds = range(0, len(images), batch * world.size)
    for start in progress(rounds, "embedding", len(rounds)):
        block = torch.from_numpy(images[start : start + batch * world.size])
        rows = -(-len(block) // world.size)
        padded = torch.zeros(rows * world.size, *block.shape[1:], dtype=torch.uint8)
        padded[: len(block)] = block
        mine = torch.empty_like(padded[:rows])
        dist.scatter(mine, list(padded.split(rows)))
        yield [_gathered(head, world)[: len(block)] for head in forward(mine.numpy())]


def serve(world: World, forward_of: Callable[[Path, str], Forward]) -> None:
    """Do what ``share_out`` of the leader asks for, until ``dismiss``.

    forward_of: run directory and device -> its ``Forward``.
    """
    while content := world.broadcast_bytes(None):
        request = json.loads(content)
        forward = forward_of(Path(request["run"]), request["device"])
        for start in range(0, request["n"], request["batch"] * world.size):
            n = min(request["n"] - start, request["batch"] * world.size)
            mine = torch.empty(-(-n // world.size), *request["shape"], dtype=torch.uint8)
            dist.scatter(mine)
            for head in forward(mine.numpy()):
                dist.gather(head.contiguous())


def dismiss(world: World) -> None:
    """Let the others go."""
    world.broadcast_bytes(b"")


def _gathered(head: Tensor, world: World) -> Tensor:
    parts = [torch.empty_like(head) for _ in range(world.size)]
    dist.gather(head.contiguous(), parts)
    return torch.cat(parts)
