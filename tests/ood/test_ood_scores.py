import dataclasses
import inspect

import numpy as np
import pytest
import torch

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation import classify
from rankcon_cli.ood.scores import (
    SCORES,
    FitData,
    Head,
    Inputs,
    Score,
    fit_score,
    gaussian,
    outlier_scores,
    score_inputs,
)
from rankcon_cli.ood.scores.distance import default_k
from rankcon_cli.ood.scores.ranking import RANKING_SCORES

LOGITS = ("msp", "maxlogit", "energy", "entropy", "gen", "klm")
HEAD = ("react", "ash", "scale", "vim", "nnguide", "fdbd", "she")
FEATURES = ("cosine", "knn", "reference", "mahalanobis", "rmd", "ssd")
GAUSSIAN = ("mahalanobis", "rmd", "ssd")
FIELD = LOGITS + HEAD + FEATURES


def images(n, dim, seed, n_classes=3):
    """What an encoder that ends in a ReLU makes of ``n`` images in turn of each class."""
    labels = torch.arange(n) % n_classes
    centres = 3 * torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(9)).relu()
    noise = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))
    return (centres[labels] + 0.5 * noise).relu(), labels


def fit_on(features, labels, head=None, n_classes=None):
    """``FitData`` with a head that looks for the class means, unless one is given."""
    n_classes = n_classes or int(labels.max()) + 1
    means = torch.zeros(n_classes, features.shape[1])
    for c in labels.unique():
        means[c] = features[labels == c].float().mean(0)
    head = head or Head((means - means.mean(0)) / features.shape[1], torch.linspace(-0.1, 0.1, n_classes))
    reference = torch.randn(features.shape[1], generator=torch.Generator().manual_seed(5))
    return FitData(features, labels, head.logits(features), head, reference=reference)


def inputs_of(fit, features):
    return Inputs(features, fit.head.logits(features))


def scored(name, fit, features, **parameters):
    return score_inputs(fit_score(name, fit, **parameters), inputs_of(fit, features))


# What there is


def test_every_score_of_the_field_is_there_in_the_order_of_a_report():
    assert tuple(name for name in SCORES if name not in RANKING_SCORES) == FIELD
    assert tuple(SCORES)[len(FIELD) :] == tuple(RANKING_SCORES)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_says_what_it_is_and_what_it_assumes(name):
    score = SCORES[name]
    assert score.title
    assert score.source
    assert score.assumes[0].islower() or score.assumes.split()[0].isupper()
    assert not score.assumes.endswith(".")
    assert len(score.assumes) < 120
    assert score.on
    assert set(score.on) <= {"logits", "encoder", "projection"}
    assert set(score.needs) <= {field.name for field in dataclasses.fields(FitData)}
    parameters = list(inspect.signature(score.fit).parameters.values())[1:]
    assert all(parameter.default is not parameter.empty for parameter in parameters)
    assert set(score.grid) <= {parameter.name for parameter in parameters}


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize(("n", "dim"), [(6, 4), (40, 96)])
def test_a_fit_takes_every_value_of_its_grid(name, n, dim):
    train, labels = images(n, dim, 0)
    fit = fit_on(train, labels)
    for key, values in SCORES[name].grid.items():
        for value in values:
            assert np.isfinite(scored(name, fit, train, **{key: value})).all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("knn", {"k": k}) for k in (0, -1, 2.5, True)),
        *(("react", {"percentile": p}) for p in (-1, 101, float("nan"), "90")),
        *(("ash", {"percentile": 99.5}), ("scale", {"percentile": 100})),
        *(("gen", {"gamma": 0}), ("gen", {"m": 0}), ("vim", {"dim": -1})),
        *(("nnguide", {"k": 0}), ("nnguide", {"alpha": 1.5})),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(name, parameters):
    (key, value), *_ = parameters.items()
    with pytest.raises(UsageError, match=f"{key} must be a .*number.*, not {value}"):
        fit_score(name, fit_on(*images(30, 5, 0)), **parameters)


@pytest.mark.parametrize("name", FIELD)
def test_what_a_score_needs_and_is_not_there_is_named(name):
    fit = FitData(*images(30, 5, 0))
    if needs := SCORES[name].needs:
        with pytest.raises(RankconError, match=f"{name!r} needs what is not there: {', '.join(needs)}"):
            fit_score(name, fit)
    else:
        assert name in FEATURES


# What must not matter, and what must


@pytest.mark.parametrize("name", FIELD)
def test_far_images_score_higher(name):
    from rankcon_cli.ood.metrics import ood_metrics

    train, labels = images(90, 16, 0)
    fit = fit_on(train, labels)
    unknown = 0.8 * torch.randn(60, 16, generator=torch.Generator().manual_seed(2)).relu()
    fit = dataclasses.replace(fit, reference=unknown.mean(0) - train.mean(0))
    known, _ = images(60, 16, 1)
    sets = {"id": inputs_of(fit, known), "ood": inputs_of(fit, unknown)}
    got = outlier_scores(name, sets, fit)
    assert ood_metrics(got["id"], got["ood"])["auroc"] > 0.9


@pytest.mark.parametrize("name", FIELD)
def test_scores_follow_the_images_and_not_the_order_of_training(name):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    fit = fit_on(train, labels)
    got = scored(name, fit, test)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(3))
    np.testing.assert_allclose(scored(name, fit, test[order]), got[order], rtol=1e-5, atol=1e-7)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(3))
    shuffled = dataclasses.replace(fit, features=train[order], labels=labels[order], logits=fit.logits[order])
    np.testing.assert_allclose(scored(name, shuffled, test), got, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", FIELD)
def test_which_number_a_class_has_changes_nothing(name):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    fit = fit_on(train, labels)
    numbers = torch.tensor([2, 0, 1])
    old = numbers.argsort()
    renamed = fit_on(train, numbers[labels], Head(fit.head.weight[old], fit.head.bias[old]))
    np.testing.assert_allclose(scored(name, renamed, test), scored(name, fit, test), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", FEATURES)
def test_gaps_in_the_labels_change_nothing(name):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    fit = fit_on(train, labels)
    gaps = dataclasses.replace(fit, labels=torch.tensor([7, 12, 40])[labels])
    np.testing.assert_array_equal(scored(name, gaps, test), scored(name, fit, test))


@pytest.mark.parametrize("name", FEATURES)
def test_the_length_of_a_feature_changes_nothing(name):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    longer = 1e3 * torch.rand(30, 1, generator=torch.Generator().manual_seed(3)) + 1e-3
    fit = fit_on(train, labels)
    np.testing.assert_allclose(scored(name, fit, test * longer), scored(name, fit, test), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["msp", "entropy", "gen", "klm"])
def test_what_all_logits_have_in_common_changes_nothing(name):
    fit = fit_on(*images(90, 8, 0))
    shifted = dataclasses.replace(fit, logits=fit.logits.double() + 30)
    logits = inputs_of(fit, images(30, 8, 1)[0]).logits.double()
    test = torch.zeros(30, 1)
    got = score_inputs(fit_score(name, shifted), Inputs(test, logits - 50))
    np.testing.assert_allclose(got, score_inputs(fit_score(name, fit), Inputs(test, logits)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_taken_for_the_numbers_it_holds(name, dtype):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    fit = fit_on(train.to(dtype), labels, fit_on(train, labels).head)
    inputs = inputs_of(fit, test.to(dtype))
    wide = dataclasses.replace(fit, features=fit.features.float(), logits=fit.logits.float())
    expected = score_inputs(fit_score(name, wide), Inputs(inputs.features.float(), inputs.logits.float()))
    np.testing.assert_allclose(score_inputs(fit_score(name, fit), inputs), expected, rtol=1e-12)


@pytest.mark.parametrize("name", FIELD)
def test_blocks_change_no_score_and_an_empty_set_has_none(name, monkeypatch):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    fit = fit_on(train, labels)
    whole = scored(name, fit, test)
    monkeypatch.setattr(classify, "_BLOCK", 37)
    np.testing.assert_allclose(scored(name, fit, test), whole, rtol=1e-5, atol=1e-6)
    assert scored(name, fit, test[:0]).shape == (0,)


def test_what_the_embedder_makes_in_inference_mode_is_taken():
    with torch.inference_mode():
        train, labels = images(90, 8, 0)
        fit = fit_on(train, labels)
    for name in FIELD:
        assert np.isfinite(scored(name, fit, fit.features)).all()


# What is hard


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize("bad", ["few", "dead", "duplicated", "large", "one_image_a_class", "zeros"])
def test_hard_features_give_finite_scores(name, bad):
    n, dim = {"few": (12, 64), "one_image_a_class": (4, 8)}.get(bad, (90, 16))
    (train, labels), (test, _) = images(n, dim, 0), images(30, dim, 1)
    if bad == "dead":
        train, test = (torch.cat([x, torch.zeros(len(x), 8)], 1) for x in (train, test))
    if bad == "duplicated":
        train, test = (torch.cat([x, x], 1) for x in (train, test))
    if bad == "large":
        train, test = 1e4 * train, 1e4 * test
    if bad == "one_image_a_class":  # but for one, of which there are two
        assert labels.tolist() == [0, 1, 2, 0]
    test[:3] = 0
    if bad == "zeros":
        train[::7] = 0
    got = scored(name, fit_on(train, labels), test)
    assert np.isfinite(got).all()
    if name not in LOGITS or bad != "large":  # where all are sure, all are alike
        assert len(np.unique(got)) > 10


def test_one_class_is_scored_or_refused():
    train, labels = images(30, 8, 0, n_classes=1)
    fit, test = fit_on(train, labels, Head(train.mean(0, keepdim=True), torch.zeros(1))), images(30, 8, 1)[0]
    for name in FIELD:
        if name in ("msp", "entropy", "gen", "klm", "rmd"):
            with pytest.raises(RankconError, match=f"{name!r} needs two known classes"):
                fit_score(name, fit)
        elif name == "fdbd":
            with pytest.raises(RankconError, match="tells each known class from another"):
                fit_score(name, fit)
        else:
            assert len(np.unique(scored(name, fit, test))) > 20


@pytest.mark.parametrize("name", FIELD)
def test_constant_features_are_scored_or_refused(name):
    train, labels = torch.ones(30, 8), torch.arange(30) % 3
    weight = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    fit, test = fit_on(train, labels, Head(weight, weight.new_ones(3))), images(30, 8, 1)[0]
    if name in GAUSSIAN:
        with pytest.raises(RankconError, match="all have the same feature") as caught:
            fit_score(name, fit)
        assert caught.value.hint
    else:
        assert np.isfinite(scored(name, fit, torch.cat([test, train]))).all()


@pytest.mark.parametrize("name", GAUSSIAN)
@pytest.mark.parametrize("per_class", [1, 6])
def test_no_spread_within_classes_is_refused(name, per_class):
    train, labels = images(3, 5, 0)
    with pytest.raises(RankconError, match="all have the same feature"):
        fit_score(name, fit_on(train.repeat(per_class, 1), labels.repeat(per_class)))


@pytest.mark.parametrize("name", HEAD)
def test_negative_features_are_scored_or_refused(name):
    train, labels = images(90, 8, 0)
    fit = fit_on(train - 1, labels)
    if name in ("ash", "scale"):
        with pytest.raises(RankconError, match=f"{name!r} sums activations that must not be negative") as caught:
            fit_score(name, fit)
        assert "ReLU" in caught.value.hint
    else:
        assert np.isfinite(scored(name, fit, images(30, 8, 1)[0] - 1)).all()


@pytest.mark.parametrize("name", LOGITS)
def test_logits_of_a_very_sure_head_keep_their_order(name):
    fit = fit_on(*images(90, 8, 0))
    sure = FitData(fit.features, fit.labels, 1e3 * fit.logits)
    logits = torch.tensor([[700.0, 0, 0], [90.0, 0, 0], [60.0, 0, 0], [30.0, 0, 0]], dtype=torch.float64)
    got = score_inputs(fit_score(name, sure), Inputs(torch.zeros(4, 1), logits))
    assert np.isfinite(got).all()
    if name not in ("msp", "klm"):  # the paper's MSP is 1 for all but the last; klm asks what is typical
        assert (np.diff(got) > 0).all()


def test_klm_leaves_out_a_class_that_is_never_predicted():
    logits = torch.tensor([[3.0, 0, 0], [2.0, 0, 1], [0, 3.0, 0]])
    scorer = fit_score("klm", FitData(torch.zeros(3, 1), torch.tensor([0, 2, 1]), logits))
    got = score_inputs(scorer, Inputs(torch.zeros(2, 1), torch.tensor([[0, 3.0, 0], [0, 0, 3.0]])))
    assert got[0] == pytest.approx(0, abs=1e-12)
    assert got[1] > 1


def test_she_remembers_a_class_without_a_correct_prediction_and_no_class_without_images():
    features = torch.tensor([[4.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    labels = torch.tensor([0, 2, 2])  # class 2 is always taken for 0, class 1 has no image
    fit = FitData(features, labels, torch.tensor([[5.0, 0, 0]] * 3), Head(torch.zeros(3, 2), torch.zeros(3)))
    test = Inputs(torch.tensor([[1.0, 2.0]] * 3), torch.eye(3))
    np.testing.assert_allclose(score_inputs(fit_score("she", fit), test), [-4, 0, -4])


def test_fdbd_leaves_out_classes_that_the_head_does_not_tell_apart():
    head = Head(torch.tensor([[1.0, 0], [0, 1.0], [0, 1.0]]), torch.zeros(3))
    fit = FitData(torch.zeros(2, 2), torch.tensor([0, 1]), torch.zeros(2, 3), head)
    features = torch.tensor([[3.0, 0], [0, 4.0]])
    got = score_inputs(fit_score("fdbd", fit), Inputs(features, head.logits(features)))
    np.testing.assert_allclose(got, [-(2**-0.5), -(2**-0.5)])


def test_vim_ignores_a_direction_that_the_head_lacks_but_for_rounding():
    train, labels = images(90, 8, 0)
    fit = fit_on(train, labels)
    weight = fit.head.weight - fit.head.weight.mean(0)  # rows that sum to 0, as those of a linear probe do
    rounded, exact = Head(weight, fit.head.bias), Head(weight.double() - weight.double().mean(0), fit.head.bias)
    got, expected = (scored("vim", dataclasses.replace(fit, head=head), train) for head in (rounded, exact))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_vim_refuses_logits_that_would_turn_it_round():
    fit = fit_on(*images(90, 8, 0))
    with pytest.raises(RankconError, match="positive on average"):
        fit_score("vim", dataclasses.replace(fit, logits=fit.logits - 100))


def test_ssd_refuses_more_covariances_than_fit_into_memory(monkeypatch):
    monkeypatch.setattr(gaussian, "_SSD_BYTES", 8 * 3 * 8**2 - 1)
    with pytest.raises(RankconError, match="for one covariance a class"):
        fit_score("ssd", fit_on(*images(90, 8, 0)))


def test_mahalanobis_notices_a_direction_that_training_never_took():
    train, labels = images(90, 5, 0)
    fit = fit_on(torch.cat([train, torch.zeros(len(train), 1)], 1), labels)
    shifted = fit.features[:10].clone()
    shifted[:, -1] = 0.05 * shifted.norm(dim=1)
    assert (scored("mahalanobis", fit, shifted) > 100 * scored("mahalanobis", fit, fit.features[:10])).all()


@pytest.mark.parametrize("name", ["mahalanobis", "rmd"])
def test_what_no_training_image_has_moves_no_gaussian_score(name):
    train, labels = images(90, 8, 0)
    test, _ = images(30, 8, 1)
    plain = scored(name, fit_on(train, labels), test)
    for wider in (lambda x: torch.cat([x, x], 1), lambda x: torch.cat([x, torch.zeros(len(x), 8)], 1)):
        got = scored(name, fit_on(wider(train), labels), wider(test))
        np.testing.assert_allclose(got, plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("spread", [0.2, 1e-3, 1e-5])
def test_knn_finds_the_kth_neighbour_in_classes_that_have_all_but_collapsed(spread):
    generator = torch.Generator().manual_seed(0)
    centres, labels = torch.randn(3, 64, generator=generator), torch.arange(90) % 3
    train, new = ((centres[labels] + spread * torch.randn(90, 64, generator=generator)) for _ in range(2))
    got = score_inputs(fit_score("knn", FitData(train, labels), k=5), Inputs(new))
    units = [torch.nn.functional.normalize(x, dim=1).double() for x in (train, new)]
    expected = (units[1][:, None] - units[0]).norm(dim=2).sort(dim=1).values[:, 4]
    np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_knn_resolves_small_distances_and_caps_k():
    fit = FitData(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    near = Inputs(torch.tensor([[1.0, 0.0], [1.0, 1e-5], [1.0, 2e-5]]))
    got = score_inputs(fit_score("knn", fit), near)
    np.testing.assert_allclose(got, [0, 1e-5, 2e-5], rtol=1e-3, atol=1e-9)
    np.testing.assert_array_equal(score_inputs(fit_score("knn", fit, k=200), near), got)


@pytest.mark.parametrize(
    ("n", "k"), [(1, 1), (4, 4), (5, 5), (800, 5), (7600, 8), (20_000, 20), (50_000, 50), (10**6, 50)]
)
def test_default_k(n, k):
    assert default_k(n) == k


@pytest.mark.parametrize("name", FIELD)
def test_what_is_not_finite_is_refused(name):
    train, labels = images(90, 8, 0)
    fit, broken = fit_on(train, labels), train.clone()
    broken[3, 1], broken[5, 0] = torch.nan, torch.inf
    with pytest.raises(RankconError, match="features of 'textures' are not finite for 2 of 90 images"):
        outlier_scores(name, {"id": inputs_of(fit, train), "textures": Inputs(broken, fit.logits)}, fit)
    with pytest.raises(RankconError, match="logits of 'textures' are not finite for 2 of 90 images"):
        outlier_scores(name, {"textures": Inputs(train, broken[:, :3])}, fit)
    with pytest.raises(RankconError, match="features of the training images are not finite"):
        fit_score(name, dataclasses.replace(fit, features=broken))
    with pytest.raises(RankconError, match="no training image"):
        fit_score(name, fit_on(train[:0], labels[:0], fit.head, n_classes=3))


def test_finite_features_whose_sum_is_not_are_taken():
    features = torch.full((2, 8), 3e38)
    assert score_inputs(lambda inputs: inputs.features[:, 0] / 3e38, Inputs(features)).tolist() == pytest.approx([1, 1])


def test_scores_that_are_not_finite_are_refused(monkeypatch):
    score = Score(lambda fit: lambda inputs: inputs.features[:, 0].log(), ("encoder",), "t", "s", "a")
    monkeypatch.setitem(SCORES, "log", score)
    inputs = Inputs(torch.tensor([[1.0], [-1.0], [0.0]]))
    with pytest.raises(RankconError, match="outlier scores of 'pets' are not finite for 2 of 3 images"):
        outlier_scores("log", {"pets": inputs}, FitData(torch.ones(3, 1), torch.zeros(3)))
