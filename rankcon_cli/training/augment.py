"""Augmentation of a batch of tensors, with a draw of its own for every image.

Every random number is drawn on the host by ``draw``, for the whole batch of a step, as a function of a key alone: what a
view looks like depends neither on the device nor on which process or which part of the batch makes it. ``augment`` is
plain arithmetic on the draws. The distributions are those of torchvision's transforms applied to one image at a time
(its v2 transforms draw one set of parameters a call, which is wrong for contrastive views), and so are the pixels.

One exception: torchvision rounds a crop to whole pixels, here it stays where it was drawn. A square crop of 0.6 or more
of an 8 x 8 image is 6, 7 or 8 pixels wide once it is rounded: often the whole image, or the same for both views. Left as
it is, it has the area, shape and place it was drawn with at every size. What lies within half a pixel beyond a crop's
edge is the image's own neighbouring pixel, where torchvision repeats the crop's outermost one; beyond the image, its
outermost pixels go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.training.image_ops import CONTRAST, HUE, SATURATION, blend, blur, luma, resample, turn_hue


@dataclass(frozen=True)
class Augment:
    """What a view may undergo, in this order.

    crop_scale: range of the crop's share of the area; crop_ratio: range of its aspect ratio (drawn log-uniformly).
    degrees: rotation within +-degrees about the crop's centre. flip: probability of a horizontal flip.
    jitter: strengths of brightness, contrast, saturation and hue, applied with probability jitter_p, in any order.
    gray: probability of losing colour.
    blur: probability of a Gaussian blur, its standard deviation in pixels drawn from blur_sigma.
    """

    crop_scale: tuple[float, float] = (1.0, 1.0)
    crop_ratio: tuple[float, float] = (1.0, 1.0)
    degrees: float = 0.0
    flip: float = 0.0
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    jitter_p: float = 0.0
    gray: float = 0.0
    blur: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)


#: SupCon's set for natural images (arXiv 2004.11362, section 4).
_NATURAL = Augment(
    crop_scale=(0.2, 1.0), crop_ratio=(3 / 4, 4 / 3), flip=0.5, jitter=(0.4, 0.4, 0.4, 0.1), jitter_p=0.8, gray=0.2
)

#: Presets by name. ``light`` is for tiny or grey images whose left and right, or colour, mean something (digits);
#: ``natural`` needs many epochs to pay; ``photo`` adds SimCLR's blur for photographs; ``crop`` is for short runs.
AUGMENTATIONS = {
    "none": Augment(),
    "light": Augment(
        crop_scale=(0.6, 1.0), crop_ratio=(0.85, 1.18), degrees=10.0, jitter=(0.2, 0.2, 0, 0), jitter_p=0.8
    ),
    "crop": Augment(crop_scale=(0.35, 1.0), crop_ratio=(3 / 4, 4 / 3), flip=0.5),
    "natural": _NATURAL,
    "photo": replace(_NATURAL, blur=0.5),
}

#: How often torchvision draws a crop before it falls back to the largest central one.
_CROP_TRIES = 10

#: So many pixels are worked on at a time: on a CPU, for each thread, what its caches hold; elsewhere what the temporary
#: tensors, about ten of three channels, should at most take.
_CPU_PIXELS, _DEVICE_PIXELS = 1 << 17, 1 << 25


def augmentation_for(image_size: int, channels: int) -> str:
    """The preset that ``auto`` means: ``light`` for images up to 16 pixels and for grey ones, else ``natural``."""
    return "light" if image_size <= 16 or channels == 1 else "natural"


@dataclass(frozen=True)
class Draws:
    """Every random number of N views, one row a view.

    area, ratio: [N, 10] candidates for a crop's share of the area and its aspect ratio; the first that fits is taken.
    place: [N, 2] where in the room that is left the crop lies, down and across, 0 to 1.
    flipped, jittered, gray, blurred: [N] whether the view is. angle: [N] degrees. sigma: [N] of the blur, in pixels.
    order: [N, 4] the operations of the jitter in the order in which they are done.
    factor: [N, 4] the factors of brightness, contrast and saturation, and the turn of the hue.
    """

    area: np.ndarray
    ratio: np.ndarray
    place: np.ndarray
    flipped: np.ndarray
    angle: np.ndarray
    jittered: np.ndarray
    order: np.ndarray
    factor: np.ndarray
    gray: np.ndarray
    blurred: np.ndarray
    sigma: np.ndarray

    def __len__(self) -> int:
        return len(self.area)

    def select(self, rows: slice | np.ndarray) -> "Draws":
        """The draws of some of the views."""
        return Draws(*(getattr(self, field.name)[rows] for field in fields(self)))


def draw(n: int, how: Augment, *key: int) -> Draws:
    """The draws of ``n`` views: a function of the key (the seed and the step, say) alone."""
    # The spawn key keeps these draws apart from others of the same numbers, the order of the batches of an epoch say.
    rng = np.random.default_rng(np.random.SeedSequence(key, spawn_key=(0,)))
    strength = np.array(how.jitter)
    low = 1 - strength
    low[:HUE], low[HUE] = low[:HUE].clip(min=0), -strength[HUE]
    high = strength + np.array((1, 1, 1, 0))
    return Draws(
        area=rng.uniform(*how.crop_scale, (n, _CROP_TRIES)),
        ratio=np.exp(rng.uniform(*np.log(how.crop_ratio), (n, _CROP_TRIES))),
        place=rng.random((n, 2)),
        flipped=rng.random(n) < how.flip,
        angle=rng.uniform(-how.degrees, how.degrees, n),
        jittered=rng.random(n) < how.jitter_p,
        order=rng.random((n, 4)).argsort(axis=1),
        factor=rng.uniform(low, high, (n, 4)),
        gray=rng.random(n) < how.gray,
        blurred=rng.random(n) < how.blur,
        sigma=rng.uniform(*how.blur_sigma, n),
    )


def augment(images: Tensor, how: Augment, draws: Draws) -> Tensor:
    """One view of every image: [N, C, H, W] float in 0..1 to the same, in channels_last. C is 1 or 3.

    Nothing waits for the device. ``draws`` has a row an image.
    """
    return _views(images, how, draws, images.dtype)


def make_views(images: Tensor, preset: str, draws: Draws, dtype: torch.dtype = torch.float32) -> Tensor:
    """Views of every image: uint8 [B, C, H, W] to float [N, C, H, W] in 0..1, in channels_last.

    N, the rows of ``draws``, is a multiple of B: the first views of all images come first, then all second ones.
    """
    return _views(images, AUGMENTATIONS[preset], draws, dtype)


@torch.no_grad()
def _views(images: Tensor, how: Augment, draws: Draws, dtype: torch.dtype) -> Tensor:
    """View n is of image n modulo B."""
    n, (channels, height, width) = len(draws), images.shape[1:]
    if n % len(images):
        raise ValueError(f"{n} draws do not make as many views of each of {len(images)} images")
    schedule = _schedule(draws, how, channels)
    draws = draws.select(schedule.row)
    work = torch.float64 if torch.float64 in (dtype, images.dtype) else torch.float32
    rows = {"view": schedule.row, "turn": 6 * draws.factor[:, HUE], "sigma": draws.sigma}
    rows |= _affine(draws, how, height, width) | _weights(draws, schedule)
    uploaded = _upload(rows, images.device, work)
    views = torch.empty((n, height, width, channels), dtype=dtype, device=images.device)
    with torch.autocast(images.device.type, enabled=False):
        for block in _blocks(n, images):
            part = {name: values[block] for name, values in uploaded.items()}
            index = part["view"].flatten().long()
            x = images.index_select(0, index % len(images)).to(work)
            if not images.is_floating_point():
                x.div_(255)
            if how.crop_scale != (1.0, 1.0) or how.flip or how.degrees:
                x = resample(x, [part[name] for name in _AFFINE])
            planes = x.transpose(0, 1)
            _jitter(planes, schedule, block, part)
            if channels == 3 and draws.gray[block].any():
                gray = _rows(draws.gray[block], x.device)
                x[gray] = luma(planes.index_select(1, gray))[:, None]
            if draws.blurred[block].any():
                blurred = _rows(draws.blurred[block], x.device)
                x[blurred] = blur(x[blurred], part["sigma"][blurred])
            views[index] = x.permute(0, 2, 3, 1).to(dtype).contiguous()
    return views.permute(0, 3, 1, 2)


def _upload(rows: dict[str, np.ndarray], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """[N, 1, 1] of each row [N], as float32 in one copy that nothing waits for."""
    packed = torch.from_numpy(np.stack(list(rows.values()), dtype=np.float32, casting="unsafe"))
    if device.type == "cuda":
        packed = packed.pin_memory()
    packed = packed.to(device, non_blocking=device.type == "cuda").to(dtype)
    return dict(zip(rows, packed[..., None, None].unbind(), strict=True))


def _rows(chosen: np.ndarray, device: torch.device) -> Tensor:
    """The numbers of the chosen rows, in a copy that nothing waits for."""
    rows = torch.from_numpy(np.flatnonzero(chosen))
    return rows.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else rows.to(device)


def _blocks(n: int, images: Tensor) -> Iterator[slice]:
    """The parts of n views that are worked on at a time."""
    pixels = _CPU_PIXELS * torch.get_num_threads() if images.device.type == "cpu" else _DEVICE_PIXELS
    size = max(1, pixels // images[0, 0].numel())
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _hull(chosen: np.ndarray) -> slice | None:
    """From the first chosen row to the last, or None where there is none."""
    rows = np.flatnonzero(chosen)
    return slice(rows[0], rows[-1] + 1) if len(rows) else None


#: The arguments of ``resample``.
_AFFINE = ("xx", "xy", "x0", "yx", "yy", "y0")


def _affine(draws: Draws, how: Augment, height: int, width: int) -> dict[str, np.ndarray]:
    """Crop, flip and rotation [N] as one affine map."""
    w, h, x, y = _crops(draws, how, height, width)
    across = np.where(draws.flipped, -w, w)
    cos, sin = np.cos(np.deg2rad(draws.angle)), np.sin(np.deg2rad(draws.angle))
    rows = across * cos, -h * sin * height / width, x, across * sin * width / height, h * cos, y
    return dict(zip(_AFFINE, rows, strict=True))


def _crops(draws: Draws, how: Augment, height: int, width: int) -> tuple[np.ndarray, ...]:
    """Width and height [N] of each crop as shares of the image, and its centre across and down in -1..1."""
    if how.crop_scale == (1.0, 1.0):
        return np.ones(len(draws)), np.ones(len(draws)), np.zeros(len(draws)), np.zeros(len(draws))
    w = np.sqrt(draws.area * draws.ratio * height / width)
    h = np.sqrt(draws.area / draws.ratio * width / height)
    fits = (w <= 1) & (h <= 1)
    first = (np.arange(len(draws)), fits.argmax(axis=1))
    some = fits.any(axis=1)
    narrowest, widest = how.crop_ratio
    w = np.where(some, w[first], min(1.0, widest * height / width))
    h = np.where(some, h[first], min(1.0, width / height / narrowest))
    y, x = np.where(some, 2 * draws.place.T - 1, 0.0)
    return w, h, x * (1 - w), y * (1 - h)


@dataclass(frozen=True)
class _Schedule:
    """The order of work: views whose jitter runs in the same order are neighbours, those without one come last.

    row: [N] the views in this order; what follows is in it too. jittered: [N] bool. blends: [N, L] the operations of
    the jitter that blend. hue_at: [N] how many of them come before the turn of the hue, -1 where it does not turn.
    """

    row: np.ndarray
    jittered: np.ndarray
    blends: np.ndarray
    hue_at: np.ndarray


def _schedule(draws: Draws, how: Augment, channels: int) -> _Schedule:
    active = np.array(how.jitter) > 0
    if channels == 1:
        active[[SATURATION, HUE]] = False
    turn = draws.order.argsort(axis=1)  # of each operation
    kinds = np.flatnonzero(active[:HUE])
    blends = kinds[turn[:, kinds].argsort(axis=1)]
    before = (turn[:, kinds] < turn[:, [HUE]]).sum(axis=1)
    hue_at = np.where(draws.jittered & active[HUE], before, -1)
    row = np.lexsort((*blends.T[::-1], hue_at, ~draws.jittered))
    return _Schedule(row, draws.jittered[row], blends[row], hue_at[row])


def _weights(draws: Draws, schedule: _Schedule) -> dict[str, np.ndarray]:
    """The arguments of ``blend`` at each stage."""
    weights = {}
    for stage, kind in enumerate(schedule.blends.T):
        factor = np.take_along_axis(draws.factor, kind[:, None], axis=1)[:, 0]
        weights[f"factor{stage}"] = factor
        weights[f"to_mean{stage}"] = np.where(kind == CONTRAST, 1 - factor, 0)
        weights[f"to_luma{stage}"] = np.where(kind == SATURATION, 1 - factor, 0)
    return weights


def _jitter(planes: Tensor, schedule: _Schedule, block: slice, part: dict[str, Tensor]) -> None:
    """Brightness, contrast, saturation and hue of planes [C, N, H, W], in place, each image in its own order."""
    jittered = _hull(schedule.jittered[block])
    if jittered is None:
        return
    blends, hue_at = schedule.blends[block][jittered], schedule.hue_at[block][jittered]
    for stage in range(blends.shape[1] + 1):
        if turned := _hull(hue_at == stage):
            turn_hue(planes[:, turned], part["turn"][turned])
        if stage < blends.shape[1]:
            weights = [part[f"{name}{stage}"][jittered] for name in ("factor", "to_mean", "to_luma")]
            blend(planes[:, jittered], set(blends[:, stage].tolist()), *weights)
