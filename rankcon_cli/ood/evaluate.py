"""Runs against unknown images: every score on every feature, gathered into one ``OodResult``."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from rankcon_cli.data import DataOptions
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import class_means, linear_probe, nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings, headline_feature
from rankcon_cli.evaluation.evaluate import evaluate
from rankcon_cli.evaluation.images import TestImages, test_images
from rankcon_cli.ood.compare import fooled_images, measurement, pca_points, swallowed
from rankcon_cli.ood.result import FooledImage, OodResult, Points, RunSummary, Swallowed
from rankcon_cli.ood.scores import SCORES, FitData, default_k, outlier_scores
from rankcon_cli.ood.sets import Unknown, load_unknowns
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.images import data_options
from rankcon_cli.training.run_directory import Run

#: The score shown first, fixed before any OOD image is looked at: no score wins everywhere, and kNN on the encoder
#: output has no parameter that data could have been peeked at for.
HEADLINE = ("knn", "encoder")
#: What a report repeats of a run's evaluation.
SUMMARY_MEASURES = (
    "accuracy",
    "order_satisfaction",
    "order_satisfaction_beyond_own",
    "mistake_severity",
    "mistakes_in_tier_1",
    "recall_at_1",
    "map_at_r",
)
_FOOLED = 12
_ID = "id"


def ood_evaluate(
    runs: Sequence[Run],
    data: str | None,
    ood: Sequence[str],
    options: DataOptions | None = None,
    *,
    device: str = "auto",
    withheld_from_all: bool = False,
    progress: Progress = silent,
) -> OodResult:
    """Hold ``runs`` against unknown images; the first run is the subject, the others are its baselines.

    Args:
        data: spec of the ID test images; None as in ``evaluation.images.test_images``.
        ood: specs of sets of unknown images; the classes that the runs withheld come on top.
        withheld_from_all: see ``ood.sets.load_unknowns``.

    Raises:
        RankconError: the runs cannot be compared, or what ``test_images``, ``load_unknowns`` and the scores raise.
    """
    subject = runs[0]
    _require_comparable(runs)
    options = options or data_options(subject.config.data)
    test = test_images(subject, data, options, progress)
    unknowns, warnings = load_unknowns(
        subject, test, ood, options, withheld_from_all=withheld_from_all, progress=progress
    )
    names = _distinct_names(runs)
    summaries, scores = [], {}
    for run, name in zip(runs, names, strict=True):
        embedder = Embedder(run, device, progress)
        train, _ = embedder.training()
        known = embedder.embed(test.known)
        unknown = {u.set.name: embedder.embed(u.images) for u in unknowns}
        scores |= _scores(name, train, {_ID: known, **unknown})
        summaries.append(_summary(run, name, evaluate(run, embedder, test, subject.ranking), train))
        if run is subject:
            shown = _show(name, subject, test, unknowns, train, known, unknown, scores)
    rows, fooled, points = shown
    measurements = tuple(
        measurement(run, set_name, score, feature, scores[run, score, feature, _ID], values)
        for (run, score, feature, set_name), values in scores.items()
        if set_name != _ID
    )
    return OodResult(
        runs=tuple(summaries),
        id_spec=test.known.spec,
        id_images=test.description,
        id_classes=subject.classes,
        n_id=len(test.known),
        sets=tuple(u.set for u in unknowns),
        measurements=measurements,
        headline=HEADLINE,
        scores=scores,
        swallowed=rows,
        fooled=fooled,
        points=points,
        facts=_facts(runs, test, unknowns),
        warnings=test.warnings + warnings + _budget_warnings(runs),
    )


def _require_comparable(runs: Sequence[Run]) -> None:
    subject = runs[0]
    for run in runs[1:]:
        for what, mine, theirs in (
            ("classes", set(run.classes), set(subject.classes)),
            ("withheld classes", set(run.withheld), set(subject.withheld)),
            ("image size", run.image_size, subject.image_size),
            ("channels", run.channels, subject.channels),
        ):
            if mine != theirs:
                raise RankconError(
                    f"{run.path} and {subject.path} cannot stand in one report: their {what} differ",
                    hint="train the baselines on the same data with the same --withhold and --image-size",
                )
        if run.classes != subject.classes:
            raise RankconError(f"{run.path} and {subject.path} have the same classes in another order")


def _distinct_names(runs: Sequence[Run]) -> list[str]:
    """The runs' folder names, made different where two are alike."""
    names: list[str] = []
    for run in runs:
        name, n = run.name, 2
        while name in names:
            name, n = f"{run.name}-{n}", n + 1
        names.append(name)
    return names


def _scores(run: str, train: Embeddings, sets: dict[str, Embeddings]) -> dict[tuple[str, str, str, str], np.ndarray]:
    """(run, score, feature, set) -> outlier scores, for all scores on all the features they take."""
    logits = _logits(train, sets)
    found = {}
    for name, score in SCORES.items():
        if score.takes == "logits":
            inputs = {"logits": (logits, None)}
        else:
            inputs = {
                feature: ({s: e.features()[feature] for s, e in sets.items()}, FitData(fitted, train.labels))
                for feature, fitted in train.features().items()
            }
        for feature, (tensors, fit) in inputs.items():
            for set_name, values in outlier_scores(name, tensors, fit).items():
                found[run, name, feature, set_name] = values
    return found


def _logits(train: Embeddings, sets: dict[str, Embeddings]) -> dict[str, Tensor]:
    """Logits of the trained head, or of a linear probe on the training images' encoder output where there is none."""
    if train.logits is not None:
        return {name: e.logits for name, e in sets.items()}
    probe = linear_probe(train.encoder, train.labels, int(train.labels.max()) + 1)
    return {name: probe.logits(e.encoder) for name, e in sets.items()}


def _summary(run: Run, name: str, evaluation: dict[str, Any], train: Embeddings) -> RunSummary:
    loss, optim = run.config.loss, run.config.optim
    details = {
        "variant": loss.variant if loss.name == "ranked" else None,
        "ranks": loss.ranks,
        "ce_weight": loss.ce_weight,
        "encoder": run.config.model.encoder,
        "epochs": optim.epochs,
        "batch_size": run.record["schedule"]["batch_size"],
        "seed": run.config.seed,
        "ranking_hash": run.record["ranking"]["hash"] if run.record["ranking"] else None,
        "logits_from": "cross-entropy head" if train.logits is not None else "linear probe on the training features",
        "headline_feature": evaluation["headline"]["feature"],
        "device": run.record["environment"]["device"],
    }
    measures = {key: evaluation.get(key) for key in SUMMARY_MEASURES}
    return RunSummary(name=name, path=str(run.path), loss=loss.name, measures=measures, details=details)


def _show(
    name: str,
    run: Run,
    test: TestImages,
    unknowns: Sequence[Unknown],
    train: Embeddings,
    known: Embeddings,
    unknown: dict[str, Embeddings],
    scores: dict[tuple[str, str, str, str], np.ndarray],
) -> tuple[tuple[Swallowed, ...], tuple[FooledImage, ...], tuple[Points, ...]]:
    """What is shown of the subject alone: who swallows whom, the worst images, the 2-D picture."""
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    rows, fooled = [], []
    clouds = {_ID: (known.features()[feature], [run.classes[label] for label in test.known.labels])}
    for u in unknowns:
        embedded, classes = unknown[u.set.name].features()[feature], u.class_names()
        clouds[u.set.name] = (embedded, classes)
        cosines = nearest_class_mean(means, embedded).cpu().numpy()
        rows += swallowed(u.set.name, classes, cosines, run.classes)
        fooled += fooled_images(
            u.set.name,
            scores[name, *HEADLINE, _ID],
            scores[name, *HEADLINE, u.set.name],
            cosines,
            u.images.names,
            classes,
            run.classes,
            image=u.images.images.__getitem__,
            k=_FOOLED,
        )
    return tuple(rows), tuple(fooled), pca_points(clouds, run.config.seed)


def _facts(runs: Sequence[Run], test: TestImages, unknowns: Sequence[Unknown]) -> tuple[tuple[str, str], ...]:
    run = runs[0]
    data = run.record["data"]
    n_train = run.record["splits"]["train"]
    facts = [
        (
            "Training data",
            f"{data['spec']}, {n_train} training and {run.record['splits']['validation']} validation images",
        ),
        ("ID test data", f"{test.known.spec} ({test.description}), {len(test.known)} images"),
        *(
            (
                f"OOD set {u.set.name}",
                f"{u.set.spec} ({u.set.images}), {u.set.n} images of {len(u.set.classes)} classes",
            )
            for u in unknowns
        ),
        ("Withheld classes", ", ".join(run.withheld) or "none"),
        (
            "Images",
            f"all sets brought to {data['image_size']}×{data['image_size']}, {data['channels']} channels, "
            "and normalised as the training images",
        ),
        ("kNN", f"distance to training image number {default_k(n_train)} by distance"),
        ("Seeds", ", ".join(sorted({str(r.config.seed) for r in runs}))),
        ("Fitting", "all scores are fitted on training images; nothing is tuned on test or OOD images"),
    ]
    if run.record["ranking"]:
        facts.append(("Ranking", f"{run.config.ranking}, {run.record['ranking']['hash']}"))
    if test.known.skipped:
        facts.append(("Broken test images left out", str(len(test.known.skipped))))
    return tuple(facts)


def _budget_warnings(runs: Sequence[Run]) -> tuple[str, ...]:
    """Baselines are only baselines at the same budget."""
    found = []
    for what, values in (
        ("encoder", {r.config.model.encoder for r in runs}),
        ("epochs", {r.config.optim.epochs for r in runs}),
        ("batch size", {r.record["schedule"]["batch_size"] for r in runs}),
        ("training images", {r.record["data"]["fingerprint"] for r in runs}),
    ):
        if len(values) > 1:
            found.append(f"the runs differ in their {what}: the comparison is not on equal terms")
    return tuple(found)


def headline_measurements(result: OodResult) -> list[dict[str, Any]]:
    """The headline score of each run and set, as dictionaries of the measures."""
    return [dataclasses.asdict(m) for m in result.measurements if (m.score, m.feature) == result.headline]
