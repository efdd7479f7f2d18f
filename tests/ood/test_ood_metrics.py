import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.metrics import METRICS, ood_metrics, oscr, pr_curve, roc_curve

KEYS = ["auroc", "aupr_in", "aupr_out", "fpr95_ood_pos", "fpr95_id_pos"]
SWAPPED = ["auroc", "aupr_out", "aupr_in", "fpr95_id_pos", "fpr95_ood_pos"]

# Few values, so that many tie, or floats of any size; both with infinities.
TIED = st.sampled_from([-np.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, np.inf])
ANY = st.floats(allow_nan=False, width=64)
SCORES = st.one_of(*(st.lists(value, min_size=1, max_size=45).map(np.array) for value in (TIED, ANY)))
TWO_SIDES = st.tuples(SCORES, SCORES)


@st.composite
def answered(draw):
    """ID scores, whether each known image is classified right, OOD scores."""
    id_scores = draw(SCORES)
    right = draw(st.lists(st.booleans(), min_size=len(id_scores), max_size=len(id_scores)))
    return id_scores, np.array(right), draw(SCORES)


def area_under_pr(positive, score):
    precision, recall, _ = sk.precision_recall_curve(positive, score)
    return sk.auc(recall, precision)


def ranked(id_scores, ood_scores):
    """The scores by their place among all distinct ones: scikit-learn refuses infinite scores."""
    places = np.unique(np.concatenate([id_scores, ood_scores]), return_inverse=True)[1].reshape(-1)
    return places[: len(id_scores)], places[len(id_scores) :]


def smallest_flagged(positives, negatives):
    """Share of negatives at or above the highest threshold that keeps 95 % of the positives, tried one by one."""
    for threshold in sorted({*positives, *negatives}, reverse=True):
        if np.mean(positives >= threshold) >= 0.95:
            return np.mean(negatives >= threshold)
    raise AssertionError


def slow_oscr(id_scores, right, ood_scores):
    """Pair by pair: a known image that is classified right and lies below an unknown one, or half of it where they tie."""
    found = 0.0
    for unknown in ood_scores:
        for known, is_right in zip(id_scores, right, strict=True):
            found += is_right * ((known < unknown) + 0.5 * (known == unknown))
    return found / (len(id_scores) * len(ood_scores))


def measures(id_scores, right, ood_scores):
    return {**ood_metrics(id_scores, ood_scores), "oscr": oscr(id_scores, right, ood_scores)}


def test_the_names_of_the_metrics():
    assert list(METRICS) == [*KEYS, "oscr"] == list(measures(np.zeros(2), np.ones(2), np.ones(2)))


@given(TWO_SIDES)
def test_metrics_equal_scikit_learn_and_a_search(sides):
    id_scores, ood_scores = sides
    got = ood_metrics(id_scores, ood_scores)
    unknown = np.repeat([0, 1], [len(id_scores), len(ood_scores)])
    places = np.concatenate(ranked(id_scores, ood_scores))
    assert got["auroc"] == pytest.approx(sk.roc_auc_score(unknown, places))
    assert got["aupr_out"] == pytest.approx(area_under_pr(unknown, places))
    assert got["aupr_in"] == pytest.approx(area_under_pr(1 - unknown, -places))
    assert got["fpr95_ood_pos"] == pytest.approx(smallest_flagged(ood_scores, id_scores))
    assert got["fpr95_id_pos"] == pytest.approx(smallest_flagged(-id_scores, -ood_scores))


@given(TWO_SIDES)
def test_auroc_is_the_chance_that_an_unknown_image_scores_above_a_known_one(sides):
    id_scores, ood_scores = sides
    above, ties = ood_scores[:, None] > id_scores, ood_scores[:, None] == id_scores
    assert ood_metrics(*sides)["auroc"] == pytest.approx(np.mean(above + 0.5 * ties))


@given(answered())
def test_oscr_equals_all_pairs(scores):
    assert oscr(*scores) == pytest.approx(slow_oscr(*scores), abs=1e-12)


def test_oscr_of_known_cases():
    right = np.array([1, 1, 1, 0], bool)
    assert oscr(np.zeros(4), right, np.ones(7)) == 0.75  # perfect detection leaves the closed-set accuracy
    assert oscr(np.ones(4), right, np.zeros(7)) == 0
    assert oscr(np.ones(4), right, np.ones(7)) == 0.375  # constant scores: half of it
    # The wrong answer scores highest: nothing is lost by refusing it.
    assert oscr(np.array([0.0, 1, 2, 9]), right, np.array([3.0, 4.0])) == 0.75


@given(answered())
def test_oscr_of_all_right_answers_is_auroc(scores):
    id_scores, right, ood_scores = scores
    everything = oscr(id_scores, np.ones(len(right), bool), ood_scores)
    assert everything == pytest.approx(ood_metrics(id_scores, ood_scores)["auroc"])
    assert oscr(id_scores, right, ood_scores) + oscr(id_scores, ~right, ood_scores) == pytest.approx(everything)


def test_oscr_refuses_answers_of_another_number():
    with pytest.raises(ValueError, match=r"\(3,\) answers"):
        oscr(np.zeros(2), np.ones(3), np.ones(2))


@given(TWO_SIDES)
def test_swapping_the_sides_swaps_the_conventions(sides):
    id_scores, ood_scores = sides
    swapped = ood_metrics(-ood_scores, -id_scores)
    assert [swapped[key] for key in SWAPPED] == pytest.approx(list(ood_metrics(*sides).values()))
    assert ood_metrics(ood_scores, id_scores)["auroc"] == pytest.approx(1 - ood_metrics(*sides)["auroc"])


@given(answered(), st.integers(2, 4), st.randoms(use_true_random=False))
def test_monotone_maps_duplication_and_order_change_nothing(scores, times, random):
    id_scores, right, ood_scores = scores
    plain = pytest.approx(measures(*scores))
    known, unknown = ranked(id_scores, ood_scores)
    assert measures(known, right, unknown) == plain
    assert measures(np.float32(known) ** 3 - 5, right, np.float32(unknown) ** 3 - 5) == plain
    assert measures(*(np.repeat(part, times) for part in scores)) == plain
    order = random.sample(range(len(id_scores)), len(id_scores))
    assert measures(id_scores[order], right[order], ood_scores[::-1]) == plain


def test_the_two_fpr95_differ_where_they_should():
    # One ID image in ten lies far out, all OOD in a narrow middle: catching OOD is cheap, keeping ID is not.
    id_scores, ood_scores = np.repeat([0.0, 2.0], [90, 10]), np.ones(50)
    got = ood_metrics(id_scores, ood_scores)
    assert (got["fpr95_ood_pos"], got["fpr95_id_pos"]) == (0.1, 1.0)


def test_infinite_scores_are_ordered():
    assert ood_metrics(np.array([-np.inf, 0.0]), np.array([1.0, np.inf]))["auroc"] == 1


@pytest.mark.parametrize(
    ("id_scores", "ood_scores", "message"),
    [
        ([], [1.0], "no ID images"),
        ([1.0], [], "no OOD images"),
        ([1.0, np.nan], [2.0], "1 of 2 ID outlier scores are NaN"),
        ([1.0], [np.nan], "1 of 1 OOD outlier scores are NaN"),
    ],
)
def test_empty_and_nan_are_refused(id_scores, ood_scores, message):
    sides = np.array(id_scores), np.array(ood_scores)
    for measure in (ood_metrics, roc_curve, pr_curve):
        with pytest.raises(RankconError, match=message):
            measure(*sides)
    with pytest.raises(RankconError, match=message):
        oscr(sides[0], np.ones(len(sides[0])), sides[1])


@settings(max_examples=50)
@given(TWO_SIDES)
def test_curves_equal_those_of_scikit_learn(sides):
    got = ood_metrics(*sides)
    known, unknown = ranked(*sides)
    labels, scores = np.repeat([0, 1], [len(known), len(unknown)]), np.concatenate([known, unknown])
    x, y, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(roc_curve(*sides), (x, y))
    assert np.trapezoid(y, x) == pytest.approx(got["auroc"])
    for positive, truth, sign, area in (("ood", labels, 1, "aupr_out"), ("id", 1 - labels, -1, "aupr_in")):
        recall, precision = pr_curve(*sides, positive=positive)
        expected_precision, expected_recall, _ = sk.precision_recall_curve(truth, sign * scores)
        np.testing.assert_allclose(recall[::-1], expected_recall)
        np.testing.assert_allclose(precision[::-1], expected_precision)
        assert (recall[0], precision[0], recall[-1], precision[-1]) == (0, 1, 1, pytest.approx(truth.mean()))
        assert np.trapezoid(precision, recall) == pytest.approx(got[area])


def test_the_size_of_a_benchmark_is_measured_alike():
    random = np.random.default_rng(0)
    id_scores, ood_scores = random.normal(size=50_000), np.round(random.normal(1, 1, 50_000), 2)
    right = random.random(50_000) < 0.9
    truth = np.repeat([0, 1], 50_000)
    expected = sk.roc_auc_score(truth, np.concatenate([id_scores, ood_scores]))
    assert ood_metrics(id_scores, ood_scores)["auroc"] == pytest.approx(expected)
    ascending = np.sort(id_scores[right])
    below = np.searchsorted(ascending, ood_scores, "left") + np.searchsorted(ascending, ood_scores, "right")
    assert oscr(id_scores, right, ood_scores) == pytest.approx(below.mean() / 2 / 50_000)
