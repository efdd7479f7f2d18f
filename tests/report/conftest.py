"""A made-up OOD result over real digits: five runs in three groups, a set of every kind, every field filled."""

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

from rankcon_cli.ood.result import (
    ID,
    Aggregate,
    Candidate,
    Comparison,
    DeployedThreshold,
    DetectionRate,
    Estimate,
    Group,
    Measurement,
    OodResult,
    OodSet,
    Picture,
    Points,
    RunSummary,
    ScoreInfo,
    Swallowed,
    Tuning,
    WorstImage,
)

WITHHELD = (3, 8)
#: Run -> noise added to the pixels before its neighbours are sought: what makes one run better than another.
RUNS = {"ranked": 3.0, "ranked-1": 3.2, "supcon": 4.0, "supcon-1": 4.2, "cross-entropy": 6.0}
GROUPS = {"ranked": ("ranked", "ranked-1"), "supcon": ("supcon", "supcon-1"), "cross-entropy": ("cross-entropy",)}
BOTH = ("encoder", "projection")
FEATURES = dict.fromkeys(RUNS, BOTH) | {"cross-entropy": ("encoder",)}
SETS = {"withheld": "withheld", "faded prints": "near", "mirrored": "near", "static": "far"}
METRICS = ("auroc", "aupr_in", "aupr_out", "fpr95_ood_pos", "fpr95_id_pos", "oscr")
EDGES = (("0", "6"), ("1", "7"), ("2", "7"), ("4", "9"), ("5", "9"), ("6", "0"), ("7", "1"), ("9", "5"))

INFOS = (
    ScoreInfo("knn", "k nearest neighbours", "Sun et al., 2022", "unknown images lie far from all training images"),
    ScoreInfo("cosine", "cosine to the class mean", "Tack et al., 2020", "every class is one compact cap"),
    ScoreInfo("tier-gap", "tier gap", "rankcon", "unknown images keep no gap between the tiers", experimental=True),
)
MEASURES = ("accuracy", "order_satisfaction", "order_satisfaction_beyond_own", "mistake_severity")
VALUES = {
    "ranked": (0.981, 0.904, 0.861, 1.74),
    "ranked-1": (0.977, 0.897, 0.853, 1.81),
    "supcon": (0.985, 0.712, 0.594, 2.31),
    "supcon-1": (0.983, 0.717, 0.601, 2.27),
    "cross-entropy": (0.966, 0.693, 0.571, None),
}


def measurement(run: str, ood: str, score: str, feature: str, inside: np.ndarray, outside: np.ndarray) -> Measurement:
    truth = np.repeat([0, 1], [len(inside), len(outside)])
    both = np.concatenate([inside, outside])
    flagged, caught, _ = roc_curve(truth, both)
    found = {
        "auroc": float(roc_auc_score(truth, both)),
        "aupr_in": float(average_precision_score(1 - truth, -both)),
        "aupr_out": float(average_precision_score(truth, both)),
        "fpr95_ood_pos": float(flagged[np.argmax(caught >= 0.95)]),
        "fpr95_id_pos": float(np.mean(outside <= np.quantile(inside, 0.95))),
    }
    intervals = {name: _interval(value, len(outside)) for name, value in found.items()}
    oscr = 0.97 * found["auroc"] if ood == "withheld" else None
    return Measurement(
        run, ood, score, feature, **found, n_id=len(inside), n_ood=len(outside), oscr=oscr, intervals=intervals
    )


def _interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval, which stands in for the bootstrap's here."""
    z = 1.96
    middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + z**2 / n)), min(1.0, (middle + half) / (1 + z**2 / n))


def _scores(noise: float, feature: str, gallery: np.ndarray, query: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    scale = noise if feature == "projection" else 1.3 * noise
    neighbours = NearestNeighbors(n_neighbors=5).fit(gallery + random.normal(0, scale, gallery.shape))
    return neighbours.kneighbors(query + random.normal(0, scale, query.shape))[0].mean(axis=1)


def aggregates(measurements: list[Measurement], sets: dict[str, str]) -> tuple[Aggregate, ...]:
    """One row a group, target, score and feature, from the measurements of its runs."""
    targets = {kind: [name for name in sets if sets[name] == kind] for kind in sets.values()}
    targets |= {name: [name] for name in sets}
    by_key = {(m.run, m.ood, m.score, m.feature): m for m in measurements}
    rows = []
    for group, runs in GROUPS.items():
        for score, feature in dict.fromkeys((m.score, m.feature) for m in measurements if m.run in runs):
            for target, names in targets.items():
                found = [[by_key[run, name, score, feature] for name in names] for run in runs]
                metrics = {name: _estimate(found, name) for name in METRICS if getattr(found[0][0], name) is not None}
                rows.append(Aggregate(group, target, score, feature, metrics))
    return tuple(rows)


def _estimate(found: list[list[Measurement]], metric: str) -> Estimate:
    """Mean over the runs (outer) of the mean over the sets (inner)."""
    values = [fmean(getattr(m, metric) for m in line) for line in found]
    if len(values) > 1:
        return Estimate(fmean(values), n=len(values), sd=stdev(values))
    low, high = found[0][0].intervals.get(metric, (None, None)) if len(found[0]) == 1 else (None, None)
    return Estimate(values[0], low=low, high=high)


def _comparisons(rows: tuple[Aggregate, ...]) -> tuple[Comparison, ...]:
    auroc = {(row.group, row.target): row.metrics["auroc"].value for row in rows if row.score == "knn"}
    found = [Comparison("ranked", "supcon", "accuracy", "", -0.005, -0.03, 0.02, 0.24, "paired seeds", 2)]
    for target in ("withheld", "near", "far"):
        gap = {other: auroc["ranked", target] - auroc[other, target] for other in ("supcon", "cross-entropy")}
        bounds = (gap["supcon"] - 0.02, gap["supcon"] + 0.02)
        found += [
            Comparison("ranked", "supcon", "auroc", target, gap["supcon"], *bounds, 0.031, "paired seeds", 2),
            Comparison("ranked", "cross-entropy", "auroc", target, gap["cross-entropy"], None, None, None, "none", 1),
        ]
    return tuple(found)


def _pictures(parts: dict, gallery: np.ndarray, labels: np.ndarray, scores: dict) -> tuple[Picture, ...]:
    """At most 250 points a cloud, with thumbnails; the linear discriminants stand in for t-SNE, which takes long."""
    discriminants = LinearDiscriminantAnalysis(n_components=2).fit(_unit(gallery), labels)
    components = PCA(2, random_state=0).fit(gallery)
    places = {
        "t-SNE": {name: discriminants.transform(_unit(pixels[:250])) for name, (pixels, _) in parts.items()},
        "PCA": {name: components.transform(pixels[:250]) for name, (pixels, _) in parts.items()},
    }
    clouds = {
        name: Points(
            name,
            np.empty((0, 2)),
            tuple(map(str, classes[:250])),
            names=tuple(f"{name}/{i:04}.png" for i in range(len(pixels[:250]))),
            scores=scores["ranked", "knn", "projection", name][:250],
            images=_thumbnails(pixels[:250]),
        )
        for name, (pixels, classes) in parts.items()
    }
    return tuple(
        Picture(method, tuple(replace(clouds[name], xy=xy) for name, xy in by_set.items()), EDGES)
        for method, by_set in places.items()
    )


def _unit(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.linalg.norm(pixels, axis=1, keepdims=True)


def _thumbnails(pixels: np.ndarray) -> np.ndarray:
    return (pixels.reshape(-1, 1, 8, 8).clip(0, 16) / 16 * 255).astype(np.uint8)


def _worst(parts: dict, taken: dict, scores: dict) -> tuple[WorstImage, ...]:
    """The eight misses of each set with the smallest scores, the six false alarms with the largest."""
    own = {name: scores["ranked", "knn", "projection", name] for name in parts}
    unknown = np.concatenate([own[name] for name in SETS])
    found = []
    for name, (pixels, classes) in parts.items():
        for i in np.argsort(-own[name])[:6] if name == ID else np.argsort(own[name])[:8]:
            share = float(np.mean(unknown < own[name][i]) if name == ID else np.mean(own[ID] > own[name][i]))
            similarity, image = float(1 - own[name][i] / 100), _thumbnails(pixels[i])[0]
            path = f"{name}/{i:04}.png"
            found.append(
                WorstImage(
                    name, path, str(classes[i]), str(taken[name][i]), similarity, float(own[name][i]), share, image
                )
            )
    return tuple(found)


def _threshold(validation: np.ndarray) -> DeployedThreshold:
    value = float(np.quantile(validation, 0.95, method="higher"))
    kept = float(np.mean(validation <= value))
    return DeployedThreshold(value, 0.95, len(validation), kept, *_interval(kept, len(validation)), 0.95)


def _rates(parts: dict, scores: dict, threshold: float) -> tuple[DetectionRate, ...]:
    found = []
    for name, (_, classes) in parts.items():
        flagged = scores["ranked", "knn", "projection", name] > threshold
        for label in ["", *np.unique(classes)]:
            own = flagged if label == "" else flagged[classes == label]
            share = float(own.mean())
            found.append(DetectionRate(name, str(label), share, len(own), *_interval(share, len(own))))
    return tuple(found)


def _swallowed(parts: dict, taken: dict) -> tuple[Swallowed, ...]:
    found = []
    for ood in SETS:
        classes = parts[ood][1]
        for name in np.unique(classes):
            own = taken[ood][classes == name]
            found += [Swallowed(ood, str(name), str(k), int(np.sum(own == k)), len(own)) for k in np.unique(own)]
    return tuple(found)


def _parts() -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray, np.ndarray]:
    """Images and classes by set, known ones first; then training images, their labels and validation images."""
    digits = load_digits()
    images, labels = digits.images.reshape(-1, 64), digits.target
    is_known = ~np.isin(labels, WITHHELD)
    order = np.arange(len(labels))
    train, validation, test = (is_known & part for part in (order < 850, (order >= 850) & (order < 1000), order > 999))
    static = np.random.default_rng(0).integers(0, 17, (80, 64)).astype(float)
    mirrored = images[test].reshape(-1, 8, 8)[::3, :, ::-1].reshape(-1, 64)
    parts = {
        ID: (images[test], labels[test].astype(str)),
        "withheld": (images[~is_known], labels[~is_known].astype(str)),
        "faded prints": (0.55 * images[:120] + 0.45 * (16 - images[:120]), np.repeat("faded", 120)),
        "mirrored": (mirrored, np.char.add("mirrored ", labels[test][::3].astype(str))),
        "static": (static, np.repeat("static", len(static))),
    }
    return parts, images[train], labels[train], images[validation]


def build() -> OodResult:
    parts, gallery, labels, validation = _parts()
    scores, measurements = {}, []
    for seed, (run, noise) in enumerate(RUNS.items()):
        for feature in FEATURES[run]:
            for name, (pixels, _) in parts.items():
                near = _scores(noise, feature, gallery, pixels, seed)
                scores[run, "knn", feature, name] = near
                scores[run, "cosine", feature, name] = -1 / (1 + near) + 0.001 * np.sin(near * 50)
                if run in GROUPS["ranked"]:
                    scores[run, "tier-gap", feature, name] = np.sin(near)
        for score, feature in dict.fromkeys(key[1:3] for key in scores if key[0] == run):
            for ood in SETS:
                pair = (scores[run, score, feature, name] for name in (ID, ood))
                measurements.append(measurement(run, ood, score, feature, *pair))
    nearest = NearestNeighbors(n_neighbors=1).fit(gallery)
    taken = {name: labels[nearest.kneighbors(pixels)[1][:, 0]].astype(str) for name, (pixels, _) in parts.items()}
    threshold = _threshold(_scores(RUNS["ranked"], "projection", gallery, validation, 0))
    rows = aggregates(measurements, SETS)
    candidates = (
        Candidate("knn", "projection", {"k": 5}, 0.93),
        Candidate("knn", "projection", {"k": 50}, 0.91),
        Candidate("cosine", "encoder", {}, 0.88),
    )
    return OodResult(
        runs=tuple(
            RunSummary(
                name,
                f"runs/{name}",
                group,
                dict(zip(MEASURES, VALUES[name], strict=True)),
                {"seed": seed, "epochs": 30, "ranking_hash": "9f2c1d7ab0"},
                group=group,
                seed=seed,
                seconds=12.5 + seed,
            )
            for group, names in GROUPS.items()
            for seed, name in enumerate(names)
        ),
        groups=tuple(Group(name, runs) for name, runs in GROUPS.items()),
        id_spec="digits",
        id_images="test split",
        id_classes=tuple(str(c) for c in range(10) if c not in WITHHELD),
        n_id=len(parts[ID][0]),
        sets=tuple(
            OodSet(
                name,
                "digits" if kind == "withheld" else f"npz:{name}.npz",
                kind,
                len(parts[name][0]),
                tuple(map(str, np.unique(parts[name][1]))),
                images="test split",
                formats="npz array",
                digest=f"{i}" * 64,
                trained_outliers=name == "mirrored",
            )
            for i, (name, kind) in enumerate(SETS.items())
        ),
        infos=INFOS,
        measurements=tuple(measurements),
        aggregates=rows,
        comparisons=_comparisons(rows),
        headline=("knn", "projection"),
        headline_from="tuned on npz:tuning.npz",
        scores=scores,
        swallowed=_swallowed(parts, taken),
        worst=_worst(parts, taken, scores),
        pictures=_pictures(parts, gallery, labels, scores),
        facts=(
            ("2-D picture", "linear discriminants of the pixels, fitted on training images"),
            ("Transforms", "8x8, mean 0.31, standard deviation 0.38, as in training"),
        ),
        warnings=("one image of faded prints was skipped: cannot be decoded",),
        tuning=Tuning("npz:tuning.npz", len(validation), 90, candidates[0], candidates),
        threshold=threshold,
        rates=_rates(parts, scores, threshold.value),
        left_out=(("odin", "it needs the images: ask for it by name"),),
    )


@pytest.fixture(scope="session")
def result() -> OodResult:
    return build()


@pytest.fixture
def changed(result: OodResult) -> Callable[..., OodResult]:
    return lambda **changes: replace(result, **changes)
