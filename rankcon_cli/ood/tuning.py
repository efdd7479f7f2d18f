"""``--tune-on``: which score, on which feature, with which parameters, tells validation images from a set kept for that.

Nothing that a report tests is looked at: known images are validation images that are not tested, and the unknown ones
share no image with any tested set.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, pixel_hashes
from rankcon_cli.data.spec import absolute_spec, without_split
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.images import TestImages
from rankcon_cli.ood.bank import Bank
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.result import Candidate, Tuning
from rankcon_cli.ood.scores import SCORES, FitData, Inputs, fit_score, score_inputs
from rankcon_cli.ood.sets import Seen, Unknown, load_unseen
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.run_directory import Run
from rankcon_cli.wording import counted

log = logging.getLogger("rankcon")


@dataclass(frozen=True)
class TuningImages:
    """What tuning may look at. known: which of the run's validation images; unknown: images of ``spec``."""

    spec: str
    known: np.ndarray
    unknown: ImageSet
    warnings: tuple[str, ...]


def require_untested(spec: str, tested: Sequence[str]) -> None:
    """UsageError where ``spec`` is one of the ``tested`` sets."""
    if absolute_spec(spec) in map(absolute_spec, tested):
        raise UsageError(
            f"{spec} cannot be tuned on and tested at once",
            hint="give --tune-on other images, of classes that are not tested",
        )


def load_tuning(
    spec: str,
    run: Run,
    seen: Seen,
    test: TestImages,
    unknowns: Sequence[Unknown],
    options: DataOptions,
    progress: Progress = silent,
) -> TuningImages:
    """The images of ``spec`` and the validation images of ``run``, without any that is tested; the rest is a warning.

    Raises:
        RankconError: nothing is left on a side.
    """
    tested = np.concatenate([pixel_hashes(u.images) for u in unknowns])
    unknown, warnings = load_unseen(spec, run, seen, options, progress)
    shared = np.isin(pixel_hashes(unknown), tested)
    if shared.all():
        raise RankconError(
            f"every image of {spec} is tested as well: nothing is left to tune on",
            hint="give --tune-on images of a set that is not tested",
        )
    if shared.any():
        unknown = unknown.select(~shared)
        warnings.append(f"left out of tuning on {spec}: {counted(int(shared.sum()), 'image')} that are tested")
    if without_split(absolute_spec(spec)) in {without_split(absolute_spec(u.set.spec)) for u in unknowns}:
        warnings.append(f"{spec} is another part of a set that is tested: tuning on it has seen its like")
    _, validation = run.splits()
    known = np.flatnonzero(~np.isin(run.training_hashes()[validation], pixel_hashes(test.known)))
    if not len(known):
        raise RankconError(
            f"{run.path} has no validation images to tune on"
            + (": those it kept are the ones that are tested" if len(validation) else ""),
            hint="give test images of their own with --data"
            if len(validation)
            else "train with --val-fraction 0.1, or name a score with --score",
        )
    warnings.append(
        "the score is chosen on the validation images that its threshold is set on, and among many the one that they suit: "
        "new known images are flagged somewhat more often than the threshold says"
    )
    for warning in warnings:
        log.warning("%s", warning)
    return TuningImages(spec, known, unknown, tuple(warnings))


def tune(images: TuningImages, bank: Bank, embedder: Embedder, scores: Sequence[str], progress: Progress) -> Tuning:
    """The candidate with the largest AUROC, of equal ones the first; every way of ``ways`` that can be fitted is tried.

    Raises:
        RankconError: none can be fitted.
    """
    unknown = bank.inputs(embedder.embed(images.unknown))
    tried = list(ways(bank, scores))
    found = [
        candidate
        for way in progress(tried, "tuning", len(tried))
        if (candidate := _try(way, bank.fits[way.feature], images.known, unknown[way.feature])) is not None
    ]
    if not found:
        raise RankconError(f"no score can be fitted to be tuned on {images.spec}", hint="name one with --score")
    best = max(found, key=lambda candidate: candidate.auroc)  # of equal ones the first
    return Tuning(images.spec, len(images.known), len(images.unknown), best, tuple(found))


def ways(bank: Bank, scores: Sequence[str]) -> Iterator[Choice]:
    """Every applicable score of ``scores``, on every feature: with its defaults, then over its grid."""
    for name, feature in bank.applicable():
        if name in scores:
            yield Choice(name, feature)
            grid = SCORES[name].grid
            if grid:
                for values in itertools.product(*grid.values()):
                    yield Choice(name, feature, dict(zip(grid, values, strict=True)))


def _try(way: Choice, fit: FitData, known: np.ndarray, unknown: Inputs) -> Candidate | None:
    try:
        scorer = fit_score(way.score, fit, **way.parameters)
        inside, outside = score_inputs(scorer, fit.validation), score_inputs(scorer, unknown)
        auroc = ood_metrics(inside[known], outside)["auroc"]
    except RankconError as error:
        log.debug("%s was not tried: %s", way, error.message)
        return None
    parameters: dict[str, Any] = dict(way.parameters)
    return Candidate(way.score, way.feature, parameters, auroc)
