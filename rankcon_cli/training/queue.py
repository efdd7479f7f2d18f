"""The paper's second contrast source: keys of earlier steps from a momentum encoder (He et al., arXiv 1911.05722)."""

import copy

import torch
from torch import Tensor, nn

from rankcon_cli.losses import Contrast, unit
from rankcon_cli.models import Network
from rankcon_cli.training.devices import Cast
from rankcon_cli.training.step import strided
from rankcon_cli.training.world import ALONE, World


class KeyQueue(nn.Module):
    """The newest ``size`` keys, and the network that makes them, whose weights follow the trained ones.

    Its tensors belong in a checkpoint. A place that was never filled has the label -1.

    Args:
        network: the one that is trained; the key network starts as its copy.
        size: keys kept; at least those of a step.
        momentum: m in key weights <- m key weights + (1 - m) weights, after each step.
    """

    def __init__(self, network: Network, size: int, momentum: float, world: World = ALONE):
        super().__init__()
        self.momentum, self.world = momentum, world
        self.network = copy.deepcopy(network).requires_grad_(False).train()  # frozen statistics stay frozen
        weight = network.projection[-1].weight
        self.register_buffer("keys", weight.new_zeros(size, len(weight)))
        self.register_buffer("labels", torch.full((size,), -1, device=weight.device))

    @torch.no_grad()
    def push(self, views: Tensor, labels: Tensor, cast: Cast, at_a_time: int | None = None) -> Contrast:
        """Make keys of ``views`` [N, C, H, W] with labels [N], put them first, and return all: the contrast of the step.

        With several processes the keys of all come in, in the order of the batch, so that the queue is the same everywhere.
        """
        keys = torch.empty(len(views), self.keys.shape[1], dtype=self.keys.dtype, device=self.keys.device)
        for part in strided(len(views), at_a_time):
            with cast():
                projection = self.network(views[part].contiguous(memory_format=torch.channels_last)).projection
            keys[part] = unit(projection).to(keys.dtype)
        keys = self.world.gather_shards(keys)
        labels = self.world.gather_shards(labels)
        self.keys.copy_(torch.cat([keys, self.keys])[: len(self.keys)])
        self.labels.copy_(torch.cat([labels, self.labels])[: len(self.labels)])
        return Contrast(self.keys, self.labels)

    @torch.no_grad()
    def follow(self, network: Network) -> None:
        """Take a step towards the weights of ``network``."""
        ours, theirs = (list(n.parameters()) for n in (self.network, network))
        torch._foreach_lerp_(ours, theirs, 1 - self.momentum)
