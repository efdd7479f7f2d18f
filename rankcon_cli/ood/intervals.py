"""How sure a measure is: bootstrap over images, the paired t-test over seeds, Wilson's interval for a share.

The bootstrap says what other test images could have given, and nothing of the randomness of training; the t-test over seeds
says the one about training. No p value here is corrected for how many comparisons are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.resampling import bootstrap, paired_differences

#: What two runs or scores are compared by.
COMPARED = ("auroc", "fpr95_ood_pos", "fpr95_id_pos")


@dataclass(frozen=True)
class Difference:
    """A difference of two measures, its interval and its two-sided p value; None where these are not defined."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def interval(samples: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a bootstrap (Efron, 1979) from its ``samples`` [resamples]."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def intervals(
    id_scores: np.ndarray,
    ood_scores: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 0,
    id_correct: np.ndarray | None = None,
    metrics: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Metric -> (low, high): percentile intervals of ``bootstrap``, which see."""
    found = bootstrap(id_scores, ood_scores, resamples=resamples, seed=seed, id_correct=id_correct, metrics=metrics)
    return {name: interval(samples, confidence) for name, samples in found.items()}


def paired_bootstrap(
    a_id: np.ndarray,
    a_ood: np.ndarray,
    b_id: np.ndarray,
    b_ood: np.ndarray,
    *,
    metrics: Sequence[str] = COMPARED,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Difference]:
    """What ``a`` has over ``b``, two runs or two scores, on the same images: metric -> ``Difference``.

    The same images are drawn for both; interval and p as in ``from_samples``.

    Args:
        a_id, b_id: [n] and a_ood, b_ood: [m], outlier scores of the same images in the same order.
        metrics: of those of ``ood_metrics``.

    Raises:
        RankconError: a side is empty or holds NaN, or the two are not scores of as many images.
    """
    a, b = (a_id, a_ood), (b_id, b_ood)
    ours, theirs = ood_metrics(*a), ood_metrics(*b)
    drawn = paired_differences(a, b, metrics, resamples=resamples, seed=seed)
    return {name: from_samples(ours[name] - theirs[name], drawn[name], confidence) for name in metrics}


def from_samples(value: float, samples: np.ndarray, confidence: float = 0.95) -> Difference:
    """The difference ``value`` with the percentile interval and p of its bootstrap ``samples`` [resamples].

    p is twice the smaller of the shares of samples at or below and at or above zero, at most 1. Each count has one added, so p
    is never 0: 2 / (resamples + 1) at the least (Davison and Hinkley, Bootstrap Methods and their Application, 1997, ch. 4).
    """
    fewer = int(min(np.count_nonzero(samples <= 0), np.count_nonzero(samples >= 0)))
    p = min(1.0, 2 * (fewer + 1) / (len(samples) + 1))
    return Difference(float(value), *interval(samples, confidence), p)


def paired_seeds(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Difference | None:
    """What ``a`` has over ``b``, values of runs with equal seeds in the same order: the paired t-test (Student, 1908).

    It takes the differences for normal, which a few seeds can neither show nor refute. None for fewer than two. Differences
    that do not vary at all leave the test undefined: no interval and no p.
    """
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    if len(differences) < 2:
        return None
    value = float(differences.mean())
    # Equal differences of unequal numbers differ by rounding; the test would take that for astonishing precision.
    if differences.std() <= 1e-12 * max(1.0, np.abs(a).max(), np.abs(b).max()):
        return Difference(value)
    from scipy import stats

    test = stats.ttest_1samp(differences, 0.0)
    low, high = test.confidence_interval(confidence)
    return Difference(value, float(low), float(high), float(test.pvalue))


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share of which ``k`` of ``n`` were seen (Wilson, 1927): inside 0..1, and wide where n is small."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * (k * (n - k) / n + z**2 / 4) ** 0.5
    return min(max(0.0, middle - half), k / n), max(min(1.0, middle + half), k / n)  # rounding aside, it holds k / n
