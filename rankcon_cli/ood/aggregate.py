"""From measurements to tables: means over sets and seeds, and what the first group has over the others.

Sets are never pooled: a run's value on a kind of sets is the unweighted mean of its values on each of them, and only then is
the mean over seeds taken. Runs of one group with the same seed, a training repeated, are averaged first and count as one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from rankcon_cli.ood.intervals import COMPARED, Difference, from_samples, paired_seeds
from rankcon_cli.ood.metrics import METRICS
from rankcon_cli.ood.resampling import paired_differences
from rankcon_cli.ood.result import ID, KINDS, Aggregate, Comparison, Estimate, Group, Measurement, OodSet, RunSummary

#: Measures of the known classes that groups are compared by.
KNOWN_MEASURES = ("accuracy", "order_satisfaction_beyond_own", "mistake_severity")
PAIRED_SEEDS, BOOTSTRAP, NONE = "paired seeds", "bootstrap", "none"


def targets(sets: Sequence[OodSet]) -> dict[str, tuple[str, ...]]:
    """What is measured: each set, and after those of a kind the kind, by name -> names of the sets it is the mean over.

    A set that bears the name of its kind (``"withheld"``) stands for it, and no mean is taken. A single set of classes that
    training met as outliers does not stand for its kind: nothing of it was unknown.
    """
    names = [ood.name for ood in sets]
    found = {}
    for kind in KINDS:
        members = [ood for ood in sets if ood.kind == kind]
        of_kind = tuple(ood.name for ood in members)
        found |= {name: (name,) for name in of_kind}
        met = len(members) == 1 and members[0].trained_outliers
        if of_kind and kind not in names and not met:
            found[kind] = of_kind
    return found


def aggregates(
    groups: Sequence[Group], runs: Sequence[RunSummary], sets: Sequence[OodSet], measurements: Sequence[Measurement]
) -> tuple[Aggregate, ...]:
    """The rows of the main table: for every group, score and feature that it was measured with, and target.

    A run that lacks a set of a target is left out of it. One seed: the value, with the measurement's bootstrap interval
    where it is of one run and one set. Several: mean, standard deviation (n - 1) and number of seeds.
    """
    seeds = {run.name: run.seed for run in runs}
    by_key = {(m.run, m.score, m.feature, m.ood): m for m in measurements}
    rows = []
    for group in groups:
        for score, feature in dict.fromkeys((m.score, m.feature) for m in measurements if m.run in group.runs):
            of_score = {
                run: {ood.name: by_key[key] for ood in sets if (key := (run, score, feature, ood.name)) in by_key}
                for run in group.runs
            }
            for target, names in targets(sets).items():
                metrics = {metric: _estimate(of_score, names, metric, seeds) for metric in METRICS}
                metrics = {metric: estimate for metric, estimate in metrics.items() if estimate}
                if metrics:
                    rows.append(Aggregate(group.name, target, score, feature, metrics))
    return tuple(rows)


def comparisons(
    groups: Sequence[Group],
    runs: Sequence[RunSummary],
    sets: Sequence[OodSet],
    measurements: Sequence[Measurement],
    headline: tuple[str, str],
    scores: Mapping[tuple[str, str, str, str], np.ndarray] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """What the first group has over each other: on the known classes, and by the headline score on each set and mean of sets.

    Where the two have two seeds or more in common: the paired t-test over those. Where they have one in common, or one each:
    the paired bootstrap on the same images of those two runs if ``scores`` has them, else their difference alone; n is 1.
    Otherwise the difference of the means, untested, with n 0. A group without the headline feature stands with its encoder
    output.

    The p values are not corrected for how many there are (``tested``): where nothing differs, one in twenty is below 0.05.

    Args:
        headline: (score, feature).
        scores: as in ``OodResult.scores``; None: no bootstrap.
        resamples, seed: of the bootstrap; 0 resamples: none.
    """
    ours, *others = (_side(group, runs, measurements, headline, scores or {}) for group in groups)
    rows = []
    for theirs in others:
        rows += _on_known_classes(ours, theirs)
        rows += _on_unknown_images(ours, theirs, sets, resamples, seed)
    return tuple(rows)


def tested(found: Sequence[Comparison]) -> int:
    """How many of the comparisons have a p value."""
    return sum(row.p is not None for row in found)


def _estimate(
    of_score: Mapping[str, Mapping[str, Measurement]], names: Sequence[str], metric: str, seeds: Mapping[str, int]
) -> Estimate | None:
    """``metric`` over the sets ``names``, from run -> set -> measurement; None where no run has it."""
    values = _over_sets(of_score, names, metric)
    found = list(_by_seed(values, seeds).values())
    if not found:
        return None
    if len(found) > 1:
        return Estimate(fmean(found), len(found), stdev(found))
    if len(values) > 1 or len(names) > 1:
        return Estimate(found[0])
    (run,) = values
    low, high = of_score[run][names[0]].intervals.get(metric, (None, None))
    return Estimate(found[0], low=low, high=high)


def _over_sets(
    of_score: Mapping[str, Mapping[str, Measurement]], names: Sequence[str], metric: str
) -> dict[str, float]:
    """Run -> mean of ``metric`` over the sets ``names``, of the runs that have it on all of them."""
    found = {}
    for run, measured in of_score.items():
        values = [getattr(measured[name], metric) for name in names if name in measured]
        if len(values) == len(names) and None not in values:
            found[run] = fmean(values)
    return found


def _by_seed(values: Mapping[str, float], seeds: Mapping[str, int]) -> dict[int, float]:
    """Seed -> mean over the runs that have it, from run -> value."""
    repeats: dict[int, list[float]] = {}
    for run, value in values.items():
        repeats.setdefault(seeds[run], []).append(value)
    return {seed: fmean(of_seed) for seed, of_seed in repeats.items()}


@dataclass(frozen=True)
class _Side:
    """A group in a comparison, all by run: its seed, its measures of the known classes, and by set the measurement and the
    outlier scores of the headline score.
    """

    name: str
    seeds: dict[str, int]
    known: dict[str, dict[str, float | None]]
    measured: dict[str, dict[str, Measurement]]
    scores: dict[str, dict[str, np.ndarray]]


def _side(
    group: Group,
    runs: Sequence[RunSummary],
    measurements: Sequence[Measurement],
    headline: tuple[str, str],
    scores: Mapping[tuple[str, str, str, str], np.ndarray],
) -> _Side:
    members = [run for run in runs if run.name in group.runs]
    of_score = [m for m in measurements if m.run in group.runs and m.score == headline[0]]
    features = [m.feature for m in of_score]
    feature = next((wanted for wanted in (headline[1], "encoder", *features) if wanted in features), None)
    key = (headline[0], feature)
    return _Side(
        group.name,
        seeds={run.name: run.seed for run in members},
        known={run.name: run.measures for run in members},
        measured={
            run.name: {m.ood: m for m in of_score if (m.run, m.feature) == (run.name, feature)} for run in members
        },
        scores={
            run.name: {at[3]: values for at, values in scores.items() if at[:3] == (run.name, *key)} for run in members
        },
    )


def _on_known_classes(ours: _Side, theirs: _Side) -> list[Comparison]:
    rows = []
    for metric in KNOWN_MEASURES:
        values = [
            {run: found for run, measures in side.known.items() if _is_value(found := measures.get(metric))}
            for side in (ours, theirs)
        ]
        rows += _row(ours, theirs, metric, "", _difference(ours, theirs, *values))
    return rows


def _on_unknown_images(
    ours: _Side, theirs: _Side, sets: Sequence[OodSet], resamples: int, seed: int
) -> list[Comparison]:
    pair = _only_pair(ours, theirs) if resamples else None
    samples = _bootstrapped(ours.scores[pair[0]], theirs.scores[pair[1]], sets, resamples, seed) if pair else {}
    rows = []
    for target, names in targets(sets).items():
        if len(names) == 1 and target not in names:
            continue  # the kind of one set says what the set has said
        for metric in COMPARED:
            mine, other = (_over_sets(side.measured, names, metric) for side in (ours, theirs))
            found = _difference(ours, theirs, mine, other)
            if pair and pair[0] in mine and pair[1] in other and samples.keys() >= set(names):
                drawn = np.mean([samples[name][metric] for name in names], axis=0)
                found = from_samples(mine[pair[0]] - other[pair[1]], drawn), BOOTSTRAP, 1
            rows += _row(ours, theirs, metric, target, found)
    return rows


def _bootstrapped(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], sets: Sequence[OodSet], resamples: int, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Set -> metric -> resampled differences [resamples], of the sets that both runs have scores of, from set -> scores."""
    return {
        ood.name: paired_differences(
            (a[ID], a[ood.name]), (b[ID], b[ood.name]), COMPARED, resamples=resamples, seed=seed, stream=stream
        )
        for stream, ood in enumerate(sets)
        if all(name in side for name in (ID, ood.name) for side in (a, b))
    }


def _only_pair(ours: _Side, theirs: _Side) -> tuple[str, str] | None:
    """The runs to compare where there is one seed in common, or one run each; None where there are more, or none."""
    a, b = ({seed: run for run, seed in reversed(side.seeds.items())} for side in (ours, theirs))  # the first of a seed
    shared = a.keys() & b.keys()
    if len(shared) == 1:
        (seed,) = shared
        return a[seed], b[seed]
    return (*a.values(), *b.values()) if len(a) == len(b) == 1 else None


def _difference(
    ours: _Side, theirs: _Side, mine: Mapping[str, float], other: Mapping[str, float]
) -> tuple[Difference, str, int] | None:
    """Difference of values by run, how it was tested without images, and how many pairs; None where a side has no value."""
    if not mine or not other:
        return None
    a, b = _by_seed(mine, ours.seeds), _by_seed(other, theirs.seeds)
    shared = [seed for seed in a if seed in b]
    over = paired_seeds([a[seed] for seed in shared], [b[seed] for seed in shared])
    if over:
        return over, PAIRED_SEEDS, len(shared)
    if shared:
        return Difference(a[shared[0]] - b[shared[0]]), NONE, 1
    return Difference(fmean(a.values()) - fmean(b.values())), NONE, int(len(a) == len(b) == 1)


def _row(
    ours: _Side, theirs: _Side, metric: str, target: str, found: tuple[Difference, str, int] | None
) -> list[Comparison]:
    if found is None:
        return []
    difference, how, n = found
    low, high, p = difference.low, difference.high, difference.p
    return [Comparison(ours.name, theirs.name, metric, target, difference.value, low, high, p, how, n)]


def _is_value(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
