"""Images as data URIs, so that the page needs no file beside it."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

#: Longest side, in pixels, of an image stored in the page, and of one on the screen.
THUMBNAIL = 112
_QUALITY = 82
_BLOCK = 8  # JPEG codes blocks of this size, so tiles of whole blocks do not bleed into their neighbours


@dataclass(frozen=True)
class Sheet:
    """Many small images as one. Image i has its upper left corner at ``pitch`` times (i % columns, i // columns)."""

    uri: str
    columns: int
    pitch: tuple[int, int]
    width: int
    height: int


def png_data_uri(image: np.ndarray) -> str:
    """A PNG of ``image`` (uint8 [C, H, W], C in {1, 3}) at its own size, or shrunk to ``THUMBNAIL`` pixels."""
    from PIL import Image

    picture = _picture(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return _data_uri("png", _encoded(picture, "PNG", optimize=True))


def sheet(images: Sequence[np.ndarray]) -> Sheet:
    """``images`` (uint8 [C, H, W], all of one shape; at least one) as PNG or JPEG, whichever is smaller."""
    channels, height, width = images[0].shape
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    down, right = (-side % _BLOCK for side in (height, width))
    tiles = np.pad(np.stack(images), ((0, rows * columns - len(images)), (0, 0), (0, 0), (0, 0)))
    tiles = np.pad(tiles, ((0, 0), (0, 0), (0, down), (0, right)), mode="edge")
    pitch = (width + right, height + down)
    grid = tiles.reshape(rows, columns, channels, pitch[1], pitch[0]).transpose(2, 0, 3, 1, 4)
    picture = _picture(grid.reshape(channels, rows * pitch[1], columns * pitch[0]))
    encoded = {
        "png": _encoded(picture, "PNG", optimize=True),
        "jpeg": _encoded(picture, "JPEG", quality=_QUALITY, subsampling=0),
    }
    kind = min(encoded, key=lambda kind: len(encoded[kind]))
    return Sheet(_data_uri(kind, encoded[kind]), columns, pitch, width, height)


def display_size(image: np.ndarray) -> tuple[int, int]:
    """Width and height on screen of ``image`` [C, H, W]: a whole multiple of a tiny one, else its thumbnail's."""
    height, width = image.shape[1:]
    longest = max(height, width)
    if longest <= THUMBNAIL:
        scale = THUMBNAIL // longest
        return width * scale, height * scale
    return max(1, round(width * THUMBNAIL / longest)), max(1, round(height * THUMBNAIL / longest))


def _picture(image: np.ndarray) -> "Image":
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)))


def _encoded(picture: "Image", kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
