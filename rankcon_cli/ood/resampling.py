"""The measures of ``ood.metrics`` on resamples of the images, by counting.

Known and unknown images are resampled apart, each with replacement to its own number. The scores are sorted once; a
resample is then how often each image was drawn, and every measure of it a sum over running totals.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.metrics import METRICS, right_ones, two_sides

#: Images in all resamples of a block: few enough that its arrays stay in the processor's cache.
_BLOCK = 2**16
#: Up to so many images counts are exact in single precision, which halves the time.
_EXACT = 2**23
#: Makes the precision of no image at all 1, as the curve begins, and is lost in every other sum.
_NOTHING = np.float32(1e-30)


def bootstrap(
    id_scores: np.ndarray,
    ood_scores: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 0,
    id_correct: np.ndarray | None = None,
    metrics: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Every measure on each of ``resamples`` resamples of the images: metric -> float64 [resamples].

    Args:
        id_scores: [n], ood_scores: [m]; infinite ones are allowed.
        id_correct: [n], whether each known image is classified right; ``oscr`` needs it.
        metrics: which of ``METRICS``; None: all that there can be. ``aupr_in`` and ``aupr_out`` take half of the time.

    Raises:
        RankconError: a side is empty or holds NaN.
    """
    known, unknown = two_sides(id_scores, ood_scores)
    right = None if id_correct is None else right_ones(id_correct, known)
    wanted = metrics or [name for name in METRICS if name != "oscr" or right is not None]
    layout = _Layout.of(known, unknown, right)
    # All images are drawn alike, so what is drawn may as well be places in the order of the scores.
    blocks = [
        _measure(_Resampled.of(layout, id_draws, ood_draws), wanted)
        for id_draws, ood_draws in _draws(len(known), len(unknown), resamples, seed)
    ]
    return _joined(blocks)


def paired_differences(
    a: tuple[np.ndarray, np.ndarray],
    b: tuple[np.ndarray, np.ndarray],
    metrics: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
    stream: int = 0,
) -> dict[str, np.ndarray]:
    """Measures under ``a`` less those under ``b`` on the same resamples of the same images: metric -> [resamples].

    Args:
        a, b: (ID scores [n], OOD scores [m]) of the same images in the same order.
        stream: draws other OOD images under the same seed, while the ID images stay: for several sets, whose unknown images
            have nothing to do with each other.

    Raises:
        RankconError: a side is empty or holds NaN, or the two are not scores of the same images.
    """
    sides = [two_sides(*scores) for scores in (a, b)]
    sizes = [(len(known), len(unknown)) for known, unknown in sides]
    if sizes[0] != sizes[1]:
        raise RankconError(
            f"scores of {sizes[0][0]} known and {sizes[0][1]} unknown images cannot be compared image by image with those "
            f"of {sizes[1][0]} and {sizes[1][1]}"
        )
    layouts = [_Layout.of(*pair) for pair in sides]
    blocks = []
    for id_draws, ood_draws in _draws(*sizes[0], resamples, seed, stream):
        ours, theirs = (
            _measure(_Resampled.of(layout, id_draws[:, layout.id_order], ood_draws[:, layout.ood_order]), metrics)
            for layout in layouts
        )
        blocks.append({name: ours[name] - theirs[name] for name in metrics})
    return _joined(blocks)


def _draws(n: int, m: int, resamples: int, seed: int, stream: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How often each ID and each OOD image is drawn, [b, n] and [b, m], in blocks that make up ``resamples``."""
    if resamples < 1:
        raise ValueError(f"a bootstrap needs 1 resample or more, not {resamples}")
    known, unknown = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1, stream])
    block = max(1, _BLOCK // (n + m))
    for start in range(0, resamples, block):
        b = min(block, resamples - start)
        yield _counts(known, b, n), _counts(unknown, b, m)


def _counts(generator: np.random.Generator, b: int, n: int) -> np.ndarray:
    drawn = generator.integers(n, size=(b, n))
    drawn += np.arange(b)[:, None] * n
    counts = np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n)
    return counts.astype(np.float32 if n < _EXACT else np.float64)


def _joined(blocks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


@dataclass(frozen=True)
class _Rank:
    """How many images of one side lie below, and how many up to (ties included), each image of a side: places in a
    running total of that one side. A slice where every place is taken once, which spares a copy.
    """

    below: np.ndarray | slice
    up_to: np.ndarray | slice

    @staticmethod
    def of(scores: np.ndarray, among: np.ndarray) -> "_Rank":
        """Both sorted."""
        below, up_to = (np.searchsorted(among, scores, side) for side in ("left", "right"))
        if scores is among and (below + 1 == up_to).all():
            return _Rank(slice(0, -1), slice(1, None))
        return _Rank(below, below if (below == up_to).all() else up_to)

    def counts(self, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draws [b, images] below, and up to, each image by the running total [b, · + 1]."""
        below = _at(total, self.below)
        return below, below if self.up_to is self.below else _at(total, self.up_to)


def _at(total: np.ndarray, places: np.ndarray | slice) -> np.ndarray:
    return total[:, places] if isinstance(places, slice) else total.take(places, axis=1)


@dataclass(frozen=True)
class _Layout:
    """Where the images stand in the order of the scores: ``x_in_y`` ranks the sorted images of side x among side y."""

    id_order: np.ndarray
    ood_order: np.ndarray
    id_in_id: _Rank
    id_in_ood: _Rank
    ood_in_ood: _Rank
    ood_in_id: _Rank
    right: np.ndarray | None  #: of the sorted ID images

    @staticmethod
    def of(known: np.ndarray, unknown: np.ndarray, right: np.ndarray | None = None) -> "_Layout":
        id_order, ood_order = np.argsort(known, kind="stable"), np.argsort(unknown, kind="stable")
        known, unknown = known[id_order], unknown[ood_order]
        return _Layout(
            id_order,
            ood_order,
            id_in_id=_Rank.of(known, known),
            id_in_ood=_Rank.of(known, unknown),
            ood_in_ood=_Rank.of(unknown, unknown),
            ood_in_id=_Rank.of(unknown, known),
            right=None if right is None else right[id_order],
        )


@dataclass(frozen=True)
class _Resampled:
    """b resamples. ``*_draws`` [b, n] or [b, m]: of each sorted image; ``*_total`` [b, n + 1]: of the k lowest images."""

    layout: _Layout
    id_draws: np.ndarray
    ood_draws: np.ndarray
    id_total: np.ndarray
    ood_total: np.ndarray

    @staticmethod
    def of(layout: _Layout, id_draws: np.ndarray, ood_draws: np.ndarray) -> "_Resampled":
        return _Resampled(layout, id_draws, ood_draws, _running(id_draws), _running(ood_draws))

    @property
    def n(self) -> int:
        return self.id_draws.shape[1]

    @property
    def m(self) -> int:
        return self.ood_draws.shape[1]


def _running(draws: np.ndarray) -> np.ndarray:
    total = np.zeros((draws.shape[0], draws.shape[1] + 1), draws.dtype)
    np.cumsum(draws, axis=1, out=total[:, 1:])
    return total


def _measure(block: _Resampled, metrics: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: _MEASURES[name](block) for name in metrics}


def _auroc(block: _Resampled) -> np.ndarray:
    return _area(block, block.id_total)


def _oscr(block: _Resampled) -> np.ndarray:
    if block.layout.right is None:
        raise ValueError("oscr needs to know which known images are classified right")
    return _area(block, _running(block.id_draws * block.layout.right))


def _area(block: _Resampled, id_total: np.ndarray) -> np.ndarray:
    """Mean over the unknown images of the share of known ones, as ``id_total`` counts them, that lie below; ties half."""
    below, up_to = block.layout.ood_in_id.counts(id_total)
    return _mean(block.ood_draws, below + up_to) / (2 * block.n)


def _fpr95_ood_pos(block: _Resampled) -> np.ndarray:
    """The threshold is the highest OOD score that 95 % of the OOD images reach."""
    last = (block.ood_total[:, 1:] <= block.m - _needed(block.m)).sum(1)
    passed = block.id_total[np.arange(len(last)), block.layout.ood_in_id.below[last]]
    return (block.n - passed.astype(np.float64)) / block.n


def _fpr95_id_pos(block: _Resampled) -> np.ndarray:
    """The threshold is the lowest ID score that 95 % of the ID images do not pass."""
    last = (block.id_total[:, 1:] < _needed(block.n)).sum(1)
    accepted = block.ood_total[np.arange(len(last)), block.layout.id_in_ood.up_to[last]]
    return accepted.astype(np.float64) / block.m


def _needed(n: int) -> int:
    """The fewest of n that are at least 95 %."""
    return -(-19 * n // 20)


def _aupr_in(block: _Resampled) -> np.ndarray:
    right, right_too = block.layout.id_in_id.counts(block.id_total)
    wrong, wrong_too = block.layout.id_in_ood.counts(block.ood_total)
    return _mean(block.id_draws, _precision(right, wrong) + _precision(right_too, wrong_too)) / 2


def _aupr_out(block: _Resampled) -> np.ndarray:
    # Found from the highest score down: above an image is what is not up to it, and so on.
    right, right_too = (block.m - count for count in block.layout.ood_in_ood.counts(block.ood_total))
    wrong, wrong_too = (block.n - count for count in block.layout.ood_in_id.counts(block.id_total))
    return _mean(block.ood_draws, _precision(right, wrong) + _precision(right_too, wrong_too)) / 2


def _precision(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    right = right + _NOTHING
    found = right + wrong
    return np.divide(right, found, out=found)


def _mean(draws: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over the drawn images, summed in double precision: [b]."""
    return np.einsum("bi,bi->b", draws, values, dtype=np.float64) / draws.shape[1]


_MEASURES: dict[str, Callable[[_Resampled], np.ndarray]] = {
    "auroc": _auroc,
    "aupr_in": _aupr_in,
    "aupr_out": _aupr_out,
    "fpr95_ood_pos": _fpr95_ood_pos,
    "fpr95_id_pos": _fpr95_id_pos,
    "oscr": _oscr,
}
