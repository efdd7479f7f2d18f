"""Every kind of image file ends as the right bytes, size and channels."""

import numpy as np
import pytest
from PIL import Image

from rankcon_cli.data.pixels import natural_size, read_pixels, to_bytes


def solid(mode, colour, size=(8, 8)):
    return Image.new(mode, size, colour)


def palette(colour, transparent=None):
    image = Image.new("P", (8, 8), 3)
    image.putpalette([0, 0, 0] * 3 + list(colour))
    if transparent is not None:
        image.info["transparency"] = transparent
    return image


@pytest.mark.parametrize(
    "file, image, rgb",
    [
        ("grey.png", solid("L", 77), (77, 77, 77)),
        ("one-bit.png", solid("1", 1), (255, 255, 255)),
        ("rgb.png", solid("RGB", (10, 20, 30)), (10, 20, 30)),
        ("palette.png", palette((200, 10, 60)), (200, 10, 60)),
        ("palette-clear.png", palette((200, 10, 60), transparent=3), (255, 255, 255)),
        ("palette.gif", palette((200, 10, 60)), (200, 10, 60)),
        ("clear.png", solid("RGBA", (10, 20, 30, 0)), (255, 255, 255)),
        ("opaque.png", solid("RGBA", (10, 20, 30, 255)), (10, 20, 30)),
        ("half.png", solid("RGBA", (0, 0, 255, 51)), (204, 204, 255)),
        ("grey-half.png", solid("LA", (0, 51)), (204, 204, 204)),
        ("sixteen.png", solid("I;16", 257 * 90), (90, 90, 90)),
        ("sixteen.tif", solid("I;16", 257 * 90), (90, 90, 90)),
        ("thirty-two.tif", solid("I", 65535), (255, 255, 255)),
        ("cmyk.jpg", solid("CMYK", (0, 0, 0, 255)), (0, 0, 0)),
        ("cmyk.tif", solid("CMYK", (255, 0, 0, 0)), (0, 255, 255)),
        ("photo.bmp", solid("RGB", (10, 20, 30)), (10, 20, 30)),
        ("photo.webp", solid("RGB", (250, 250, 250)), (250, 250, 250)),
        ("photo.ppm", solid("RGB", (10, 20, 30)), (10, 20, 30)),
    ],
)
def test_modes(tmp_path, save, file, image, rgb):
    pixels = read_pixels(save(tmp_path / file, image), 8, 3)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert (pixels == np.array(rgb, dtype=np.uint8)[:, None, None]).all()
    grey = read_pixels(tmp_path / file, 8, 1)
    assert grey.shape == (1, 8, 8)
    assert abs(int(grey[0, 0, 0]) - (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])) <= 1


@pytest.mark.parametrize("value", [-1, 65536])
def test_pixels_without_a_known_range_are_refused(tmp_path, save, value):
    with pytest.raises(ValueError, match="no known range"):
        read_pixels(save(tmp_path / "x.tif", solid("I", value)), 8, 3)
    with pytest.raises(ValueError, match="no known range"):
        read_pixels(save(tmp_path / "y.tif", solid("F", 0.5)), 8, 3)


def test_sixteen_bits_are_rounded_to_nearest():
    values = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(to_bytes(values), np.rint(values / 257).astype(np.uint8))


def test_exif_orientation_is_applied(tmp_path, save):
    upright = np.zeros((8, 8, 3), dtype=np.uint8)
    upright[:4] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera stored the picture turned: rotate it by 90 degrees clockwise to see it
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    pixels = read_pixels(save(tmp_path / "x.png", stored, exif=exif), 8, 3)
    assert np.array_equal(pixels, upright.transpose(2, 0, 1))


def test_short_side_is_resized_and_the_centre_kept(tmp_path, save):
    wide = np.zeros((10, 40), dtype=np.uint8)
    wide[:, 15:25] = 200
    assert (read_pixels(save(tmp_path / "x.png", wide), 10, 1) == 200).all()
    tall = wide.repeat(2, axis=0).repeat(2, axis=1).T
    small = read_pixels(save(tmp_path / "y.png", np.ascontiguousarray(tall)), 10, 1)
    assert (small[0, 2:-2] == 200).all()


def test_a_large_jpeg_decoded_at_a_fraction_looks_the_same(tmp_path, save):
    waves = (127 + 120 * np.sin(np.arange(640) / 5)).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(waves, (640, 640)))
    path = save(tmp_path / "x.jpg", image, quality=98)
    expected = np.asarray(Image.fromarray(image).resize((100, 100), Image.Resampling.BICUBIC), dtype=int)
    assert np.abs(read_pixels(path, 100, 1)[0] - expected).max() <= 8


@pytest.mark.parametrize(
    "shapes, size",
    [
        ([(20, 20)] * 3, 20),
        ([(224, 224)] * 2, 224),
        ([(500, 500)] * 2, 224),
        ([(100, 70), (100, 70)], 64),
        ([(20, 20), (21, 21)], 32),
        ([(10, 300), (300, 130), (140, 900)], 128),
        ([(64, 48)], 32),
    ],
)
def test_natural_size(shapes, size):
    assert natural_size(shapes) == size


def test_natural_channels_and_mixed_sizes(tmp_path, save, load):
    save(tmp_path / "a/grey.png", np.full((40, 60), 10, dtype=np.uint8))
    save(tmp_path / "a/sixteen.png", np.full((70, 70), 2570, dtype=np.uint16))
    grey = load(f"folder:{tmp_path}")
    assert grey.images.shape == (2, 1, 32, 32)
    assert (grey.images == 10).all()
    save(tmp_path / "b/colour.png", np.full((50, 50, 3), 9, dtype=np.uint8))
    assert load(f"folder:{tmp_path}").images.shape == (3, 3, 32, 32)
    assert load(f"folder:{tmp_path}", size=20, channels=1).images.shape == (3, 1, 20, 20)
