"""Augmentation of a batch of tensors, with a draw of its own for every image.

torchvision's v2 transforms draw one set of parameters a call, which is wrong for contrastive views. Here the geometry
of a view (crop, flip, rotation) is one affine map an image and is resampled once; colour follows. Distributions are
those of torchvision's per-image transforms; the set for natural images is SupCon's (arXiv 2004.11362, section 4).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augment:
    """What a view may undergo.

    crop_scale: range of the crop's share of the area; crop_ratio: range of its aspect ratio (drawn log-uniformly).
    degrees: rotation within +-degrees. flip: probability of a horizontal flip.
    jitter: strengths of brightness, contrast, saturation and hue, applied with probability jitter_p.
    gray: probability of losing colour.
    """

    crop_scale: tuple[float, float] = (1.0, 1.0)
    crop_ratio: tuple[float, float] = (1.0, 1.0)
    degrees: float = 0.0
    flip: float = 0.0
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    jitter_p: float = 0.0
    gray: float = 0.0


#: Presets by name. ``light`` is for tiny or grey images whose left and right, or colour, mean something (digits);
#: ``natural`` needs many epochs to pay; ``crop`` is for short runs.
AUGMENTATIONS = {
    "none": Augment(),
    "light": Augment(
        crop_scale=(0.6, 1.0), crop_ratio=(0.85, 1.18), degrees=10.0, jitter=(0.2, 0.2, 0, 0), jitter_p=0.8
    ),
    "crop": Augment(crop_scale=(0.35, 1.0), crop_ratio=(3 / 4, 4 / 3), flip=0.5),
    "natural": Augment(
        crop_scale=(0.2, 1.0), crop_ratio=(3 / 4, 4 / 3), flip=0.5, jitter=(0.4, 0.4, 0.4, 0.1), jitter_p=0.8, gray=0.2
    ),
}


def augmentation_for(image_size: int, channels: int) -> str:
    """The preset that ``auto`` means: ``light`` for images up to 16 pixels and for grey ones, else ``natural``."""
    return "light" if image_size <= 16 or channels == 1 else "natural"


def augment(images: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """One view of every image: [N, C, H, W] float in 0..1 to the same, on the generator's device."""
    draw = _Draw(len(images), generator)
    if how.crop_scale != (1.0, 1.0) or how.flip or how.degrees:
        images = _resample(images, _affine(images, how, draw))
    if how.jitter_p:
        jittered = _jitter(images, how, draw)
        images = torch.where(draw.chance(how.jitter_p)[:, None, None, None], jittered, images)
    if how.gray and images.shape[1] == 3:
        images = torch.where(draw.chance(how.gray)[:, None, None, None], _luma(images).expand_as(images), images)
    return images


@dataclass(frozen=True)
class _Draw:
    n: int
    generator: torch.Generator

    def uniform(self, low: float, high: float) -> Tensor:
        u = torch.rand(self.n, generator=self.generator, device=self.generator.device)
        return low + (high - low) * u

    def chance(self, p: float) -> Tensor:
        return self.uniform(0.0, 1.0) < p


def _affine(images: Tensor, how: Augment, draw: _Draw) -> Tensor:
    """theta [N, 2, 3]: where each output pixel looks in the input, in the -1..1 coordinates of ``affine_grid``."""
    height, width = images.shape[2:]
    area = draw.uniform(*how.crop_scale)
    ratio = draw.uniform(*torch.tensor(how.crop_ratio).log().tolist()).exp()
    # Shares of width and height; a crop that would leave the image is cut to its border (torchvision draws again).
    w = (area * ratio * height / width).sqrt().clamp(max=1.0)
    h = (area / ratio * width / height).sqrt().clamp(max=1.0)
    x = draw.uniform(-1.0, 1.0) * (1 - w)
    y = draw.uniform(-1.0, 1.0) * (1 - h)
    sign = torch.where(draw.chance(how.flip), -1.0, 1.0)
    angle = torch.deg2rad(draw.uniform(-how.degrees, how.degrees))
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([w * cos * sign, -h * sin * height / width, x], dim=1),
        torch.stack([w * sin * sign * width / height, h * cos, y], dim=1),
    ]
    return torch.stack(rows, dim=1)


def _resample(images: Tensor, theta: Tensor) -> Tensor:
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    height, width = images.shape[2:]
    # Border padding by hand, on the outermost pixel centres: not every device has padding_mode="border".
    edge = grid.new_tensor([1 - 1 / width, 1 - 1 / height])
    grid = torch.maximum(torch.minimum(grid, edge), -edge)
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)


def _jitter(images: Tensor, how: Augment, draw: _Draw) -> Tensor:
    """Brightness, contrast, saturation and hue, each a factor (hue: a turn) an image; torchvision shuffles this order."""
    brightness, contrast, saturation, hue = how.jitter

    def factor(strength: float) -> Tensor:
        return draw.uniform(1 - strength, 1 + strength)[:, None, None, None]

    images = (images * factor(brightness)).clamp(0, 1)
    mean = _luma(images).mean(dim=(1, 2, 3), keepdim=True)
    images = torch.lerp(mean.expand_as(images), images, factor(contrast)).clamp(0, 1)
    if images.shape[1] == 3:
        images = torch.lerp(_luma(images).expand_as(images), images, factor(saturation)).clamp(0, 1)
        if hue:
            images = _turn_hue(images, draw.uniform(-hue, hue))
    return images


def _luma(images: Tensor) -> Tensor:
    """[N, 1, H, W] grey value (ITU-R 601), the image itself if it is grey already."""
    if images.shape[1] == 1:
        return images
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def _turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Shift the HSV hue by ``turn`` [N], a share of the colour wheel; value and saturation stay."""
    value = images.amax(dim=1)
    chroma = value - images.amin(dim=1)
    safe = chroma.clamp(min=1e-8)
    r, g, b = images.unbind(dim=1)
    sector = torch.where(value == r, (g - b) / safe, torch.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    sector = sector + 6 * turn[:, None, None]
    channels = []
    for offset in (5.0, 3.0, 1.0):  # the closed form of HSV to RGB: f(n) = v - chroma * max(0, min(k, 4 - k, 1))
        k = (offset + sector) % 6
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)
