"""The digits study: every loss beside its baselines, three seeds and two withheld pairs; about eight minutes on 2 cores.

    python benchmarks/digits.py [--seeds 3] [--json benchmarks/results/digits.json] [--keep DIR]

Prints the table of the README (mean and standard deviation over seeds and pairs) and writes every run's numbers as JSON.
The settings are those of ``rankcon demo``; nothing was chosen on the OOD images.
"""

import argparse
import dataclasses
import datetime
import json
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from rankcon_cli.data.spec import absolute_spec
from rankcon_cli.demo import digits_config
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.evaluate import evaluate
from rankcon_cli.evaluation.images import test_images
from rankcon_cli.files import write_atomic
from rankcon_cli.ood.evaluate import ood_evaluate
from rankcon_cli.ranking import TierTable, compile_ranking, load, random_ranking
from rankcon_cli.training.config import LossConfig, TrainConfig
from rankcon_cli.training.environment import device_name, git_revision, package_versions
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import Run, create_run

PAIRS = (("8", "9"), ("2", "7"))
LOSSES = {
    "cross-entropy": LossConfig("cross-entropy"),
    "SupCon (L_out)": LossConfig("supcon"),
    "ranked `in` (the paper's eq. 2)": LossConfig("ranked", variant="in"),
    "ranked `out`": LossConfig("ranked", variant="out"),
    "**ranked `out-in`** (default)": LossConfig("ranked"),
    "ranked `out-in` + cross-entropy head": LossConfig("ranked", ce_weight=1.0),
    "ranked `out-in`, a random ranking": LossConfig("ranked"),
}
COLUMNS = {
    "accuracy": "accuracy",
    "order_satisfaction": "order satisfied",
    "order_satisfaction_beyond_own": "… beyond own class",
    "mistake_severity": "mistake severity",
    "knn": "AUROC kNN h",
    "mahalanobis": "AUROC Mahalanobis h",
    "rmd": "AUROC rel. Mahalanobis h",
    "cosine": "AUROC max cosine",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "digits.json")
    parser.add_argument("--keep", type=Path, help="keep the run directories here")
    args = parser.parse_args()
    rows: dict[str, list[dict]] = {name: [] for name in LOSSES}
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        for seed in range(args.seeds):
            for pair in PAIRS:
                for name, loss in LOSSES.items():
                    config = dataclasses.replace(digits_config("ranked", seed, pair, args.device), loss=loss)
                    if "random" in name:
                        config = dataclasses.replace(config, ranking=str(write_random(root, seed)))
                    slug = "".join(c if c.isalnum() else "-" for c in name).strip("-")
                    found = measure(config, root / f"{slug}-{''.join(pair)}-s{seed}")
                    rows[name].append({"seed": seed, "withheld": list(pair), **found})
                    print(f"seed {seed}, {pair}, {name}: {found}", file=sys.stderr)
    report(rows, args)


def measure(config: TrainConfig, out: Path) -> dict[str, float]:
    """Train one run and take its numbers; accuracy and order on z (cross-entropy: h), AUROC on h (cosine: as accuracy)."""
    plan = make_plan(config)
    run = create_run(out, plan)
    train(run, plan)
    evaluation = evaluate(run, Embedder(run, config.device), test_images(run, None))
    detection = ood_evaluate([run], None, (), device=config.device, withheld_from_all=True)
    auroc = {(m.score, m.feature): m.auroc for m in detection.measurements}
    feature = evaluation["headline"]["feature"]
    found = {key: evaluation[key] for key in list(COLUMNS)[:4]} | {
        score: auroc[score, "encoder"] for score in ("knn", "mahalanobis", "rmd")
    }
    return found | {"cosine": auroc["cosine", feature], "epoch_seconds": epoch_seconds(run)}


def epoch_seconds(run: Run) -> float:
    """Median seconds of an epoch, from the run's own metrics."""
    views = 2 * run.record["schedule"]["batch_size"] * run.record["schedule"]["steps_per_epoch"]
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    return statistics.median(views / json.loads(line)["views_per_second"] for line in lines)


def write_random(root: Path, seed: int) -> Path:
    """A ranking file with the tier sizes of the digits' and random members: a control for what order satisfaction means."""
    digits = compile_ranking(load("digits"))
    table: TierTable = random_ranking(digits.classes, digits, seed)
    rankings = {
        name: [[table.classes[i] for i in tier] for tier in tiers]
        for name, tiers in zip(table.classes, table.tiers, strict=True)
    }
    document = {"format": "rankcon/ranking", "version": 1, "classes": list(table.classes), "rankings": rankings}
    path = root / f"random-{seed}.json"
    write_atomic(path, json.dumps(document))
    return path


def report(rows: dict[str, list[dict]], args: argparse.Namespace) -> None:
    print("| | " + " | ".join(COLUMNS.values()) + " |")
    print("| --- |" + " --- |" * len(COLUMNS))
    for name, found in rows.items():
        print(f"| {name} | " + " | ".join(spread([row[key] for row in found]) for key in COLUMNS) + " |")
    n = len(next(iter(rows.values())))
    device = digits_device(args.device)
    versions = {k: v for k, v in package_versions().items() if k in ("torch", "scikit-learn", "pytorch-ood")}
    print(
        f"\nMean ± standard deviation of n = {n} runs ({args.seeds} seeds × withheld "
        f"{' and '.join('+'.join(pair) for pair in PAIRS)}); "
        f"{device}, Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in versions.items()) + "."
    )
    entry = {
        "benchmark": "digits",
        "date": datetime.date.today().isoformat(),
        "device": device,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "git_revision": git_revision(Path(__file__).parent),
        "data": absolute_spec("digits"),
        "rows": rows,
    }
    write_atomic(args.json, json.dumps(entry, indent=1) + "\n")


def digits_device(name: str) -> str:
    from rankcon_cli.training.devices import pick_device

    return device_name(str(pick_device(name)))


def spread(values: list[float]) -> str:
    """Mean ± deviation over the runs in which the measure has a value."""
    known = [v for v in values if v == v]
    if not known:
        return "–"
    deviation = statistics.stdev(known) if len(known) > 1 else float("nan")
    return f"{statistics.mean(known):.3f} ± {deviation:.3f}"


if __name__ == "__main__":
    main()
