"""Every score against a slow reference written from its paper, and against pytorch-ood where that is sound."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from rankcon_cli.evaluation import classify
from rankcon_cli.ood.scores import SCORES, FitData, Head, Inputs, fit_score, score_inputs
from rankcon_cli.ood.scores.distance import default_k
from rankcon_cli.ood.scores.gaussian import RIDGE
from rankcon_cli.ood.scores.ranking import RANKING_SCORES

FIELD = [name for name in SCORES if name not in RANKING_SCORES]


def blobs(n, dim, seed, n_classes=3):
    labels = torch.arange(n) % n_classes
    centres = 1.5 * torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(9)).relu()
    noise = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))
    return (centres[labels] + 0.5 * noise).relu(), labels


def case(n=90, dim=8, n_classes=3):
    train, labels = blobs(n, dim, 0, n_classes)
    test, _ = blobs(25, dim, 1, n_classes)
    noise = 0.2 * torch.randn(n_classes, dim + 1, generator=torch.Generator().manual_seed(4))
    means = torch.stack([train[labels == c].mean(0) for c in range(n_classes)])
    head = Head((means - means.mean(0) + noise[:, :dim]) * 4 / dim, noise[:, dim])
    reference = torch.randn(dim, generator=torch.Generator().manual_seed(5))
    return FitData(train, labels, head.logits(train), head, reference=reference), Inputs(test, head.logits(test))


def scored(name, fit, inputs, **parameters):
    return score_inputs(fit_score(name, fit, **parameters), inputs)


def numbers(x):
    return x.double().numpy()


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


def lse(logits):
    return np.log(np.exp(logits).sum())


def units(x):
    return numbers(x) / np.linalg.norm(numbers(x), axis=1, keepdims=True)


def head_of(fit):
    return numbers(fit.head.weight), numbers(fit.head.bias)


def slow_msp(fit, inputs):
    return [-max(softmax(row)) for row in numbers(inputs.logits)]


def slow_maxlogit(fit, inputs):
    return [-max(row) for row in numbers(inputs.logits)]


def slow_energy(fit, inputs):
    return [-lse(row) for row in numbers(inputs.logits)]


def slow_entropy(fit, inputs):
    return [-sum(p * np.log(p) for p in softmax(row)) for row in numbers(inputs.logits)]


def slow_gen(fit, inputs):
    return [sum(p**0.1 * (1 - p) ** 0.1 for p in softmax(row)) for row in numbers(inputs.logits)]


def slow_klm(fit, inputs):
    posteriors = [softmax(row) for row in numbers(fit.logits)]
    typical = {}
    for posterior in posteriors:
        typical.setdefault(np.argmax(posterior), []).append(posterior)
    means = [np.mean(group, axis=0) for group in typical.values()]
    return [min(np.sum(p * np.log(p / d)) for d in means) for p in map(softmax, numbers(inputs.logits))]


def slow_react(fit, inputs):
    weight, bias = head_of(fit)
    cut = np.percentile(numbers(fit.features), 90)
    return [-lse(weight @ np.minimum(x, cut) + bias) for x in numbers(inputs.features)]


def slow_ash(fit, inputs):
    weight, bias = head_of(fit)
    found = []
    for x in numbers(inputs.features):
        kept = sorted(x)[-(len(x) - round(0.9 * len(x))) :]
        pruned = np.where(x >= kept[0], x, 0)
        found.append(-lse(weight @ (pruned * np.exp(x.sum() / sum(kept))) + bias))
    return found


def slow_scale(fit, inputs):
    weight, bias = head_of(fit)
    found = []
    for x in numbers(inputs.features):
        kept = sorted(x)[-(len(x) - round(0.85 * len(x))) :]
        found.append(-lse(weight @ (x * np.exp(x.sum() / sum(kept))) + bias))
    return found


def slow_vim(fit, inputs, dim=None):
    weight, bias = head_of(fit)
    origin = -np.linalg.pinv(weight) @ bias
    around = numbers(fit.features) - origin
    values, vectors = np.linalg.eigh(around.T @ around)
    rank = np.linalg.matrix_rank(around)
    principal = vectors[:, np.argsort(values)[::-1][: rank // 2 if dim is None else dim]]

    def residual(x):
        return np.linalg.norm((x - origin) - principal @ principal.T @ (x - origin))

    alpha = numbers(fit.logits).max(1).sum() / sum(map(residual, numbers(fit.features)))
    pairs = zip(numbers(inputs.features), numbers(inputs.logits), strict=True)
    return [alpha * residual(x) - lse(logits) for x, logits in pairs]


def slow_nnguide(fit, inputs):
    bank = np.array([z * lse(logits) for z, logits in zip(units(fit.features), numbers(fit.logits), strict=True)])
    pairs = zip(units(inputs.features), numbers(inputs.logits), strict=True)
    return [-np.mean(sorted(bank @ x)[-10:]) * lse(logits) for x, logits in pairs]


def slow_fdbd(fit, inputs):
    weight, _ = head_of(fit)
    centre, found = numbers(fit.features).mean(0), []
    for x, logits in zip(numbers(inputs.features), numbers(inputs.logits), strict=True):
        a = np.argmax(logits)
        others = [c for c in range(len(logits)) if c != a]
        distances = [(logits[a] - logits[c]) / np.linalg.norm(weight[a] - weight[c]) for c in others]
        found.append(-np.mean(distances) / np.linalg.norm(x - centre))
    return found


def slow_she(fit, inputs):
    right = numbers(fit.logits).argmax(1) == fit.labels.numpy()
    pairs = zip(numbers(inputs.features), numbers(inputs.logits).argmax(1), strict=True)
    found = []
    for x, predicted in pairs:
        own = fit.labels.numpy() == predicted
        found.append(-x @ numbers(fit.features)[own & right if (own & right).any() else own].mean(0))
    return found


def slow_cosine(fit, inputs):
    means = [units(fit.features)[fit.labels == c].mean(0) for c in fit.labels.unique()]
    return [-max(x @ m / np.linalg.norm(m) for m in means) for x in units(inputs.features)]


def slow_knn(fit, inputs):
    return [sorted(np.linalg.norm(units(fit.features) - x, axis=1))[4] for x in units(inputs.features)]


def slow_reference(fit, inputs):
    reference = numbers(fit.reference) / np.linalg.norm(numbers(fit.reference))
    return [x @ reference for x in units(inputs.features)]


def gaussian_distances(fit, inputs):
    """Squared Mahalanobis distances by explicit inverse: to each class, and to the whole."""
    train, labels = units(fit.features), fit.labels.numpy()
    means = {c: train[labels == c].mean(0) for c in np.unique(labels)}
    residuals = np.stack([x - means[c] for x, c in zip(train, labels, strict=True)])
    within, overall = residuals.T @ residuals / len(train), np.cov(train.T, bias=True)
    ridge = RIDGE * np.trace(within) / len(within) * np.eye(len(within))

    def squared(centre, covariance):
        inverse = np.linalg.inv(covariance + ridge)
        return np.array([(x - centre) @ inverse @ (x - centre) for x in units(inputs.features)])

    return np.stack([squared(mean, within) for mean in means.values()], 1), squared(train.mean(0), overall)


def slow_mahalanobis(fit, inputs):
    return gaussian_distances(fit, inputs)[0].min(1)


def slow_rmd(fit, inputs):
    to_class, to_all = gaussian_distances(fit, inputs)
    return to_class.min(1) - to_all


def slow_ssd(fit, inputs):
    classes = [units(fit.features)[fit.labels == c] for c in fit.labels.unique()]
    variance = np.mean(np.concatenate([(x - x.mean(0)) ** 2 for x in classes]))
    ridge = RIDGE * variance * np.eye(fit.features.shape[1])
    inverses = [(x.mean(0), np.linalg.inv(ledoit_wolf(x)[0] + ridge)) for x in classes]
    return [min((x - m) @ inverse @ (x - m) for m, inverse in inverses) for x in units(inputs.features)]


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize(("n", "dim"), [(90, 8), (30, 40)])  # more images than dimensions, and fewer
def test_scores_equal_slow_references(name, n, dim):
    fit, inputs = case(n, dim)
    got = scored(name, fit, inputs)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, globals()[f"slow_{name}"](fit, inputs), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dim", [0, 3, 7])
def test_vim_takes_a_dimension(dim):
    fit, inputs = case()
    np.testing.assert_allclose(scored("vim", fit, inputs, dim=dim), slow_vim(fit, inputs, dim), rtol=1e-9)


def theirs(name, fit, inputs, **options):
    """pytorch-ood's detector, which takes pooled activations as maps of one pixel."""
    import pytorch_ood.detector

    def maps(x):
        return x[:, :, None, None]

    def head(x):
        return fit.head.logits(x.flatten(1))

    detector = getattr(pytorch_ood.detector, name)
    if name == "ReAct":
        return detector(None, head).fit_feature_maps(maps(fit.features), fit.labels), maps(inputs.features)
    if name in ("ASH", "SCALE"):
        return detector(None, head, **options), maps(inputs.features)
    if name == "ViM":
        return detector(None, 4, fit.head.weight, fit.head.bias).fit_features(fit.features, fit.labels), inputs.features
    if name == "fDBD":
        linear = torch.nn.Linear(*reversed(fit.head.weight.shape))
        linear.load_state_dict({"weight": fit.head.weight, "bias": fit.head.bias})
        return detector(None, linear).fit_features(fit.features, fit.labels), inputs.features
    return detector(None, head).fit_features(fit.features, fit.labels), inputs.features


@pytest.mark.parametrize(
    ("name", "detector", "options"),
    [
        ("react", "ReAct", {}),
        ("ash", "ASH", {"percentile": 0.9}),
        ("scale", "SCALE", {"percentile": 0.85}),
        ("vim", "ViM", {}),
        ("nnguide", "NNGuide", {}),
        ("fdbd", "fDBD", {}),
        ("she", "SHE", {}),
    ],
)
def test_head_scores_equal_pytorch_ood_where_it_is_sound(name, detector, options):
    fit, inputs = case()
    them, features = theirs(detector, fit, inputs, **options)
    predict = them.predict_features if hasattr(them, "predict_features") else them.predict_feature_maps
    np.testing.assert_allclose(scored(name, fit, inputs), predict(features).numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "detector", "factor"),
    [
        *(("msp", "MaxSoftmax", 1), ("maxlogit", "MaxLogit", 1), ("energy", "EnergyBased", 1)),
        *(("entropy", "Entropy", 1), ("gen", "GEN", 3), ("klm", "KLMatching", 1)),  # their GEN divides by C
    ],
)
def test_logit_scores_equal_pytorch_ood_where_it_is_sound(name, detector, factor):
    import pytorch_ood.detector

    fit, inputs = case()
    them = getattr(pytorch_ood.detector, detector)(None)
    if name == "klm":
        them.fit_logits(fit.logits.double(), fit.labels)
    expected = factor * numbers(them.predict_logits(inputs.logits.double()))
    np.testing.assert_allclose(scored(name, fit, inputs), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "detector", "factor"), [("mahalanobis", "Mahalanobis", 180), ("rmd", "RMD", 90)])
def test_gaussian_scores_equal_pytorch_ood_where_it_is_sound(name, detector, factor):
    import pytorch_ood.detector

    # pytorch-ood does not divide the scatter by N (90), and halves the plain distance.
    fit, inputs = case()
    them = getattr(pytorch_ood.detector, detector)(None).fit_features(classify.unit(fit.features), fit.labels)
    expected = factor * numbers(them.predict_features(classify.unit(inputs.features)))
    np.testing.assert_allclose(scored(name, fit, inputs), expected, rtol=2e-3, atol=2e-2)


def test_knn_equals_pytorch_ood():
    from pytorch_ood.detector import KNN

    fit, inputs = case()
    expected = KNN(None, k=default_k(90)).fit_features(fit.features, fit.labels).predict_features(inputs.features)
    np.testing.assert_allclose(scored("knn", fit, inputs), expected, atol=1e-6)
