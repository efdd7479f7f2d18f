"""Small image files and the two calls that most tests make."""

import numpy as np
import pytest
from PIL import Image

from rankcon_cli.data import DataOptions, load_images


@pytest.fixture
def save():
    """save(path, content): content is a PIL image, an array, bytes, or a grey value for an 8x8 image."""

    def write(path, content=100, **settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            return path
        if isinstance(content, int):
            content = np.full((8, 8), content, dtype=np.uint8)
        image = Image.fromarray(content) if isinstance(content, np.ndarray) else content
        image.save(path, **settings)
        return path

    return write


@pytest.fixture
def load():
    """load(spec, split="train", skip_broken=False, ...) -> ImageSet."""

    def call(spec, split="train", *, skip_broken=False, **settings):
        return load_images(str(spec), split, DataOptions(skip_broken=skip_broken), **settings)

    return call
