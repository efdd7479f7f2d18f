"""Runs against unknown images, from specs to one ``OodResult``: which images, which score, measures, what is shown."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, pixel_hashes
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import headline_feature
from rankcon_cli.evaluation.images import TestImages, test_images
from rankcon_cli.ood.aggregate import aggregates, comparisons
from rankcon_cli.ood.choice import DEFAULT, Choice
from rankcon_cli.ood.compare import Looked, detection_rates, false_alarms, misses, swallowed
from rankcon_cli.ood.facts import data_facts, protocol_facts, run_facts
from rankcon_cli.ood.intervals import intervals
from rankcon_cli.ood.metrics import ood_metrics, oscr
from rankcon_cli.ood.pictures import Cloud, Projection, pictures, projecting
from rankcon_cli.ood.result import (
    ID,
    DeployedThreshold,
    DetectionRate,
    Group,
    Measurement,
    OodResult,
    Picture,
    Swallowed,
    Tuning,
    WorstImage,
)
from rankcon_cli.ood.runs import distinct_names, groups_of, require_comparable, run_warnings, summary
from rankcon_cli.ood.scores import SCORES, fit_score, score_inputs
from rankcon_cli.ood.scoring import (
    Entry,
    Taken,
    cosines_of,
    enter,
    infos,
    left_out_of,
    require_feature,
    right_of,
    take_scores,
)
from rankcon_cli.ood.sets import Seen, Unknown, load_unknowns
from rankcon_cli.ood.threshold import choose_threshold
from rankcon_cli.ood.tuning import load_tuning, require_untested, tune
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.images import data_options
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.world import ALONE, World

log = logging.getLogger("rankcon")

_WORST = 12  # images shown of each set
Scores = dict[tuple[str, str, str, str], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How runs are held against unknown images.

    choice: the headline score, None for the default or the tuned one; tune_on: spec of the images that choose it.
    tpr: share of known images that the threshold keeps. odin: take ODIN too. resamples: of the bootstrap; 0 for no intervals.
    withheld_from_all: see ``ood.sets.load_unknowns``. tsne: draw t-SNE beside PCA. unknowns_needed: RankconError where there
    are none, else a result without sets.
    """

    choice: Choice | None = None
    tune_on: str | None = None
    tpr: float = 0.95
    odin: bool = False
    resamples: int = 1000
    seed: int = 0
    withheld_from_all: bool = False
    tsne: bool = True
    unknowns_needed: bool = True


@dataclasses.dataclass(frozen=True)
class Headline:
    """The score shown first and deployed, why that one, and the tuning that chose it."""

    choice: Choice
    why: str
    tuning: Tuning | None = None
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is shown of the subject run alone, by the names of ``OodResult``; nothing where there is no unknown image."""

    swallowed: tuple[Swallowed, ...] = ()
    worst: tuple[WorstImage, ...] = ()
    pictures: tuple[Picture, ...] = ()
    rates: tuple[DetectionRate, ...] = ()


def ood_evaluate(
    runs: Sequence[Run],
    data: str | None,
    *,
    ood: Sequence[str] = (),
    near: Sequence[str] = (),
    far: Sequence[str] = (),
    options: DataOptions | None = None,
    device: str = "auto",
    protocol: Protocol = Protocol(),
    progress: Progress = silent,
    world: World = ALONE,
) -> OodResult:
    """Hold ``runs`` against unknown images; the first run is the subject, the others are its baselines.

    Args:
        data: spec of the ID test images; None as in ``evaluation.images.test_images``.
        ood, near, far: specs of sets of unknown images; the classes that the runs withheld come on top.
        world: the processes that embed images together.

    Raises:
        UsageError: a run or a set is given twice, or tuned on and tested at once.
        RankconError: the runs cannot be compared, or what ``test_images``, ``load_unknowns``, tuning and the headline score
            raise.
    """
    subject, specs = runs[0], {"near": near, "far": far, "other": ood}
    require_comparable(runs)
    if protocol.tune_on:
        require_untested(protocol.tune_on, [spec for kind in specs.values() for spec in kind])
    options = options or data_options(subject.config.data)
    names = distinct_names(runs)
    groups, seed_warnings = groups_of(runs, names)
    test = test_images(subject, data, options, progress)
    unknowns, set_warnings = load_unknowns(
        runs,
        test,
        specs,
        options,
        withheld_from_all=protocol.withheld_from_all,
        needed=protocol.unknowns_needed,
        progress=progress,
    )
    entries = [enter(run, name, device, progress, world) for run, name in zip(runs, names, strict=True)]
    headline = _headline(entries[0], runs, test, unknowns, options, protocol, progress)
    sets = {ID: test.known, **{u.set.name: u.images for u in unknowns}}
    taken = _take(entries, sets, headline.choice, protocol, progress) if unknowns else {}
    # Begun here, since what follows keeps one core busy and this another.
    projected = _projecting(entries[0], sets, protocol) if unknowns else None
    scores = {(run, *key): values for run, found in taken.items() for key, values in found.scores.items()}
    summaries = tuple(summary(e.run, e.name, groups, e.embedder, e.bank, test, subject) for e in entries)
    measurements = tuple(_measure(entries, groups, scores, test, protocol, progress))
    key = (headline.choice.score, headline.choice.feature)
    kinds = tuple(u.set for u in unknowns)
    compared = comparisons(
        groups, summaries, kinds, measurements, key, scores, resamples=protocol.resamples, seed=protocol.seed
    )
    threshold, threshold_warnings = _threshold(entries[0], headline.choice, test, protocol)
    shown = _show(entries[0], sets, scores, key, threshold, projected.result()) if projected else Shown()
    by_name = dict(zip(names, runs, strict=True))
    return OodResult(
        runs=summaries,
        groups=groups,
        id_spec=test.known.spec,
        id_images=test.description,
        id_classes=subject.classes,
        n_id=len(test.known),
        sets=kinds,
        infos=infos([score for _, score, _, _ in scores]),
        measurements=measurements,
        aggregates=aggregates(groups, summaries, kinds, measurements),
        comparisons=compared,
        headline=key,
        headline_from=headline.why,
        scores=scores,
        **vars(shown),
        facts=(
            *data_facts(subject, test, unknowns),
            *run_facts(by_name, summaries, groups, str(entries[0].embedder.device)),
            *protocol_facts(subject, headline.choice, headline.why, groups, compared, protocol.resamples),
        ),
        warnings=(
            *test.warnings,
            *set_warnings,
            *seed_warnings,
            *run_warnings(by_name, test),
            *headline.warnings,
            *threshold_warnings,
        ),
        tuning=headline.tuning,
        threshold=threshold,
        left_out=left_out_of(taken, protocol.odin) if taken else (),
    )


def _headline(
    subject: Entry,
    runs: Sequence[Run],
    test: TestImages,
    unknowns: Sequence[Unknown],
    options: DataOptions,
    protocol: Protocol,
    progress: Progress,
) -> Headline:
    if protocol.tune_on and unknowns:
        seen = Seen.by(runs, test)
        images = load_tuning(protocol.tune_on, subject.run, seen, test, unknowns, options, progress)
        found = tune(images, subject.bank, subject.embedder, tuple(SCORES), progress)
        best = found.chosen
        why = (
            f"tuned: the best of {len(found.candidates)} by AUROC on {found.n_id} validation images of "
            f"{subject.name} against {found.n_ood} images of {found.spec}, which are not tested"
        )
        warnings = images.warnings
        if len(runs) > 1:
            warnings += (
                f"the score was tuned on {subject.name} alone: by it the other runs may look worse than by their own",
            )
        return Headline(Choice(best.score, best.feature, dict(best.parameters)), why, found, warnings)
    if protocol.choice:
        require_feature(subject.bank, protocol.choice, subject.run)
        return Headline(protocol.choice, "asked for with --score")
    return Headline(DEFAULT, "fixed before any unknown image was looked at")


def _take(
    entries: Sequence[Entry], sets: Mapping[str, ImageSet], choice: Choice, protocol: Protocol, progress: Progress
) -> dict[str, Taken]:
    """The scores of every run, by its name; the subject must have the headline score."""
    return {
        entry.name: take_scores(
            entry, sets, tuple(SCORES), choice, odin=protocol.odin, required=entry is entries[0], progress=progress
        )
        for entry in entries
    }


def _measure(
    entries: Sequence[Entry],
    groups: Sequence[Group],
    scores: Scores,
    test: TestImages,
    protocol: Protocol,
    progress: Progress,
) -> list[Measurement]:
    """One row a run, score, feature and set; with bootstrap intervals where a run is alone in its group."""
    if not scores:
        return []
    right = {entry.name: right_of(entry, test.known) for entry in entries}
    alone = {group.runs[0] for group in groups if len(group.runs) == 1}
    wanted = [key for key in scores if key[3] != ID]
    rows = []
    for run, score, feature, name in progress(wanted, "measuring", len(wanted)):
        known, unknown = scores[run, score, feature, ID], scores[run, score, feature, name]
        metrics = ood_metrics(known, unknown)
        sure = {}
        if run in alone and protocol.resamples:
            sure = intervals(known, unknown, resamples=protocol.resamples, seed=protocol.seed, id_correct=right[run])
        rows.append(
            Measurement(
                run=run,
                ood=name,
                score=score,
                feature=feature,
                **metrics,
                n_id=len(known),
                n_ood=len(unknown),
                oscr=oscr(known, right[run], unknown),
                intervals=sure,
            )
        )
    return rows


def _threshold(
    subject: Entry, choice: Choice, test: TestImages, protocol: Protocol
) -> tuple[DeployedThreshold | None, tuple[str, ...]]:
    """The threshold from the subject's validation images, or None and why there is none."""
    fit = subject.bank.fits[choice.feature]
    if fit.validation is None:
        return None, (f"no threshold: {subject.name} kept no validation images (train with --val-fraction 0.1)",)
    try:
        scorer = fit_score(choice.score, fit, **choice.parameters)
        found = choose_threshold(score_inputs(scorer, fit.validation, "validation images"), protocol.tpr)
    except RankconError as error:
        return None, (f"no threshold: {error.message}",)
    _, validation = subject.run.splits()
    shared = np.isin(pixel_hashes(test.known), subject.run.training_hashes()[validation]).any()
    warnings = (
        ("the known images tested are those that the threshold was set on: its false alarms say nothing new",)
        if shared
        else ()
    )
    return DeployedThreshold(**dataclasses.asdict(found)), warnings


def _projecting(subject: Entry, sets: Mapping[str, ImageSet], protocol: Protocol) -> Future[Projection]:
    """The headline feature of all ``sets`` in two dimensions, begun."""
    feature = headline_feature(subject.bank.fits)
    features = {name: subject.embedder.embed(images).features()[feature] for name, images in sets.items()}
    return projecting(features, protocol.seed, tsne=protocol.tsne)


def _show(
    subject: Entry,
    sets: Mapping[str, ImageSet],
    scores: Scores,
    headline: tuple[str, str],
    threshold: DeployedThreshold | None,
    projection: Projection,
) -> Shown:
    run = subject.run
    looked = {name: _looked(subject, name, images, scores, headline) for name, images in sets.items()}
    known, unknown = looked[ID], [one for name, one in looked.items() if name != ID]
    clouds = [Cloud(name, one.class_names, one.scores, sets[name]) for name, one in looked.items()]
    return Shown(
        swallowed=tuple(row for one in unknown for row in swallowed(one, run.classes)),
        worst=(
            *(row for one in unknown for row in misses(one, known, run.classes, _WORST)),
            *false_alarms(known, unknown, run.classes, _WORST),
        ),
        pictures=pictures(projection, clouds, run.table),
        rates=detection_rates(list(looked.values()), threshold.value) if threshold else (),
    )


def _looked(subject: Entry, name: str, images: ImageSet, scores: Scores, headline: tuple[str, str]) -> Looked:
    return Looked(
        set=name,
        names=images.names,
        class_names=tuple(images.classes[label] for label in images.labels),
        scores=scores[subject.name, *headline, name],
        cosines=cosines_of(subject, images),
        image=images.images.__getitem__,
    )


def headline_measurements(result: OodResult) -> list[dict[str, Any]]:
    """The headline score of each run and set, as dictionaries of the measures."""
    return [dataclasses.asdict(m) for m in result.measurements if (m.score, m.feature) == result.headline]
