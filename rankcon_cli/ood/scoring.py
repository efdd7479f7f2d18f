"""Every outlier score of one run, on every set of images."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rankcon_cli.data import ImageSet
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import class_means, nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, headline_feature
from rankcon_cli.ood.bank import LOGITS, Bank, bank_of
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.result import ScoreInfo
from rankcon_cli.ood.scores import SCORES, Inputs, fit_score, score_inputs
from rankcon_cli.ood.scores.odin import ODIN, odin_scores
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.world import ALONE, World

log = logging.getLogger("rankcon")

#: Fields of ``FitData`` that a score may need, in words.
_NEEDS = {
    "logits": "logits",
    "head": "a linear head on the feature",
    "validation": "validation images",
    "validation_labels": "validation images",
    "table": "a ranking",
    "reference": "a training with known outliers and a reference vector",
}


@dataclass(frozen=True)
class Entry:
    """A run that takes part in a report, by its name there, with what its scores are fitted on."""

    name: str
    run: Run
    embedder: Embedder
    bank: Bank


@dataclass(frozen=True)
class Taken:
    """The outlier scores of one run: (score, feature, set) -> float64 [n]. left_out: score -> why it was not taken."""

    scores: dict[tuple[str, str, str], np.ndarray]
    left_out: dict[str, str]


def enter(run: Run, name: str, device: str, progress: Progress = silent, world: World = ALONE) -> Entry:
    """``run`` made ready; raises RankconError as ``bank_of`` does."""
    embedder = Embedder(run, device, progress, world)
    return Entry(name, run, embedder, bank_of(run, embedder))


def require_feature(bank: Bank, choice: Choice, run: Run) -> None:
    """RankconError where ``run`` cannot be scored by ``choice`` at all."""
    if choice.feature not in bank.fits:
        raise RankconError(
            f"{run.path} has no {choice.feature} to take the score {choice} on",
            hint=f"it has {' and '.join(bank.fits)}",
        )
    if missing := SCORES[choice.score].missing(bank.fits[choice.feature]):
        raise RankconError(
            f"the score {choice} needs {_needed(missing)}, which {run.path} has not", hint="choose another with --score"
        )


def take_scores(
    entry: Entry,
    sets: Mapping[str, ImageSet],
    names: Sequence[str],
    choice: Choice,
    *,
    odin: bool = False,
    required: bool = False,
    progress: Progress = silent,
) -> Taken:
    """The scores ``names`` of ``sets``, each on every feature it takes, with its defaults but for ``choice``.

    A score that cannot be fitted here is left out with its reason.

    Args:
        choice: has the parameters of its score on its feature.
        odin: take ODIN too, which runs the network on every image again.
        required: raise the RankconError of ``choice`` rather than leave it out.
    """
    inputs = {name: entry.bank.inputs(entry.embedder.embed(images)) for name, images in sets.items()}
    found: dict[tuple[str, str, str], np.ndarray] = {}
    left_out = _inapplicable(entry.bank, names)
    wanted = [(score, feature) for score, feature in entry.bank.applicable() if score in names]
    for score, feature in progress(wanted, f"scores of {entry.name}", len(wanted)):
        chosen = (score, feature) == (choice.score, choice.feature)
        parameters = choice.parameters if chosen else {}
        try:
            scorer = fit_score(score, entry.bank.fits[feature], **parameters)
            taken = {name: _scores_of(scorer, seen[feature], name) for name, seen in inputs.items()}
        except RankconError as error:
            if chosen and required:
                raise
            left_out[score] = f"on the {feature}: {error.message}"
            log.debug("%s on the %s of %s was left out: %s", score, feature, entry.name, error.message)
            continue
        found |= {(score, feature, name): values for name, values in taken.items()}
    if odin:
        found |= {(ODIN.name, LOGITS, name): values for name, values in _odin(entry, sets, progress).items()}
    return Taken(found, left_out)


def right_of(entry: Entry, known: ImageSet) -> np.ndarray:
    """Whether each known image [n] is classified right by the nearest class mean, on the headline feature."""
    embedded = entry.embedder.embed(known)
    return (cosines_of(entry, known).argmax(1) == embedded.labels.cpu().numpy()).astype(bool)


def cosines_of(entry: Entry, images: ImageSet) -> np.ndarray:
    """Cosines [n, C] to the class means on the headline feature."""
    train, _ = entry.embedder.training()
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(entry.run.classes))
    return nearest_class_mean(means, entry.embedder.embed(images).features()[feature]).cpu().numpy()


def infos(measured: Sequence[str]) -> tuple[ScoreInfo, ...]:
    """What a reader should know of the scores ``measured``, in the order of a report."""
    known = [
        ScoreInfo(name, score.title, score.source, score.assumes, score.experimental) for name, score in SCORES.items()
    ]
    return tuple(info for info in (*known, ODIN) if info.name in measured)


def left_out_of(taken: Mapping[str, Taken], odin: bool) -> tuple[tuple[str, str], ...]:
    """(score, why) of every score that one of the runs, by name, was not measured with."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for run, found in taken.items():
        for score, why in found.left_out.items():
            reasons.setdefault((score, why), []).append(run)
    rows = [
        (score, why if len(runs) == len(taken) else f"{why} ({', '.join(runs)})")
        for (score, why), runs in reasons.items()
    ]
    if not odin:
        rows.append((ODIN.name, "it runs the network on every image again: ask for it with --odin"))
    return tuple(rows)


def _scores_of(scorer, inputs: Inputs, name: str) -> np.ndarray:
    return score_inputs(scorer, inputs, f"images of {name}")


def _inapplicable(bank: Bank, names: Sequence[str]) -> dict[str, str]:
    """Scores of ``names`` that no feature of the run has all for: score -> what it needs, in words."""
    applicable = {score for score, _ in bank.applicable()}
    left_out = {}
    for name in names:
        if name not in applicable:
            fits = [bank.fits[feature] for feature in SCORES[name].on if feature in bank.fits]
            missing = SCORES[name].missing(fits[0]) if fits else ()
            left_out[name] = f"it needs {_needed(missing) if missing else ' or '.join(SCORES[name].on)}"
    return left_out


def _needed(missing: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(_NEEDS.get(name, name) for name in missing))


def _odin(entry: Entry, sets: Mapping[str, ImageSet], progress: Progress) -> dict[str, np.ndarray]:
    device = entry.embedder.device
    network = entry.run.network().to(device)
    return {
        name: odin_scores(network, entry.bank.head, images.images, device=device)
        for name, images in progress(sets.items(), f"ODIN of {entry.name}", len(sets))
    }
