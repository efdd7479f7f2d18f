"""From one picture of any kind to uint8 [C, S, S]: modes, transparency, orientation, size."""

import os
import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

#: What Pillow raises, by format and kind of damage, for a file that it cannot read.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_GREY = ("1", "L", "LA", "La", "I", *_SIXTEEN_BIT)
_LARGEST_NATURAL = 224


@dataclass(frozen=True)
class Header:
    """What a file says of its image before it is decoded: stored size in pixels and Pillow's mode."""

    width: int
    height: int
    mode: str

    @property
    def grey(self) -> bool:
        return self.mode in _GREY


def read_header(path: Path) -> Header:
    """The header of the image file ``path``; raises one of ``BROKEN``."""
    with _open(path) as image:
        return Header(*image.size, image.mode)


def read_pixels(path: Path, size: int, channels: int) -> np.ndarray:
    """The image file ``path`` as uint8 [channels, size, size]; raises one of ``BROKEN``."""
    with _open(path) as image:
        # A JPEG many times too large is decoded at a half, quarter or eighth, never below twice the target.
        image.draft(None, (2 * size, 2 * size))
        return fit(flatten(ImageOps.exif_transpose(image), channels), size)


def why_broken(error: Exception) -> str:
    """The error of ``BROKEN`` in a few words, without the path."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).split("\n")[0] or type(error).__name__


def _open(path: Path) -> Image.Image:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited on for ever
        raise ValueError("not a regular file")
    if status.st_size == 0:
        raise ValueError("empty file")
    return Image.open(path)


def flatten(image: Image.Image, channels: int) -> Image.Image:
    """``image`` of any mode as plain 8 bits: mode L for one channel, RGB for three.

    Transparency is laid on white; 16 bits are scaled, not clipped. ValueError for pixels without a known range.
    """
    target = "L" if channels == 1 else "RGB"
    if image.mode in _SIXTEEN_BIT or image.mode == "I":
        image = Image.fromarray(to_bytes(_sixteen_bits(image)))
    elif image.mode == "F":
        raise ValueError("floating-point pixels have no known range; save 8 or 16 bits")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == target else image.convert(target)


def _sixteen_bits(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    if values.dtype == np.uint16:
        return values
    if values.min() < 0 or values.max() > 65535:  # mode I: PNG and PGM mean 16 bits by it
        raise ValueError("32-bit pixels have no known range; save 8 or 16 bits")
    return values.astype(np.uint16)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """uint16 scaled to uint8 (65535 becomes 255, rounded to nearest); uint8 as it is."""
    if values.dtype == np.uint8:
        return values
    quotient, rest = np.divmod(values, 257)
    return (quotient + (rest > 128)).astype(np.uint8)


def fit(image: Image.Image, size: int) -> np.ndarray:
    """``image`` (mode L or RGB) as uint8 [C, size, size]: its short side brought to ``size`` (bicubic, with
    antialiasing) and the centre cut out."""
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def natural_size(shapes: Sequence[tuple[int, int]]) -> int:
    """The square size for images of these (width, height).

    Where all are the same square of at most 224 pixels, that; else the median short side rounded down to a
    multiple of 32, within 32..224.
    """
    width, height = shapes[0]
    if width == height <= _LARGEST_NATURAL and set(shapes) == {(width, height)}:
        return width
    short = int(np.median([min(shape) for shape in shapes]))
    return min(_LARGEST_NATURAL, max(32, short // 32 * 32))
