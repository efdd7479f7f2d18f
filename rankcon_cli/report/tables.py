"""The tables of the page: rows of printed cells, the best of each column marked."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from rankcon_cli.ood.result import Measurement, OodResult, OodSet, RunSummary
from rankcon_cli.wording import decimal, percent


@dataclass(frozen=True)
class Column:
    """``better``: +1 where a larger value is better, -1 where a smaller one is, 0 where neither."""

    key: str
    label: str
    show: Callable[[float | None], str] = decimal
    better: int = 0


@dataclass(frozen=True)
class Cell:
    text: str
    best: bool = False


AUROC = Column("auroc", "AUROC", decimal, +1)
FPR95 = (
    Column("fpr95_ood_pos", "FPR95, OOD positive", percent, -1),
    Column("fpr95_id_pos", "FPR95, ID positive", percent, -1),
)
HEADLINE_METRICS = (AUROC, *FPR95)
METRICS = (AUROC, Column("aupr_in", "AUPR-IN", decimal, +1), Column("aupr_out", "AUPR-OUT", decimal, +1), *FPR95)

#: Measures of a run that have a direction; any other is printed as it is.
MEASURES = {
    column.key: column
    for column in (
        Column("accuracy", "Accuracy", percent, +1),
        Column("order_satisfaction", "Order satisfaction", decimal, +1),
        Column("order_satisfaction_beyond_own", "Order satisfaction beyond own class", decimal, +1),
        Column("mistake_severity", "Mistake severity", decimal, -1),
        Column("mistakes_in_tier_1", "Mistakes in tier 1", percent, +1),
        Column("recall_at_1", "Recall@1", percent, +1),
        Column("map_at_r", "mAP@R", percent, +1),
    )
}


def cells(columns: Sequence[Column], rows: Sequence[Mapping[str, float | None]]) -> list[list[Cell]]:
    """One printed cell a row and column. All that print like the best of a column are best, unless all print alike."""
    texts = [[column.show(row.get(column.key)) for column in columns] for row in rows]
    best = [_best_text(column, rows) for column in columns]
    return [
        [Cell(text, text == best[j] and any(other[j] != text for other in texts)) for j, text in enumerate(line)]
        for line in texts
    ]


def _best_text(column: Column, rows: Sequence[Mapping[str, float | None]]) -> str | None:
    values = [value for row in rows if (value := row.get(column.key)) is not None and value == value]
    if not values or not column.better:
        return None
    return column.show(max(values) if column.better > 0 else min(values))


def headline_measurement(result: OodResult, run: str, ood: str) -> Measurement | None:
    """The headline score of ``run`` on ``ood``: on the headline feature, else on another that the run has, or None."""
    score, feature = result.headline
    found = [m for m in result.measurements if (m.run, m.ood, m.score) == (run, ood, score)]
    return next((m for m in found if m.feature == feature), found[0] if found else None)


@dataclass(frozen=True)
class HeadlineRow:
    run: str
    feature: str  #: empty where the run lacks the score
    cells: list[Cell]


def headline(result: OodResult) -> list[tuple[OodSet, list[HeadlineRow]]]:
    """For every OOD set, one row a run with the headline score."""
    groups = []
    for ood in result.sets:
        found = [headline_measurement(result, run.name, ood.name) for run in result.runs]
        lines = cells(HEADLINE_METRICS, [asdict(m) if m else {} for m in found])
        rows = [
            HeadlineRow(run.name, m.feature if m else "", line)
            for run, m, line in zip(result.runs, found, lines, strict=True)
        ]
        groups.append((ood, rows))
    return groups


def run_measures(runs: Sequence[RunSummary]) -> tuple[list[Column], list[tuple[RunSummary, list[Cell]]]]:
    """The runs' own measures: the columns in order of first appearance, and one row a run."""
    keys = dict.fromkeys(key for run in runs for key in run.measures)
    columns = [MEASURES.get(key, Column(key, key.replace("_", " "))) for key in keys]
    lines = cells(columns, [run.measures for run in runs])
    return columns, list(zip(runs, lines, strict=True))


@dataclass(frozen=True)
class FullRow:
    measurement: Measurement
    cells: list[Cell]
    headline: bool


def full(result: OodResult) -> list[tuple[OodSet, list[tuple[str, list[FullRow]]]]]:
    """For every OOD set and run, one row a score and feature with all metrics; best over the whole set."""
    tables = []
    for ood in result.sets:
        found = [m for m in result.measurements if m.ood == ood.name]
        lines = cells(METRICS, [asdict(m) for m in found])
        first = {run.name: headline_measurement(result, run.name, ood.name) for run in result.runs}
        rows = [FullRow(m, line, m is first.get(m.run)) for m, line in zip(found, lines, strict=True)]
        by_run = [(run.name, [row for row in rows if row.measurement.run == run.name]) for run in result.runs]
        tables.append((ood, [(run, group) for run, group in by_run if group]))
    return tables


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
