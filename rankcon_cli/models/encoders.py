"""Encoders: images [N, C, H, W] to features [N, D], chosen by name or by image size."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from rankcon_cli.errors import RankconError

#: Up to this size a ResNet gets the CIFAR stem: a 3x3 convolution of stride 1 and no max pooling.
CIFAR_STEM_UP_TO = 64


def encoder_for(image_size: int) -> str:
    """The encoder that ``auto`` means: ``conv`` for tiny images (up to 16 pixels), ``resnet18`` for the rest."""
    return "conv" if image_size <= 16 else "resnet18"


def _conv(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """Three 3x3 convolutions of 16, 32 and 64 channels and a linear layer to 128: 44,000 parameters for 8x8 digits."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    layers = [
        *block(channels, 16),
        *block(16, 32),
        nn.MaxPool2d(2),
        *block(32, 64),
        nn.AdaptiveMaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 128),
    ]
    return nn.Sequential(*layers), 128


class _Residual(nn.Module):
    """A basic residual block (He et al. 2016) with a 1x1 shortcut where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.shortcut(x)).relu_()


def _resnet8(channels: int, image_size: int) -> tuple[nn.Module, int]:
    """ResNet-8 of widths 24, 48 and 96 on 2x2-unshuffled images: for 17 to 64 pixels where only a CPU is at hand."""
    if image_size % 2:
        raise RankconError(
            f"the encoder resnet8 needs an even image size, not {image_size}", hint="set --image-size to an even number"
        )
    layers = [
        nn.PixelUnshuffle(2),
        nn.Conv2d(4 * channels, 24, 3, 1, 1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(inplace=True),
        _Residual(24, 24, 1),
        _Residual(24, 48, 2),
        _Residual(48, 96, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]
    return nn.Sequential(*layers), 96


def _torchvision_resnet(name: str) -> Callable[[int, int], tuple[nn.Module, int]]:
    def build(channels: int, image_size: int) -> tuple[nn.Module, int]:
        import torchvision

        network = getattr(torchvision.models, name)(weights=None)
        width = network.fc.in_features
        network.fc = nn.Identity()
        if image_size <= CIFAR_STEM_UP_TO:
            network.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
            network.maxpool = nn.Identity()
        elif channels != 3:
            network.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        return network, width

    return build


#: name -> (channels, image size) -> (encoder, feature dimension D)
ENCODERS: dict[str, Callable[[int, int], tuple[nn.Module, int]]] = {
    "conv": _conv,
    "resnet8": _resnet8,
    "resnet18": _torchvision_resnet("resnet18"),
    "resnet34": _torchvision_resnet("resnet34"),
    "resnet50": _torchvision_resnet("resnet50"),
}


def load_torchvision_weights(encoder: nn.Module, path: Path) -> list[str]:
    """Load a local file of torchvision weights (``.safetensors`` or ``.pth``) into a ResNet; returns what was left out.

    The classifier is left out, and so is the stem where its shape differs (CIFAR stem, grey images). ``.pth`` files are
    read with ``weights_only=True``, which builds tensors and nothing else. Raises RankconError where the file cannot be
    read or belongs to another encoder.
    """
    state = {name: tensor for name, tensor in _read_weights(path).items() if not name.startswith("fc.")}
    own = encoder.state_dict()
    left_out = [n for n, t in state.items() if n == "conv1.weight" and n in own and own[n].shape != t.shape]
    kept = {n: t for n, t in state.items() if n not in left_out}
    wrong = [n for n, t in kept.items() if n not in own or own[n].shape != t.shape]
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    if wrong or missing:
        raise RankconError(
            f"{path} does not fit the encoder: {len(wrong)} tensors are unknown or of another shape and "
            f"{len(missing)} are missing (first: {(wrong + missing)[0]})",
            hint="give the weights of the same torchvision ResNet that --encoder names",
        )
    encoder.load_state_dict(kept, strict=False)
    return left_out


def _read_weights(path: Path) -> dict[str, Tensor]:
    import pickle

    import safetensors.torch
    import torch

    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RankconError(f"cannot read the weights {path}: {error.strerror or error}") from error
    # What torch and the restricted unpickler raise on a file that is no checkpoint; their advice is not ours.
    except (
        *(RuntimeError, pickle.UnpicklingError, EOFError, safetensors.SafetensorError),
        *(KeyError, ValueError, AttributeError, IndexError, TypeError, ImportError),
    ) as error:
        raise _no_weights(path) from error
    if not isinstance(state, dict) or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in state.items()):
        raise _no_weights(path)
    return state


def _no_weights(path: Path) -> RankconError:
    return RankconError(
        f"cannot read the weights {path}: it is no whole file of named tensors",
        hint="save model.state_dict(), as .pth or .safetensors; a pickled module is not read, for it could run code",
    )
