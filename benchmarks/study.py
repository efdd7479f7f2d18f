"""What the studies of this folder share: a training that is not done twice, the numbers of a run and tables."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from rankcon_cli.data import keep_classes, load_images
from rankcon_cli.data.spec import without_split
from rankcon_cli.evaluation.classify import class_means, nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, headline_feature
from rankcon_cli.evaluation.evaluate import evaluate
from rankcon_cli.evaluation.images import load_for_run, test_images
from rankcon_cli.ood.bank import bank_of
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.scores import outlier_scores
from rankcon_cli.training.config import TrainConfig
from rankcon_cli.training.images import data_options
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import Run, create_run, open_run

#: The score shown first of each, the feature it is taken on (None: the feature of the headline), and its label.
AUROCS = {
    "cosine": ("cosine", None, "max cosine"),
    "knn": ("knn", "encoder", "kNN h"),
    "mahalanobis": ("mahalanobis", "encoder", "Mahalanobis h"),
    "rmd": ("rmd", "encoder", "rel. Mahalanobis h"),
}


def trained(config: TrainConfig, out: Path) -> Run:
    """The run of ``config`` in ``out``: opened where it is finished, else trained."""
    if (out / "model.safetensors").exists():
        return open_run(out)
    plan = make_plan(config)
    run = create_run(out, plan, force=True)
    train(run, plan)
    return run


def numbers(
    run: Run,
    *,
    withheld_from_all: bool,
    parts: Mapping[str, tuple[Sequence[str], str]] | None = None,
    others: Sequence[str] = (),
) -> dict[str, float]:
    """Accuracy and order on the headline feature, and for every set of unknowns the AUROC of the scores of ``AUROCS``.

    ``parts``: suffix of the keys -> (withheld classes that make one set, the split they are taken from); None: all of them
    in one, without suffix. Keys of the sets ``others`` end in `` SPEC``. ``drop``: how much lower an unknown image's best
    cosine to a class mean is than a known image's, on the headline feature. ``between``: share of the unknown images whose
    two nearest class means are relatives (one in tier 1 of the other).
    """
    embedder = Embedder(run)
    options = data_options(run.config.data)
    test = test_images(run, None, options)
    found = evaluate(run, embedder, test, run.ranking)
    row = {key: found.get(key) for key in ("accuracy", "order_satisfaction_beyond_own", "mistake_severity")}
    split = "all" if withheld_from_all else "test"
    spec = without_split(run.config.data.spec)
    sets = {
        suffix: keep_classes(load_for_run(run, spec, of, options), classes)
        for suffix, (classes, of) in (parts or {"": (run.withheld, split)}).items()
    } | {
        f" {spec}": load_images(spec, "test", options, size=run.image_size, channels=run.channels, unlabeled_ok=True)
        for spec in others
    }
    bank = bank_of(run, embedder)
    known = embedder.embed(test.known)
    headline = headline_feature(known.features())
    for suffix, images in sets.items():
        seen = {"id": known, "ood": embedder.embed(images)}
        for key, (score, feature, _) in AUROCS.items():
            on = feature or headline
            found = outlier_scores(score, {name: bank.inputs(e)[on] for name, e in seen.items()}, bank.fits[on])
            row[key + suffix] = ood_metrics(found["id"], found["ood"])["auroc"]
            if key == "cosine":
                row["drop" + suffix] = float(found["ood"].mean() - found["id"].mean())
        row["between" + suffix] = _between(run, embedder, seen["ood"].features()[headline], headline)
    return row


def _between(run: Run, embedder: Embedder, unknown: torch.Tensor, feature: str) -> float | None:
    if run.table is None:
        return None
    train, _ = embedder.training()
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    first, second = nearest_class_mean(means, unknown).topk(2, dim=1).indices.cpu().numpy().T
    tier = run.table.array()
    return float(np.mean((tier[first, second] == 1) | (tier[second, first] == 1)))


def table(
    rows: Mapping[str, Sequence[Mapping[str, float]]], columns: Mapping[str, str], label: Callable[[str], str]
) -> str:
    """A Markdown table: a line a condition, mean ± deviation of its runs in each column."""
    lines = ["| | " + " | ".join(columns.values()) + " |", "| --- |" + " --- |" * len(columns)]
    lines += [
        f"| {label(name)} | " + " | ".join(spread([r.get(k) for r in found]) for k in columns) + " |"
        for name, found in rows.items()
    ]
    return "\n".join(lines)


def spread(values: Sequence[float | None]) -> str:
    """Mean ± deviation over the runs in which the measure has a value."""
    known = [v for v in values if v is not None and v == v]
    if not known:
        return "–"
    if len(known) == 1:
        return f"{known[0]:.3f}"
    return f"{statistics.mean(known):.3f} ± {statistics.stdev(known):.3f}"


def differences(
    ours: Sequence[Mapping], theirs: Sequence[Mapping], columns: Sequence[str], same: Sequence[str]
) -> list[str]:
    """Mean ± deviation of the differences of runs that agree in ``same``, and in how many of them ours is larger."""
    pairs = [(a, b) for a in ours for b in theirs if all(a[key] == b[key] for key in same)]
    cells = []
    for column in columns:
        found = [a[column] - b[column] for a, b in pairs if a.get(column) is not None and b.get(column) is not None]
        if len(found) < 2:
            cells.append(f"{found[0]:+.3f}" if found else "–")
        else:
            cells.append(
                f"{statistics.mean(found):+.3f} ± {statistics.stdev(found):.3f} ({sum(d > 0 for d in found)}/{len(found)})"
            )
    return cells
