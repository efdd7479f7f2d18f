"""The network that a configuration describes."""

from collections.abc import Sequence

from rankcon_cli.models import Network
from rankcon_cli.training.config import TrainConfig

#: ``--outlier-loss`` -> the kind of reference vector in the network.
_REFERENCES = {"reference": "fixed", "learned-reference": "learned", "exposure": None}


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
