"""Images as data URIs, so that the page needs no file beside it."""

import base64
import io

import numpy as np

#: Longest side, in pixels, of an image stored in the page, and of one on the screen.
THUMBNAIL = 112


def png_data_uri(image: np.ndarray) -> str:
    """A PNG of ``image`` (uint8 [C, H, W], C in {1, 3}) at its own size, or shrunk to ``THUMBNAIL`` pixels."""
    from PIL import Image

    pixels = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def display_size(image: np.ndarray) -> tuple[int, int]:
    """Width and height on screen of ``image`` [C, H, W]: a whole multiple of a tiny one, else its thumbnail's."""
    height, width = image.shape[1:]
    longest = max(height, width)
    if longest <= THUMBNAIL:
        scale = THUMBNAIL // longest
        return width * scale, height * scale
    return max(1, round(width * THUMBNAIL / longest)), max(1, round(height * THUMBNAIL / longest))
