"""The threshold above which an image counts as unknown: from known validation images, at a stated true-positive rate."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rankcon_cli.errors import RankconError


@dataclass(frozen=True)
class Threshold:
    """An image is unknown where its outlier score is above ``value``.

    tpr: share of known images that is to be kept, as asked; n: validation images it was set on; kept: share of those
    at or below it. low, high: confidence interval (of ``confidence``) of the share of *new* known images that it keeps.
    """

    value: float
    tpr: float
    n: int
    kept: float
    low: float
    high: float
    confidence: float = 0.95


def choose_threshold(scores: np.ndarray, tpr: float = 0.95, confidence: float = 0.95) -> Threshold:
    """The threshold that keeps a share ``tpr`` of known images, from outlier scores [n] of validation images.

    It is the k-th smallest score, k = ceil(tpr (n + 1)): a new known image lies at or below it with probability k / (n + 1),
    at least ``tpr``, whatever the distribution of scores (split conformal prediction; Vovk et al., 2005). Over validation sets
    the share kept has a Beta(k, n + 1 - k) distribution (exact where scores have no ties, else a lower bound), whose
    quantiles are the interval. All this holds for new images drawn as the validation images were, none of which fitted the
    score.

    Raises:
        RankconError: ``tpr`` or ``confidence`` not inside (0, 1), a NaN among the scores, too few images (k would be above n),
            or a threshold that is not finite.
    """
    _require_share(tpr, "the share of known images to keep")
    _require_share(confidence, "the confidence")
    scores = np.asarray(scores, np.float64)
    n = len(scores)
    if np.isnan(scores).any():
        raise RankconError(f"{np.isnan(scores).sum()} of {n} outlier scores of validation images are NaN")
    exact = Fraction(str(float(tpr)))  # the decimal that was written: 0.07 * 100 is above 7 in floating point
    k = math.ceil(exact * (n + 1))
    if k > n:
        raise RankconError(
            f"a threshold that keeps {float(tpr):g} of the known images needs at least {math.ceil(exact / (1 - exact)):,} "
            f"validation images; there are {n:,}",
            hint="hold more images back for validation (train --val-fraction), or ask for a lower share",
        )
    value = float(np.partition(scores, k - 1)[k - 1])
    if not math.isfinite(value):
        raise RankconError(
            f"no threshold keeps {float(tpr):g} of the known images: the outlier score to cut at is {value:g}",
            hint="too many validation images have an infinite score; choose another score",
        )
    low, high = _kept_by(k, n, confidence)
    return Threshold(value, float(tpr), n, float(np.mean(scores <= value)), low, high, float(confidence))


def _kept_by(k: int, n: int, confidence: float) -> tuple[float, float]:
    """Central interval of the share of new images at or below the k-th of n."""
    from scipy.special import betaincinv

    low, high = betaincinv(k, n + 1 - k, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _require_share(value: float, what: str) -> None:
    if not 0 < value < 1:  # not true of NaN either
        raise RankconError(f"{what} must be above 0 and below 1, not {value}", hint="0.95 is usual")
