"""The images of a step: taken from the device where they lie on it, else streamed to it by workers, ahead of time."""

import contextlib
import dataclasses
import logging
import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rankcon_cli.errors import RankconError
from rankcon_cli.training.config import EngineConfig
from rankcon_cli.training.memory import explaining_setup
from rankcon_cli.wording import counted

log = logging.getLogger("rankcon")

#: Images lie on a GPU where they take at most this share of its free memory.
_SHARE_OF_FREE = 0.4
_AHEAD = 3  # batches that each worker keeps ready
_GRACE = 5.0  # seconds after which what should have ended is killed


@dataclasses.dataclass(frozen=True)
class Feed:
    """images: uint8 [N, C, H, W] on the host; rows: [n] int64, those that are trained on.

    resident: those rows on the device; None where they are not. streamed: workers fetch them ahead of time.
    """

    images: np.ndarray
    rows: np.ndarray
    device: torch.device
    engine: EngineConfig
    resident: Tensor | None
    streamed: bool

    def batches(self, indices: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Each of ``indices`` [B] int64 into ``rows``, in their order, with its images on the device, uint8 [B, C, H, W].

        Raises:
            RankconError: a worker died, or was silent for longer than ``engine.timeout``.
        """
        if self.streamed:
            for index, batch in self._stream(indices):
                yield index.numpy(), batch.to(self.device, non_blocking=True)
            return
        for index in indices:
            if self.resident is None:
                yield index, torch.from_numpy(self.images[self.rows[index]])
            else:
                yield index, self.resident[torch.from_numpy(index).to(self.device, non_blocking=True)]

    def _stream(self, indices: Iterable[np.ndarray]) -> Iterator[tuple[Tensor, Tensor]]:
        n = self.engine.workers
        loader = DataLoader(
            _Rows(self.images, self.rows),
            batch_size=None,
            sampler=indices,
            num_workers=n,
            prefetch_factor=_AHEAD if n else None,
            pin_memory=self.device.type == "cuda",
            timeout=self.engine.timeout if n else 0,
            # Forked workers share the images; others would each get a copy.
            multiprocessing_context="fork" if n and "fork" in multiprocessing.get_all_start_methods() else None,
            worker_init_fn=_ignore_interrupts,
        )
        with explaining_workers(self.engine):
            iterator, workers = _started(loader)
            watch = _Watch(workers)
            try:
                while True:
                    with watch.waiting(self.engine.timeout + _GRACE):
                        found = next(iterator, None)
                    if found is None:
                        return
                    yield found
            finally:
                with _unheard_children(), watch.waiting(_GRACE):
                    del iterator  # lets workers end in peace that can
                    _end(workers)
                watch.over.set()


def _started(loader: DataLoader) -> tuple[Iterator, list[multiprocessing.process.BaseProcess]]:
    """The iterator over ``loader``, and the workers that it started."""
    before = multiprocessing.active_children()
    try:
        iterator = iter(loader)
    except OSError as error:
        raise RankconError(
            f"cannot start {counted(loader.num_workers, 'worker')} that stream images: {error.strerror or error}",
            hint="--workers 0 does without them",
        ) from error
    return iterator, [child for child in multiprocessing.active_children() if child not in before]


@contextlib.contextmanager
def explaining_workers(engine: EngineConfig) -> Iterator[None]:
    """Turn what tells of a worker's end into a RankconError with advice.

    Not only who asks for a batch hears of it: the signal that a worker has died raises wherever the process is just then.
    """
    try:
        yield
    except RuntimeError as error:
        words = str(error).strip().splitlines() or [""]
        if not any(word in str(error).lower() for word in ("dataloader", "with the workers", "pin memory thread")):
            raise
        # What a worker raised comes with its traceback, the exception in the last line.
        said = words[-1] if words[0].startswith("Caught ") else words[0]
        raise RankconError(
            f"a worker that streams images died or was silent for {engine.timeout:g} s: {said.strip()}",
            hint="go on with --resume; --workers 0 does without them, --timeout has more patience, "
            "--residence device holds the images on the device",
        ) from error


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal; what to do about it is the training's to decide."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(workers: list[multiprocessing.process.BaseProcess]) -> None:
    """Kill ``workers``, and see them gone: one that hangs, or was stopped, heeds nothing milder."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()


class _Watch:
    """Kills workers that keep who reads from them waiting.

    The loader's own timeout does not cover the moment in which a batch is handed over, and a worker may stop in that too.
    """

    def __init__(self, workers: list[multiprocessing.process.BaseProcess]):
        self.over = threading.Event()
        self._workers, self._until = workers, math.inf
        if workers:
            threading.Thread(target=self._look, daemon=True).start()

    @contextlib.contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """The block waits for the workers, and for so long at the most."""
        self._until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = math.inf

    def _look(self) -> None:
        while not self.over.wait(1.0):
            if time.monotonic() > self._until:
                for worker in self._workers:
                    worker.kill()


@contextlib.contextmanager
def _unheard_children() -> Iterator[None]:
    """No news of children that end meanwhile: torch's handler would raise once more over each."""
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler)


class _Rows(Dataset):
    def __init__(self, images: np.ndarray, rows: np.ndarray):
        self.images, self.rows = images, rows

    def __getitem__(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(index), torch.from_numpy(self.images[self.rows[index]])


def make_feed(images: np.ndarray, rows: np.ndarray, device: torch.device, engine: EngineConfig) -> Feed:
    """``Feed`` of the rows ``rows`` of ``images``, laid on the device where ``engine.residence`` says so or they fit."""
    size = len(rows) * images[:1].nbytes
    where = f"{counted(len(rows), 'training image')} ({size / 2**20:,.0f} MiB)"
    too_many = device.type != "cpu" and size > _SHARE_OF_FREE * _free(device)
    if engine.residence == "stream" or (engine.residence == "auto" and too_many):
        log.info("%s are streamed to %s by %s", where, device, counted(engine.workers, "worker"))
        return Feed(images, rows, device, engine, None, streamed=True)
    if device.type == "cpu":  # they are there already
        return Feed(images, rows, device, engine, None, streamed=False)
    log.info("%s lie on %s", where, device)
    with explaining_setup(device, where, "--residence stream keeps them off the device"):
        resident = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), 4096):
        resident[start : start + 4096] = torch.from_numpy(images[rows[start : start + 4096]]).to(device)
    return Feed(images, rows, device, engine, resident, streamed=False)


def _free(device: torch.device) -> int:
    """Bytes that are free on the device; where it does not tell, as many as matter."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2**33
