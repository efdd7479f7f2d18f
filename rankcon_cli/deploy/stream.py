"""Image files as they come, in order, decoded ahead in threads: no more is read than is soon worked on."""

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import torch

from rankcon_cli.data.pixels import BROKEN, read_pixels, why_broken
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings

_MOST_THREADS = 16
_CHUNK = 2**16  # bytes asked of standard input at a time
#: No system has a file of a longer name; what is longer has lost its separators, and is cut.
LONGEST_NAME = 2**16
#: Seconds that the first image of a batch waits for the rest of it, where files are slow to read.
PATIENCE = 0.5


@dataclass(frozen=True)
class Opened:
    """An image file that was read: ``pixels`` uint8 [C, S, S], or None and ``error``, the reason in a few words."""

    name: str
    pixels: np.ndarray | None = None
    error: str | None = None


@dataclass(frozen=True)
class Embedded:
    """A batch of images in the order in which they came.

    names: of all of them; errors: position -> why that image has no embedding; embeddings: of the others, in order, or
    None where there is none.
    """

    names: tuple[str, ...]
    errors: dict[int, str]
    embeddings: Embeddings | None

    def good(self) -> list[int]:
        """Positions of the images that have an embedding."""
        return [i for i in range(len(self.names)) if i not in self.errors]


def read_names(descriptor: int, separator: bytes = b"\n") -> Iterator[str]:
    """The names that come in on a file descriptor, each as soon as it is there; bytes that are no UTF-8 as surrogates.

    Empty names are passed over. Of one longer than ``LONGEST_NAME`` bytes the beginning is given, and the rest dropped.
    """
    rest, dropping = b"", False
    # os.read, since a buffered stream that a thread waits on cannot be let go of when the program ends.
    while chunk := os.read(descriptor, _CHUNK):
        *complete, rest = (rest + chunk).split(separator)
        for name in complete:
            if name and not dropping:
                yield os.fsdecode(name)
            dropping = False
        if len(rest) > LONGEST_NAME:
            if not dropping:
                yield os.fsdecode(rest[:LONGEST_NAME])
            rest, dropping = b"", True
    if rest and not dropping:
        yield os.fsdecode(rest)


def read_batches(names: Iterable[str], decode: Callable[[str], np.ndarray], batch_size: int) -> Iterator[list[Opened]]:
    """The files ``names`` read ahead in threads, in order, in batches of at most ``batch_size``.

    A batch goes on unfilled when no further name waits, or when the next file takes long, so that names which trickle in are
    answered as they come. At most ``2 * batch_size + 2`` names are taken beyond those given out: whoever writes them is
    held up when the reader of the results is slow.

    Args:
        decode: name -> uint8 [C, S, S]; a fault of ``data.pixels.BROKEN`` makes the file a broken one.

    Raises:
        whatever ``names`` raises, after the files named before it.
    """
    ahead = _Ahead(names, lambda name: _opened(name, decode), 2 * batch_size)
    try:
        with _quiet_pillow():
            yield from _batches(ahead.waiting, batch_size)
    finally:
        ahead.stop()


def _opened(name: str, decode: Callable[[str], np.ndarray]) -> Opened:
    try:
        return Opened(name, decode(name))
    except (*BROKEN, MemoryError) as error:
        return Opened(name, error=why_broken(error))


class _Ahead:
    """A thread that takes names, hands them to a pool and queues the futures. The queue ends in None or an exception."""

    def __init__(self, names: Iterable[str], work: Callable[[str], Opened], most: int):
        self.waiting: Queue[Future[Opened] | BaseException | None] = Queue(most)
        self._pool = ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1))
        self._stopped = threading.Event()
        # A daemon: it may wait on standard input for ever, and the program need not.
        threading.Thread(target=self._feed, args=(names, work), daemon=True).start()

    def _feed(self, names: Iterable[str], work: Callable[[str], Opened]) -> None:
        end = None
        try:
            for name in names:
                if self._stopped.is_set():
                    return
                self.waiting.put(self._pool.submit(work, name))
        except Exception as error:
            end = error
        self.waiting.put(end)

    def stop(self) -> None:
        """Let go of both: what is queued is not worked on any more."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(Empty):  # room for the thread to finish putting, and to see that it is to stop
            while True:
                self.waiting.get_nowait()


def _batches(waiting: Queue, batch_size: int) -> Iterator[list[Opened]]:
    batch: list[Opened] = []
    deadline = 0.0
    while True:
        try:
            found = waiting.get(block=not batch)
        except Empty:  # nobody waits behind these
            yield batch
            batch = []
            continue
        if not isinstance(found, Future):
            break
        if batch and not found.done() and not wait([found], deadline - time.monotonic()).done:
            yield batch
            batch = []
        batch.append(found.result())
        if len(batch) == 1:
            deadline = time.monotonic() + PATIENCE
        if len(batch) == batch_size:
            yield batch
            batch = []
    if batch:
        yield batch
    if found is not None:
        raise found


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings about damaged metadata and large images: what matters fails, and is told of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def embed_files(embedder: Embedder, names: Iterable[str], batch_size: int) -> Iterator[Embedded]:
    """The image files ``names`` through the network of ``embedder``, in order, as they come: see ``read_batches``."""
    run = embedder.run
    size, channels = run.image_size, run.channels
    batches = read_batches(names, lambda name: read_pixels(Path(name), size, channels), batch_size)
    with contextlib.closing(batches):
        for batch in batches:
            yield _embedded(embedder, batch)


def _embedded(embedder: Embedder, batch: Sequence[Opened]) -> Embedded:
    errors = {i: image.error for i, image in enumerate(batch) if image.pixels is None}
    good = [i for i in range(len(batch)) if i not in errors]
    embeddings = None
    if good:
        embeddings = embed_pixels(embedder, np.stack([batch[i].pixels for i in good]))
        finite = finite_rows(embeddings)
        errors |= {good[row]: "its embedding is not finite" for row in np.flatnonzero(~finite).tolist()}
        embeddings = embeddings.select(np.flatnonzero(finite)) if finite.any() else None
    return Embedded(tuple(image.name for image in batch), errors, embeddings)


def embed_pixels(embedder: Embedder, pixels: np.ndarray) -> Embeddings:
    """``embedder.outputs``; RankconError where the device has not the memory for so many images at once."""
    try:
        return embedder.outputs(pixels)
    except torch.OutOfMemoryError as error:
        raise RankconError(
            f"{embedder.device} has not enough memory for {len(pixels)} images at once",
            hint="take fewer with --batch-size",
        ) from error


def finite_rows(embeddings: Embeddings) -> np.ndarray:
    """Whether everything that the network made of an image is finite, bool [N]."""
    parts = (embeddings.encoder, embeddings.projection, embeddings.logits)
    finite = [part.isfinite().all(dim=1) for part in parts if part is not None]
    return torch.stack(finite).all(dim=0).cpu().numpy()
