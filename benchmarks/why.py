"""Why the paper's ranked model failed at unknown classes: the experiment behind docs/ood.md.

    python benchmarks/why.py                    # digits: 3 seeds x 2 withheld pairs x 9 trainings, about eight minutes
    python benchmarks/why.py --show benchmarks/results/why.json

The hypothesis: a near unknown falls between a class and its relatives. Whatever pulls relatives together lets its largest
cosine to a class mean, the paper's score, stay as high as a known image's. So the score's AUROC should fall as the relatives
close up, most of all where, as in the published code, the listed classes are merged with the own class into one rank; a random
ranking, whose "relatives" the unknown does not fall between, should not do that harm.

Each row trains digits with one objective and measures, on the projection (cross-entropy: the encoder output): the mean
cosine between the means of tier-1 relatives and between those of unlisted classes; the share of unknown images whose two
nearest class means are relatives; how far an unknown's best cosine lies below a known image's; and AUROCs.
"""

import argparse
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from losses import write_random
from records import provenance, read_record, record, write_record
from study import AUROCS, differences, numbers, table, trained

from rankcon_cli.demo import DIGITS
from rankcon_cli.evaluation.classify import class_means
from rankcon_cli.evaluation.embeddings import Embedder, headline_feature
from rankcon_cli.losses import RankedContrastiveLoss
from rankcon_cli.training import objective
from rankcon_cli.training.config import LossConfig
from rankcon_cli.training.run_directory import Run

#: name -> (label, loss, how the ranking is changed: as it is, random, or its tiers merged with the own class)
CONDITIONS = {
    "cross-entropy": ("cross-entropy", LossConfig("cross-entropy"), "own"),
    "supcon": ("SupCon (L_out)", LossConfig("supcon"), "own"),
    "in-2": ("ranked `in`, r = 2", LossConfig("ranked", variant="in", ranks=2), "own"),
    "in-3": ("ranked `in`, r = 3 (the paper's eq. 2)", LossConfig("ranked", variant="in", ranks=3), "own"),
    "in-random": ("ranked `in`, r = 3, a random ranking", LossConfig("ranked", variant="in", ranks=3), "random"),
    "merged": (
        "ranked `in`, listed classes merged with the own (the published code)",
        LossConfig("ranked", variant="in"),
        "merged",
    ),
    "out-in-2": ("ranked `out-in`, r = 2", LossConfig("ranked", ranks=2), "own"),
    "out-in-3": ("**ranked `out-in`, r = 3** (default)", LossConfig("ranked", ranks=3), "own"),
    "out-in-random": ("ranked `out-in`, r = 3, a random ranking", LossConfig("ranked", ranks=3), "random"),
}
COLUMNS = {
    "accuracy": "accuracy",
    "relatives": "cosine of relatives' means",
    "strangers": "cosine of unlisted classes' means",
    "between": "unknowns between relatives",
    "drop": "drop of max cosine",
    **{key: f"AUROC {label}" for key, (_, _, label) in AUROCS.items()},
}
PAIRED = ("accuracy", "relatives", "between", "drop", "cosine", "knn", "mahalanobis", "rmd")
SAME = ("seed", "withheld")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="which of them, comma-separated")
    parser.add_argument("--keep", type=Path, help="keep the run directories here, and use those that are there")
    parser.add_argument("--show", type=Path, help="print the tables of a result file and measure nothing")
    args = parser.parse_args()
    if args.show:
        show(read_record(args.show))
        return
    rows: dict[str, list[dict]] = {name: [] for name in args.conditions.split(",")}
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        for seed in range(args.seeds):
            for pair in (("8", "9"), ("2", "7")):
                for name in rows:
                    run = train_one(name, seed, pair, root)
                    found = numbers(run, withheld_from_all=True) | closeness(run)
                    rows[name].append({"seed": seed, "withheld": list(pair), **found})
    entry = record("why", args, conditions={name: CONDITIONS[name][0] for name in rows}, rows=rows)
    write_record("why", entry)
    show(entry)


def train_one(name: str, seed: int, withhold: tuple[str, ...], root: Path) -> Run:
    _, loss, ranking = CONDITIONS[name]
    config = dataclasses.replace(
        DIGITS,
        seed=seed,
        loss=loss,
        ranking=str(write_random(DIGITS.ranking, root, seed)) if ranking == "random" else DIGITS.ranking,
        data=dataclasses.replace(DIGITS.data, withhold=withhold),
    )
    with merged_ranks() if ranking == "merged" else contextlib.nullcontext():
        return trained(config, root / f"{name}-{'-'.join(withhold)}-s{seed}")


@contextlib.contextmanager
def merged_ranks() -> Iterator[None]:
    """Train as the paper's published code does: every listed class gets the same score and lands in one rank with the own
    class, so that the own class and its relatives are alike positives."""

    def merged(config: LossConfig, table: object) -> RankedContrastiveLoss:
        loss = RankedContrastiveLoss(table, 1, "in", config.tau_min, config.tau_max)
        tier_CC = torch.from_numpy(table.array()).long()
        loss.rank_CC.copy_(torch.where(tier_CC >= 0, 1, 2))
        return loss

    before = objective.CONTRASTIVE_LOSSES["ranked"]
    objective.CONTRASTIVE_LOSSES["ranked"] = merged
    try:
        yield
    finally:
        objective.CONTRASTIVE_LOSSES["ranked"] = before


def closeness(run: Run) -> dict[str, float]:
    """Mean cosine between the class means of tier-1 relatives, and between those of classes that do not list each other."""
    train, _ = Embedder(run).training()
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    cosines = (means @ means.T).cpu()
    tier = torch.from_numpy(run.table.array())
    return {
        "relatives": cosines[tier == 1].mean().item(),
        "strangers": cosines[(tier == -1) & (tier.T == -1)].mean().item(),
    }


def show(entry: dict) -> None:
    rows = entry["rows"]
    print(table(rows, COLUMNS, entry["conditions"].get))
    n = len(next(iter(rows.values())))
    print(f"\nMean ± standard deviation of n = {n} runs (seeds x withheld pairs); {provenance(entry)}.")
    if "supcon" in rows and n > 1:
        print("\n| less SupCon, run by run | " + " | ".join(COLUMNS[key] for key in PAIRED) + " |")
        print("| --- |" + " --- |" * len(PAIRED))
        for name, found in rows.items():
            if name != "supcon":
                cells = differences(found, rows["supcon"], PAIRED, SAME)
                print(f"| {entry['conditions'][name]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
