"""``npz:``: a NumPy archive in the layout of the MedMNIST files (https://medmnist.com).

``train_images`` uint8 or uint16 [N, H, W] or [N, H, W, 3], ``train_labels`` integers [N] or [N, 1], the same for
``val`` and ``test``, and optionally ``class_names``, strings [C]. Nothing is ever unpickled.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from rankcon_cli.data.image_set import DataClasses, printable
from rankcon_cli.data.memory import check_memory
from rankcon_cli.data.pixels import to_bytes
from rankcon_cli.data.source import SPLITS, Part, Source, numbered, settle_splits
from rankcon_cli.errors import RankconError

_DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, RuntimeError)
_MOST_UNNAMED = 100_000  # labels beyond this are no class numbers


def open_npz(place: str, unlabeled_ok: bool) -> Source:
    """Read the headers, labels and class names of the archive at ``place``; the pixels wait for ``read``."""
    archive = _Archive(Path(place))
    own = settle_splits({split: split for split in SPLITS if f"{split}_images" in archive.headers})
    if not own:
        raise RankconError(
            f"{archive.where} holds no train_images and no test_images (it has: {archive.contents()})",
            hint="save it as np.savez(PATH, train_images=..., train_labels=..., test_images=..., test_labels=...)",
        )
    counts = {stored: _check_images(archive, f"{stored}_images") for stored in own.values()}
    labels = {stored: _labels(archive, stored, count, unlabeled_ok) for stored, count in counts.items()}
    classes = _classes(archive, labels, unlabeled_ok)
    return Source(classes, tuple(own), lambda split: _read(archive, own[split], labels[own[split]]))


def _read(archive: "_Archive", stored: str, labels: np.ndarray) -> Part:
    pixels = to_bytes(archive.load(f"{stored}_images"))
    return Part(pixels, labels, tuple(f"{stored}/{i}" for i in range(len(labels))))


class _Archive:
    """Shapes and types of the arrays in an npz file, read without their content, and the arrays on request."""

    def __init__(self, path: Path):
        self.path, self.where = path, printable(str(path))
        if not path.is_file():
            raise RankconError(f"there is no file {self.where}")
        self.headers: Mapping[str, tuple[tuple[int, ...], np.dtype]] = self._damaged(self._read_headers)

    def contents(self) -> str:
        return ", ".join(printable(name) for name in self.headers) or "nothing"

    def load(self, name: str) -> np.ndarray:
        shape, dtype = self.headers[name]
        if dtype.hasobject:
            raise RankconError(
                f"{name} in {self.where} holds Python objects, which would have to be unpickled",
                hint="save a plain array: uint8 for images, integers for labels, np.array(names) for class names",
            )
        check_memory(math.prod(shape) * dtype.itemsize, f"{name} in {self.where}")
        return self._damaged(partial(self._load, name))

    def _load(self, name: str) -> np.ndarray:
        with np.load(self.path, allow_pickle=False) as arrays:
            return arrays[name]

    def _read_headers(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        headers = {}
        with zipfile.ZipFile(self.path) as archive:
            for member in archive.namelist():
                if not member.endswith(".npy"):
                    continue
                with archive.open(member) as stream:
                    version = np.lib.format.read_magic(stream)
                    if version not in readers:
                        raise ValueError(f"{member} has the npy version {version}")
                    shape, _, dtype = readers[version](stream)
                    headers[member.removesuffix(".npy")] = shape, dtype
        return headers

    def _damaged(self, read):
        try:
            return read()
        except _DAMAGE as error:
            raise RankconError(
                f"{self.where} is no whole npz archive: {printable(str(error)) or 'it ends too early'}",
                hint="it may be cut short or no npz at all; copy or save it again",
            ) from error


def _check_images(archive: _Archive, name: str) -> int:
    """The number of images in ``name``, whose shape and type can be used; RankconError otherwise."""
    shape, dtype = archive.headers[name]
    if dtype.hasobject:
        archive.load(name)  # says what is wrong
    if dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise RankconError(
            f"{name} in {archive.where} is {dtype}; images are uint8 (or uint16, which is scaled down)",
            hint="for values in 0..1 save (images * 255).round().astype('uint8')",
        )
    grey = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    if not (grey or (len(shape) == 4 and shape[3] == 3)) or 0 in shape[1:]:
        raise RankconError(
            f"{name} in {archive.where} has the shape {list(shape)}; images are [N, H, W] or [N, H, W, 3]",
            hint="channels go last, and there are 1 or 3 of them",
        )
    return shape[0]


def _labels(archive: _Archive, stored: str, count: int, unlabeled_ok: bool) -> np.ndarray:
    """int64 [N] of one stored split; all 0 where there are none and that is allowed."""
    name = f"{stored}_labels"
    if name not in archive.headers:
        if unlabeled_ok:
            return np.zeros(count, dtype=np.int64)
        raise RankconError(f"{archive.where} holds {stored}_images but no {name} (it has: {archive.contents()})")
    labels = archive.load(name)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise RankconError(f"{name} in {archive.where} has several labels an image {list(labels.shape)}; one is needed")
    if labels.dtype.kind not in "iu":
        raise RankconError(f"{name} in {archive.where} is {labels.dtype}; labels are integers from 0")
    if labels.size != count or labels.ndim not in (1, 2):
        raise RankconError(f"{archive.where} holds {count} {stored}_images but {name} is {list(labels.shape)}")
    if labels.size and labels.min() < 0:
        raise RankconError(f"{name} in {archive.where} holds {labels.min()}; labels are integers from 0")
    return labels.reshape(-1).astype(np.int64)


def _classes(archive: _Archive, labels: Mapping[str, np.ndarray], unlabeled_ok: bool) -> DataClasses:
    top = max((int(values.max()) for values in labels.values() if values.size), default=0)
    if unlabeled_ok and not any(f"{stored}_labels" in archive.headers for stored in labels):
        return DataClasses((printable(archive.path.stem),), named=True)
    if "class_names" not in archive.headers:
        if top >= _MOST_UNNAMED:
            raise RankconError(
                f"the labels in {archive.where} go up to {top:,}; they must be 0, 1, ... up to classes - 1"
            )
        return numbered(top + 1)
    stored = archive.load("class_names")
    if stored.ndim != 1 or stored.dtype.kind not in "US":
        raise RankconError(
            f"class_names in {archive.where} is {stored.dtype} {list(stored.shape)}; it must be strings [C]"
        )
    names = [name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name for name in stored.tolist()]
    names = tuple(printable(name) for name in names)
    if len(set(names)) < len(names):
        raise RankconError(f"class_names in {archive.where} holds a name twice: {max(names, key=names.count)}")
    if top >= len(names):
        raise RankconError(f"{archive.where} has {len(names)} class_names but a label {top}; labels count from 0")
    return DataClasses(names, named=True)
