"""What a data source hands over before any image is decoded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from rankcon_cli.data.image_set import DataClasses

T = TypeVar("T")

#: Own splits in the order in which they are listed and joined.
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one split: an array, or the files that hold them.

    pixels: uint8 [N, H, W] or [N, H, W, 3], or N paths; labels: int64 [N]; names: one an image, printable.
    """

    pixels: np.ndarray | Sequence[Path]
    labels: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """An opened data set.

    splits: its own, a subset of ``SPLITS`` in order, or none. read: the part of one own split, or of ``"all"``
    where there are none. notes: what was noticed while listing it and the user should know.
    """

    classes: DataClasses
    splits: tuple[str, ...]
    read: Callable[[str], Part]
    notes: tuple[str, ...] = ()


def settle_splits(found: Mapping[str, T]) -> dict[str, T]:
    """``found`` by split, in order; a validation split serves as the test split where there is no other."""
    found = dict(found)
    if "test" not in found and "val" in found:
        found["test"] = found.pop("val")
    return {split: found[split] for split in SPLITS if split in found}


def numbered(count: int) -> DataClasses:
    """``count`` classes that have no names: ``"0"``, ``"1"``, ..."""
    return DataClasses(tuple(str(i) for i in range(count)), named=False)
