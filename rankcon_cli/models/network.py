"""The trained network: normalisation, encoder, projection and classification head in one module."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rankcon_cli.models.encoders import ENCODERS
from rankcon_cli.models.norm import batch_norms, group_norm


@dataclass(frozen=True)
class Outputs:
    """What a forward pass gives for N images; ``None`` for a head the network does not have.

    encoder: h, [N, D]; projection: z, [N, P]; logits: [N, C]. None of them has unit length yet.
    """

    encoder: Tensor
    projection: Tensor | None
    logits: Tensor | None

    def heads(self) -> tuple[Tensor | None, ...]:
        """encoder, projection, logits."""
        return self.encoder, self.projection, self.logits

    def split(self, sizes: list[int]) -> list["Outputs"]:
        """The outputs for the first ``sizes[0]`` images, for the next ``sizes[1]``, and so on to the last."""
        parts = ([None] * len(sizes) if head is None else head.split(sizes) for head in self.heads())
        return [Outputs(*part) for part in zip(*parts, strict=True)]


class Network(nn.Module):
    """Images in 0..1 to ``Outputs``. The normalisation travels with the weights, so that no user of it can forget it.

    Args:
        encoder: a key of ``ENCODERS``.
        channels, image_size: of the images, [N, channels, image_size, image_size].
        mean, std: of the training images in 0..1, one a channel.
        projection_dim: width P of the projection z (an MLP with one hidden layer of width D), or None for none.
        n_classes: C of the linear classification head on h, or None for none.
        reference: the vector [P] that known outliers are drawn to, ``"fixed"`` or ``"learned"``; None for none.
        norm: ``"batch"`` or ``"sync"``, which differ in training alone; ``"group"``; ``"frozen"``: batch normalisation that
            keeps its running statistics in training too.
    """

    def __init__(
        self,
        encoder: str,
        channels: int,
        image_size: int,
        mean: list[float],
        std: list[float],
        projection_dim: int | None,
        n_classes: int | None,
        reference: str | None = None,
        norm: str = "batch",
    ):
        super().__init__()
        self.norm = norm
        self.encoder, width = ENCODERS[encoder](channels, image_size)
        if norm == "group":
            self.encoder = group_norm(self.encoder)
        self.projection = self.head = None
        if projection_dim is not None:
            self.projection = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, projection_dim)
            )
        if n_classes is not None:
            self.head = nn.Linear(width, n_classes)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.reference: Tensor | None
        direction = None if reference is None else nn.functional.normalize(torch.randn(projection_dim), dim=0)
        if reference == "learned":
            self.reference = nn.Parameter(direction)
        else:
            self.register_buffer("reference", direction)

    def train(self, mode: bool = True) -> "Network":
        """As of any module, save that frozen statistics stay frozen."""
        super().train(mode)
        if self.norm == "frozen":
            for module in batch_norms(self):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Outputs:
        """``Outputs`` of images [N, C, H, W], float in 0..1."""
        return self.heads(self.encoder((images - self.mean) / self.std))

    def heads(self, features: Tensor) -> Outputs:
        """``Outputs`` of encoder outputs h, [N, D]."""
        return Outputs(
            encoder=features,
            projection=None if self.projection is None else self.projection(features),
            logits=None if self.head is None else self.head(features),
        )
