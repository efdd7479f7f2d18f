"""The images a run trains and validates on: found the same way when it is planned and when it is looked at again."""

import dataclasses
from pathlib import Path

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, join, keep_classes, load_images, own_splits
from rankcon_cli.errors import RankconError
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.config import DataConfig


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """images: the set's train split, then its own validation split where that is used, whose first index is ``border``.

    border is the number of images where there is no validation split of its own.
    """

    images: ImageSet
    border: int

    @property
    def has_own_validation(self) -> bool:
        """Whether there are validation images that the set itself put aside."""
        return self.border < len(self.images)

    def keep(self, classes: tuple[str, ...]) -> "TrainingImages":
        """The images of ``classes`` alone, relabelled in their order."""
        wanted = np.isin(self.images.labels, [i for i, name in enumerate(self.images.classes) if name in classes])
        return TrainingImages(keep_classes(self.images, classes), int(wanted[: self.border].sum()))


def data_options(data: DataConfig) -> DataOptions:
    """How the data room is to look for ``data``."""
    return DataOptions(Path(data.data_dir) if data.data_dir else None, data.download, data.skip_broken)


def load_training_images(
    data: DataConfig,
    names: tuple[str, ...] | None,
    *,
    channels: int | None = None,
    progress: Progress = silent,
) -> TrainingImages:
    """Load what ``data`` names. Without ``--val-fraction``, a set's own validation split is used where it has one.

    Args:
        names: class names for data that has none, see ``named``.
        channels: None for the natural choice of the train split.
    """
    options = data_options(data)
    train = named(
        load_images(data.spec, "train", options, size=data.image_size, channels=channels, progress=progress), names
    )
    if data.val_fraction is not None or train.split != "train" or "val" not in own_splits(data.spec, options):
        return TrainingImages(train, len(train))
    _, channels, size, _ = train.images.shape
    validation = named(load_images(data.spec, "val", options, size=size, channels=channels, progress=progress), names)
    return TrainingImages(join(train, validation), len(train))


def named(images: ImageSet, names: tuple[str, ...] | None, *, fewer_ok: bool = False) -> ImageSet:
    """Data without class names takes ``names`` (a ranking's classes), by position: order is all there is to match on.

    fewer_ok: the data may lack the last classes, as a part of a data set may.
    """
    if images.named or names is None:
        return images
    n = len(images.classes)
    if n > len(names) or (n < len(names) and not fewer_ok):
        raise RankconError(
            f"E110: {images.spec} has {n} unnamed classes and the ranking {len(names)}",
            hint="store class_names in the data, or rank exactly its classes in label order",
        )
    return dataclasses.replace(images, classes=names[:n])
