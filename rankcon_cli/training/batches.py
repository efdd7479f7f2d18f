"""Class-balanced batches: every rank of an anchor finds its positives in them. A pure function of seed and epoch."""

from collections.abc import Iterator

import numpy as np


def classes_per_batch(n_classes: int, batch_size: int) -> int:
    """How many classes share a batch: all of them, or as many as leave two images to each."""
    return max(1, min(n_classes, batch_size // 2))


def balanced_batches(
    labels: np.ndarray, batch_size: int, n_batches: int, seed: int, epoch: int
) -> Iterator[np.ndarray]:
    """Indices [batch_size] of the ``n_batches`` batches of one epoch.

    Each class gets an equal number of places, one more or less. Within a class images are drawn without replacement
    until all were seen, then again: small classes repeat within an epoch, and of large ones each epoch draws a part
    anew. The result depends on the arguments alone, so a resumed training sees the batches an uninterrupted one would have seen.

    Args:
        labels: [N] int64; every class in 0..max has at least one image.
    """
    rng = np.random.default_rng([seed, epoch])
    members = [np.flatnonzero(labels == c) for c in range(int(labels.max()) + 1)]
    queues = [_endless(m, rng) for m in members]
    class_queue = _endless(np.arange(len(members)), rng)
    width = classes_per_batch(len(members), batch_size)
    for _ in range(n_batches):
        chosen = _distinct(class_queue, width)
        places = np.full(width, batch_size // width)
        places[: batch_size % width] += 1
        yield np.array([next(queues[c]) for c, n in zip(chosen, places, strict=True) for _ in range(n)])


def _endless(items: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(items)


def _distinct(queue: Iterator[int], n: int) -> list[int]:
    """The next ``n`` different items of a queue in which one may come again early, at the turn of a permutation."""
    chosen: dict[int, None] = {}
    while len(chosen) < n:
        chosen[next(queue)] = None
    return list(chosen)
