import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.threshold import Threshold, choose_threshold


def test_it_is_the_k_th_smallest_score():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 100))
    found = choose_threshold(scores)
    low, high = stats.beta.ppf([0.025, 0.975], 95, 5)
    assert found == Threshold(95.0, 0.95, 99, 95 / 99, pytest.approx(low), pytest.approx(high), 0.95)
    wide, narrow = (choose_threshold(scores, confidence=c) for c in (0.99, 0.5))
    assert wide.low < found.low < narrow.low < narrow.high < found.high < wide.high


@pytest.mark.parametrize("tpr", [0.5, 0.8, 0.95])
def test_the_share_kept_of_new_images_follows_the_beta_law(tpr):
    # Uniform scores: the share of new images at or below a threshold is the threshold itself.
    random = np.random.default_rng(1)
    found = [choose_threshold(random.random(60), tpr) for _ in range(3000)]
    kept = np.array([threshold.value for threshold in found])
    k = math.ceil(tpr * 61 - 1e-9)
    assert kept.mean() == pytest.approx(k / 61, abs=0.004)
    assert stats.kstest(kept, stats.beta(k, 61 - k).cdf).pvalue > 0.01
    assert np.mean((kept >= found[0].low) & (kept <= found[0].high)) == pytest.approx(0.95, abs=0.015)


def test_ties_only_keep_more():
    random = np.random.default_rng(2)
    levels = np.arange(5)

    def kept():
        threshold = choose_threshold(random.integers(0, 5, 40), 0.8)
        return np.mean(levels <= threshold.value), threshold.low

    shares, lows = zip(*(kept() for _ in range(500)), strict=True)
    assert np.mean(shares) >= 0.8
    assert np.mean(np.array(shares) >= lows) >= 0.975
    assert choose_threshold(np.ones(30)).kept == 1


@given(st.integers(1, 999), st.integers(1, 400))
def test_enough_images_or_a_refusal_that_says_how_many(thousandths, n):
    tpr = thousandths / 1000
    scores = np.arange(float(n))
    needed = next(m for m in range(1, 1001) if thousandths * (m + 1) <= 1000 * m)
    if n < needed:
        with pytest.raises(RankconError, match=rf"at least {needed:,} validation images; there are {n}"):
            choose_threshold(scores, tpr)
    else:
        k = round(choose_threshold(scores, tpr).value) + 1
        assert 1000 * (k - 1) < thousandths * (n + 1) <= 1000 * k


def test_the_fewest_images_for_the_usual_share_are_nineteen():
    assert choose_threshold(np.arange(19.0)).value == 18
    with pytest.raises(
        RankconError, match=r"keeps 0\.95 of the known images needs at least 19 validation images"
    ) as error:
        choose_threshold(np.arange(18.0))
    assert "--val-fraction" in error.value.hint
    with pytest.raises(RankconError, match="there are 0"):
        choose_threshold(np.array([]))


@pytest.mark.parametrize("tpr", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(tpr):
    with pytest.raises(RankconError, match="the share of known images to keep must be above 0 and below 1"):
        choose_threshold(np.arange(100.0), tpr)
    with pytest.raises(RankconError, match="the confidence must be"):
        choose_threshold(np.arange(100.0), confidence=tpr)


def test_infinite_scores_count_and_an_infinite_threshold_is_refused():
    scores = np.concatenate([[-np.inf] * 2, np.arange(96.0), [np.inf]])
    assert choose_threshold(scores).value == 92
    for infinite in (np.inf, -np.inf):
        with pytest.raises(RankconError, match=f"the outlier score to cut at is {infinite:g}"):
            choose_threshold(np.full(50, infinite))


def test_nan_is_refused():
    with pytest.raises(RankconError, match="2 of 30 outlier scores of validation images are NaN"):
        choose_threshold(np.r_[np.nan, np.nan, np.zeros(28)])


def test_single_precision_and_numpy_shares_are_taken():
    scores = np.linspace(0, 1, 999, dtype=np.float32)
    found = choose_threshold(scores, np.float64(0.95))
    assert found.value == float(scores[949])
    assert type(found.tpr) is float
