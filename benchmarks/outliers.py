"""A fair trial of training with outliers: the tables of docs/ood.md.

    python benchmarks/outliers.py virtual                       # digits: 90 trainings, about a quarter of an hour on one core
    python benchmarks/outliers.py known                         # digits: 27 trainings
    python benchmarks/outliers.py virtual --config benchmarks/cifar10.toml --data npz:cifar10.npz --withhold ship,truck \\
        --withheld-from-test --others npz:cifar100.npz --losses ranked --mixtures none,image,image-any \\
        --keep runs/cifar --name outliers-cifar10-ranked
    python benchmarks/outliers.py virtual --show benchmarks/results/outliers-virtual.json

``virtual``: each loss without outliers, with mixtures of a class and one of its first tier ("where the ranking says unknowns
fall"), and with mixtures of any two classes (the control: is it the ranking, or is it mixing?), as images and as features.

``known``: digits 2, 7, 8 and 9 are withheld; images of 2 and 7 of the training split serve as known outliers, and both other
images of the seen classes (2 and 7, by other writers) and the unseen classes (8 and 9) are tested.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from records import provenance, read_record, record, write_record
from study import AUROCS, differences, numbers, table, trained

from rankcon_cli.demo import DIGITS
from rankcon_cli.training.config import LossConfig, OutlierConfig, TrainConfig, from_dict, resolve, to_dict

LOSSES = {
    "ranked": ("ranked `out-in`", LossConfig("ranked")),
    "supcon": ("SupCon", LossConfig("supcon")),
    "cross-entropy": ("cross-entropy", LossConfig("cross-entropy")),
}
#: name -> (label, outliers)
MIXTURES = {
    "none": ("no outliers", OutlierConfig()),
    "image": ("images, with tier 1", OutlierConfig(virtual="image")),
    "image-any": ("images, with any class", OutlierConfig(virtual="image", partner="any")),
    "feature": ("features, with tier 1", OutlierConfig(virtual="feature")),
    "feature-any": ("features, with any class", OutlierConfig(virtual="feature", partner="any")),
}
SEEN, UNSEEN = ("2", "7"), ("8", "9")


def _known(**settings: str) -> OutlierConfig:
    return OutlierConfig(spec="digits", classes=SEEN, **settings)


#: name -> (label, loss, outliers)
KNOWN = {
    "ranked": ("ranked, no outliers", LossConfig("ranked"), OutlierConfig()),
    "ranked-reference": ("ranked, fixed reference", LossConfig("ranked"), _known(loss="reference")),
    "ranked-learned": ("ranked, learned reference", LossConfig("ranked"), _known(loss="learned-reference")),
    "supcon": ("SupCon, no outliers", LossConfig("supcon"), OutlierConfig()),
    "supcon-reference": ("SupCon, fixed reference", LossConfig("supcon"), _known(loss="reference")),
    "ranked+ce": ("ranked + head, no outliers", LossConfig("ranked", ce_weight=1.0), OutlierConfig()),
    "ranked+ce-exposure": (
        "ranked + head, exposure",
        LossConfig("ranked", ce_weight=1.0),
        _known(loss="exposure"),
    ),
    "cross-entropy": ("cross-entropy, no outliers", LossConfig("cross-entropy"), OutlierConfig()),
    "cross-entropy-exposure": ("cross-entropy, exposure", LossConfig("cross-entropy"), _known(loss="exposure")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("virtual", "known"))
    parser.add_argument("--config", type=Path, help="TOML settings as for 'rankcon train'")
    parser.add_argument("--data", help="data spec, over that of --config")
    parser.add_argument("--withhold", action="append", help="classes withheld together: 8,9; repeatable")
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--mixtures", default=",".join(MIXTURES))
    parser.add_argument("--others", action="append", default=[], help="another set of unknowns; repeatable")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--withheld-from-test", action="store_true", help="withheld images of the test split alone")
    parser.add_argument("--name", help="names the result file")
    parser.add_argument("--keep", type=Path, help="keep the run directories here, and use those that are there")
    parser.add_argument("--show", type=Path, help="print the tables of a result file and measure nothing")
    args = parser.parse_args()
    if args.show:
        show(read_record(args.show))
        return
    name = args.name or f"outliers-{args.study}"
    base = resolve({"data.spec": args.data}, args.config) if args.config else DIGITS
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        rows, labels = (virtual if args.study == "virtual" else known)(base, args, root)
    entry = record(name, args, study=args.study, settings=to_dict(base), labels=labels, rows=rows)
    write_record(name, entry)
    show(entry)


def virtual(base: TrainConfig, args: argparse.Namespace, root: Path) -> tuple[dict, dict]:
    """Rows by condition, and the conditions' labels."""
    names = [(loss, mixture) for loss in args.losses.split(",") for mixture in args.mixtures.split(",")]
    labels = {f"{loss}/{mixture}": f"{LOSSES[loss][0]}, {MIXTURES[mixture][0]}" for loss, mixture in names}
    rows: dict[str, list] = {name: [] for name in labels}
    for seed in range(args.seeds):
        for pair in [tuple(item.split(",")) for item in args.withhold or ("8,9", "2,7")]:
            for loss, mixture in names:
                config = changed(base, seed, pair, LOSSES[loss][1], MIXTURES[mixture][1])
                place = loss if mixture == "none" else f"{loss}-{mixture}"
                place += "" if args.config else "-" + "-".join(pair)
                run = trained(config, root / f"{place}-s{seed}")
                found = numbers(run, withheld_from_all=not args.withheld_from_test, others=args.others)
                rows[f"{loss}/{mixture}"].append({"seed": seed, "withheld": list(pair), **found})
    return rows, labels


def known(base: TrainConfig, args: argparse.Namespace, root: Path) -> tuple[dict, dict]:
    """Rows by condition, and the conditions' labels."""
    rows: dict[str, list] = {name: [] for name in KNOWN}
    for seed in range(args.seeds):
        for name, (_, loss, outliers) in KNOWN.items():
            config = changed(base, seed, (*SEEN, *UNSEEN), loss, outliers)
            run = trained(config, root / f"known-{name}-s{seed}")
            found = numbers(run, withheld_from_all=True, parts={"": (UNSEEN, "all"), " seen": (SEEN, "test")})
            rows[name].append({"seed": seed, "withheld": list(UNSEEN), **found})
    return rows, {name: label for name, (label, _, _) in KNOWN.items()}


def changed(
    base: TrainConfig, seed: int, withhold: tuple[str, ...], loss: LossConfig, outliers: OutlierConfig
) -> TrainConfig:
    """``base`` with another loss and outliers; everything else of the budget stays."""
    data = dataclasses.replace(base.data, withhold=withhold)
    return from_dict(
        to_dict(dataclasses.replace(base, seed=seed, loss=loss, outliers=outliers, data=data)), "the study"
    )


def show(entry: dict) -> None:
    """Print the tables of a result: the numbers, and differences to the same loss without outliers."""
    rows = entry["rows"]
    suffixes = [key.removeprefix("knn") for key in next(iter(rows.values()))[0] if key.startswith("knn")]
    columns = {"accuracy": "accuracy", "order_satisfaction_beyond_own": "order beyond own class"}
    for suffix in suffixes:
        columns |= {f"{key}{suffix}": f"AUROC {label}{suffix}" for key, (_, _, label) in AUROCS.items()}
        columns[f"drop{suffix}"] = f"drop of max cosine{suffix}"
    print(table(rows, columns, entry["labels"].get))
    n = len(next(iter(rows.values())))
    print(f"\nMean ± standard deviation of n = {n} runs (seeds x withheld); {provenance(entry)}.\n")
    print("| less the same loss without outliers, run by run | " + " | ".join(columns.values()) + " |")
    print("| --- |" + " --- |" * len(columns))
    for name, found in rows.items():
        plain = name.split("/")[0] + "/none" if "/" in name else name.rsplit("-", 1)[0]
        if plain != name and plain in rows:
            cells = differences(found, rows[plain], list(columns), ("seed", "withheld"))
            print(f"| {entry['labels'][name]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
