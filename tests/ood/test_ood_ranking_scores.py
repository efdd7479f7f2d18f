"""The ranking-native scores against slow references, and where little is there to fit them on."""

import dataclasses

import numpy as np
import pytest
import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.scores import SCORES, FitData, Inputs, fit_score, score_inputs
from rankcon_cli.ood.scores.gaussian import RIDGE
from rankcon_cli.ood.scores.ranking import RANKING_SCORES
from rankcon_cli.ranking import TierTable

#: Class 0 has two relatives in tier 1, class 1 one, class 2 none, class 3 one and a second tier.
TABLE = TierTable(("a", "b", "c", "d"), (((1, 2),), ((0,),), (), ((2,), (0,))), (None,) * 4)


def blobs(per_class=(12, 9, 7, 10), dim=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(per_class)), per_class)
    return 2 * rng.normal(size=(len(per_class), dim))[labels] + rng.normal(size=(len(labels), dim)), labels


def fit_data(x, labels, table=TABLE, n_validation=30):
    held = torch.from_numpy(np.random.default_rng(9).normal(size=(n_validation, x.shape[1])) * 2)
    return FitData(torch.from_numpy(x), torch.from_numpy(labels), table=table, validation=Inputs(held))


def taken(name, fit, test):
    return score_inputs(fit_score(name, fit), Inputs(torch.from_numpy(test)))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def cosines(x, labels, test):
    """Cosines [n, C] of test images to the class means; and of training images, to their own without themselves."""
    means = np.array([unit(unit(x[labels == c]).sum(0)) for c in range(labels.max() + 1)])
    own = unit(x) @ means.T
    for i, c in enumerate(labels):
        others = [j for j in range(len(x)) if labels[j] == c and j != i]
        own[i, c] = unit(x[i]) @ unit(unit(x[others]).sum(0))
    return unit(test) @ means.T, own


def below_usual(statistic, labels, test, train):
    """``statistic``(cosines, class) of one image, in deviations below the class's mean, as the docstring says."""
    values = [np.array([statistic(row, c) for row in train[labels == c]]) for c in range(labels.max() + 1)]
    pooled = sum(((v - v.mean()) ** 2).sum() for v in values) / len(labels)
    found = []
    for row in test:
        v = values[c := int(row.argmax())]
        deviation = np.sqrt((((v - v.mean()) ** 2).sum() + pooled) / (len(v) + 1))
        found.append((v.mean() - statistic(row, c)) / deviation)
    return np.array(found)


def test_class_cosine_equals_a_loop():
    x, labels = blobs()
    test = np.random.default_rng(1).normal(size=(20, 6))
    expected = below_usual(lambda row, c: row[c], labels, *cosines(x, labels, test))
    np.testing.assert_allclose(taken("class_cosine", fit_data(x, labels), test), expected, rtol=1e-9)


def test_tier_gap_equals_a_loop():
    relatives = {0: [1, 2], 1: [0], 2: [0, 1, 3], 3: [2]}
    x, labels = blobs()
    test = np.random.default_rng(1).normal(size=(20, 6))
    expected = below_usual(lambda row, c: row[c] - row[relatives[c]].mean(), labels, *cosines(x, labels, test))
    np.testing.assert_allclose(taken("tier_gap", fit_data(x, labels), test), expected, rtol=1e-9)


def test_consistency_equals_a_loop():
    x, labels = blobs()
    test = np.random.default_rng(1).normal(size=(20, 6))
    seen, train = cosines(x, labels, test)
    scatter = [np.cov(train[labels == c].T, bias=True) * (labels == c).sum() for c in range(4)]
    pooled = sum(scatter) / len(labels)
    expected = []
    for row in seen:
        c = int(row.argmax())
        n = (labels == c).sum()
        covariance = (scatter[c] + 4 * pooled) / (n + 4) + RIDGE * np.trace(pooled) / 4 * np.eye(4)
        apart = row - train[labels == c].mean(0)
        expected.append(apart @ np.linalg.solve(covariance, apart))
    np.testing.assert_allclose(taken("consistency", fit_data(x, labels), test), expected, rtol=1e-7)


@pytest.mark.parametrize("name", RANKING_SCORES)
def test_numbers_of_classes_and_gaps_between_them_change_nothing(name):
    x, labels = blobs()
    test = np.random.default_rng(1).normal(size=(15, 6))
    expected = taken(name, fit_data(x, labels), test)
    numbers = np.array([6, 0, 3, 5])  # old label -> new one, with gaps
    classes = ("b", "-", "--", "c", "---", "d", "a")
    tiers = (((6,),), (), (), (), (), ((3,), (6,)), ((0, 3),))
    renamed = fit_data(x, numbers[labels], TierTable(classes, tiers, (None,) * 7))
    np.testing.assert_allclose(taken(name, renamed, test), expected, rtol=1e-7)


@pytest.mark.parametrize("name", RANKING_SCORES)
def test_one_image_in_a_class_and_no_spread_are_refused(name):
    x, labels = blobs((5, 1, 4, 4))
    with pytest.raises(RankconError, match="single training image"):
        fit_score(name, fit_data(x, labels))
    same = np.repeat(np.eye(4, 6), 5, axis=0)
    with pytest.raises(RankconError):
        fit_score(name, fit_data(same, np.repeat(np.arange(4), 5)))


@pytest.mark.parametrize("name", RANKING_SCORES)
def test_fewer_images_than_dimensions_and_half_precision_give_numbers(name):
    x, labels = blobs((3, 2, 2, 3), dim=40)
    fit = fit_data(x, labels)
    half = dataclasses.replace(fit, features=fit.features.half(), validation=Inputs(fit.validation.features.half()))
    test = np.random.default_rng(1).normal(size=(15, 40))
    for data in (fit, half):
        assert np.isfinite(taken(name, data, test)).all()


@pytest.mark.parametrize("name", ["consistency", "class_cosine"])
def test_one_class_is_scored(name):
    x, labels = blobs((20,))
    table = TierTable(("a", "b"), ((), ()), (None, None))
    assert np.isfinite(taken(name, fit_data(x, labels, table), x + 1)).all()


def test_one_class_has_no_gap():
    with pytest.raises(RankconError, match="two known classes"):
        fit_score("tier_gap", fit_data(*blobs((20,)), TierTable(("a", "b"), ((), ()), (None, None))))


def test_what_they_need_is_told():
    fit = dataclasses.replace(fit_data(*blobs()), table=None, validation=None)
    assert SCORES["tier_gap"].missing(fit) == ("table",)
    with pytest.raises(RankconError, match="needs what is not there: table"):
        fit_score("tier_gap", fit)


def test_an_image_between_relatives_scores_higher_than_a_member():
    x, labels = blobs((40, 40, 40, 40))
    means = np.array([x[labels == c].mean(0) for c in range(4)])
    between = (means[0] + means[1]) / 2 + 0.1 * np.random.default_rng(2).normal(size=(20, 6))
    for name in ("consistency", "tier_gap"):
        fit = fit_data(x, labels)
        assert np.median(taken(name, fit, between)) > np.median(taken(name, fit, x)), name
