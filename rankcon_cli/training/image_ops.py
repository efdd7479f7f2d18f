"""What augmentation does to the pixels: tensor arithmetic with parameters of its own for every image, on any device."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

#: The operations of colour jitter.
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


def resample(images: Tensor, affine: list[Tensor]) -> Tensor:
    """Bilinear, [N, C, H, W] to the same. Beyond the image its outermost pixels go on.

    affine: xx, xy, x0, yx, yy, y0 [N, 1, 1]. Output pixel (x, y) shows what is at (xx x + xy y + x0, yx x + yy y + y0),
    all in -1..1 from border to border.
    """
    height, width = images.shape[2:]
    xx, xy, x0, yx, yy, y0 = affine
    x, y = _centres(width, images), _centres(height, images)[:, None]
    grid = images.new_empty(2, len(images), height, width)
    torch.add(xx * x, xy * y + x0, out=grid[0])
    torch.add(yx * x, yy * y + y0, out=grid[1])
    # Border padding by hand, on the outermost pixel centres: not every device has padding_mode="border".
    grid[0].clamp_(1 / width - 1, 1 - 1 / width)
    grid[1].clamp_(1 / height - 1, 1 - 1 / height)
    return F.grid_sample(images, grid.permute(1, 2, 3, 0), mode="bilinear", align_corners=False)


def _centres(size: int, like: Tensor) -> Tensor:
    """Where the centres of ``size`` pixels are, in -1..1."""
    return (torch.arange(size, device=like.device, dtype=like.dtype) * 2 + 1) / size - 1


def blend(planes: Tensor, kinds: set[int], factor: Tensor, to_mean: Tensor, to_luma: Tensor) -> None:
    """Brightness, contrast or saturation of planes [C, N, H, W] in place, whichever each image is to undergo.

    kinds: the operations that occur, so that no more is computed. factor [N, 1, 1] is the share of the image that stays;
    to_mean and to_luma are 1 - factor for the images whose contrast or saturation it is, and 0 for others.
    """
    if kinds != {BRIGHTNESS}:
        gray = luma(planes)
    planes.mul_(factor)
    if CONTRAST in kinds:
        planes.add_(gray.mean(dim=(1, 2), keepdim=True) * to_mean)
    if SATURATION in kinds:
        planes.add_(gray.mul_(to_luma))
    planes.clamp_(0, 1)


def luma(planes: Tensor) -> Tensor:
    """The grey values [N, H, W] of planes [C, N, H, W], C 1 or 3; a copy."""
    if len(planes) == 1:
        return planes[0].clone()
    red, green, blue = planes
    return (red * 0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def turn_hue(planes: Tensor, turn: Tensor) -> None:
    """Turn the HSV hue of RGB planes [3, N, H, W] in place by ``turn``, in sixths of the colour wheel."""
    red, green, blue = planes
    top = torch.maximum(torch.maximum(red, green), blue)
    low = torch.minimum(torch.minimum(red, green), blue)
    chroma = top - low
    # Sixths from red, 0 to 3, without cases: 1 + g + b - r of the colours once low is taken off and chroma divided by.
    hue = (green + blue).sub_(red).sub_(low).div_(chroma.clamp(min=1e-12)).add_(1)
    hue.copysign_(green - blue).add_(turn)
    hue.sub_(torch.round(hue / 6), alpha=6)
    torch.addcmul(top, chroma, hue.abs().sub_(1).clamp_(0, 1), value=-1, out=red)
    torch.addcmul(low, chroma, (hue + 1).abs_().sub_(1).clamp_(0, 1), out=green)
    torch.addcmul(low, chroma, (hue - 1).abs_().sub_(1).clamp_(0, 1), out=blue)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images [N, C, H, W], sigma [N, 1, 1] pixels each; at the border they are mirrored."""
    height, width = images.shape[2:]
    reach = blur_size(min(height, width)) // 2
    taps = torch.arange(reach + 1, device=images.device, dtype=images.dtype).view(-1, 1, 1, 1, 1)
    kernel = torch.exp(-0.5 * (taps / sigma[:, None]) ** 2)
    kernel = (kernel / (2 * kernel.sum(dim=0) - 1)).unbind()
    # Not conv2d: a kernel an image makes it a convolution of N C groups, twice as slow on a CPU.
    down = _convolve(F.pad(images, (0, 0, reach, reach), mode="reflect"), kernel, dim=2)
    return _convolve(F.pad(down, (reach, reach, 0, 0), mode="reflect"), kernel, dim=3)


def _convolve(padded: Tensor, kernel: Sequence[Tensor], dim: int) -> Tensor:
    """With a symmetric kernel, of which the middle and one side is given, each [N, 1, 1, 1]."""
    reach = len(kernel) - 1
    size = padded.shape[dim] - 2 * reach
    out = padded.narrow(dim, reach, size) * kernel[0]
    for tap in range(1, reach + 1):
        both = padded.narrow(dim, reach - tap, size) + padded.narrow(dim, reach + tap, size)
        out.addcmul_(both, kernel[tap])
    return out


def blur_size(image_size: int) -> int:
    """The odd width of the blur's kernel, about a tenth of the image's."""
    return 2 * max(image_size // 20, min(1, (image_size - 1) // 2)) + 1
