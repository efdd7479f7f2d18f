"""What an outlier score is made of: what it is fitted on, what it looks at, and what it assumes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from rankcon_cli.ranking import TierTable


@dataclass(frozen=True)
class Head:
    """A linear classifier on the encoder output: logits = features @ weight.T + bias.

    weight: [C, D]; bias: [C].
    """

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits [n, C] of ``features`` [n, D]."""
        return features @ self.weight.T.to(features) + self.bias.to(features)


@dataclass(frozen=True)
class Inputs:
    """What a score looks at, for n images.

    features: [n, D], the feature that is scored (encoder output or projection), of any length.
    logits: [n, C], of the run's head or of a linear probe that stands in for it; None where a score needs none.
    """

    features: Tensor
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> "Inputs":
        return Inputs(self.features[rows], None if self.logits is None else self.logits[rows])


@dataclass(frozen=True)
class FitData:
    """What a score may be fitted on: the known classes' training images, seen through one feature.

    features: [N, D], of any length; labels: [N], class indices, gaps allowed; logits: [N, C].
    head: the classifier on ``features``; None for the projection.
    validation: known images that were not trained on, with ``validation_labels`` [V].
    table: the ranking, its classes in label order (C of them); None for a run without one.
    reference: [D], the vector that training drew known outliers to, for the feature it lies in.
    """

    features: Tensor
    labels: Tensor
    logits: Tensor | None = None
    head: Head | None = None
    validation: Inputs | None = None
    validation_labels: Tensor | None = None
    table: TierTable | None = None
    reference: Tensor | None = None


#: Takes what is seen of n images, gives their outlier scores [n].
Scorer = Callable[[Inputs], Tensor]


@dataclass(frozen=True)
class Score:
    """An outlier score.

    fit: (what it is fitted on, parameters by name) -> ``Scorer``; every parameter has a default.
    on: the features it takes, some of ``"logits"``, ``"encoder"`` and ``"projection"``. A score on logits gets the encoder
        output beside them.
    title, source, assumes: for the reader of a report, the last in a short sentence.
    needs: fields of ``FitData`` that must be there beside the features and labels, such as ``"head"`` or ``"table"``.
    grid: parameter -> the values that tuning tries.
    experimental: it has not earned a place by what was measured; shown as such.
    """

    fit: Callable[..., Scorer]
    on: tuple[str, ...]
    title: str
    source: str
    assumes: str
    needs: tuple[str, ...] = ()
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    experimental: bool = False

    def missing(self, data: FitData) -> tuple[str, ...]:
        """Which of ``needs`` is not in ``data``: with any, the score cannot be fitted."""
        return tuple(name for name in self.needs if getattr(data, name) is None)
