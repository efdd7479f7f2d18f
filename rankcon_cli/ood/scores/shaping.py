"""Outlier scores that shape the encoder output before the head, and take the energy of the logits that come out."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks, double
from rankcon_cli.ood.scores.base import FitData, Head, Score, Scorer
from rankcon_cli.ood.scores.parameters import number

# pytorch-ood's ReAct, ASH and SCALE compute the same on feature maps [n, D, 1, 1]. They divide 0 by 0 for an image
# whose features are all 0, and bring all activations to the CPU as one vector.

#: exp(1 / (1 - percentile)) must stay a number: above 99.8 it is none in float64.
_MOST = 99


def _react(fit: FitData, percentile: float = 90) -> Scorer:
    """Energy after activations are cut at a percentile of all training activations (Sun et al., NeurIPS 2021)."""
    percentile = number("percentile", percentile, 0, 100)
    threshold = float(np.percentile(fit.features.float().cpu().numpy(), percentile))
    return _energy_after(lambda features: features.clamp_max(threshold), fit.head)


def _ash(fit: FitData, percentile: float = 90) -> Scorer:
    """Energy after ASH-S (Djurisic et al., ICLR 2023): the lowest ``percentile`` % of an image's activations are set
    to 0 and the others multiplied by exp(sum before / sum after).

    Raises RankconError where training features are negative: the sums are those of activations after a ReLU.
    """
    percentile = number("percentile", percentile, 0, _MOST)
    _require_non_negative("ash", fit)

    def shape(features: Tensor) -> Tensor:
        highest = features.topk(_kept(features, percentile), dim=1)
        factor = _factor(features, highest.values)
        return torch.zeros_like(features).scatter(1, highest.indices, highest.values) * factor

    return _energy_after(lambda features: shape(features.clamp_min(0)), fit.head)


def _scale(fit: FitData, percentile: float = 85) -> Scorer:
    """Energy after SCALE (Xu et al., ICLR 2024): all activations multiplied by the factor of ASH-S, none set to 0.

    Raises RankconError as ``_ash`` does.
    """
    percentile = number("percentile", percentile, 0, _MOST)
    _require_non_negative("scale", fit)

    def shape(features: Tensor) -> Tensor:
        return features * _factor(features, features.topk(_kept(features, percentile), dim=1).values)

    return _energy_after(lambda features: shape(features.clamp_min(0)), fit.head)


def _energy_after(shape: Callable[[Tensor], Tensor], head: Head) -> Scorer:
    return lambda inputs: -head.logits(shape(double(inputs.features))).logsumexp(1)


def _kept(features: Tensor, percentile: float) -> int:
    n = features.shape[1]
    return max(1, n - round(n * percentile / 100))


def _factor(features: Tensor, highest: Tensor) -> Tensor:
    """exp(sum of all / sum of the highest), [n, 1]; 1 for an image whose features are all 0."""
    tiny = torch.finfo(features.dtype).tiny
    return (features.sum(1, keepdim=True) / highest.sum(1, keepdim=True).clamp_min(tiny)).exp()


def _require_non_negative(name: str, fit: FitData) -> None:
    if any(bool((fit.features[rows] < 0).any()) for rows in blocks(*fit.features.shape)):
        raise RankconError(
            f"the outlier score {name!r} sums activations that must not be negative, and this encoder gives negative "
            "ones",
            hint="it suits encoders that end in a ReLU, such as resnet8 and resnet18",
        )


SHAPING_SCORES = {
    "react": Score(
        _react,
        on=("encoder",),
        title="ReAct: energy after cutting large activations",
        source="Sun et al., NeurIPS 2021",
        assumes="an unknown image owes its large logits to a few activations of unusual size",
        needs=("head",),
        grid={"percentile": (85, 90, 95, 99)},
    ),
    "ash": Score(
        _ash,
        on=("encoder",),
        title="ASH-S: energy after pruning small activations",
        source="Djurisic et al., ICLR 2023",
        assumes="activations are not negative, and known classes are told without the small ones",
        needs=("head",),
        grid={"percentile": (65, 70, 75, 80, 85, 90, 95)},
    ),
    "scale": Score(
        _scale,
        on=("encoder",),
        title="SCALE: energy of scaled activations",
        source="Xu et al., ICLR 2024",
        assumes="activations are not negative, and the largest make up less of the whole in a known image",
        needs=("head",),
        grid={"percentile": (65, 70, 75, 80, 85, 90, 95)},
    ),
}
