import numpy as np
import pytest
from sklearn import metrics as sk

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.metrics import ood_metrics, roc_curve


def draw(seed, levels=None, n_id=70, n_ood=45):
    rng = np.random.default_rng(seed)
    id_scores, ood_scores = rng.normal(size=n_id), rng.normal(0.8, 1.2, size=n_ood)
    if levels:
        id_scores, ood_scores = np.round(id_scores * levels), np.round(ood_scores * levels)
    return id_scores, ood_scores


SAMPLES = [draw(0), draw(1, 2), draw(2, 0.4), draw(3, n_id=1), draw(4, n_ood=1), draw(5, n_id=400, n_ood=20)]
KEYS = ["auroc", "aupr_in", "aupr_out", "fpr95_ood_pos", "fpr95_id_pos"]


def area_under_pr(positive, score):
    precision, recall, _ = sk.precision_recall_curve(positive, score)
    return sk.auc(recall, precision)


def smallest_flagged(positives, negatives):
    """Share of negatives at or above the highest threshold that keeps 95 % of the positives, tried one by one."""
    for threshold in sorted({*positives, *negatives}, reverse=True):
        if np.mean(positives >= threshold) >= 0.95:
            return np.mean(negatives >= threshold)
    raise AssertionError


@pytest.mark.parametrize(("id_scores", "ood_scores"), SAMPLES)
def test_metrics_equal_scikit_learn_and_a_search(id_scores, ood_scores):
    got = ood_metrics(id_scores, ood_scores)
    assert list(got) == KEYS
    scores = np.concatenate([id_scores, ood_scores])
    unknown = np.repeat([0, 1], [len(id_scores), len(ood_scores)])
    assert got["auroc"] == pytest.approx(sk.roc_auc_score(unknown, scores))
    pairs = ood_scores[:, None] - id_scores
    assert got["auroc"] == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert got["aupr_out"] == pytest.approx(area_under_pr(unknown, scores))
    assert got["aupr_in"] == pytest.approx(area_under_pr(1 - unknown, -scores))
    assert got["fpr95_ood_pos"] == pytest.approx(smallest_flagged(ood_scores, id_scores))
    assert got["fpr95_id_pos"] == pytest.approx(smallest_flagged(-id_scores, -ood_scores))


@pytest.mark.parametrize(("id_scores", "ood_scores"), SAMPLES)
def test_swapping_the_sides_swaps_the_conventions(id_scores, ood_scores):
    swapped = ood_metrics(-ood_scores, -id_scores)
    swapped_keys = ["auroc", "aupr_out", "aupr_in", "fpr95_id_pos", "fpr95_ood_pos"]
    assert [swapped[key] for key in swapped_keys] == pytest.approx(list(ood_metrics(id_scores, ood_scores).values()))
    assert ood_metrics(ood_scores, id_scores)["auroc"] == pytest.approx(1 - ood_metrics(id_scores, ood_scores)["auroc"])


@pytest.mark.parametrize(("id_scores", "ood_scores"), SAMPLES)
def test_monotone_maps_and_duplication_change_nothing(id_scores, ood_scores):
    plain = ood_metrics(id_scores, ood_scores)
    assert ood_metrics(np.exp(id_scores / 3), np.exp(ood_scores / 3)) == pytest.approx(plain)
    assert ood_metrics(np.repeat(id_scores, 3), np.repeat(ood_scores, 3)) == pytest.approx(plain)


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
    for measure in (ood_metrics, roc_curve):
        with pytest.raises(RankconError, match=message):
            measure(np.array(id_scores), np.array(ood_scores))


@pytest.mark.parametrize(("id_scores", "ood_scores"), SAMPLES)
def test_roc_curve_equals_scikit_learn(id_scores, ood_scores):
    flagged, caught = roc_curve(id_scores, ood_scores)
    scores = np.concatenate([id_scores, ood_scores])
    unknown = np.repeat([0, 1], [len(id_scores), len(ood_scores)])
    x, y, _ = sk.roc_curve(unknown, scores, drop_intermediate=False)
    np.testing.assert_allclose((flagged, caught), (x, y))
    assert np.trapezoid(caught, flagged) == pytest.approx(ood_metrics(id_scores, ood_scores)["auroc"])
