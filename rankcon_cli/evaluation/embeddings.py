"""Embeddings of a run's images: computed once, kept in the run, keyed by data and weights."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.data import ImageSet, fingerprint
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.images import training_images
from rankcon_cli.evaluation.sharing import share_out
from rankcon_cli.files import write_atomic
from rankcon_cli.models import Network
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.devices import autocast, pick_device, pick_precision
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.run_files import CACHE, WEIGHTS
from rankcon_cli.training.world import ALONE, World

log = logging.getLogger("rankcon")

_BATCH = 512
#: Raised when what is computed from the same images and weights changes, so that an old cache is not taken for new.
_CACHE_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What the network makes of N images, float32, not of unit length.

    encoder: h [N, D]; projection: z [N, P] or None; logits: [N, C] or None; labels: [N] int64.
    """

    encoder: Tensor
    projection: Tensor | None
    logits: Tensor | None
    labels: Tensor

    def features(self) -> dict[str, Tensor]:
        """The features there are, by name: ``encoder``, and ``projection`` where the network has one."""
        return {"encoder": self.encoder} | ({} if self.projection is None else {"projection": self.projection})

    def select(self, indices: np.ndarray) -> "Embeddings":
        index = torch.from_numpy(indices).to(self.labels.device)
        return self._map(lambda tensor: tensor[index])

    def to(self, device: torch.device) -> "Embeddings":
        return self._map(lambda tensor: tensor.to(device))

    def _map(self, function: Callable[[Tensor], Tensor]) -> "Embeddings":
        parts = (getattr(self, field.name) for field in dataclasses.fields(self))
        return Embeddings(*(None if part is None else function(part) for part in parts))


def headline_feature(features: dict[str, Tensor]) -> str:
    """The feature the headline numbers are taken on: the projection, or the encoder output where there is none."""
    return "projection" if "projection" in features else "encoder"


class Embedder:
    """Embeds images with a run's network, and keeps what it has embedded in the run's ``cache`` folder.

    Args:
        device: as ``--device`` says; the embeddings are left on it.
        world: the processes that share the work, each with a device of its own.
    """

    def __init__(self, run: Run, device: str = "auto", progress: Progress = silent, world: World = ALONE):
        self.run, self.world = run, world
        self.device = pick_device(device)
        self.precision = pick_precision(run.config.precision if self.device.type == "cuda" else "float32", self.device)
        self.progress = progress
        self._network: Network | None = None
        self._held: dict[Path, Embeddings] = {}
        if not run.finished:
            run.network()  # says what is missing
        self._weights = hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest()

    def embed(self, images: ImageSet) -> Embeddings:
        """``Embeddings`` of ``images``, from the cache where they are there."""
        path = self._path(fingerprint(images))
        return self._once(path, lambda: images).to(self.device)

    def training(self) -> tuple[Embeddings, Embeddings]:
        """Embeddings of the run's training and validation images. Once cached they do not need the images any more."""
        path = self._path(self.run.record["data"]["fingerprint"])
        found = self._once(path, lambda: training_images(self.run, self.progress))
        train, validation = self.run.splits()
        return found.select(train).to(self.device), found.select(validation).to(self.device)

    def _once(self, path: Path, images: Callable[[], ImageSet]) -> Embeddings:
        """From memory, else from the cache, else computed."""
        if path not in self._held:
            self._held[path] = self._read(path) or self._compute(images(), path)
        return self._held[path]

    def _path(self, data: str) -> Path:
        key = f"{_CACHE_VERSION} {data} {self._weights} {self.precision}"
        return self.run.path / CACHE / f"embeddings-{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"

    def outputs(self, images: np.ndarray) -> Embeddings:
        """``Embeddings`` of uint8 images [n, C, S, S] of the run's size, in one pass and on the CPU, nothing cached.

        Their labels are -1. Whether they are finite is the caller's to ask.
        """
        if self._network is None:
            self._network = self.run.network().to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(self.device, self.precision):
            batch = torch.from_numpy(images).to(self.device).float() / 255
            found = self._network(batch.contiguous(memory_format=torch.channels_last))
        heads = (found.encoder, found.projection, found.logits)
        parts = (None if head is None else head.float().cpu() for head in heads)
        return Embeddings(*parts, torch.full((len(images),), -1))

    def heads(self, images: np.ndarray) -> list[Tensor]:
        """Of ``outputs`` the heads that the network has: encoder output, projection, logits."""
        found = self.outputs(images)
        return [head for head in (found.encoder, found.projection, found.logits) if head is not None]

    def _there(self) -> tuple[bool, bool, bool]:
        """Which of encoder output, projection and logits the network gives."""
        return True, self._network.projection is not None, self._network.head is not None

    def _compute(self, images: ImageSet, path: Path) -> Embeddings:
        if self.world.size == 1:
            starts = range(0, len(images), _BATCH)
            blocks = (
                images.images[start : start + _BATCH] for start in self.progress(starts, "embedding", len(starts))
            )
            parts = [self.heads(block) for block in blocks]
        else:
            device, rows = self.device.type, images.images
            parts = [*share_out(self.world, self.run.path, device, rows, _BATCH, self.heads, self.progress)]
        joined = iter([torch.cat(column) for column in zip(*parts, strict=True)])
        heads = (next(joined) if there else None for there in self._there())
        found = Embeddings(*heads, torch.from_numpy(images.labels))
        _require_finite(found, self.run)
        self._write(path, found)
        return found

    def _read(self, path: Path) -> Embeddings | None:
        import safetensors
        import safetensors.torch

        if not path.exists():
            return None
        try:
            tensors = safetensors.torch.load_file(path)
            return Embeddings(tensors["encoder"], tensors.get("projection"), tensors.get("logits"), tensors["labels"])
        except (safetensors.SafetensorError, OSError, KeyError) as error:
            log.warning("%s cannot be read and is made anew: %s", path, error)
            return None

    def _write(self, path: Path, found: Embeddings) -> None:
        import safetensors.torch

        tensors = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        content = safetensors.torch.save({name: t.contiguous() for name, t in tensors.items() if t is not None})
        try:
            write_atomic(path, content)
        except RankconError as error:  # a run on a read-only or full disk can still be evaluated
            log.warning("the embeddings are not kept: %s", error.message)


def _require_finite(found: Embeddings, run: Run) -> None:
    bad = int((~found.encoder.isfinite()).any(dim=1).sum())
    if bad:
        raise RankconError(
            f"the network of {run.path} gives no finite embedding for {bad} of {len(found.labels)} images",
            hint="its training diverged: see metrics.jsonl, and train again with a lower --lr",
        )
