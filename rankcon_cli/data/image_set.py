"""What every data source ends in: decoded images with labels, and what may be done with them."""

import dataclasses
import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankcon_cli.errors import RankconError


@dataclass(frozen=True)
class DataOptions:
    """How data is looked for and how strictly it is read.

    data_dir: where torchvision's sets lie (None: ``$RANKCON_DATA``, else ``data`` in the working directory).
    download: torchvision may fetch a set that is not there.
    skip_broken: leave out images that cannot be read instead of stopping.
    """

    data_dir: Path | None = None
    download: bool = False
    skip_broken: bool = False


@dataclass(frozen=True)
class DataClasses:
    """The class names of a data set in label order; ``named`` is False where they are only numbers."""

    names: tuple[str, ...]
    named: bool


@dataclass(frozen=True)
class BrokenImage:
    """An image that cannot be read, by its name in the set, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N decoded images of one size.

    images: uint8 [N, C, H, W] with C = 1 (grey) or 3 (RGB) and H = W; labels: int64 [N], indices into ``classes``.
    split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``, as it was read; ``has_own_split`` is False where the
    set states no splits, and then these are all its images whatever ``split`` says.
    names: one a sample, its relative path or ``train/123``; skipped: what ``DataOptions.skip_broken`` left out.
    """

    spec: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    named: bool
    names: tuple[str, ...]
    skipped: tuple[BrokenImage, ...] = ()
    has_own_split: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: np.ndarray) -> "ImageSet":
        """The images at ``indices`` (integers or a mask [N]), in that order; the classes stay as they are."""
        positions = np.arange(len(self))[indices]
        return dataclasses.replace(
            self,
            images=self.images[positions],
            labels=self.labels[positions],
            names=tuple(self.names[i] for i in positions),
        )


def keep_classes(image_set: ImageSet, classes: Sequence[str]) -> ImageSet:
    """The images of ``classes`` alone, in their order in the set, relabelled so that label i is ``classes[i]``.

    A class that the set lacks simply has no images. RankconError where a class is given twice.
    """
    wanted = tuple(classes)
    if len(set(wanted)) < len(wanted):
        raise RankconError(f"a class is listed twice: {', '.join(sorted({c for c in wanted if wanted.count(c) > 1}))}")
    new_label = {name: i for i, name in enumerate(wanted)}
    relabel = np.array([new_label.get(name, -1) for name in image_set.classes], dtype=np.int64)
    labels = relabel[image_set.labels]
    kept = image_set if (labels >= 0).all() else image_set.select(labels >= 0)
    return dataclasses.replace(kept, labels=labels[labels >= 0], classes=wanted)


def join(first: ImageSet, second: ImageSet) -> ImageSet:
    """The images of ``first``, then those of ``second``; both of the same classes, size and channels."""
    return dataclasses.replace(
        first,
        images=np.concatenate([first.images, second.images]),
        labels=np.concatenate([first.labels, second.labels]),
        names=first.names + second.names,
        skipped=first.skipped + second.skipped,
    )


def fingerprint(image_set: ImageSet) -> str:
    """SHA-256 (hex) over pixels, shape, labels and class names; neither paths nor the spec enter it."""
    head = json.dumps({"shape": image_set.images.shape, "classes": image_set.classes})
    digest = hashlib.sha256(head.encode())
    digest.update(np.ascontiguousarray(image_set.labels, dtype="<i8"))
    digest.update(np.ascontiguousarray(image_set.images))
    return digest.hexdigest()


def pixel_hashes(image_set: ImageSet) -> np.ndarray:
    """One 16-byte BLAKE2b digest an image, as bytes strings [N], to find images that two sets share.

    Only sets brought to the same size and channels can be compared.
    """
    images = np.ascontiguousarray(image_set.images)
    return np.array([hashlib.blake2b(image, digest_size=16).digest() for image in images], dtype="S16")


_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes outside UTF-8, line and paragraph separators


def printable(name: str) -> str:
    """``name`` (of a file or folder) so that it prints on one line and encodes as UTF-8: the rest as escapes.

    In the Unicode form NFC, in which rankings are read: a Mac may spell the same name otherwise.
    """
    name = unicodedata.normalize("NFC", name)
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNPRINTABLE else c for c in name)
