"""What was tested, as a report states it: images, transforms, seeds, hashes, and how sure the numbers are."""

from collections.abc import Mapping, Sequence

from rankcon_cli.evaluation.images import TestImages
from rankcon_cli.ood.aggregate import tested
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.result import Comparison, Group, RunSummary
from rankcon_cli.ood.scores.distance import default_k
from rankcon_cli.ood.sets import Unknown, digest, formats
from rankcon_cli.training.environment import device_name, environment, package_versions
from rankcon_cli.training.run_directory import Run
from rankcon_cli.wording import counted

Facts = list[tuple[str, str]]


def data_facts(run: Run, test: TestImages, unknowns: Sequence[Unknown]) -> Facts:
    """Which images, and what was done to them."""
    data, splits = run.record["data"], run.record["splits"]
    known = test.known
    mean, std = (", ".join(f"{value:.4g}" for value in data[key]) for key in ("mean", "std"))
    facts = [
        (
            "Training data",
            f"{data['spec']}: {splits['train']:,} training and {splits['validation']:,} validation images of "
            f"{counted(len(run.classes), 'class')}; fingerprint sha256:{data['fingerprint']}",
        ),
        (
            "ID test data",
            f"{known.spec} ({test.description}): {counted(len(known), 'image')}, stored as {formats(known)}; {digest(known)}",
        ),
        *((f"OOD set {u.set.name}", _set_fact(u)) for u in unknowns),
        ("Withheld classes", ", ".join(run.withheld) or "none"),
        (
            "Images",
            f"all sets brought to {data['image_size']}×{data['image_size']}, {data['channels']} channels, and normalised "
            f"as the training images (mean {mean}, standard deviation {std})",
        ),
    ]
    if known.skipped:
        facts.append(("Broken test images left out", str(len(known.skipped))))
    if test.left_out:
        facts.append(("Test images of classes the runs do not know, left out", f"{sum(test.left_out.values()):,}"))
    return facts


def run_facts(runs: Mapping[str, Run], summaries: Sequence[RunSummary], groups: Sequence[Group], device: str) -> Facts:
    """Which networks, by the name of their run, the subject first."""
    subject = next(iter(runs.values()))
    seeds = {summary.name: summary.seed for summary in summaries}
    facts = [
        ("Seeds", "; ".join(f"{g.name}: {', '.join(str(seeds[name]) for name in g.runs)}" for g in groups)),
        ("Weights", "; ".join(f"{summary.name}: {summary.details['weights_hash']}" for summary in summaries)),
        ("Logits", _by_value({s.name: str(s.details["logits_from"]) for s in summaries})),
        ("Outliers in training", _by_value({name: _outliers(run) for name, run in runs.items()})),
        (
            "Embedded on",
            f"{device_name(device)}, {_by_value({s.name: str(s.details['precision']) for s in summaries})}",
        ),
        ("Versions", ", ".join(f"{name} {version}" for name, version in _versions().items() if version)),
    ]
    if subject.record["ranking"]:
        facts.insert(1, ("Ranking", f"{subject.config.ranking}, {subject.record['ranking']['hash']}"))
    return facts


def protocol_facts(
    run: Run,
    choice: Choice,
    headline_from: str,
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    resamples: int,
) -> Facts:
    """How the numbers were made."""
    n_train = run.record["splits"]["train"]
    alone = any(len(group.runs) == 1 for group in groups)
    several = any(len(group.runs) > 1 for group in groups)
    sure = ["standard deviation over seeds where a group has several runs"] if several else []
    if alone and resamples:
        sure.append(f"95 % bootstrap intervals over images, {resamples:,} resamples, where a group has one run")
    return [
        ("Headline score", f"{choice}, {headline_from}"),
        ("Fitting", "all scores are fitted on training images; nothing is tuned on test or OOD images"),
        ("kNN", f"distance to training image number {default_k(n_train)} by distance, where not chosen otherwise"),
        ("Classes", "predicted by the nearest class mean, for accuracy and for OSCR"),
        ("Uncertainty", "; ".join(sure) or "none was measured"),
        (
            "Comparisons",
            f"{counted(tested(comparisons), 'p value')}, not corrected for their number" if comparisons else "none",
        ),
    ]


def _set_fact(unknown: Unknown) -> str:
    one = unknown.set
    return (
        f"{one.kind}; {one.spec} ({one.images}): {counted(one.n, 'image')} of {counted(len(one.classes), 'class')}, "
        f"stored as {one.formats}; {one.digest}"
    )


def _outliers(run: Run) -> str:
    found = run.record.get("outliers")
    if not found:
        return "none"
    classes = f" of {', '.join(run.outlier_classes)}" if run.outlier_classes else ""
    return f"{found['spec']}: {counted(len(run.outlier_hashes()), 'image')}{classes}"


def _by_value(values: Mapping[str, str]) -> str:
    """One value where all runs share it, else each value with its runs."""
    runs: dict[str, list[str]] = {}
    for name, value in values.items():
        runs.setdefault(value, []).append(name)
    if len(runs) == 1:
        return next(iter(runs))
    return "; ".join(f"{', '.join(names)}: {value}" for value, names in runs.items())


def _versions() -> dict[str, str | None]:
    here = environment("cpu")
    return {"rankcon": here["rankcon"], "Python": here["python"], **package_versions()}
