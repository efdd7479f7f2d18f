"""The processes of one training: who of how many this is, and what they do together. One process alone is the plain case.

``torchrun`` starts the processes and tells each by environment variables; nothing here is called where it did not.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from rankcon_cli.errors import RankconError


@dataclass(frozen=True)
class World:
    """rank: this process's number among ``size``; the leader, number 0, alone writes and prints."""

    rank: int = 0
    size: int = 1

    @property
    def leader(self) -> bool:
        return self.rank == 0

    @property
    def mine(self) -> slice:
        """Which rows of a batch are this process's: every ``size``-th, so that classes in a row are shared out evenly."""
        return slice(self.rank, None, self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes; ``tensor`` itself stays as it is. Without gradient."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total

    def gather(self, tensor: Tensor) -> Tensor:
        """[N, ...] of every process to [size N, ...], process after process, with gradients back to where rows come from."""
        return tensor if self.size == 1 else _Gather.apply(tensor, self)

    def gather_shards(self, tensor: Tensor) -> Tensor:
        """The rows of a batch that ``mine`` shared out, [N, ...] of every process, in the order of the batch. No gradient."""
        if self.size == 1:
            return tensor
        return _all_rows(tensor, self.size).unflatten(0, (self.size, len(tensor))).transpose(0, 1).flatten(0, 1)

    def broadcast_bytes(self, content: bytes | None) -> bytes:
        """What the leader gives, on every process."""
        if self.size == 1:
            return content
        size = torch.tensor([len(content) if self.leader else 0])
        dist.broadcast(size, 0)
        buffer = torch.empty(int(size), dtype=torch.uint8)
        if self.leader and content:
            buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        if int(size):
            dist.broadcast(buffer, 0)
        return buffer.numpy().tobytes()

    def barrier(self) -> None:
        if self.size > 1:
            self.sum(torch.zeros(1))


ALONE = World()


class Agreement:
    """Whether any process wants to stop, known to all at the same step: one step after it was wished.

    The answer of a step is fetched in the next one, over the CPU, so that neither waits for the network or for a GPU.
    """

    def __init__(self, world: World):
        self.world = world
        self._asked: tuple[Any, Tensor] | None = None

    def reached(self, wish: bool) -> bool:
        """One process: its wish. Several: what they wished a step ago."""
        if self.world.size == 1:
            return wish
        before = self._asked
        flag = torch.tensor([int(wish)])
        self._asked = dist.all_reduce(flag, async_op=True), flag
        if before is None:
            return False
        work, wished = before
        work.wait()
        return bool(wished)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, world: World) -> Tensor:
        ctx.world, ctx.n = world, len(tensor)
        return _all_rows(tensor, world.size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # Each process has a share of the loss that reaches every row: the shares of a row's gradient are summed where it
        # came from. (Gloo has no reduce_scatter: there all is summed and a part of it kept.)
        if gradient.is_cuda:
            mine = gradient.new_empty(ctx.n, *gradient.shape[1:])
            dist.reduce_scatter_tensor(mine, gradient.contiguous())
            return mine, None
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # it may be another's gradient too
        dist.all_reduce(gradient)
        return gradient[ctx.world.rank * ctx.n :][: ctx.n], None


def _all_rows(tensor: Tensor, size: int) -> Tensor:
    parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(size)]
    dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


def launched() -> bool:
    """Whether ``torchrun`` started this process among others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def local_rank() -> int:
    """This process's number on its machine, and that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextlib.contextmanager
def joined(timeout: float) -> Iterator[World]:
    """The world that ``torchrun`` made, or ``ALONE``. Between CPUs through gloo, between GPUs through NCCL.

    timeout: seconds to wait for the others before they are given up.

    Raises:
        RankconError: another process died or does not answer; the message of the one to blame stands elsewhere.
    """
    if not launched():
        yield ALONE
        return
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        # By name: of itself torch takes NCCL alone where there is a GPU, and what is agreed upon lies on the CPU.
        both = torch.cuda.is_available() and dist.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if both else "gloo"
        dist.init_process_group(backend, timeout=datetime.timedelta(seconds=timeout))
        yield World(dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if "duplicate gpu" in str(error).lower():
            raise RankconError(
                "two processes share a GPU, which NCCL does not allow",
                hint=f"start one a GPU: --nproc-per-node {torch.cuda.device_count()}",
            ) from error
        if not _of_the_others(error):
            raise
        raise RankconError(
            f"another process of this job died or did not answer within {timeout:.0f} s: "
            f"{str(error).strip().splitlines()[0].partition('. ')[0]}",
            hint="its own message stands above or in its log; a training goes on from its last checkpoint with --resume",
        ) from error
    # Not where something went wrong: others may be gone, and parting would wait for them.
    dist.destroy_process_group()


def _of_the_others(error: RuntimeError) -> bool:
    words = str(error).lower()
    return isinstance(error, dist.DistError) or any(
        word in words for word in ("gloo", "nccl", "connection", "timed out")
    )
