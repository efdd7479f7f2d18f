"""The images of a step: taken from the device where they lie on it, else streamed to it by workers, ahead of time."""

import dataclasses
import logging
import multiprocessing
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rankcon_cli.errors import RankconError
from rankcon_cli.training.config import EngineConfig
from rankcon_cli.wording import counted

log = logging.getLogger("rankcon")

#: Images lie on a GPU where they take at most this share of its free memory.
_SHARE_OF_FREE = 0.4
_AHEAD = 3  # batches that each worker keeps ready


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
        workers = self.engine.workers
        # Forked workers share the images; others would each get a copy.
        context = "fork" if workers and "fork" in multiprocessing.get_all_start_methods() else None
        loader = DataLoader(
            _Rows(self.images, self.rows),
            batch_size=None,
            sampler=indices,
            num_workers=workers,
            prefetch_factor=_AHEAD if workers else None,
            pin_memory=self.device.type == "cuda",
            timeout=self.engine.timeout if workers else 0,
            multiprocessing_context=context,
        )
        try:
            yield from loader
        except RuntimeError as error:
            if "DataLoader" not in str(error):
                raise
            raise RankconError(
                f"a worker that streams images died or was silent for {self.engine.timeout:.0f} s: "
                f"{str(error).splitlines()[0]}",
                hint="go on with --resume; --workers 0 does without them, --timeout has more patience, "
                "--residence device holds the images on the device",
            ) from error


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
    resident = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), 4096):
        resident[start : start + 4096] = torch.from_numpy(images[rows[start : start + 4096]]).to(device)
    return Feed(images, rows, device, engine, resident, streamed=False)


def _free(device: torch.device) -> int:
    """Bytes that are free on the device; where it does not tell, as many as matter."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2**33
