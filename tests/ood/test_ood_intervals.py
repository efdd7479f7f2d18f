import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rankcon_cli.errors import RankconError
from rankcon_cli.ood import intervals, resampling
from rankcon_cli.ood.intervals import (
    COMPARED,
    Difference,
    bootstrap,
    from_samples,
    interval,
    paired_bootstrap,
    paired_seeds,
    wilson,
)
from rankcon_cli.ood.metrics import METRICS, ood_metrics, oscr
from rankcon_cli.ood.sets import FEW


def draw(n_id=60, n_ood=35, levels=None, seed=0):
    random = np.random.default_rng(seed)
    id_scores, ood_scores = random.normal(size=n_id), random.normal(0.9, 1.3, n_ood)
    if levels:
        id_scores, ood_scores = np.round(id_scores * levels) / levels, np.round(ood_scores * levels) / levels
    return id_scores, ood_scores, random.random(n_id) < 0.8


def explicit(id_scores, ood_scores, right, id_counts, ood_counts):
    """The measures of one resample, written out image by image."""
    known, unknown = np.repeat(id_scores, id_counts), np.repeat(ood_scores, ood_counts)
    return {**ood_metrics(known, unknown), "oscr": oscr(known, np.repeat(right, id_counts), unknown)}


SIDES = {
    "continuous": draw(),
    "tied": draw(levels=2),
    "heavily tied": draw(levels=0.7),
    "constant": (np.ones(9), np.ones(4), np.arange(9) > 3),
    "apart": (np.arange(30.0), np.arange(100.0, 121.0), np.arange(30) > 3),
    "the wrong way round": (np.arange(100.0, 140.0), np.arange(25.0), np.arange(40) > 3),
    "one image each": (np.array([1.0]), np.array([0.0]), np.array([True])),
    "infinite": (np.array([-np.inf, 0, 1, np.inf]), np.array([0, np.inf, np.inf]), np.array([1, 1, 0, 1], bool)),
    "small": draw(3, 2),
}


@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
def test_every_measure_equals_that_of_the_written_out_resample(sides, monkeypatch):
    id_scores, ood_scores, right = sides
    n, m = len(id_scores), len(ood_scores)
    monkeypatch.setattr(resampling, "_BLOCK", 3 * (n + m))  # several blocks
    got = bootstrap(id_scores, ood_scores, resamples=20, seed=5, id_correct=right)
    assert list(got) == list(METRICS)
    id_order, ood_order = np.argsort(id_scores, kind="stable"), np.argsort(ood_scores, kind="stable")
    rows = [row for block in resampling._draws(n, m, 20, 5) for row in zip(*block, strict=True)]
    assert len(rows) == 20
    for i, (id_counts, ood_counts) in enumerate(rows):
        counts = id_counts.astype(int), ood_counts.astype(int)
        expected = explicit(id_scores[id_order], ood_scores[ood_order], right[id_order], *counts)
        assert {name: values[i] for name, values in got.items()} == pytest.approx(expected, abs=1e-6)


def test_resamples_are_drawn_with_replacement_side_by_side():
    (id_counts, ood_counts), *more = resampling._draws(400, 50, 100, seed=0)
    assert not more
    assert (id_counts.sum(1) == 400).all() and (ood_counts.sum(1) == 50).all()
    assert id_counts.mean(0) == pytest.approx(1, abs=0.5)
    assert (id_counts == 0).mean() == pytest.approx((1 - 1 / 400) ** 400, abs=0.01)


def test_the_samples_follow_the_seed_and_not_the_size_of_a_block(monkeypatch):
    id_scores, ood_scores, right = draw()
    first = bootstrap(id_scores, ood_scores, resamples=50, seed=1, id_correct=right)
    assert not np.array_equal(bootstrap(id_scores, ood_scores, resamples=50, seed=2)["auroc"], first["auroc"])
    monkeypatch.setattr(resampling, "_BLOCK", 1)
    again = bootstrap(id_scores, ood_scores, resamples=50, seed=1, id_correct=right)
    for name in METRICS:
        np.testing.assert_array_equal(again[name], first[name])


def test_only_what_is_asked_for_is_measured():
    id_scores, ood_scores, right = draw()
    assert list(bootstrap(id_scores, ood_scores, resamples=3)) == [name for name in METRICS if name != "oscr"]
    assert list(bootstrap(id_scores, ood_scores, resamples=3, metrics=COMPARED)) == list(COMPARED)
    with pytest.raises(ValueError, match="oscr needs"):
        bootstrap(id_scores, ood_scores, resamples=3, metrics=["oscr"])
    found = intervals.intervals(id_scores, ood_scores, resamples=3, id_correct=right, metrics=["oscr"])
    assert list(found) == ["oscr"]


def test_counts_past_single_precision_are_exact(monkeypatch):
    id_scores, ood_scores, right = draw(levels=1)
    single = bootstrap(id_scores, ood_scores, resamples=30, id_correct=right)
    monkeypatch.setattr(resampling, "_EXACT", 0)
    double = bootstrap(id_scores, ood_scores, resamples=30, id_correct=right)
    for name in METRICS:
        np.testing.assert_allclose(single[name], double[name], atol=1e-6)


def test_the_intervals_are_as_wide_as_theory_says():
    # Of two normal samples one standard deviation apart the variance of AUROC is known (DeLong et al., 1988).
    random = np.random.default_rng(3)
    id_scores, ood_scores = random.normal(size=2000), random.normal(1, 1, 500)
    caught = np.array([np.mean(id_scores < score) for score in ood_scores])
    passed = np.array([np.mean(ood_scores > score) for score in id_scores])
    deviation = (caught.var() / 500 + passed.var() / 2000) ** 0.5
    auroc = ood_metrics(id_scores, ood_scores)["auroc"]
    low, high = intervals.intervals(id_scores, ood_scores, resamples=2000, metrics=["auroc"])["auroc"]
    assert (low, high) == pytest.approx((auroc - 1.96 * deviation, auroc + 1.96 * deviation), abs=0.2 * deviation)


def test_intervals_of_few_images_are_too_narrow_and_warned_of():
    true_auroc = stats.norm.cdf(1 / 2**0.5)  # of two normal distributions one standard deviation apart
    random = np.random.default_rng(0)

    def coverage(n_ood: int) -> float:
        """How often, of 300 times, the 95 % interval of ``n_ood`` unknown images holds the true AUROC."""
        held = 0
        for i in range(300):
            sides = random.normal(size=300), random.normal(1, 1, n_ood)
            low, high = intervals.intervals(*sides, resamples=300, seed=i, metrics=["auroc"])["auroc"]
            held += low <= true_auroc <= high
        return held / 300

    assert coverage(2) < 0.7 and coverage(5) < 0.87
    assert coverage(FEW) > 0.87
    assert coverage(2 * FEW) > 0.92


def test_interval_is_the_percentiles():
    samples = np.arange(1001.0)
    assert interval(samples) == pytest.approx((25, 975))
    assert interval(samples, 0.5) == pytest.approx((250, 750))


@pytest.mark.parametrize("levels", [None, 2])
def test_paired_differences_draw_the_same_images(levels):
    id_scores, ood_scores, _ = draw(levels=levels)
    other = -0.5 * id_scores, ood_scores**2
    got = resampling.paired_differences((id_scores, ood_scores), other, COMPARED, resamples=15, seed=2, stream=4)
    rows = [row for block in resampling._draws(60, 35, 15, 2, 4) for row in zip(*block, strict=True)]
    for i, (id_counts, ood_counts) in enumerate(rows):
        known, unknown = id_counts.astype(int), ood_counts.astype(int)
        ours = ood_metrics(np.repeat(id_scores, known), np.repeat(ood_scores, unknown))
        theirs = ood_metrics(np.repeat(other[0], known), np.repeat(other[1], unknown))
        expected = {name: ours[name] - theirs[name] for name in COMPARED}
        assert {name: got[name][i] for name in COMPARED} == pytest.approx(expected, abs=1e-6)


def test_a_stream_draws_other_unknown_images_and_the_same_known_ones():
    ((known, unknown),) = resampling._draws(40, 30, 5, seed=1, stream=0)
    ((known_too, unknown_too),) = resampling._draws(40, 30, 5, seed=1, stream=1)
    np.testing.assert_array_equal(known, known_too)
    assert not np.array_equal(unknown, unknown_too)


def test_paired_bootstrap_finds_what_is_there():
    random = np.random.default_rng(0)
    id_scores, ood_scores = random.normal(size=800), random.normal(1, 1, 300)
    noisy = id_scores + random.normal(0, 1.5, 800), ood_scores + random.normal(0, 1.5, 300)
    found = paired_bootstrap(id_scores, ood_scores, *noisy, resamples=400)
    expected = {key: ood_metrics(id_scores, ood_scores)[key] - ood_metrics(*noisy)[key] for key in COMPARED}
    assert {key: difference.value for key, difference in found.items()} == pytest.approx(expected)
    better = found["auroc"]
    assert 0 < better.low < better.value < better.high
    assert better.p == 2 / 401
    # Pairing counts: had the two been drawn apart, their variances would add up.
    apart = [bootstrap(*sides, resamples=400, metrics=["auroc"])["auroc"] for sides in ((id_scores, ood_scores), noisy)]
    assert better.high - better.low < 0.9 * 3.92 * (apart[0].var() + apart[1].var()) ** 0.5


def test_paired_bootstrap_of_the_same_scores_finds_nothing():
    id_scores, ood_scores, _ = draw()
    found = paired_bootstrap(id_scores, ood_scores, id_scores.copy(), 1 * ood_scores, resamples=50)
    assert set(found.values()) == {Difference(0, 0, 0, 1)}


def test_the_p_value_of_no_difference_is_rarely_small():
    def p(seed):
        random = np.random.default_rng(seed)
        id_scores, ood_scores = random.normal(size=150), random.normal(1, 1, 100)
        sides = [(id_scores + random.normal(size=150), ood_scores + random.normal(size=100)) for _ in range(2)]
        return paired_bootstrap(*sides[0], *sides[1], metrics=["auroc"], resamples=200, seed=seed)["auroc"].p

    values = np.array([p(seed) for seed in range(120)])
    assert 0.01 <= np.mean(values < 0.05) <= 0.1
    assert 0.4 <= np.mean(values < 0.5) <= 0.6


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_p_is_inside_its_bounds_and_the_same_for_both_directions(samples):
    there, back = (from_samples(0.0, sign * np.array(samples)).p for sign in (1, -1))
    assert there == back
    assert min(1, 2 / (len(samples) + 1)) <= there <= 1


def test_two_that_are_not_of_the_same_images_are_refused():
    id_scores, ood_scores, _ = draw()
    with pytest.raises(RankconError, match=r"60 known and 35 unknown images cannot be compared.* 59 and 35"):
        paired_bootstrap(id_scores, ood_scores, id_scores[1:], ood_scores)


@pytest.mark.parametrize("measure", [bootstrap, intervals.intervals])
def test_empty_sides_and_nan_are_refused(measure):
    with pytest.raises(RankconError, match="no OOD images"):
        measure(np.ones(3), np.array([]))
    with pytest.raises(RankconError, match="1 of 2 ID outlier scores are NaN"):
        measure(np.array([0, np.nan]), np.ones(2))


def test_paired_seeds_equals_scipy():
    a, b = [0.93, 0.95, 0.94, 0.90], [0.90, 0.93, 0.95, 0.88]
    test = stats.ttest_rel(a, b)
    low, high = test.confidence_interval(0.9)
    found = paired_seeds(a, b, 0.9)
    assert (found.value, found.low, found.high, found.p) == pytest.approx((0.015, low, high, test.pvalue))


def test_paired_seeds_without_what_a_test_needs():
    assert paired_seeds([0.5], [0.4]) is None
    assert paired_seeds([], []) is None
    assert paired_seeds([0.5, 0.5], [0.5, 0.5]) == Difference(0)
    # 0.3 - 0.2 and 0.2 - 0.1 differ in their last bit alone.
    assert paired_seeds([0.3, 0.2], [0.2, 0.1]) == Difference(pytest.approx(0.1))


@settings(max_examples=60)
@given(st.integers(1, 400), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_equals_scipy(n, data, confidence):
    k = data.draw(st.integers(0, n))
    expected = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    low, high = wilson(k, n, confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= k / n <= high <= 1


def test_wilson_of_nothing_is_everything():
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)
