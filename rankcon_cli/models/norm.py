"""What an encoder's features are normalised by: the batch, groups of channels, or statistics that stay as they are."""

import math

from torch import nn

_GROUPS = 32


def group_norm(encoder: nn.Module) -> nn.Module:
    """``encoder`` with group normalisation (Wu and He, arXiv 1803.08494; up to 32 groups) for its batch normalisation.

    An image's features then depend on no other image: not on the batch, nor on how it is split over processes.
    """
    for name, module in encoder.named_children():
        if isinstance(module, nn.BatchNorm2d):
            channels = module.num_features
            setattr(encoder, name, nn.GroupNorm(math.gcd(_GROUPS, channels), channels, eps=module.eps))
        else:
            group_norm(module)
    return encoder


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """The modules of ``network`` that normalise by a batch, of one process or of all."""
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
