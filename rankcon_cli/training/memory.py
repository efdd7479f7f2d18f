"""What to do about memory that does not suffice: which flag lowers it, and by how much."""

import contextlib
from collections.abc import Iterator

import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.training.config import TrainConfig
from rankcon_cli.wording import percent

_GIB = 2**30


@contextlib.contextmanager
def explaining_memory(config: TrainConfig, images: int, device: torch.device) -> Iterator[None]:
    """Turn an out-of-memory error of the block into a RankconError with advice. images: of a step, in this process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        used = ""
        if device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(device)
            used = f": {peak / _GIB:.1f} GiB were in use, {(peak - before) / _GIB:.1f} GiB of them by the step"
        raise RankconError(
            f"out of memory on {device} in a step of {images} images, {at_a_time(config, images)} at a time{used}",
            hint=_advice(config, images, device),
        ) from error


@contextlib.contextmanager
def explaining_setup(device: torch.device, what: str, advice: str) -> Iterator[None]:
    """As ``explaining_memory``, for ``what`` has to lie on the device before the first step."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        free = f" ({torch.cuda.mem_get_info(device)[0] / _GIB:.1f} GiB are free)" if device.type == "cuda" else ""
        raise RankconError(
            f"out of memory on {device}: there is no room for {what}{free}",
            hint=f"{advice}, or stop what else is using {device}",
        ) from error


#: How devices and the CPU's allocator say it where they have no exception of its own for it.
_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the allocator of the CPU, had no more to give."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error).lower() for words in _WORDS)


def at_a_time(config: TrainConfig, images: int) -> int:
    """How many of a step's images go through the network at a time."""
    return min(config.engine.micro_batch or images, images)


def _advice(config: TrainConfig, images: int, device: torch.device) -> str:
    now = at_a_time(config, images)
    parts = []
    if now > 1:
        half, less = -(-now // 2), max(1, now // 8)
        parts.append(
            f"--micro-batch {half} sends {half} instead of {now} images through the network at a time, which takes about "
            f"{percent(half / now)} of the memory for their activations"
            f"{f' (--micro-batch {less}: {percent(less / now)})' if less < half else ''}; "
            f"the loss stays that of the whole batch"
        )
    if device.type == "cuda" and config.engine.residence != "stream":
        parts.append("--residence stream keeps the training images off the device")
    if device.type == "cuda" and config.precision == "float32":
        parts.append("--precision bfloat16 halves the activations")
    if not parts:
        parts.append("take a smaller --encoder or --image-size")
    return "; ".join(parts) + ". A run goes on with it: add --resume"
