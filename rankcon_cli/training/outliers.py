"""Outliers in a training step: mixtures of the batch's own images, where the ranking says that unknowns fall, and images
that are known to be outliers."""

import dataclasses

import numpy as np
import torch
from torch import Tensor, nn

from rankcon_cli.losses import class_mean_repulsion, exposure_loss, reference_loss
from rankcon_cli.models import Network, Outputs
from rankcon_cli.ranking import TierTable
from rankcon_cli.training.config import OutlierConfig, Partner

#: The least and the largest share of a mixture's first image: near a half, so that it is clearly of neither class.
SHARES = (0.3, 0.7)
#: Keep the draws of mixtures and of known outliers apart from all others of the same seed and step.
_MIXTURES, OUTLIER_DRAWS = 1, 2
#: Known outliers in a step: one for each so many images.
_IMAGES_AN_OUTLIER = 4


@dataclasses.dataclass(frozen=True)
class Mixtures:
    """V mixtures of the images of a batch: ``share`` [V] float32 of image ``first`` [V], the rest of image ``second`` [V]."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray


def partners(n_classes: int, table: TierTable | None, partner: Partner) -> np.ndarray:
    """bool [C, C]: with which classes (columns) each class is mixed: those of its first tier, or any but itself."""
    return table.array() == 1 if partner == "tier-1" else ~np.eye(n_classes, dtype=bool)


def draw_mixtures(labels: np.ndarray, partner_CC: np.ndarray, seed: int, step: int) -> Mixtures:
    """One mixture for each image of a batch with labels [B] whose class finds a partner in it; V <= B.

    The second image is drawn uniformly among the batch's images of the partner classes, the share uniformly in
    ``SHARES``. A function of the arguments alone.
    """
    rng = np.random.default_rng([seed, step, _MIXTURES])
    partner_BB = partner_CC[labels][:, labels]
    counts = partner_BB.sum(axis=1)
    first = np.flatnonzero(counts)
    nth = (rng.random(len(first)) * counts[first]).astype(np.int64)
    second = (partner_BB[first].cumsum(axis=1) > nth[:, None]).argmax(axis=1)
    return Mixtures(first, second, rng.uniform(*SHARES, len(first)).astype(np.float32))


def mix(views: Tensor, mixtures: Mixtures) -> Tensor:
    """share * a + (1 - share) * b of what a batch's two views give, [2B, ...] (first views first) to [V, ...].

    a is the first view of the mixture's first image and b the second view of its second.
    """
    first = torch.from_numpy(mixtures.first).to(views.device)
    second = torch.from_numpy(mixtures.second).to(views.device) + len(views) // 2
    share = torch.from_numpy(mixtures.share).to(views.device).view(-1, *[1] * (views.ndim - 1))
    return share * views[first] + (1 - share) * views[second]


def outliers_a_step(batch_size: int) -> int:
    """How many known outliers a step has: a quarter of a batch."""
    return max(1, batch_size // _IMAGES_AN_OUTLIER)


def draw_outliers(n: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Indices of the known outliers of a step, a quarter of a batch, out of ``n``: all once before any comes again.

    A function of the arguments alone.
    """
    count = outliers_a_step(batch_size)
    places = np.arange(step * count, (step + 1) * count)
    order = {
        turn: np.random.default_rng([seed, turn, OUTLIER_DRAWS]).permutation(n)
        for turn in np.unique(places // n).tolist()
    }
    return np.array([order[place // n][place % n] for place in places.tolist()])


@dataclasses.dataclass(frozen=True)
class StepImages:
    """images: the views, the mixtures and the known outliers of a step, one after the other; sizes: how many of each."""

    images: Tensor
    sizes: tuple[int, int, int]
    mixtures: Mixtures | None


class OutlierObjective(nn.Module):
    """The outlier term of a training step, on z where the network has a projection and else on h.

    Outlier images go through the encoder in one batch with the views, as in outlier exposure, so that batch
    normalisation sees the same blend of images in training as its running statistics keep. In a pass of their own the
    statistics of the batch would give outliers away, as they cannot at test time.
    """

    def __init__(self, config: OutlierConfig, n_classes: int, table: TierTable | None, seed: int):
        super().__init__()
        self.config, self.n_classes, self.seed = config, n_classes, seed
        self.partner_CC = partners(n_classes, table, config.partner) if config.virtual != "none" else None

    def add_to(self, views: Tensor, labels: np.ndarray, step: int, outliers: Tensor | None = None) -> StepImages:
        """The images that a step sends through the network.

        Args:
            views: [2B, C, H, W], first views first.
            labels: [B] of the images, on the host, where mixtures are drawn.
            outliers: [K, C, H, W], views of known outliers; None for none.
        """
        if self.partner_CC is None and outliers is None:
            return StepImages(views, (len(views), 0, 0), None)
        mixtures = None
        if self.partner_CC is not None:
            mixtures = draw_mixtures(labels, self.partner_CC, self.seed, step)
        mixed = mix(views, mixtures) if mixtures is not None and self.config.virtual == "image" else views[:0]
        given = views[:0] if outliers is None else outliers
        images = torch.cat([views, mixed, given]).contiguous(memory_format=torch.channels_last)
        return StepImages(images, (len(views), len(mixed), len(given)), mixtures)

    def forward(self, network: Network, outputs: Outputs, sent: StepImages, labels: Tensor) -> tuple[Outputs, Tensor]:
        """The ``Outputs`` for the views alone, and the weighted terms, a scalar.

        Args:
            network: gave ``outputs`` for ``sent``; its heads and its reference vector are asked again.
            labels: [B] of the images.
        """
        known, virtual, shown = outputs.split(list(sent.sizes))
        term = outputs.encoder.new_zeros(())
        if sent.mixtures is not None:
            if self.config.virtual == "feature":
                virtual = network.heads(mix(known.encoder, sent.mixtures))
            term = term + class_mean_repulsion(
                _embeddings(virtual),
                _embeddings(known),
                labels.repeat(2),
                self.n_classes,
                temperature=self.config.temperature,
            )
        if sent.sizes[2]:
            term = term + self._known_term(network, known, shown)
        return known, self.config.weight * term

    def _known_term(self, network: Network, known: Outputs, shown: Outputs) -> Tensor:
        if self.config.loss == "exposure":
            return exposure_loss(shown.logits)
        return reference_loss(
            shown.projection, known.projection, network.reference, temperature=self.config.temperature
        )


def _embeddings(outputs: Outputs) -> Tensor:
    return outputs.encoder if outputs.projection is None else outputs.projection
