"""Sets known by name: scikit-learn's digits, and torchvision's well-behaved classification sets."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rankcon_cli.data import class_names
from rankcon_cli.data.image_set import DataClasses, DataOptions, printable
from rankcon_cli.data.source import Part, Source, numbered
from rankcon_cli.errors import RankconError


def open_digits() -> Source:
    """scikit-learn's ``load_digits``: 1,797 digits of 8x8, shipped in that package.

    The file goes through the writers in order, so the first 60 % of each class (rounded down) are the train
    split and the last 40 % the test split: the test holds other hands than the training.
    """
    return Source(DataClasses(class_names.DIGITS, named=True), ("train", "test"), _read_digits)


def _read_digits(split: str) -> Part:
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(np.int64)
    chosen = []
    for label in range(10):
        rows = np.flatnonzero(labels == label)
        border = len(rows) * 60 // 100
        chosen.append(rows[:border] if split == "train" else rows[border:])
    rows = np.sort(np.concatenate(chosen))
    pixels = np.rint(digits.images[rows] * (255 / 16)).astype(np.uint8)  # stored as 0..16
    return Part(pixels, labels[rows], tuple(f"{split}/{i}" for i in range(len(rows))))


@dataclass(frozen=True)
class PublicSet:
    """One of torchvision's sets.

    reader: the class in ``torchvision.datasets``; splits: the arguments that select each split (empty: the set has
    none); classes: the names where the reader does not give good ones.
    """

    reader: str
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None


_BY_FLAG = {"train": {"train": True}, "test": {"train": False}}
_BY_NAME = {"train": {"split": "train"}, "test": {"split": "test"}}
_THREE = {split: {"split": split} for split in ("train", "val", "test")}

#: The names a spec may use. torchvision's MNIST calls its classes "0 - zero"; here digits are "0".."9" everywhere.
PUBLIC_SETS = {
    "mnist": PublicSet("MNIST", _BY_FLAG, class_names.DIGITS),
    "fashion-mnist": PublicSet("FashionMNIST", _BY_FLAG, class_names.FASHION),
    "kmnist": PublicSet("KMNIST", _BY_FLAG, class_names.KUZUSHIJI),
    "usps": PublicSet("USPS", _BY_FLAG, class_names.DIGITS),
    "cifar10": PublicSet("CIFAR10", _BY_FLAG, class_names.CIFAR10),
    "cifar100": PublicSet("CIFAR100", _BY_FLAG, class_names.CIFAR100),
    "svhn": PublicSet("SVHN", _BY_NAME, class_names.DIGITS),
    "stl10": PublicSet("STL10", _BY_NAME, class_names.STL10),
    "dtd": PublicSet("DTD", _THREE),
    "flowers102": PublicSet("Flowers102", _THREE),
    "food101": PublicSet("Food101", _BY_NAME),
    "gtsrb": PublicSet("GTSRB", _BY_NAME),
    "oxford-pets": PublicSet("OxfordIIITPet", {"train": {"split": "trainval"}, "test": {"split": "test"}}),
    "fgvc-aircraft": PublicSet("FGVCAircraft", _THREE),
    "eurosat": PublicSet("EuroSAT"),
}


def open_public(name: str, options: DataOptions) -> Source:
    """One of ``PUBLIC_SETS``. RankconError, saying which flag to use, where it is not under the data directory."""
    public = PUBLIC_SETS[name]
    if public.classes is not None:
        classes = DataClasses(public.classes, named=True)
    else:
        classes = _read_public(name, next(iter(public.splits), "all"), options)[1]
    return Source(classes, tuple(public.splits), lambda split: _read_public(name, split, options)[0])


def data_directory(options: DataOptions) -> Path:
    """Where torchvision's sets lie: the option, ``$RANKCON_DATA``, or ``data`` in the working directory."""
    return (options.data_dir or Path(os.environ.get("RANKCON_DATA") or "data")).expanduser()


def _read_public(name: str, split: str, options: DataOptions) -> tuple[Part, DataClasses]:
    public = PUBLIC_SETS[name]
    dataset = _torchvision_dataset(name, public.splits.get(split, {}), options)
    files = _files(dataset)
    if files is not None:
        paths, labels = files
        root = data_directory(options)
        pixels: Any = paths
        names = tuple(printable(os.path.relpath(path, root)) for path in paths)
    else:
        pixels, labels = _arrays(dataset)
        names = tuple(f"{split}/{i}" for i in range(len(labels)))
    stated = getattr(dataset, "classes", None)
    classes = DataClasses(tuple(stated), named=True) if stated else numbered(int(labels.max()) + 1)
    return Part(pixels, labels, names), classes


def _torchvision_dataset(name: str, arguments: Mapping[str, Any], options: DataOptions) -> Any:
    import torchvision.datasets

    root = data_directory(options)
    reader = getattr(torchvision.datasets, PUBLIC_SETS[name].reader)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torchvision reports its downloads on stdout
            return reader(str(root), **arguments, download=options.download)
    # Its readers check little: a damaged file shows as an index out of range or a failed assertion.
    except (RuntimeError, OSError, ValueError, EOFError, IndexError, AssertionError) as error:
        reason = str(error).split(" You can use download")[0]
        if options.download:
            raise RankconError(
                f"cannot fetch or read {name} in the folder {root}: {reason}",
                hint="check the connection and the space on the disk; a damaged file there must be removed first",
            ) from error
        raise RankconError(
            f"{name} is not in the folder {root}, or is damaged: {reason}",
            hint="name its place with --data-dir (or RANKCON_DATA), or let torchvision fetch it with --download",
        ) from error


def _files(dataset: Any) -> tuple[list[Path], np.ndarray] | None:
    """Paths and labels of a set kept as image files, or None.

    They are read from where torchvision keeps them, in part private attributes: going through ``dataset[i]`` would
    decode every image once for its label, and hide grey and broken ones.
    """
    for attribute in ("samples", "_samples"):
        if hasattr(dataset, attribute):
            pairs = getattr(dataset, attribute)
            return [Path(path) for path, _ in pairs], np.array([label for _, label in pairs], dtype=np.int64)
    for attribute in ("_image_files", "_images"):
        if hasattr(dataset, attribute):
            return [Path(path) for path in getattr(dataset, attribute)], np.array(dataset._labels, dtype=np.int64)
    return None


def _arrays(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [N, H, W] or [N, H, W, 3] and labels int64 [N] of a set kept in memory."""
    pixels = np.asarray(dataset.data)
    if pixels.ndim == 4 and pixels.shape[1] == 3 and pixels.shape[3] != 3:  # SVHN and STL10 put channels first
        pixels = pixels.transpose(0, 2, 3, 1)
    labels = dataset.targets if hasattr(dataset, "targets") else dataset.labels
    return pixels, np.asarray(labels, dtype=np.int64)
