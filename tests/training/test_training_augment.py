"""Augmentation: distributions and pixels are torchvision's for one image at a time, and each view has draws of its own."""

import colorsys
import dataclasses
import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V

from rankcon_cli.training.augment import (
    AUGMENTATIONS,
    Augment,
    Draws,
    _crops,
    augment,
    augmentation_for,
    draw,
    make_views,
)
from rankcon_cli.training.image_ops import blur_size, resample

#: Two samples of one distribution differ by more once in a thousand seeds; the seeds here are fixed.
SAME = 1e-3


def rand(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def same_distribution(ours, theirs):
    return stats.ks_2samp(ours, theirs, method="asymp").pvalue > SAME


# Draws


def test_draws_are_a_function_of_the_key():
    how = dataclasses.replace(AUGMENTATIONS["photo"], degrees=10)

    def columns(draws):
        return [getattr(draws, field.name) for field in dataclasses.fields(Draws)]

    first, again, other = draw(40, how, 3, 7), draw(40, how, 3, 7), draw(40, how, 3, 8)
    assert all(np.array_equal(a, b) for a, b in zip(columns(first), columns(again), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(columns(first), columns(other), strict=True))


def test_no_draw_is_shared():
    """Neither between the views of a batch, nor between the two views of one image, nor between two numbers of a view."""
    n = 2000
    draws = draw(n, AUGMENTATIONS["photo"], 0)
    numbers = np.column_stack((draws.area, draws.ratio, draws.place, draws.factor, draws.sigma))
    chances = np.column_stack((draws.flipped, draws.jittered, draws.gray, draws.blurred, draws.order))
    assert all(len(np.unique(column)) == n for column in numbers.T)
    both = np.column_stack((numbers, chances))
    two_views = np.column_stack((both[: n // 2], both[n // 2 :]))
    correlation = np.corrcoef(two_views.T) - np.eye(two_views.shape[1])
    columns = both.shape[1]
    for start in (columns - 4, 2 * columns - 4):  # the places of four operations are no independent numbers
        correlation[start : start + 4, start : start + 4] = 0
    assert abs(correlation).max() < 5 / np.sqrt(n // 2)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (128, 256), (256, 200), (64, 256)])
def test_crops_are_distributed_as_torchvisions(height, width):
    how = Augment(crop_scale=(0.3, 1.0), crop_ratio=(3 / 4, 4 / 3))
    n = 2000
    torch.manual_seed(0)
    transform = v2.RandomResizedCrop(8, scale=how.crop_scale, ratio=how.crop_ratio)
    image = torch.empty(3, height, width)
    theirs = [transform.make_params([image]) for _ in range(n)]
    top, left, h, w = (np.array([p[key] for p in theirs], float) for key in ("top", "left", "height", "width"))
    our_w, our_h, x, y = _crops(draw(n, how, 1), how, height, width)
    our_w, our_h = our_w * width, our_h * height
    our_left, our_top = (1 + x) / 2 * width - our_w / 2, (1 + y) / 2 * height - our_h / 2
    assert our_left.min() >= -1e-9 and (our_left + our_w).max() <= width + 1e-9
    assert our_top.min() >= -1e-9 and (our_top + our_h).max() <= height + 1e-9
    # Theirs are whole pixels: ours are rounded too, or many equal values of theirs would count as a difference.
    ours = np.round(our_w), np.round(our_h)
    assert same_distribution(ours[0] * ours[1], w * h)
    assert same_distribution(ours[0] / ours[1], w / h)
    for their_start, their_size, our_start, our_size, size in (
        (left, w, our_left, our_w, width),
        (top, h, our_top, our_h, height),
    ):
        assert same_distribution(np.round(our_start), their_start)
        room, our_room = size - their_size, size - our_size
        if (room > 20).mean() > 0.1:
            share, our_share = (
                their_start[room > 20] / room[room > 20],
                our_start[our_room > 20] / our_room[our_room > 20],
            )
            assert same_distribution(our_share.round(2), share.round(2))


def test_a_crop_that_never_fits_is_the_largest_central_one():
    how = Augment(crop_scale=(0.9, 1.0), crop_ratio=(3 / 4, 4 / 3))
    for height, width in ((50, 400), (400, 50)):
        params = v2.RandomResizedCrop(8, scale=how.crop_scale, ratio=how.crop_ratio).make_params(
            [torch.empty(3, height, width)]
        )
        w, h, x, y = _crops(draw(5, how, 1), how, height, width)
        assert np.allclose(w * width, params["width"], atol=0.5) and np.allclose(h * height, params["height"], atol=0.5)
        assert not x.any() and not y.any()


def test_jitter_is_distributed_as_torchvisions():
    how = Augment(jitter=(0.4, 1.2, 0.3, 0.1), jitter_p=0.8)
    n = 4800
    draws = draw(n, how, 2)
    torch.manual_seed(0)
    transform = v2.ColorJitter(*how.jitter)
    theirs = [transform.make_params([]) for _ in range(2000)]
    for column, name in enumerate(("brightness", "contrast", "saturation", "hue")):
        assert same_distribution(draws.factor[:, column], [p[f"{name}_factor"] for p in theirs])
    orders = dict.fromkeys(itertools.permutations(range(4)), 0)
    for order in draws.order.tolist():
        orders[tuple(order)] += 1
    assert stats.chisquare(list(orders.values())).pvalue > SAME


def test_chances_and_the_other_ranges():
    how = Augment(degrees=10, flip=0.5, jitter=(0.1,) * 4, jitter_p=0.8, gray=0.2, blur=0.3, blur_sigma=(0.1, 2.0))
    n = 4000
    draws = draw(n, how, 3)
    for drawn, chance in ((draws.flipped, 0.5), (draws.jittered, 0.8), (draws.gray, 0.2), (draws.blurred, 0.3)):
        assert stats.binomtest(int(drawn.sum()), n, chance).pvalue > SAME
    assert stats.kstest(draws.angle, stats.uniform(-10, 20).cdf).pvalue > SAME
    assert stats.kstest(draws.sigma, stats.uniform(0.1, 1.9).cdf).pvalue > SAME


# Views


@pytest.mark.parametrize("preset", ["light", "crop", "natural", "photo"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_view_is_one_of_its_own(preset, channels):
    image = rand(1, channels, 16, 16, seed=1).repeat(64, 1, 1, 1)
    how = AUGMENTATIONS[preset]
    views = augment(image, how, draw(64, how, 0))
    assert views.shape == image.shape and views.is_contiguous(memory_format=torch.channels_last)
    assert views.min() >= 0 and views.max() <= 1
    assert len({view.contiguous().numpy().tobytes() for view in views}) == 64


@pytest.mark.parametrize("preset", ["light", "crop", "natural", "photo"])
def test_a_view_does_not_depend_on_the_rest_of_the_batch(preset):
    how, images = AUGMENTATIONS[preset], rand(300, 3, 24, 20, seed=2)
    draws = draw(300, how, 0)
    views = augment(images, how, draws)
    rows = np.random.default_rng(0).permutation(300)[:70]
    part = slice(100, 103)
    assert torch.equal(augment(images[rows], how, draws.select(rows)), views[rows])
    assert torch.equal(augment(images[part], how, draws.select(part)), views[part])


def test_views_of_bytes_come_first_views_first():
    images = (rand(6, 3, 12, 12) * 256).to(torch.uint8)
    how = AUGMENTATIONS["natural"]
    draws = draw(18, how, 5)
    views = make_views(images, "natural", draws)
    assert views.is_contiguous(memory_format=torch.channels_last) and views.dtype == torch.float32
    expected = augment((images.float() / 255).repeat(3, 1, 1, 1), how, draws)
    torch.testing.assert_close(views, expected, rtol=0, atol=1e-6)
    half = make_views(images, "natural", draws, dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16 and torch.equal(half, views.bfloat16())
    with pytest.raises(ValueError, match="7 draws"):
        make_views(images, "natural", draws.select(slice(7)))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.bfloat16, 0.02)])
def test_other_kinds_of_numbers(dtype, tolerance):
    how, images = AUGMENTATIONS["photo"], rand(20, 3, 16, 16, seed=3)
    draws = draw(20, how, 1)
    views = augment(images.to(dtype), how, draws)
    assert views.dtype == dtype
    torch.testing.assert_close(views.float(), augment(images, how, draws), rtol=0, atol=tolerance)


def test_autocast_changes_nothing():
    how, images = AUGMENTATIONS["photo"], rand(20, 3, 16, 16, seed=3)
    draws = draw(20, how, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(images, how, draws), cast := augment(images, how, draws))
    assert torch.equal(cast, augment(images, how, draws))


def test_no_augmentation_changes_nothing():
    images = rand(5, 3, 8, 8)
    assert torch.equal(augment(images, AUGMENTATIONS["none"], draw(5, AUGMENTATIONS["none"], 0)), images)
    pixels = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8)
    views = make_views(pixels, "none", draw(2, AUGMENTATIONS["none"], 0))
    assert torch.equal(views, (pixels.float() / 255).repeat(2, 1, 1, 1))


# Pixels


def test_flip_is_torchvisions():
    images, how = rand(100, 3, 7, 6, seed=2), Augment(flip=0.5)
    draws = draw(100, how, 0)
    views = augment(images, how, draws)
    flipped = torch.from_numpy(draws.flipped)[:, None, None, None]
    torch.testing.assert_close(views, torch.where(flipped, V.horizontal_flip(images), images), rtol=0, atol=1e-5)


def test_a_crop_at_whole_pixels_is_torchvisions_but_for_its_edge():
    """There torchvision repeats the crop's outermost pixels; here the image goes on."""
    size, how = 24, Augment(crop_scale=(0.1, 1.0), crop_ratio=(0.5, 2.0))
    rng = np.random.default_rng(0)
    images, draws = rand(40, 3, size, size, seed=3), draw(40, how, 0)
    h, w = rng.integers(8, size, (2, 40))
    top, left = rng.integers(0, size - h + 1), rng.integers(0, size - w + 1)
    draws = dataclasses.replace(
        draws,
        area=np.repeat((h * w / size**2)[:, None], 10, axis=1),
        ratio=np.repeat((w / h)[:, None], 10, axis=1),
        place=np.column_stack((top / (size - h), left / (size - w))),
    )
    views = augment(images, how, draws)
    for i, view in enumerate(views):
        expected = V.resized_crop(images[i], top[i], left[i], h[i], w[i], [size, size], antialias=False)
        y, x = ((np.arange(size) + 0.5) * side / size - 0.5 for side in (h[i], w[i]))
        inside = np.outer((y >= 0) & (y <= h[i] - 1), (x >= 0) & (x <= w[i] - 1))
        assert inside.mean() > 0.6
        torch.testing.assert_close(view[:, inside], expected[:, inside], rtol=0, atol=1e-5)
        if (top[i], left[i]) == (0, 0):
            torch.testing.assert_close(view[:, 0, 0], expected[:, 0, 0], rtol=0, atol=1e-5)


def test_rotation_is_torchvisions_away_from_the_corners():
    images, how = rand(10, 3, 31, 31, seed=4), Augment(degrees=30)
    draws = draw(10, how, 0)
    y, x = torch.meshgrid(torch.arange(31) - 15, torch.arange(31) - 15, indexing="ij")
    inside = x**2 + y**2 < 14**2
    for image, view, angle in zip(images, augment(images, how, draws), draws.angle, strict=True):
        expected = V.rotate(image, float(angle), interpolation=v2.InterpolationMode.BILINEAR)
        torch.testing.assert_close(view[:, inside], expected[:, inside], rtol=0, atol=1e-4)


def test_what_a_rotation_brings_in_continues_the_border():
    """As padding_mode="border" does it, which not every device has."""
    import torch.nn.functional as F

    images, theta = rand(20, 3, 9, 7, seed=5), torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(6))
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    ours = resample(images, theta.view(20, 6, 1, 1).unbind(1))
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def colours_by_torchvision(image, draws, i, how):
    """The colour of view i, one image and one operation at a time."""
    adjust = (V.adjust_brightness, V.adjust_contrast, V.adjust_saturation, V.adjust_hue)
    if draws.jittered[i]:
        for operation in draws.order[i]:
            if how.jitter[operation]:
                image = adjust[operation](image, float(draws.factor[i, operation]))
    if draws.gray[i]:
        image = V.rgb_to_grayscale(image, num_output_channels=len(image))
    if draws.blurred[i]:
        image = V.gaussian_blur(image, [blur_size(min(image.shape[1:]))] * 2, [float(draws.sigma[i])] * 2)
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "jitter",
    [
        (0.9, 0, 0, 0),
        (0, 0.9, 0, 0),
        (0, 0, 0.9, 0),
        (0, 0, 0, 0.5),
        (0.4, 0.4, 0.4, 0.1),
        (0.9, 0.9, 0.9, 0.5),
        (0,) * 4,
    ],
)
def test_colours_are_torchvisions(jitter, channels):
    """Each operation alone, and all in the order each image draws. Rounding of the hue: 1e-5."""
    how = Augment(jitter=jitter, jitter_p=0.9, gray=0.2)
    images, draws = rand(150, channels, 9, 8, seed=7), draw(150, how, 0)
    images[:20] = (images[:20] * 4).round() / 4  # equal channels, black and white
    images[20:24] = torch.arange(4).view(4, 1, 1, 1) / 3
    views = augment(images, how, draws)
    expected = torch.stack([colours_by_torchvision(image, draws, i, how) for i, image in enumerate(images)])
    torch.testing.assert_close(views, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3), (64, 3), (2, 3), (1, 3)])
def test_blur_is_torchvisions(size, channels):
    how = Augment(blur=0.5)
    images, draws = rand(30, channels, size, size, seed=8), draw(30, how, 0)
    views = augment(images, how, draws)
    expected = torch.stack([colours_by_torchvision(image, draws, i, how) for i, image in enumerate(images)])
    torch.testing.assert_close(views, expected, rtol=0, atol=1e-5)


def test_the_blur_is_about_a_tenth_of_the_image():
    assert [blur_size(size) for size in (1, 2, 8, 32, 64, 96, 224)] == [1, 1, 3, 3, 7, 9, 23]


def test_hue_turns_as_colorsys_does():
    how = Augment(jitter=(0, 0, 0, 0.3), jitter_p=1.0)
    images, draws = rand(20, 3, 1, 1, seed=3), draw(20, how, 0)
    views = augment(images, how, draws)
    for before, after, turn in zip(
        images[:, :, 0, 0].tolist(), views[:, :, 0, 0].tolist(), draws.factor[:, 3], strict=True
    ):
        h, s, v = colorsys.rgb_to_hsv(*before)
        assert colorsys.hsv_to_rgb((h + turn) % 1, s, v) == pytest.approx(after, abs=1e-5)


def test_crops_show_the_area_that_was_asked_for():
    """On a horizontal ramp a crop keeps w of the range: the share of the range is the crop's width."""
    ramp = torch.linspace(0, 1, 64).expand(500, 1, 64, 64)
    how = Augment(crop_scale=(0.25, 0.25))
    views = augment(ramp, how, draw(500, how, 0))
    width = views[:, 0, 32, -1] - views[:, 0, 32, 0]
    assert width.mean() == pytest.approx(0.5, abs=0.01)
    left = views[:, 0, 32, 0]
    assert left.min() < 0.02 and left.max() > 0.48, "crops reach both borders"


def test_augmentation_preset_follows_the_images():
    assert augmentation_for(8, 1) == "light"
    assert augmentation_for(28, 1) == "light"
    assert augmentation_for(32, 3) == "natural"


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["none", "light", "crop", "natural", "photo"])
def test_a_cuda_device_makes_the_same_views_and_is_not_waited_for(preset):
    images = (rand(64, 3, 32, 32, seed=9) * 256).to(torch.uint8)
    draws = draw(128, AUGMENTATIONS[preset], 0)
    there = images.cuda()
    make_views(there, preset, draws)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        views = make_views(there, preset, draws)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert views.is_cuda
    torch.testing.assert_close(views.cpu(), make_views(images, preset, draws), rtol=0, atol=1e-5)
