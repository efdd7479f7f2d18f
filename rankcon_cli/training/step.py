"""One step's forward and backward pass: all images at once, or a few at a time with the whole step as contrast."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from rankcon_cli.models import Outputs, batch_norms
from rankcon_cli.training.devices import Cast
from rankcon_cli.training.profile import Phases


def forward_backward(
    network: nn.Module,
    images: Tensor,
    loss_of: Callable[[Outputs], Tensor],
    cast: Cast,
    phase: Phases,
    *,
    at_a_time: int | None = None,
) -> Tensor:
    """The loss of a step, a scalar without gradient; the parameters hold its gradient then.

    With ``at_a_time`` the embeddings of all images are made first, without what a backward pass needs; then the loss and its
    gradient by them; then each part of the images goes through the network again, to take that gradient further (Gao et al.,
    "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", arXiv 2101.06983). The loss is that of the whole
    step, and without batch statistics so is the gradient, exactly. Batch normalisation takes the statistics of each part,
    and its running statistics move once for each.

    Args:
        network: images to ``Outputs``; may be wrapped in DistributedDataParallel.
        images: [N, C, H, W]. Parts take every k-th of them, since images of a class stand in a row.
        loss_of: of the outputs for all images.
        at_a_time: the most images in a part; None: all.
    """
    if at_a_time is None or len(images) <= at_a_time:
        with phase("forward"), cast():
            outputs = network(images)
        with phase("loss"), cast():
            loss = loss_of(outputs)
        with phase("backward"):
            loss.backward()
        return loss.detach()
    bare = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    parts = strided(len(images), at_a_time)
    leaves = _Leaves(len(images))
    with phase("forward"), torch.no_grad():
        for part in parts:
            leaves.take(_pass(bare, images[part], cast), part)
    with phase("loss"), cast():
        loss = loss_of(leaves.outputs())
    with phase("backward"), _without_sync(network):
        loss.backward()  # reaches the leaves, and what parameters the loss has of its own
    with phase("backward"), _statistics_held(bare):
        for k, part in enumerate(parts):
            with contextlib.nullcontext() if k == len(parts) - 1 else _without_sync(network):
                outputs = _pass(network, images[part], cast)
                torch.autograd.backward(*leaves.gradients(outputs, part))
    return loss.detach()


def strided(n: int, at_a_time: int | None) -> list[slice]:
    """Parts of at most ``at_a_time`` of n rows, each with every k-th, as rows of a class stand together; None: one part."""
    k = 1 if at_a_time is None else max(1, -(-n // at_a_time))
    return [slice(i, None, k) for i in range(k)]


def _pass(network: nn.Module, images: Tensor, cast: Cast) -> Outputs:
    with cast():
        outputs = network(images.contiguous(memory_format=torch.channels_last))
    return outputs


class _Leaves:
    """The outputs of all parts in the order of the images, as the leaves at which the gradient of the loss is left."""

    def __init__(self, n: int):
        self.n, self.heads = n, None

    def take(self, outputs: Outputs, part: slice) -> None:
        """Copy the outputs of a part: the memory of a compiled network is its own, and used again by the next part."""
        if self.heads is None:
            made = outputs.heads()
            self.heads = [None if h is None else h.new_empty(self.n, *h.shape[1:]) for h in made]
        for whole, rows in zip(self.heads, outputs.heads(), strict=True):
            if whole is not None:
                whole[part] = rows

    def outputs(self) -> Outputs:
        return Outputs(*(None if head is None else head.requires_grad_() for head in self.heads))

    def gradients(self, outputs: Outputs, part: slice) -> tuple[list[Tensor], list[Tensor]]:
        """The heads of ``outputs``, those of ``part``, that the loss depends on, and its gradient by them."""
        pairs = [
            (made, leaf.grad[part].to(made.dtype))
            for made, leaf in zip(outputs.heads(), self.heads, strict=True)
            if leaf is not None and leaf.grad is not None
        ]
        return [made for made, _ in pairs], [gradient for _, gradient in pairs]


def _without_sync(network: nn.Module) -> contextlib.AbstractContextManager:
    """Gradients stay in this process meanwhile; the last part's backward pass sums all that came together."""
    return network.no_sync() if isinstance(network, nn.parallel.DistributedDataParallel) else contextlib.nullcontext()


@contextlib.contextmanager
def _statistics_held(network: nn.Module) -> Iterator[None]:
    """Running statistics do not move: the first pass has counted these images."""
    modules = [m for m in batch_norms(network) if m.training and m.track_running_stats]
    for module in modules:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in modules:
            module.track_running_stats = True
