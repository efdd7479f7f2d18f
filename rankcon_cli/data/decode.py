"""Many images at once: headers and pixels of files in a thread pool (Pillow lets go of the GIL), arrays directly."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from rankcon_cli.data.pixels import BROKEN, Header, fit, flatten, read_header, read_pixels, why_broken
from rankcon_cli.progress import Progress

T = TypeVar("T")

_CHUNK = 64
_MOST_THREADS = 16


def read_headers(paths: Sequence[Path], progress: Progress) -> list[Header]:
    """The headers of the files that can be read."""

    def read(i: int) -> Header | None:
        try:
            return read_header(paths[i])
        except BROKEN:
            return None

    headers = _in_threads(read, len(paths), "reading headers", progress)
    return [header for header in headers if header is not None]


def decode_files(paths: Sequence[Path], out: np.ndarray, progress: Progress) -> dict[int, str]:
    """Decode file i into ``out[i]`` (uint8 [N, C, S, S]); returns the reason for each i that cannot be read."""
    _, channels, size, _ = out.shape

    def decode(i: int) -> str | None:
        try:
            out[i] = read_pixels(paths[i], size, channels)
        except BROKEN as error:
            return why_broken(error)
        return None

    reasons = _in_threads(decode, len(paths), "reading images", progress)
    return {i: reason for i, reason in enumerate(reasons) if reason is not None}


def decode_arrays(pixels: np.ndarray, out: np.ndarray, progress: Progress) -> None:
    """Bring ``pixels`` (uint8 [N, H, W] or [N, H, W, 1 or 3]) to ``out`` (uint8 [N, C, S, S])."""
    _, channels, size, _ = out.shape
    stored = pixels[..., None] if pixels.ndim == 3 else pixels
    if stored.shape[1:3] == (size, size) and stored.shape[3] <= channels:
        out[:] = stored.transpose(0, 3, 1, 2)  # one grey channel fills all three
        return

    if stored.shape[3] == 1:
        stored = stored[..., 0]  # as Pillow wants grey

    def bring(i: int) -> None:
        out[i] = fit(flatten(Image.fromarray(stored[i]), channels), size)

    for _ in _in_threads(bring, len(stored), "resizing images", progress):
        pass


def _in_threads(work: Callable[[int], T], count: int, description: str, progress: Progress) -> Iterator[T]:
    """``work(0)``, ``work(1)``, ... in order, computed in threads by chunks."""

    def do(start: int) -> list[T]:
        return [work(i) for i in range(start, min(start + _CHUNK, count))]

    starts = range(0, count, _CHUNK)
    pool = ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        with _quiet_pillow():
            for results in progress(pool.map(do, starts), description, len(starts)):
                yield from results
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for the rest


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings about damaged metadata and large images: what matters fails, and is counted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
