"""Every loss beside its baselines, over seeds and withheld classes: the tables of the README and docs/findings.md.

    python benchmarks/losses.py                                        # digits: 42 runs, about twelve minutes on one core
    python benchmarks/losses.py --config benchmarks/cifar10.toml --data npz:cifar10.npz --withhold ship,truck \\
        --withheld-from-test --losses out-in,supcon,in,cross-entropy --seeds 1 --name cifar10
    python benchmarks/losses.py --show benchmarks/results/digits.json

Prints tables (mean and standard deviation over seeds and withheld classes) and writes every run's numbers as JSON to
benchmarks/results/. Without --config the settings are those of ``rankcon demo``.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

import torch

from rankcon_cli.demo import DIGITS
from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.ood.evaluate import Protocol, ood_evaluate
from rankcon_cli.ranking import compile_ranking, load, random_ranking, to_json_dict
from rankcon_cli.training.config import LossConfig, TrainConfig, from_dict, resolve, to_dict
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.environment import device_name, git_revision, package_versions
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import Run, create_run

#: What is compared: name on the command line -> (label, loss, whether the ranking is replaced by a random one).
LOSSES = {
    "cross-entropy": ("cross-entropy", LossConfig("cross-entropy"), False),
    "supcon": ("SupCon (L_out)", LossConfig("supcon"), False),
    "in": ("ranked `in` (the paper's eq. 2)", LossConfig("ranked", variant="in"), False),
    "out": ("ranked `out`", LossConfig("ranked", variant="out"), False),
    "out-in": ("**ranked `out-in`** (default)", LossConfig("ranked"), False),
    "out-in+ce": ("ranked `out-in` + cross-entropy head", LossConfig("ranked", ce_weight=1.0), False),
    "random": ("ranked `out-in`, a random ranking", LossConfig("ranked"), True),
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
    "cosine_drop": "drop of max cosine",
}
PAIRED = ("accuracy", "order_satisfaction_beyond_own", "knn", "mahalanobis", "cosine", "cosine_drop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="TOML settings as for 'rankcon train'")
    parser.add_argument("--data", help="data spec, over that of --config")
    parser.add_argument("--withhold", action="append", help="classes withheld together: 8,9; repeatable")
    parser.add_argument("--losses", default=",".join(LOSSES), help="which of them, comma-separated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--withheld-from-test", action="store_true", help="withheld images of the test split alone")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--name", default="digits", help="names the result file")
    parser.add_argument("--keep", type=Path, help="keep the run directories here")
    parser.add_argument("--show", type=Path, help="print the tables of a result file and measure nothing")
    args = parser.parse_args()
    if args.show:
        show(json.loads(args.show.read_text()))
        return
    flags = {"data.spec": args.data, "device": args.device}
    base = resolve(flags, args.config) if args.config else from_dict(merged(to_dict(DIGITS), flags), "the flags")
    pairs = [tuple(item.split(",")) for item in args.withhold or ("8,9", "2,7")]
    rows: dict[str, list[dict]] = {name: [] for name in args.losses.split(",")}
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        for seed in range(args.seeds):
            for pair in pairs:
                for name in rows:
                    out = root / f"{name}-{'-'.join(pair)}-s{seed}"
                    found = measure(settings(base, name, seed, pair, root), out, not args.withheld_from_test)
                    if LOSSES[name][2]:
                        found["mistake_severity"] = None  # by the random ranking, it compares with nothing
                    rows[name].append({"seed": seed, "withheld": list(pair), **found})
                    print(f"seed {seed}, {pair}, {name}: {found}", file=sys.stderr)
    entry = entry_of(rows, base, args)
    write_atomic(Path(__file__).parent / "results" / f"{args.name}.json", to_json(entry, indent=1) + "\n")
    show(entry)


def merged(tree: dict, flags: dict[str, str | None]) -> dict:
    """``tree`` with the values of dotted ``flags`` that are given."""
    for key, value in flags.items():
        if value is not None:
            *section, leaf = key.split(".")
            (tree[section[0]] if section else tree)[leaf] = value
    return tree


def settings(base: TrainConfig, name: str, seed: int, withhold: tuple[str, ...], root: Path) -> TrainConfig:
    """``base`` with the loss that ``name`` means; everything else of the budget stays."""
    _, loss, random = LOSSES[name]
    return dataclasses.replace(
        base,
        seed=seed,
        loss=loss,
        ranking=str(write_random(base.ranking, root, seed)) if random else base.ranking,
        data=dataclasses.replace(base.data, withhold=withhold),
    )


def measure(config: TrainConfig, out: Path, withheld_from_all: bool) -> dict[str, float]:
    """Train one run and take its numbers; accuracy and order on z (cross-entropy: h), AUROC on h (cosine: as accuracy)."""
    plan = make_plan(config)
    run = create_run(out, plan)
    train(run, plan)
    detection = ood_evaluate(
        [run],
        None,
        device=config.device,
        protocol=Protocol(withheld_from_all=withheld_from_all, resamples=0, tsne=False),
    )
    summary = detection.runs[0]
    auroc = {(m.score, m.feature): m.auroc for m in detection.measurements}
    found = {key: summary.measures[key] for key in list(COLUMNS)[:4]}
    found |= {score: auroc[score, "encoder"] for score in ("knn", "mahalanobis", "rmd")}
    feature = summary.details["headline_feature"]
    found["cosine"] = auroc["cosine", feature]
    # How much farther from its nearest class mean an unknown image lies than a known one: what a cosine score lives on.
    known, unknown = (detection.scores[summary.name, "cosine", feature, name] for name in ("id", "withheld"))
    found["cosine_drop"] = float(unknown.mean() - known.mean())
    return found | {"epoch_seconds": epoch_seconds(run)}


def epoch_seconds(run: Run) -> float:
    """Median seconds of an epoch, from the run's own metrics."""
    views = 2 * run.record["schedule"]["batch_size"] * run.record["schedule"]["steps_per_epoch"]
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    return statistics.median(views / json.loads(line)["views_per_second"] for line in lines)


def write_random(ranking: str, root: Path, seed: int) -> Path:
    """A ranking with the tier sizes of ``ranking`` and random members: what order satisfaction owes to truth."""
    own = compile_ranking(load(ranking))
    table = random_ranking(own.classes, own, seed)
    rankings = {
        name: [
            tier["classes"] if tier["score"] is None else {"of": tier["classes"], "score": tier["score"]}
            for tier in tiers
        ]
        for name, tiers in to_json_dict(table)["tiers"].items()
    }
    document = {"format": "rankcon/ranking", "version": 1, "classes": list(table.classes), "rankings": rankings}
    path = root / f"random-{seed}.json"
    write_atomic(path, to_json(document))
    return path


def entry_of(rows: dict[str, list[dict]], base: TrainConfig, args: argparse.Namespace) -> dict:
    """What is written: every run's numbers, and all that they depended on."""
    return {
        "benchmark": args.name,
        "date": datetime.date.today().isoformat(),
        "device": device_name(str(pick_device(args.device))),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "git_revision": git_revision(Path(__file__).parent),
        "settings": {key: value for key, value in to_dict(base).items() if key != "loss"},
        "losses": {name: dataclasses.asdict(LOSSES[name][1]) for name in rows},
        "rows": rows,
    }


def show(entry: dict) -> None:
    """Print the tables of a result: means, and differences to SupCon paired by seed and withheld classes."""
    rows = entry["rows"]
    print("| | " + " | ".join(COLUMNS.values()) + " |")
    print("| --- |" + " --- |" * len(COLUMNS))
    for name, found in rows.items():
        print(f"| {LOSSES[name][0]} | " + " | ".join(spread([row[key] for row in found]) for key in COLUMNS) + " |")
    runs = next(iter(rows.values()))
    withheld = dict.fromkeys("+".join(row["withheld"]) for row in runs)
    seeds = {row["seed"] for row in runs}
    stated = ", ".join(f"{name} {entry['packages'][name]}" for name in ("torch", "scikit-learn", "pytorch-ood"))
    print(
        f"\nMean ± standard deviation of n = {len(runs)} runs ({len(seeds)} seeds × withheld {' and '.join(withheld)}); "
        f"{entry['device']}, Python {entry['python']}, {stated}, {entry['date']}."
    )
    if "supcon" not in rows or len(runs) < 2:
        return
    print("\n| less SupCon, run by run | " + " | ".join(COLUMNS[key] for key in PAIRED) + " |")
    print("| --- |" + " --- |" * len(PAIRED))
    for name in rows:
        if name != "supcon":
            print(
                f"| {LOSSES[name][0]} | " + " | ".join(difference(rows[name], rows["supcon"], k) for k in PAIRED) + " |"
            )


def difference(ours: list[dict], theirs: list[dict], key: str) -> str:
    """Mean ± deviation of the paired differences, and in how many of the runs ours is larger."""
    found = [a[key] - b[key] for a, b in zip(ours, theirs, strict=True) if a[key] is not None and b[key] is not None]
    return f"{statistics.mean(found):+.3f} ± {statistics.stdev(found):.3f} ({sum(d > 0 for d in found)}/{len(found)})"


def spread(values: list[float]) -> str:
    """Mean ± deviation over the runs in which the measure has a value."""
    known = [v for v in values if v is not None and v == v]
    if not known:
        return "–"
    if len(known) == 1:
        return f"{known[0]:.3f}"
    return f"{statistics.mean(known):.3f} ± {statistics.stdev(known):.3f}"


if __name__ == "__main__":
    main()
