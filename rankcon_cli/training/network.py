"""The network that a configuration describes, and its compilation."""

import contextlib
from collections.abc import Iterator, Sequence

import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.models import Network
from rankcon_cli.training.config import TrainConfig

#: ``--outlier-loss`` -> the kind of reference vector in the network.
_REFERENCES = {"reference": "fixed", "learned-reference": "learned", "exposure": None}
#: Encoders so small that launching their kernels takes longer than running them: compiled as CUDA graphs.
_LAUNCH_BOUND = ("conv", "resnet8")


def build_network(
    config: TrainConfig, n_classes: int, channels: int, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> Network:
    """``Network`` of ``config``, freshly initialised; mean and std are those of the training images in 0..1, one a channel."""
    loss, outliers = config.loss, config.outliers
    return Network(
        config.model.encoder,
        channels,
        image_size,
        list(mean),
        list(std),
        projection_dim=None if loss.name == "cross-entropy" else config.model.projection_dim,
        n_classes=n_classes if loss.name == "cross-entropy" or loss.ce_weight else None,
        reference=_REFERENCES[outliers.loss] if outliers.spec else None,
        norm=config.model.norm,
    )


def compile_encoder(network: Network, encoder: str, device: torch.device) -> None:
    """Have torch.compile compile the encoder, the key of ``ENCODERS`` that is named, when it is first called."""
    graphs = device.type == "cuda" and encoder in _LAUNCH_BOUND
    network.encoder.compile(mode="reduce-overhead" if graphs else None)


@contextlib.contextmanager
def explaining_compiler() -> Iterator[None]:
    """Turn what torch.compile raises in the block, from its own depths, into a RankconError that says how to do without."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        raise RankconError(
            f"torch.compile cannot compile the encoder here: {str(error).strip().splitlines()[0]}",
            hint="see that a C++ compiler (CPU) or Triton (CUDA) is installed, or say --no-compile; with --resume too",
        ) from error
