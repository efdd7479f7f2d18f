"""What an OOD evaluation found: plain frozen records, free of torch, that the report draws and the JSON prints."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class OodSet:
    """A set of images from classes that the runs never saw.

    images: which images of ``spec`` these are, in words.
    kind: ``"withheld"`` (classes of the ranking or data kept out of training) or ``"given"`` (``--ood``).
    """

    name: str
    spec: str
    kind: str
    n: int
    classes: tuple[str, ...]
    images: str = ""


@dataclass(frozen=True)
class RunSummary:
    """One trained run as the report names it; ``measures`` are the headline numbers of its evaluation."""

    name: str
    path: str
    loss: str
    measures: dict[str, float | None]
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """How well one outlier score of one run tells one OOD set from the ID test images.

    feature: ``"encoder"``, ``"projection"`` or ``"logits"``. AUPR-IN has ID as the positive class, AUPR-OUT the OOD set.
    ``fpr95_ood_pos``: share of ID flagged when 95 % of OOD is caught; ``fpr95_id_pos``: share of OOD accepted when
    95 % of ID is kept.
    """

    run: str
    ood: str
    score: str
    feature: str
    auroc: float
    aupr_in: float
    aupr_out: float
    fpr95_ood_pos: float
    fpr95_id_pos: float
    n_id: int
    n_ood: int


@dataclass(frozen=True)
class Swallowed:
    """Of ``n`` images of the unknown class ``ood_class`` in set ``ood``, ``count`` lie nearest to ``known_class``."""

    ood: str
    ood_class: str
    known_class: str
    count: int
    n: int


@dataclass(frozen=True)
class FooledImage:
    """An unknown image that looks most like a known class: its share of ID test images with a larger outlier score."""

    ood: str
    name: str
    ood_class: str
    nearest_class: str
    similarity: float
    id_share_more_outlying: float
    image: np.ndarray  #: uint8 [C, H, W], C in {1, 3}


@dataclass(frozen=True)
class Points:
    """A cloud of the 2-D picture. ``set``: an OOD set's name, or ``"id"``; ``class_names``: one a point."""

    set: str
    xy: np.ndarray  #: float [n, 2]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class OodResult:
    """Everything the report shows. The first run is the subject, the others are its baselines.

    scores: (run name, score, feature, set name or ``"id"``) -> outlier scores, float64 [n].
    id_images: which images of ``id_spec`` the known ones are, in words.
    headline: (score, feature) shown first: chosen before any OOD image was looked at.
    facts: what the reader must know of data and protocol, as (label, text) pairs.
    """

    runs: tuple[RunSummary, ...]
    id_spec: str
    id_images: str
    id_classes: tuple[str, ...]
    n_id: int
    sets: tuple[OodSet, ...]
    measurements: tuple[Measurement, ...]
    headline: tuple[str, str]
    scores: dict[tuple[str, str, str, str], np.ndarray]
    swallowed: tuple[Swallowed, ...]
    fooled: tuple[FooledImage, ...]
    points: tuple[Points, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
