"""Which runs may stand in one report, how they are called and grouped, and what a reader must know of them."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from rankcon_cli.data import pixel_hashes
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import Embedder, headline_feature
from rankcon_cli.evaluation.evaluate import headline_measures
from rankcon_cli.evaluation.images import TestImages
from rankcon_cli.evaluation.seeds import group_by_seed, repeated_seeds, training_seconds
from rankcon_cli.ood.bank import Bank
from rankcon_cli.ood.result import Group, RunSummary
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.run_files import WEIGHTS

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


def require_comparable(runs: Sequence[Run]) -> None:
    """RankconError where ``runs`` were not trained to know the same classes from images of the same size."""
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


def distinct_names(runs: Sequence[Run]) -> tuple[str, ...]:
    """The runs' folder names, made different where two are alike."""
    names: list[str] = []
    for run in runs:
        name, n = run.name, 2
        while name in names:
            name, n = f"{run.name}-{n}", n + 1
        names.append(name)
    return tuple(names)


def groups_of(runs: Sequence[Run], names: Sequence[str]) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups by the ``names`` of their runs, and warnings; UsageError where a run is given twice."""
    found = group_by_seed(runs)
    name_of = {run.path: name for run, name in zip(runs, names, strict=True)}
    groups = tuple(Group(group.name, tuple(name_of[run.path] for run in group.runs)) for group in found)
    return groups, repeated_seeds(found)


def summary(
    run: Run, name: str, groups: Sequence[Group], embedder: Embedder, bank: Bank, test: TestImages, subject: Run
) -> RunSummary:
    """What the report says of ``run``; the measures of the ranking are by that of ``subject``, for all alike."""
    measures = headline_measures(run, embedder, test, subject.ranking)
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
        "weights_hash": f"sha256:{hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest()}",
        "logits_from": bank.logits_from,
        "headline_feature": headline_feature(bank.fits),
        "device": run.record["environment"]["device"],
        "precision": embedder.precision,
    }
    return RunSummary(
        name=name,
        path=str(run.path),
        loss=loss.name,
        measures={key: measures.get(key) for key in SUMMARY_MEASURES},
        details=details,
        group=next(group.name for group in groups if name in group.runs),
        seed=run.config.seed,
        seconds=training_seconds(run),
    )


def run_warnings(runs: Mapping[str, Run], test: TestImages) -> tuple[str, ...]:
    """Why a comparison of ``runs``, by name with the subject first, may not be on equal terms."""
    return (*_trained_on(runs, test), *_met_as_outliers(runs, test), *_budgets(list(runs.values())))


def _trained_on(runs: Mapping[str, Run], test: TestImages) -> list[str]:
    """Test images that a baseline was trained on: where the subject's validation images are the test, say."""
    hashes = pixel_hashes(test.known)
    warnings = []
    for name, run in list(runs.items())[1:]:
        train, _ = run.splits()
        n = int(np.isin(hashes, run.training_hashes()[train]).sum())
        if n:
            warnings.append(
                f"{n} of {len(hashes)} test images are images {name} was trained on: its numbers measure memory, "
                "and are no comparison; give test images that no run has seen with --data"
            )
    return warnings


def _met_as_outliers(runs: Mapping[str, Run], test: TestImages) -> list[str]:
    """ID test images that training pushed away as known outliers: where both come from one folder, say."""
    hashes = pixel_hashes(test.known)
    counts = {name: int(np.isin(hashes, run.outlier_hashes()).sum()) for name, run in runs.items()}
    return [
        f"{n} of {len(hashes)} ID test images served {name} as outliers in training: it learned to take them for unknown"
        for name, n in counts.items()
        if n
    ]


def _budgets(runs: Sequence[Run]) -> list[str]:
    """Baselines are only baselines at the same budget."""
    compared = {
        "encoder": {run.config.model.encoder for run in runs},
        "epochs": {run.config.optim.epochs for run in runs},
        "batch size": {run.record["schedule"]["batch_size"] for run in runs},
        "training images": {run.record["data"]["fingerprint"] for run in runs},
    }
    return [
        f"the runs differ in their {what}: the comparison is not on equal terms"
        for what, values in compared.items()
        if len(values) > 1
    ]
