"""What outlier scores say of the subject run's images: rows of the report, from arrays."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rankcon_cli.ood.intervals import wilson
from rankcon_cli.ood.result import DetectionRate, Swallowed, WorstImage


@dataclass(frozen=True)
class Looked:
    """A set of n images as the subject run sees it.

    set: an OOD set's name, or ``"id"``; names, class_names: what each image is called, and its true class.
    scores: of the headline score, [n]; cosines: [n, C] to the class means. image: index -> uint8 [channels, H, W].
    """

    set: str
    names: Sequence[str]
    class_names: Sequence[str]
    scores: np.ndarray
    cosines: np.ndarray
    image: Callable[[int], np.ndarray]


def swallowed(unknown: Looked, known_classes: Sequence[str]) -> tuple[Swallowed, ...]:
    """Which known class each unknown image lies nearest to, counted by unknown class; within one the largest first."""
    nearest = unknown.cosines.argmax(1)
    sizes = Counter(unknown.class_names)
    pairs = Counter(zip(unknown.class_names, (known_classes[c] for c in nearest), strict=True))
    rows = [Swallowed(unknown.set, name, known, count, sizes[name]) for (name, known), count in pairs.items()]
    return tuple(sorted(rows, key=lambda row: (row.ood_class, -row.count, row.known_class)))


def misses(unknown: Looked, known: Looked, known_classes: Sequence[str], k: int) -> tuple[WorstImage, ...]:
    """The ``k`` unknown images with the lowest scores, the lowest first; ties in order of the images."""
    worst = np.argsort(unknown.scores, kind="stable")[:k]
    share = 1 - _share(known.scores, unknown.scores[worst], "right")
    return _worst(unknown, worst, share, known_classes)


def false_alarms(
    known: Looked, unknown: Sequence[Looked], known_classes: Sequence[str], k: int
) -> tuple[WorstImage, ...]:
    """The ``k`` known images with the highest scores, the highest first; ties in order of the images."""
    worst = np.argsort(-known.scores, kind="stable")[:k]
    share = _share(np.concatenate([one.scores for one in unknown]), known.scores[worst], "left")
    return _worst(known, worst, share, known_classes)


def _share(of: np.ndarray, at: np.ndarray, side: str) -> np.ndarray:
    """For each of ``at`` the share of ``of`` that is smaller (``left``), or smaller or equal (``right``)."""
    return np.searchsorted(np.sort(of), at, side=side) / len(of)


def _worst(
    looked: Looked, indices: np.ndarray, share: np.ndarray, known_classes: Sequence[str]
) -> tuple[WorstImage, ...]:
    nearest = looked.cosines[indices].argmax(1)
    return tuple(
        WorstImage(
            set=looked.set,
            name=looked.names[i],
            true_class=looked.class_names[i],
            nearest_class=known_classes[c],
            similarity=float(looked.cosines[i, c]),
            score=float(looked.scores[i]),
            share=float(part),
            image=looked.image(int(i)),
        )
        for i, c, part in zip(indices, nearest, share, strict=True)
    )


def detection_rates(sets: Sequence[Looked], threshold: float) -> tuple[DetectionRate, ...]:
    """Share flagged as unknown (score above ``threshold``) of each set, then of each of its classes by name.

    Of the known images (``"id"``) these are false alarms.
    """
    rates = []
    for looked in sets:
        flagged = np.asarray(looked.scores) > threshold
        classes = np.array(looked.class_names, dtype=object)
        rates.append(_rate(looked.set, "", flagged))
        rates += [_rate(looked.set, name, flagged[classes == name]) for name in sorted(set(looked.class_names))]
    return tuple(rates)


def _rate(name: str, class_name: str, flagged: np.ndarray) -> DetectionRate:
    low, high = wilson(int(flagged.sum()), len(flagged))
    return DetectionRate(name, class_name, float(flagged.mean()), len(flagged), low, high)
