"""Every outlier score on every feature, with and without a ranking: do the ranking-native scores earn their place?

    python benchmarks/ood_scores.py                                # digits: 18 trainings, about five minutes on one core
    python benchmarks/ood_scores.py --runs runs/* --data npz:cifar10.npz --near npz:cifar100.npz \\
        --far npz:dtd10.npz --far npz:mnist.npz --name cifar10
    python benchmarks/ood_scores.py --show benchmarks/results/ood-scores-digits.json

Prints a table for each set of unknown images (AUROC, mean ± standard deviation over the runs of a loss) and one of the
differences to kNN and relative Mahalanobis on the encoder output, run by run. Writes every run's numbers to
benchmarks/results/ood-scores-NAME.json. Beside the scores that ship stand controls that use no ranking: where these do as well,
the ranking has not helped.
"""

import argparse
import contextlib
import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from records import provenance, read_record, record, write_record
from study import spread, trained

from rankcon_cli.demo import LOSSES, digits_config
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.images import test_images
from rankcon_cli.ood.bank import Bank, bank_of
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.scores import SCORES, FitData, Inputs, Score, Scorer, score_inputs
from rankcon_cli.ood.scores.ranking import RANKING_SCORES
from rankcon_cli.ood.sets import Unknown, load_unknowns
from rankcon_cli.ranking import TierTable, random_ranking
from rankcon_cli.training.images import data_options
from rankcon_cli.training.run_directory import Run, open_run

PAIRS = (("8", "9"), ("2", "7"))
#: What a new score has to beat, both without a parameter that data could have been peeked at for.
YARDSTICKS = ("knn@encoder", "rmd@encoder")
KINDS = {"near": "mean of near", "far": "mean of far"}


def no_ranking(table: TierTable) -> TierTable:
    """Its classes without tiers: to ``tier_gap`` all others are alike."""
    return TierTable(table.classes, ((),) * len(table.classes), (None,) * len(table.classes))


def shuffled(table: TierTable) -> TierTable:
    return random_ranking(table.classes, table, 0)


def calibrated_sum(*scores: Score) -> Score:
    """The sum of ``scores``, each less its mean over the known validation images and divided by its deviation there."""

    def fit_sum(fit: FitData) -> Scorer:
        parts = [_standardised(score.fit(fit), fit.validation) for score in scores]
        return lambda inputs: torch.stack([part(inputs) for part in parts]).sum(0)

    return Score(fit_sum, ("encoder", "projection"), title="", source="", assumes="", needs=("validation",))


def _standardised(scorer: Scorer, validation: Inputs) -> Scorer:
    found = score_inputs(scorer, validation)
    mean, deviation = float(found.mean()), float(found.std())
    return lambda inputs: (scorer(inputs) - mean) / deviation


#: name -> (score, how the ranking is changed for it). The sums were tried and do not ship; the rest are controls without a
#: ranking: what a ranking-native score is worth is what it has over these.
CONTROLS = {
    "consistency_knn": (calibrated_sum(SCORES["consistency"], SCORES["knn"]), None),
    "consistency_rmd": (calibrated_sum(SCORES["consistency"], SCORES["rmd"]), None),
    "tier_gap, no ranking": (RANKING_SCORES["tier_gap"], no_ranking),
    "tier_gap, random ranking": (RANKING_SCORES["tier_gap"], shuffled),
    "mahalanobis_knn": (calibrated_sum(SCORES["mahalanobis"], SCORES["knn"]), None),
    "mahalanobis_rmd": (calibrated_sum(SCORES["mahalanobis"], SCORES["rmd"]), None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", help="finished run directories, in place of training digits")
    parser.add_argument("--data", help="ID test data of --runs (default: the test split of what they were trained on)")
    parser.add_argument("--near", action="append", default=[], metavar="SPEC", help="near unknown images; repeatable")
    parser.add_argument("--far", action="append", default=[], metavar="SPEC", help="far unknown images; repeatable")
    parser.add_argument("--withheld-from-all", action="store_true", help="--runs: withheld images of every split")
    parser.add_argument("--seeds", type=int, default=3, help="of the digits")
    parser.add_argument("--keep", type=Path, help="keep the digits' run directories here, and use those that are there")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--name", default="digits", help="names the result file")
    parser.add_argument("--show", type=Path, help="print the tables of a result file and measure nothing")
    args = parser.parse_args()
    if args.show:
        show(read_record(args.show))
        return
    rows = []
    with opened(args) as runs:
        for run in runs:
            rows.append(measure(run, args))
            print(f"{run.name}: {rows[-1]['auroc']}", file=sys.stderr)
    entry = record("ood-scores", args, rows=rows)
    write_record(f"ood-scores-{args.name}", entry)
    show(entry)


@contextlib.contextmanager
def opened(args: argparse.Namespace) -> Iterator[Iterator[Run]]:
    """The runs of ``--runs``, or digits, trained one after the other as they are asked for."""
    if args.runs:
        yield (open_run(path) for path in args.runs)
        return
    args.withheld_from_all = True  # none was trained on, and 360 images are few enough
    with tempfile.TemporaryDirectory() as scratch:
        root = args.keep or Path(scratch)
        yield (
            trained(digits_config(loss, seed, pair, args.device), root / f"{loss}-{'-'.join(pair)}-s{seed}")
            for seed in range(args.seeds)
            for pair in PAIRS
            for loss in LOSSES
        )


def measure(run: Run, args: argparse.Namespace) -> dict:
    """The AUROC of every score on every feature against every set of unknown images."""
    options = data_options(run.config.data)
    test = test_images(run, args.data, options)
    specs = {"near": args.near, "far": args.far}
    unknowns, _ = load_unknowns([run], test, specs, options, withheld_from_all=args.withheld_from_all)
    embedder = Embedder(run, args.device)
    bank = bank_of(run, embedder)
    known = bank.inputs(embedder.embed(test.known))
    unknown = {u.set.name: bank.inputs(embedder.embed(u.images)) for u in unknowns}
    auroc: dict[str, dict[str, float]] = {name: {} for name in unknown}
    for name, feature, score, fit in ways(bank):
        try:
            scorer = score.fit(fit)
            known_scores = score_inputs(scorer, known[feature])
            for set_name, inputs in unknown.items():
                found = ood_metrics(known_scores, score_inputs(scorer, inputs[feature]))
                auroc[set_name][f"{name}@{feature}"] = found["auroc"]
        except RankconError as error:
            print(f"{run.name}: {name}@{feature} left out: {error.message}", file=sys.stderr)
    return {
        "run": run.name,
        "loss": label(run),
        "seed": run.config.seed,
        "withheld": list(run.withheld),
        "n_train": len(bank.fits["encoder"].features),
        "n_id": len(test.known),
        "n": {u.set.name: u.set.n for u in unknowns},
        "kinds": {u.set.name: u.set.kind for u in unknowns},
        "auroc": auroc | means_of(auroc, unknowns),
    }


def ways(bank: Bank) -> Iterator[tuple[str, str, Score, FitData]]:
    """(name, feature, score, what it is fitted on) of all that ship, then of the controls."""
    for name, feature in bank.applicable():
        yield name, feature, SCORES[name], bank.fits[feature]
    for name, (score, change) in CONTROLS.items():
        for feature in score.on:
            fit = bank.fits.get(feature)
            if fit is not None and not score.missing(fit):
                yield name, feature, score, dataclasses.replace(fit, table=change(fit.table)) if change else fit


def means_of(auroc: dict[str, dict[str, float]], unknowns: tuple[Unknown, ...]) -> dict[str, dict[str, float]]:
    """The unweighted means over the near sets and over the far ones, where there are several."""
    found = {}
    for kind, title in KINDS.items():
        sets = [auroc[u.set.name] for u in unknowns if u.set.kind == kind]
        if len(sets) > 1:
            found[title] = {key: statistics.mean(s[key] for s in sets) for key in sets[0]}
    return found


def label(run: Run) -> str:
    loss = run.config.loss
    named = f"ranked {loss.variant}" if loss.name == "ranked" else loss.name
    return named + (" + cross-entropy head" if loss.ce_weight else "")


def show(entry: dict) -> None:
    """Print the tables of a result, one set of unknown images after the other."""
    rows = entry["rows"]
    losses = list(dict.fromkeys(row["loss"] for row in rows))
    for target in dict.fromkeys(name for row in rows for name in row["auroc"]):
        reached = [row for row in rows if target in row["auroc"]]
        by_loss = {loss: [row["auroc"][target] for row in reached if row["loss"] == loss] for loss in losses}
        keys = list(dict.fromkeys(key for found in by_loss.values() for row in found for key in row))
        print(f"\n**{target}**: AUROC\n\n| score | " + " | ".join(losses) + " |")
        print("| --- |" + " --- |" * len(losses))
        for key in keys:
            cells = (spread([row.get(key) for row in by_loss[loss]]) for loss in losses)
            print(f"| {key} | " + " | ".join(cells) + " |")
        print("\n| less kNN, less rel. Mahalanobis (on h) | " + " | ".join(f"{loss} | " for loss in losses) + " |")
        print("| --- |" + " --- |" * len(losses) * 2)
        for key in keys:
            if key.partition("@")[0] in (*RANKING_SCORES, *CONTROLS):
                cells = (less(by_loss[loss], key, other) for loss in losses for other in YARDSTICKS)
                print(f"| {key} | " + " | ".join(cells) + " |")
    seeds, withheld = ({str(row[key]) for row in rows} for key in ("seed", "withheld"))
    print(
        f"\nMean ± standard deviation over the runs of a loss ({len(rows)} runs: {len(seeds)} seeds, {len(withheld)} "
        f"sets of withheld classes); in brackets in how many of them the difference is above 0. {provenance(entry)}."
    )


def less(found: list[dict[str, float]], key: str, other: str) -> str:
    """Mean ± deviation of the differences within each run, and in how many of them ``key`` is ahead."""
    differences = [row[key] - row[other] for row in found if key in row and other in row]
    if not differences:
        return "–"
    if len(differences) == 1:
        return f"{differences[0]:+.3f}"
    ahead = sum(d > 0 for d in differences)
    return f"{statistics.mean(differences):+.3f} ± {statistics.stdev(differences):.3f} ({ahead}/{len(differences)})"


if __name__ == "__main__":
    main()
