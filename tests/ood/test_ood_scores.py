import numpy as np
import pytest
import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation import classify
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.scores import RIDGE, SCORES, FitData, default_k, outlier_scores

FEATURE_SCORES = [name for name, score in SCORES.items() if score.takes == "feature"]
LOGIT_SCORES = [name for name, score in SCORES.items() if score.takes == "logits"]


def blobs(n=90, n_classes=3, dim=5, seed=0, spread=0.5):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % n_classes
    centres = torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(9))
    return centres[labels] + spread * torch.randn(n, dim, generator=generator), labels


def scores(name, train, labels, test):
    return outlier_scores(name, {"test": test}, FitData(train, labels))["test"]


def unit_rows(x):
    return x.double().numpy() / np.linalg.norm(x.double().numpy(), axis=1, keepdims=True)


def gaussian_distances(train, labels, test, ridge_of):
    """Squared Mahalanobis distances by explicit inverse: to each class, and to the whole; float64 numpy."""
    train, test, labels = unit_rows(train), unit_rows(test), labels.numpy()
    means = {c: train[labels == c].mean(0) for c in np.unique(labels)}
    residuals = np.stack([x - means[c] for x, c in zip(train, labels, strict=True)])
    within, overall = residuals.T @ residuals / len(train), np.cov(train.T, bias=True)
    ridge = ridge_of(within) * np.eye(len(within))

    def squared(centre, covariance):
        inverse = np.linalg.inv(covariance + ridge)
        return np.array([(x - centre) @ inverse @ (x - centre) for x in test])

    return np.stack([squared(mean, within) for mean in means.values()], 1), squared(train.mean(0), overall)


def slow_msp(logits):
    return [-max(np.exp(row) / np.exp(row).sum()) for row in logits.double().numpy()]


def slow_energy(logits):
    return [-np.log(np.exp(row).sum()) for row in logits.double().numpy()]


def slow_cosine(train, labels, test):
    means = [unit_rows(train)[labels == c].mean(0) for c in labels.unique()]
    return [-max(x @ m / np.linalg.norm(m) for m in means) for x in unit_rows(test)]


def slow_knn(train, labels, test):
    return [sorted(np.linalg.norm(unit_rows(train) - x, axis=1))[4] for x in unit_rows(test)]


def relative_ridge(within):
    return RIDGE * np.trace(within) / len(within)


def slow_mahalanobis(train, labels, test):
    return gaussian_distances(train, labels, test, relative_ridge)[0].min(1)


def slow_rmd(train, labels, test):
    to_class, to_all = gaussian_distances(train, labels, test, relative_ridge)
    return to_class.min(1) - to_all


@pytest.mark.parametrize("name", LOGIT_SCORES)
def test_logit_scores_equal_slow_references(name):
    logits = 4 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    got = outlier_scores(name, {"a": logits, "b": logits[:5]})
    np.testing.assert_allclose(got["a"], globals()[f"slow_{name}"](logits), rtol=1e-12)
    np.testing.assert_array_equal(got["b"], got["a"][:5])


@pytest.mark.parametrize("name", FEATURE_SCORES)
@pytest.mark.parametrize("dim", [5, 40])  # 30 images: more, and fewer, than dimensions
def test_feature_scores_equal_slow_references(name, dim):
    train, labels = blobs(30, dim=dim)
    test, _ = blobs(25, dim=dim, seed=1)
    got = scores(name, 4 * train, labels, test / 8)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, globals()[f"slow_{name}"](train, labels, test), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_far_images_score_higher(name):
    train, labels = blobs(dim=8)
    known, _ = blobs(dim=8, seed=1)
    unknown = torch.randn(50, 8, generator=torch.Generator().manual_seed(2))
    got = outlier_scores(name, {"id": known, "ood": unknown}, FitData(train, labels))
    assert ood_metrics(got["id"], got["ood"])["auroc"] > 0.8


@pytest.mark.parametrize(("name", "detector", "factor"), [("mahalanobis", "Mahalanobis", 180), ("rmd", "RMD", 90)])
def test_gaussian_scores_equal_pytorch_ood_where_it_is_sound(name, detector, factor):
    import pytorch_ood.detector

    # pytorch-ood does not divide the scatter by N (90), and halves the plain distance.
    train, labels = blobs()
    test, _ = blobs(seed=1)
    theirs = getattr(pytorch_ood.detector, detector)(None).fit_features(classify.unit(train), labels)
    expected = factor * theirs.predict_features(classify.unit(test)).double().numpy()
    np.testing.assert_allclose(scores(name, train, labels, test), expected, rtol=2e-3, atol=2e-2)


def test_knn_equals_pytorch_ood():
    from pytorch_ood.detector import KNN

    train, labels = blobs()
    test, _ = blobs(seed=1)
    expected = KNN(None, k=default_k(90)).fit_features(train, labels).predict_features(test)
    np.testing.assert_allclose(scores("knn", train, labels, test), expected, atol=1e-6)


def test_knn_resolves_small_distances_and_caps_k():
    train = torch.tensor([[1.0, 0.0]])
    near = torch.tensor([[1.0, 0.0], [1.0, 1e-5], [1.0, 2e-5]])
    got = scores("knn", train, torch.tensor([0]), near)
    np.testing.assert_allclose(got, [0, 1e-5, 2e-5], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "k"), [(1, 1), (4, 4), (5, 5), (800, 5), (7600, 8), (20_000, 20), (50_000, 50), (10**6, 50)]
)
def test_default_k(n, k):
    assert default_k(n) == k


@pytest.mark.parametrize("name", ["mahalanobis", "rmd"])
@pytest.mark.parametrize("case", ["dead", "duplicated", "few", "large"])
def test_gaussian_scores_survive_a_singular_covariance(name, case):
    n, dim = (12, 64) if case == "few" else (300, 16)
    (train, labels), (test, _) = blobs(n, dim=dim), blobs(50, dim=dim, seed=1)
    unknown = torch.randn(50, dim, generator=torch.Generator().manual_seed(2))
    if case == "duplicated":
        train, test, unknown = (torch.cat([x, x], 1) for x in (train, test, unknown))
    if case == "dead":
        train, test, unknown = (torch.cat([x, torch.zeros(len(x), 8)], 1) for x in (train, test, unknown))
    if case == "large":
        train, test, unknown = (1e4 * x + 0.0 for x in (train, test, unknown))
    got = outlier_scores(name, {"id": test, "ood": unknown}, FitData(train, labels))
    assert np.isfinite(got["id"]).all()
    assert np.isfinite(got["ood"]).all()
    assert ood_metrics(got["id"], got["ood"])["auroc"] > 0.75
    if case in ("dead", "duplicated"):  # what no training image has must not move what the score says of the rest
        plain = outlier_scores(name, {"id": test[:, :16], "ood": unknown[:, :16]}, FitData(train[:, :16], labels))
        for side in ("id", "ood"):
            np.testing.assert_allclose(got[side], plain[side], rtol=1e-2, atol=1e-2)


def test_mahalanobis_notices_a_direction_that_training_never_took():
    train, labels = blobs()
    train = torch.cat([train, torch.zeros(len(train), 1)], 1)
    test = train[:10].clone()
    shifted = test.clone()
    shifted[:, -1] = 0.05
    assert (scores("mahalanobis", train, labels, shifted) > 100 * scores("mahalanobis", train, labels, test)).all()


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_which_number_a_class_has_changes_nothing(name):
    train, labels = blobs()
    test, _ = blobs(seed=1)
    gaps = torch.tensor([40, 7, 12])[labels]
    np.testing.assert_allclose(scores(name, train, gaps, test), scores(name, train, labels, test), atol=1e-9)


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_half_precision_features(name):
    train, labels = blobs()
    test, _ = blobs(seed=1)
    half = scores(name, train.half(), labels, test.half())
    np.testing.assert_array_equal(half, scores(name, train.half().float(), labels, test.half().float()))


@pytest.mark.parametrize("name", FEATURE_SCORES)
def test_blocks_change_no_score_and_an_empty_set_has_none(name, monkeypatch):
    train, labels = blobs()
    test, _ = blobs(seed=1)
    whole = scores(name, train, labels, test)
    monkeypatch.setattr(classify, "_BLOCK", 37)
    np.testing.assert_allclose(scores(name, train, labels, test), whole, rtol=1e-6, atol=1e-6)
    assert scores(name, train, labels, test[:0]).shape == (0,)


def test_one_class_is_scored_or_refused():
    train, labels = blobs(n_classes=1)
    for name in ("cosine", "knn", "mahalanobis"):
        assert np.isfinite(scores(name, train, labels, train)).all()
    with pytest.raises(RankconError, match="two known classes"):
        scores("rmd", train, labels, train)


@pytest.mark.parametrize("name", ["mahalanobis", "rmd"])
@pytest.mark.parametrize("per_class", [1, 6])
def test_no_spread_within_classes_is_refused(name, per_class):
    train, labels = blobs(3)
    with pytest.raises(RankconError, match="all have the same feature") as caught:
        scores(name, train.repeat(per_class, 1), labels.repeat(per_class), train)
    assert caught.value.hint


@pytest.mark.parametrize("name", SCORES)
def test_what_is_not_finite_is_refused(name):
    train, labels = blobs()
    broken = train.clone()
    broken[3, 1], broken[5, 0] = torch.nan, torch.inf
    with pytest.raises(RankconError, match="of 'textures' are not finite for 2 of 90 images"):
        outlier_scores(name, {"id": train, "textures": broken}, FitData(train, labels))
    if name in FEATURE_SCORES:
        with pytest.raises(RankconError, match="training images are not finite"):
            scores(name, broken, labels, train)
        with pytest.raises(RankconError, match="no training image"):
            scores(name, train[:0], labels[:0], train)
