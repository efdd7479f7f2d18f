"""The tables of the OOD report, from one place for the page and for the text formats.

``main``, ``full``, ``runs``, ``comparisons``, ``rates`` and ``candidates`` each give a ``Table`` (report/cells.py) of
sections, rows and printed cells; ``headline_aggregate`` and ``headline_measurement`` the numbers a sentence quotes. The
columns are in report/measures.py.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from rankcon_cli.ood.result import (
    ID,
    KINDS,
    Aggregate,
    Candidate,
    Comparison,
    Estimate,
    Group,
    Measurement,
    OodResult,
    RunSummary,
)
from rankcon_cli.report.cells import Column, Row, Section, Table, cell, cells, hundredths, whole
from rankcon_cli.report.measures import AUROC, METRICS, OSCR, PERCENT, column_of

#: Kind of an OOD set -> what the reader is told of it.
KIND_WORDS = {
    "withheld": "kept out of training",
    "near": "near",
    "far": "far",
    "other": "given as unknown",
}


@dataclass(frozen=True)
class Target:
    """What an aggregate is over: an OOD set, or the sets of one kind (``n_sets`` of them), whose mean it is."""

    name: str
    kind: str
    n_sets: int = 1

    @property
    def note(self) -> str:
        """What it is, in words."""
        return KIND_WORDS[self.kind] if self.n_sets == 1 else f"mean of {self.n_sets} sets"

    @property
    def keys(self) -> tuple[str, str]:
        """Its name and kind, for programs."""
        return self.name, self.kind if self.n_sets == 1 else f"mean of {self.n_sets} {self.kind} sets"


def targets(result: OodResult) -> list[Target]:
    """The targets of the tables: by kind, the sets and then their mean where there are several.

    There is no mean where a set bears the name of its kind, as ``"withheld"`` does.
    """
    names, found = [ood.name for ood in result.sets], []
    for kind in KINDS:
        sets = [ood for ood in result.sets if ood.kind == kind]
        found += [Target(ood.name, kind) for ood in sets]
        if len(sets) > 1 and kind not in names:
            found.append(Target(kind, kind, len(sets)))
    return found


def metrics(result: OodResult) -> tuple[Column, ...]:
    """``METRICS``, and OSCR where any aggregate has it."""
    return (*METRICS, OSCR) if any(entry.metrics.get("oscr") for entry in result.aggregates) else METRICS


def seeds(result: OodResult, group: str) -> int:
    """The number of seeds of a group; a training repeated with its seed counts once."""
    members = next((entry.runs for entry in result.groups if entry.name == group), ())
    return len({run.seed for run in result.runs if run.name in members})


def headline_measurement(result: OodResult, run: str, ood: str) -> Measurement | None:
    """The headline score of ``run`` on ``ood``: on the headline feature, else on the encoder output or whatever the run
    has; None where it lacks the score."""
    found = [m for m in result.measurements if (m.run, m.ood, m.score) == (run, ood, result.headline[0])]
    return min(found, key=lambda m: _far_from_headline(result, m.feature), default=None)


def headline_aggregate(result: OodResult, group: str, target: str) -> Aggregate | None:
    """The headline score of ``group`` on ``target``, as ``headline_measurement``."""
    found = [a for a in result.aggregates if (a.group, a.target, a.score) == (group, target, result.headline[0])]
    return min(found, key=lambda a: _far_from_headline(result, a.feature), default=None)


def _far_from_headline(result: OodResult, feature: str) -> tuple[bool, bool]:
    return feature != result.headline[1], feature != "encoder"


def main(result: OodResult, columns: Sequence[Column] | None = None) -> Table:
    """For every target one row a group with the headline score, and ``columns`` (all metrics). Best within a target."""
    columns = tuple(columns or metrics(result))
    sections = []
    for target in targets(result):
        found = [headline_aggregate(result, group.name, target.name) for group in result.groups]
        lines = cells(columns, [a.metrics if a else {} for a in found])
        rows = [
            Row((group.name, a.feature if a else "", str(seeds(result, group.name))), line)
            for group, a, line in zip(result.groups, found, lines, strict=True)
        ]
        sections.append(Section(target.name, target.note, tuple(rows), target.keys))
    caption = (
        f"How well the headline score ({result.headline[0]}) tells unknown from known images. AUROC, AUPR and OSCR: "
        f"larger is better; FPR95: smaller is better. {spread_words(result.groups)}"
    )
    return Table("main", caption, ("OOD set", "Kind"), ("Group", "Feature", "Seeds"), columns, tuple(sections))


def full(result: OodResult) -> Table:
    """For every target one row a group, score and feature, with all metrics. Best within a target; marked: headline."""
    columns = metrics(result)
    sections = []
    for target in targets(result):
        found = [
            a for group in result.groups for a in result.aggregates if (a.group, a.target) == (group.name, target.name)
        ]
        lines = cells(columns, [a.metrics for a in found])
        first = {group.name: headline_aggregate(result, group.name, target.name) for group in result.groups}
        rows = [
            Row((a.group, a.score, a.feature), line, a is first[a.group]) for a, line in zip(found, lines, strict=True)
        ]
        sections.append(Section(target.name, target.note, tuple(rows), target.keys))
    caption = f"Every score on every feature. {spread_words(result.groups)}"
    return Table("all_scores", caption, ("OOD set", "Kind"), ("Group", "Score", "Feature"), columns, tuple(sections))


def runs(result: OodResult) -> Table:
    """The runs' own measures by group, in order of first appearance; the known classes alone."""
    keys = dict.fromkeys(key for run in result.runs for key in run.measures)
    columns = tuple(map(column_of, keys))
    members = [[run for run in result.runs if run.name in group.runs] for group in result.groups]
    lines = cells(columns, [{key: over_seeds(of_group, key) for key in keys} for of_group in members])
    rows = [
        Row((group.name, of_group[0].loss if of_group else "", str(seeds(result, group.name))), line)
        for group, of_group, line in zip(result.groups, members, lines, strict=True)
    ]
    # A single run has no interval here: its measures are not resampled.
    spread = spread_words(result.groups).partition(";")[0].rstrip(".")
    caption = (
        "The runs on known classes alone. Order at chance is 0.5; mistake severity is the mean tier of the predicted class "
        f"over wrong predictions, smaller is better. {spread}."
    )
    return Table("runs", caption, (), ("Group", "Loss", "Seeds"), columns, (Section("", "", tuple(rows)),))


def over_seeds(members: Sequence[RunSummary], key: str) -> Estimate | None:
    """Mean and standard deviation over seeds of a measure of ``members``; None where no run has it.

    Runs of one seed, a training repeated, are averaged first.
    """
    by_seed: dict[int, list[float]] = {}
    for run in members:
        value = run.seconds if key == "seconds" else run.measures.get(key)
        if value is not None and value == value:
            by_seed.setdefault(run.seed, []).append(value)
    values = [fmean(same) for same in by_seed.values()]
    return Estimate(fmean(values), len(values), stdev(values) if len(values) > 1 else None) if values else None


def spread_words(groups: Sequence[Group]) -> str:
    """What stands behind the values of ``groups``, in words."""
    sizes = {len(group.runs) for group in groups}
    seeded = "Mean ± standard deviation over seeds"
    interval = "95\u00a0% bootstrap interval over images in brackets"
    if sizes == {1}:
        return f"One run each; {interval}."
    return f"{seeded}." if 1 not in sizes else f"{seeded}; for a single run, {interval}."


def comparisons(result: OodResult) -> Table:
    """What the first group has over each other group: differences with interval and p-value."""
    sections = []
    for other in dict.fromkeys(entry.other for entry in result.comparisons):
        found = [entry for entry in result.comparisons if entry.other == other]
        rows = tuple(_comparison_row(result, entry) for entry in found)
        sections.append(Section(other, "the first group less it", rows, (other, found[0].subject)))
    caption = (
        "What the first group has over the others: the difference of each measure with its 95\u00a0% interval (pp: percentage "
        "points). Paired seeds: a t-test on runs of equal seeds. Bootstrap: over images of one run each, which says "
        "nothing of the randomness of training."
    )
    columns = (
        Column("difference", "Difference", parts=("value", "low", "high")),
        Column("p", "p", form=_probability, parts=("value",)),
        Column("n", "n", form=whole, parts=("value",)),
    )
    headings = ("Measure", "OOD set", "By", "Better")
    return Table("comparisons", caption, ("Against", "Subject"), headings, columns, tuple(sections))


def _comparison_row(result: OodResult, entry: Comparison) -> Row:
    measure = column_of(entry.metric)
    signed = replace(
        measure,
        form=lambda value: f"{'+' if value > 0 else ''}{measure.form(value)}",
        unit="\u00a0pp" if measure.unit else "",
    )
    line = (
        cell(signed, Estimate(entry.difference, low=entry.low, high=entry.high)),
        cell(Column("p", "p", form=_probability), None if entry.p is None else Estimate(entry.p)),
        cell(Column("n", "n", form=whole), Estimate(entry.n) if entry.n else None),
    )
    better = favoured(entry)
    return Row(
        (measure.label, entry.target or "known classes", entry.how, better),
        line,
        keys=(entry.metric, entry.target, entry.how, better),
    )


def favoured(entry: Comparison) -> str:
    """The group that is better beyond the interval; empty where the interval holds zero, or there is none."""
    if entry.low is None or entry.high is None or entry.low <= 0 <= entry.high:
        return ""
    better = column_of(entry.metric).better
    return "" if not better else entry.subject if entry.difference * better > 0 else entry.other


def _probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def rates(result: OodResult) -> Table:
    """Share flagged as unknown at the deployed threshold: of ID, then of each set; the whole first, then its classes."""
    flagged = Column("flagged", "Flagged as unknown", 0, hundredths, PERCENT, ("value", "low", "high"))
    images = Column("n", "Images", 0, whole, parts=("value",))
    notes = {ood.name: KIND_WORDS[ood.kind] for ood in result.sets} | {ID: "known: a flag is a false alarm"}
    kinds = {ood.name: ood.kind for ood in result.sets} | {ID: "known"}
    sections = []
    for name in (ID, *(ood.name for ood in result.sets)):
        found = sorted((rate for rate in result.rates if rate.set == name), key=lambda rate: rate.class_name != "")
        rows = tuple(
            Row(
                (rate.class_name or "(all)",),
                (cell(flagged, Estimate(rate.flagged, low=rate.low, high=rate.high)), cell(images, Estimate(rate.n))),
                marked=not rate.class_name,
                keys=(rate.class_name,),
            )
            for rate in found
        )
        if rows:
            sections.append(Section(name, notes[name], rows, (name, kinds[name])))
    caption = "Share of the images of each class flagged as unknown at the deployed threshold, with 95\u00a0% Wilson intervals."
    return Table("rates", caption, ("Set", "Kind"), ("Class",), (flagged, images), tuple(sections))


def candidates(result: OodResult) -> Table | None:
    """What tuning tried, the best first; None where nothing was tuned. Marked: what it chose."""
    if result.tuning is None:
        return None
    tried = sorted(result.tuning.candidates, key=lambda entry: -entry.auroc)
    lines = cells((AUROC,), [{"auroc": Estimate(entry.auroc)} for entry in tried])
    rows = tuple(
        Row((entry.score, entry.feature, written(entry)), line, entry == result.tuning.chosen)
        for entry, line in zip(tried, lines, strict=True)
    )
    caption = (
        f"What was tried on {result.tuning.n_id:,} known validation images and {result.tuning.n_ood:,} images of "
        f"{result.tuning.spec}; no test image was looked at."
    )
    headings = ("Score", "Feature", "Parameters")
    return Table("tuning", caption, (), headings, (replace(AUROC, parts=("value",)),), (Section("", "", rows),))


def written(candidate: Candidate) -> str:
    """Its parameters as ``k=10,shrink=0.1``; empty where all are the defaults."""
    return ",".join(f"{name}={value}" for name, value in candidate.parameters.items())


@dataclass(frozen=True)
class Attraction:
    """Where the images of one unknown class land: the strongest known classes with counts, and what is left."""

    ood_class: str
    n: int
    nearest: list[tuple[str, int]]
    others: int


#: Most known classes a row, and most unknown classes a set, that the page lists.
MOST_KNOWN, MOST_UNKNOWN = 3, 20


def attractions(result: OodResult, ood: str) -> list[Attraction]:
    """Every unknown class of the set, the one that lands most on a single known class first."""
    counts: dict[str, Counter[str]] = {}
    totals: dict[str, int] = {}
    for entry in result.swallowed:
        if entry.ood == ood and entry.n:
            counts.setdefault(entry.ood_class, Counter())[entry.known_class] += entry.count
            totals[entry.ood_class] = entry.n
    rows = []
    for name, counter in counts.items():
        nearest = [(known, count) for known, count in counter.most_common(MOST_KNOWN) if count]
        if nearest:
            rows.append(Attraction(name, totals[name], nearest, totals[name] - sum(count for _, count in nearest)))
    return sorted(rows, key=lambda row: row.nearest[0][1] / row.n, reverse=True)
