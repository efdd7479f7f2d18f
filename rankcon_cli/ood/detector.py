"""A run in use: what it takes an image for, and whether it knows the image at all."""

import math
from dataclasses import dataclass

from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks, class_means, nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings, headline_feature
from rankcon_cli.ood.bank import Bank, bank_of
from rankcon_cli.ood.choice import DEFAULT, Choice
from rankcon_cli.ood.scores import FitData, Scorer, fit_score, score_inputs
from rankcon_cli.ood.threshold import Threshold, choose_threshold
from rankcon_cli.ranking import TierTable
from rankcon_cli.training.run_directory import Run

#: Tiers of a class that a verdict speaks of: the next ones say little of an image.
MOST_TIERS = 3


@dataclass(frozen=True)
class Near:
    """The class of a tier that an image is most similar to: ``similarity`` is its cosine to that class's mean."""

    tier: int
    class_name: str
    similarity: float


@dataclass(frozen=True)
class Verdict:
    """What a run makes of one image.

    class_name: the class whose mean is nearest; similarity: the cosine to it.
    tiers: one a tier of that class in the run's ranking, the first ``MOST_TIERS``; none without a ranking.
    score: the outlier score, larger for what looks more unknown; unknown: it is above the threshold, or not finite.
    """

    class_name: str
    similarity: float
    tiers: tuple[Near, ...]
    score: float
    unknown: bool


@dataclass(frozen=True)
class Detector:
    """A run's outlier score, fitted, with its threshold, and the means by which it names the class.

    feature: the one that ``means`` [C, D] (directions, unit length) lie in, the headline feature; ``choice.feature`` is that
    of the score. threshold: ``n`` is 0, and the shares NaN, where the user gave its value. table: None without a ranking.
    """

    run: Run
    choice: Choice
    scorer: Scorer
    threshold: Threshold
    feature: str
    means: Tensor
    classes: tuple[str, ...]
    table: TierTable | None
    bank: Bank

    def judge(self, images: Embeddings) -> list[Verdict]:
        """One ``Verdict`` an image, in order; the embeddings must be finite."""
        images = images.to(self.means.device)
        inputs = self.bank.inputs(images)[self.choice.feature]
        # Not score_inputs, which refuses all of them where the score of one is not finite.
        scores = [score for rows in blocks(*inputs.features.shape) for score in self.scorer(inputs[rows]).tolist()]
        cosines = nearest_class_mean(self.means, images.features()[self.feature])
        predicted, rows = cosines.argmax(dim=1).tolist(), cosines.tolist()
        return [self._verdict(*found) for found in zip(predicted, rows, scores, strict=True)]

    def _verdict(self, c: int, cosines: list[float], score: float) -> Verdict:
        tiers = self.table.tiers[c][:MOST_TIERS] if self.table else ()
        best = [max(members, key=cosines.__getitem__) for members in tiers]
        near = tuple(Near(k, self.classes[b], cosines[b]) for k, b in enumerate(best, start=1))
        # Not `score > value`: a score that is no number must not pass for known.
        known = math.isfinite(score) and score <= self.threshold.value
        return Verdict(self.classes[c], cosines[c], near, score, not known)


def fit_detector(
    run: Run, embedder: Embedder, choice: Choice = DEFAULT, tpr: float = 0.95, threshold: float | None = None
) -> Detector:
    """The ``Detector`` of ``run``: the score fitted on its training images, the threshold set on its validation images.

    Once the run has its embeddings cached, the images themselves are not needed.

    Args:
        tpr: share of known images to keep, in (0, 1); not looked at where a threshold is given.
        threshold: its value, for a run without validation images; None to set it on them.

    Raises:
        RankconError: the run has not the feature that the score looks at; it kept no validation images, or too few for
            ``tpr``, and no threshold is given; the score cannot be fitted.
    """
    train = _training(embedder)
    bank = bank_of(run, embedder)
    if choice.feature not in bank.fits:
        raise RankconError(
            f"{run.path} has no {choice.feature} to take the score {choice} on",
            hint=f"it has {' and '.join(feature for feature in bank.fits)}",
        )
    fit = bank.fits[choice.feature]
    scorer = fit_score(choice.score, fit, **choice.parameters)
    chosen = _calibrated(run, scorer, fit, tpr) if threshold is None else _given(threshold)
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    return Detector(run, choice, scorer, chosen, feature, means, run.classes, run.table, bank)


def _training(embedder: Embedder) -> Embeddings:
    """The run's training images; where they cannot be had, the error says what for and what does instead."""
    try:
        return embedder.training()[0]
    except RankconError as error:
        error.hint = error.hint or (
            "outlier scores are fitted on the images the run was trained on: put them back, or give the run the folder "
            "cache/ from a place where they were embedded once ('rankcon evaluate' or 'score' does it)"
        )
        raise


def _given(value: float) -> Threshold:
    return Threshold(value, tpr=math.nan, n=0, kept=math.nan, low=math.nan, high=math.nan)


def _calibrated(run: Run, scorer: Scorer, fit: FitData, tpr: float) -> Threshold:
    by_hand = "--threshold VALUE gives one by hand"
    if fit.validation is None:
        raise RankconError(
            f"{run.path} kept no validation images to set the threshold on",
            hint=f"train with --val-fraction 0.1; {by_hand}",
        )
    try:
        return choose_threshold(score_inputs(scorer, fit.validation, "validation images"), tpr)
    except RankconError as error:
        raise RankconError(f"{run.path}: {error.message}", hint=f"{error.hint}; {by_hand}") from error
