"""Data: one spec syntax for every command, and what it names as decoded images with labels.

numpy and Pillow only; torchvision and scikit-learn are imported by the reader of the set that needs them.
"""

from rankcon_cli.data.image_set import (
    BrokenImage,
    DataClasses,
    DataOptions,
    ImageSet,
    fingerprint,
    join,
    keep_classes,
    pixel_hashes,
    printable,
)
from rankcon_cli.data.load import load_images, own_splits, read_classes
from rankcon_cli.data.splits import split_validation
from rankcon_cli.data.summary import describe

__all__ = [
    "BrokenImage",
    "DataClasses",
    "DataOptions",
    "ImageSet",
    "describe",
    "fingerprint",
    "join",
    "keep_classes",
    "load_images",
    "own_splits",
    "pixel_hashes",
    "printable",
    "read_classes",
    "split_validation",
]
