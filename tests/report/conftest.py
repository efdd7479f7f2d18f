"""A made-up OOD result over real digits: three runs, two OOD sets, every field filled."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

from rankcon_cli.ood.result import FooledImage, Measurement, OodResult, OodSet, Points, RunSummary, Swallowed

WITHHELD = (3, 8)
#: Noise added to the pixels before a run's neighbours are sought: what makes one run better than another.
RUNS = {"ranked": 3.0, "supcon": 4.0, "cross-entropy": 6.0}
FEATURES = {"ranked": ("encoder", "projection"), "supcon": ("encoder", "projection"), "cross-entropy": ("encoder",)}


def measurement(run: str, ood: str, score: str, feature: str, inside: np.ndarray, outside: np.ndarray) -> Measurement:
    truth = np.repeat([0, 1], [len(inside), len(outside)])
    both = np.concatenate([inside, outside])
    flagged, caught, _ = roc_curve(truth, both)
    return Measurement(
        run,
        ood,
        score,
        feature,
        auroc=float(roc_auc_score(truth, both)),
        aupr_in=float(average_precision_score(1 - truth, -both)),
        aupr_out=float(average_precision_score(truth, both)),
        fpr95_ood_pos=float(flagged[np.argmax(caught >= 0.95)]),
        fpr95_id_pos=float(np.mean(outside <= np.quantile(inside, 0.95))),
        n_id=len(inside),
        n_ood=len(outside),
    )


def _scores(noise: float, feature: str, gallery: np.ndarray, query: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    scale = noise if feature == "projection" else 1.3 * noise
    neighbours = NearestNeighbors(n_neighbors=5).fit(gallery + random.normal(0, scale, gallery.shape))
    return neighbours.kneighbors(query + random.normal(0, scale, query.shape))[0].mean(axis=1)


def build() -> OodResult:
    digits = load_digits()
    images, labels = digits.images.reshape(-1, 64), digits.target
    is_known = ~np.isin(labels, WITHHELD)
    first_half = np.arange(len(labels)) < 1000
    gallery, gallery_labels = images[is_known & first_half], labels[is_known & first_half]
    known, known_labels = images[is_known & ~first_half], labels[is_known & ~first_half]
    parts = {
        "id": (known, known_labels.astype(str)),
        "withheld": (images[~is_known], labels[~is_known].astype(str)),
        "faded prints": (0.55 * images[:120] + 0.45 * (16 - images[:120]), np.repeat("faded", 120)),
    }
    scores, measurements = {}, []
    for seed, (run, noise) in enumerate(RUNS.items()):
        for feature in FEATURES[run]:
            for name, (pixels, _) in parts.items():
                near = _scores(noise, feature, gallery, pixels, seed)
                scores[run, "knn", feature, name] = near
                scores[run, "cosine", feature, name] = -1 / (1 + near) + 0.001 * np.sin(near * 50)
            for ood in ("withheld", "faded prints"):
                for score in ("knn", "cosine"):
                    pair = (scores[run, score, feature, name] for name in ("id", ood))
                    measurements.append(measurement(run, ood, score, feature, *pair))
    swallowed, fooled = [], []
    nearest = NearestNeighbors(n_neighbors=1).fit(gallery)
    plane = LinearDiscriminantAnalysis(n_components=2).fit(gallery, gallery_labels)
    for ood in ("withheld", "faded prints"):
        pixels, names = parts[ood]
        taken = gallery_labels[nearest.kneighbors(pixels)[1][:, 0]].astype(str)
        for name in np.unique(names):
            for label in np.unique(taken[names == name]):
                count = int(np.sum((names == name) & (taken == label)))
                swallowed.append(Swallowed(ood, str(name), str(label), count, int(np.sum(names == name))))
        own = scores["ranked", "knn", "projection", ood]
        for i in np.argsort(own)[:8]:
            share = float(np.mean(scores["ranked", "knn", "projection", "id"] > own[i]))
            image = (pixels[i].reshape(1, 8, 8) / 16 * 255).astype(np.uint8)
            similarity = float(1 - own[i] / 100)
            fooled.append(FooledImage(ood, f"{ood}/{i:04}", str(names[i]), str(taken[i]), similarity, share, image))
    measures = ("accuracy", "order_satisfaction", "order_satisfaction_beyond_own", "mistake_severity")
    values = ((0.981, 0.904, 0.861, 1.74), (0.985, 0.712, 0.594, 2.31), (0.966, 0.693, 0.571, None))
    details = {"seed": 0, "epochs": 30, "ranking_hash": "9f2c1d7ab0"}
    return OodResult(
        runs=tuple(
            RunSummary(name, f"runs/{name}", name, dict(zip(measures, row, strict=True)), details)
            for name, row in zip(RUNS, values, strict=True)
        ),
        id_spec="digits",
        id_images="test split",
        id_classes=tuple(str(c) for c in range(10) if c not in WITHHELD),
        n_id=len(known),
        sets=(
            OodSet("withheld", "digits", "withheld", int(np.sum(~is_known)), ("3", "8")),
            OodSet("faded prints", "npz:faded.npz", "given", 120, ("faded",)),
        ),
        measurements=tuple(measurements),
        headline=("knn", "projection"),
        scores=scores,
        swallowed=tuple(swallowed),
        fooled=tuple(fooled),
        points=tuple(Points(name, plane.transform(p), tuple(map(str, c))) for name, (p, c) in parts.items()),
        facts=(
            ("2-D picture", "linear discriminants of the pixels, fitted on training images"),
            ("Transforms", "8x8, mean 0.31, standard deviation 0.38, as in training"),
        ),
        warnings=("one image of faded prints was skipped: cannot be decoded",),
    )


@pytest.fixture(scope="session")
def result() -> OodResult:
    return build()


@pytest.fixture
def changed(result: OodResult) -> Callable[..., OodResult]:
    return lambda **changes: replace(result, **changes)
