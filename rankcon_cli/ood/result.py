"""What an OOD evaluation found: plain frozen records, free of torch, that reports draw and print.

Names used everywhere: a *run* is one training, a *group* the runs that differ in nothing but their seed; the subject is the
first run, and the first group. A *target* is an OOD set's name, or ``"near"``, ``"far"``, ``"withheld"`` or ``"other"`` for the
unweighted mean over the sets of that kind.
"""

from dataclasses import dataclass, field

import numpy as np

#: Kinds of OOD sets, in the order of a report.
KINDS = ("withheld", "near", "far", "other")
#: Name of the known images among the sets of ``OodResult.scores``, ``Points.set`` and ``DetectionRate.set``.
ID = "id"


@dataclass(frozen=True)
class OodSet:
    """A set of images from classes that the runs were not trained to know.

    kind: ``"withheld"`` (classes of the data kept out of training), ``"near"``, ``"far"`` (as the user says) or ``"other"``.
    images: which images of ``spec`` these are, in words; formats: how they were stored (``"npz array"``, ``"120 .jpg"``).
    digest: SHA-256 over the pixels as the network saw them.
    trained_outliers: images of these classes served as known outliers in training.
    """

    name: str
    spec: str
    kind: str
    n: int
    classes: tuple[str, ...]
    images: str = ""
    formats: str = ""
    digest: str = ""
    trained_outliers: bool = False


@dataclass(frozen=True)
class RunSummary:
    """One trained run as a report names it; ``measures`` are the headline numbers of its evaluation.

    group: name of its ``Group``; seconds: of training, None where they are not known.
    """

    name: str
    path: str
    loss: str
    measures: dict[str, float | None]
    details: dict[str, object] = field(default_factory=dict)
    group: str = ""
    seed: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed, by name."""

    name: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class ScoreInfo:
    """What a reader should know of a score; a key of ``SCORES`` names it."""

    name: str
    title: str
    source: str
    assumes: str
    experimental: bool = False


@dataclass(frozen=True)
class Measurement:
    """How well one outlier score of one run tells one OOD set from the ID test images.

    feature: ``"encoder"``, ``"projection"`` or ``"logits"``. AUPR-IN has ID as the positive class, AUPR-OUT the OOD set.
    ``fpr95_ood_pos``: share of ID flagged when 95 % of OOD is caught; ``fpr95_id_pos``: share of OOD accepted when
    95 % of ID is kept. ``oscr``: area under correctly classified known images over accepted unknown ones.
    intervals: metric -> (low, high), 95 % bootstrap interval over images; metrics without one are absent.
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
    oscr: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A measure with its uncertainty.

    n: seeds it is the mean of. sd: standard deviation over them (n - 1), None for one. low, high: 95 % bootstrap interval
    over images where n is 1 and there is one, else None.
    """

    value: float
    n: int = 1
    sd: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Aggregate:
    """One row of the main table: a group, a target, a score on a feature; metric -> ``Estimate``."""

    group: str
    target: str
    score: str
    feature: str
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Comparison:
    """What the first group has over another: the difference of a measure, subject less other.

    target: as in ``Aggregate``; empty for a measure of the known classes (accuracy, order).
    how: ``"paired seeds"`` (t-test on the differences of runs with equal seeds), ``"bootstrap"`` (one run each, the same images
    resampled together: says nothing of the randomness of training) or ``"none"``, where only the difference is known.
    """

    subject: str
    other: str
    metric: str
    target: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    how: str
    n: int


@dataclass(frozen=True)
class Candidate:
    """One way to score that tuning tried: its AUROC on the tuning images."""

    score: str
    feature: str
    parameters: dict[str, object]
    auroc: float


@dataclass(frozen=True)
class Tuning:
    """What ``--tune-on`` chose, on the known validation images against ``n_ood`` images of ``spec`` alone."""

    spec: str
    n_id: int
    n_ood: int
    chosen: Candidate
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class DeployedThreshold:
    """The headline threshold of the subject run: see ``ood.threshold.Threshold``. None of it comes from test images."""

    value: float
    tpr: float
    n: int
    kept: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class DetectionRate:
    """Share of the images of one class that the subject flags as unknown at the deployed threshold.

    set: an OOD set's name or ``"id"`` (where a flag is a false alarm); class_name: empty for the whole set.
    low, high: 95 % Wilson interval.
    """

    set: str
    class_name: str
    flagged: float
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Swallowed:
    """Of ``n`` images of the unknown class ``ood_class`` in set ``ood``, ``count`` lie nearest to ``known_class``."""

    ood: str
    ood_class: str
    known_class: str
    count: int
    n: int


@dataclass(frozen=True)
class WorstImage:
    """An image that the subject's headline score gets most wrong.

    set: an OOD set's name for a miss (unknown, yet looks known), ``"id"`` for a false alarm (known, yet looks unknown).
    share: of the other side's images that look less like what they are: for a miss the share of ID test images that look
    more outlying, for a false alarm the share of all OOD images that look less outlying.
    """

    set: str
    name: str
    true_class: str
    nearest_class: str
    similarity: float
    score: float
    share: float
    image: np.ndarray  #: uint8 [C, H, W], C in {1, 3}


@dataclass(frozen=True)
class Points:
    """A cloud of a 2-D picture. ``set``: an OOD set's name, or ``"id"``.

    class_names, names, scores: one a point; images: uint8 [n, C, S, S] thumbnails (S at most 32), or None.
    """

    set: str
    xy: np.ndarray  #: float [n, 2]
    class_names: tuple[str, ...]
    names: tuple[str, ...] = ()
    scores: np.ndarray | None = None
    images: np.ndarray | None = None


@dataclass(frozen=True)
class Picture:
    """The embedding in two dimensions. method: ``"t-SNE"`` or ``"PCA"``; the points are the same in all pictures.

    edges: (class, its most similar class by the ranking), to be drawn between the middles of the two clouds.
    """

    method: str
    clouds: tuple[Points, ...]
    edges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class OodResult:
    """Everything the report shows.

    scores: (run name, score, feature, set name or ``"id"``) -> outlier scores, float64 [n].
    id_images: which images of ``id_spec`` the known ones are, in words.
    headline: (score, feature) shown first; headline_from: why that one, in words: fixed beforehand, asked for, or tuned.
    facts: what the reader must know of data and protocol, as (label, text) pairs.
    """

    runs: tuple[RunSummary, ...]
    groups: tuple[Group, ...]
    id_spec: str
    id_images: str
    id_classes: tuple[str, ...]
    n_id: int
    sets: tuple[OodSet, ...]
    infos: tuple[ScoreInfo, ...]
    measurements: tuple[Measurement, ...]
    aggregates: tuple[Aggregate, ...]
    comparisons: tuple[Comparison, ...]
    headline: tuple[str, str]
    headline_from: str
    scores: dict[tuple[str, str, str, str], np.ndarray]
    swallowed: tuple[Swallowed, ...]
    worst: tuple[WorstImage, ...]
    pictures: tuple[Picture, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    tuning: Tuning | None = None
    threshold: DeployedThreshold | None = None
    rates: tuple[DetectionRate, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()  #: (score, why it was not taken)
