"""The rows of the tables: which numbers stand in them, what is best, and how they are printed."""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from rankcon_cli.ood.result import Comparison, Estimate, OodResult, RunSummary, Swallowed
from rankcon_cli.report import tables
from rankcon_cli.report.cells import Cell, Column, Table, cell, cells, hundredths
from rankcon_cli.report.measures import AUROC, FPR95, HEADLINE_METRICS
from rankcon_cli.report.text import bdi, listed, shortened
from rankcon_cli.wording import counted, decimal, percent

NAN = float("nan")


def section(table: Table, title: str) -> dict[tuple[str, ...], tuple[Cell, ...]]:
    return {row.labels: row.cells for found in table.sections if found.title == title for row in found.rows}


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        (+1, [0.1, 0.9, 0.5], [False, True, False]),
        (-1, [0.1, 0.9, 0.5], [True, False, False]),
        (0, [0.1, 0.9, 0.5], [False, False, False]),
        (+1, [None, 0.2, NAN], [False, True, False]),
        (+1, [None, NAN, None], [False, False, False]),
        (+1, [0.90001, 0.90002, 0.1], [True, True, False]),  # equal as printed
        (-1, [0.5, 0.5], [False, False]),
        (+1, [0.5], [False]),
    ],
)
def test_best_of_a_column(better: int, values: list, best: list[bool]):
    rows = cells([Column("m", "M", better)], [{"m": None if v is None else Estimate(v)} for v in values])
    assert [row[0].best for row in rows] == best


@pytest.mark.parametrize(
    ("estimate", "printed"),
    [
        (Estimate(0.12345), "0.123"),
        (Estimate(0.5, n=3, sd=0.01), "0.500 ± 0.010"),
        (Estimate(0.5, low=0.4, high=0.61), "0.500 [0.400, 0.610]"),
        (Estimate(0.5, n=2, sd=0.01, low=0.4, high=0.6), "0.500 ± 0.010"),
        (Estimate(NAN, n=2, sd=0.01), "–"),
        (None, "–"),
    ],
)
def test_a_number_and_what_is_known_of_its_uncertainty(estimate: Estimate | None, printed: str):
    assert str(cell(AUROC, estimate)) == printed


def test_shares_are_printed_in_per_cent():
    column = Column("fpr", "FPR", -1, hundredths, "\u00a0%")
    assert str(cell(column, Estimate(0.1234, n=2, sd=0.01))) == "12.3\u00a0% ± 1.0"
    assert str(cell(column, Estimate(1.0, low=0.9, high=1.0))) == "100.0\u00a0% [90.0, 100.0]"


def test_main_table_has_every_set_and_the_means_of_kinds_in_order(result: OodResult):
    table = tables.main(result)
    titles = [(found.title, found.note, found.keys[1]) for found in table.sections]
    assert titles == [
        ("withheld", "kept out of training", "withheld"),
        ("faded prints", "near", "near"),
        ("mirrored", "near", "near"),
        ("near", "mean of 2 sets", "mean of 2 near sets"),
        ("static", "far", "far"),
    ]
    assert [column.key for column in table.columns][-1] == "oscr"
    rows = section(table, "near")
    assert list(rows) == [
        ("ranked", "projection", "2"),
        ("supcon", "projection", "2"),
        ("cross-entropy", "encoder", "1"),
    ]
    auroc = next(a for a in result.aggregates if (a.group, a.target, a.score) == ("cross-entropy", "near", "knn"))
    assert rows["cross-entropy", "encoder", "1"][0].estimate is auroc.metrics["auroc"]


def test_a_set_that_bears_the_name_of_its_kind_stands_for_it(changed: Callable[..., OodResult], result: OodResult):
    outliers = replace(result.sets[0], name="withheld-outliers")
    found = tables.targets(changed(sets=(result.sets[0], outliers)))
    assert [(target.name, target.n_sets) for target in found] == [("withheld", 1), ("withheld-outliers", 1)]


def test_main_table_with_chosen_columns_and_without_a_score(changed: Callable[..., OodResult]):
    table = tables.main(changed(headline=("vim", "logits")), HEADLINE_METRICS)
    assert table.columns == (AUROC, *FPR95)
    assert all(str(entry) == "–" for found in table.sections for row in found.rows for entry in row.cells)


def test_a_group_without_the_headline_feature_stands_with_its_encoder_output(changed: Callable[..., OodResult]):
    asked = changed(headline=("knn", "logits"))
    assert tables.headline_aggregate(asked, "ranked", "static").feature == "encoder"
    assert tables.headline_measurement(asked, "ranked", "static").feature == "encoder"
    assert tables.headline_aggregate(asked, "ranked", "elsewhere") is None


def test_full_table_has_every_aggregate_and_marks_the_headline(result: OodResult):
    table = tables.full(result)
    shown = [row for found in table.sections for row in found.rows]
    kept = [a for a in result.aggregates if a.target != "far"]  # one far set: its mean is itself
    assert len(shown) == len(kept)
    assert {row.labels for row in shown if row.marked} == {
        ("ranked", "knn", "projection"),
        ("supcon", "knn", "projection"),
        ("cross-entropy", "knn", "encoder"),
    }


def test_measures_of_runs_are_means_over_seeds(result: OodResult):
    (found,) = tables.runs(result).sections
    ranked, _, plain = found.rows
    values = [run.measures["accuracy"] for run in result.runs if run.group == "ranked"]
    assert ranked.cells[0].estimate == Estimate(fmean(values), 2, stdev(values))
    assert (str(plain.cells[0]), str(plain.cells[-1])) == ("96.6\u00a0%", "–")
    assert [row.labels for row in found.rows] == [
        ("ranked", "ranked", "2"),
        ("supcon", "supcon", "2"),
        ("cross-entropy", "cross-entropy", "1"),
    ]


def test_runs_of_one_seed_are_averaged_and_count_once():
    runs = [
        RunSummary(f"{i}", "", "", {"a": value}, seed=seed) for i, (seed, value) in enumerate([(0, 1), (0, 3), (1, 4)])
    ]
    assert tables.over_seeds(runs, "a") == Estimate(3.0, 2, stdev([2, 4]))
    assert tables.over_seeds(runs[:2], "a") == Estimate(2.0, 1, None)
    assert tables.over_seeds(runs, "b") is None
    assert tables.over_seeds([*runs[:1], RunSummary("x", "", "", {"a": None}, seed=5)], "a") == Estimate(1, 1, None)


def test_comparisons_say_who_is_better_beyond_the_interval(changed: Callable[..., OodResult]):
    def entry(
        metric: str, difference: float, low: float | None, high: float | None, p: float | None = 0.0001
    ) -> Comparison:
        return Comparison("ours", "theirs", metric, "near", difference, low, high, p, "paired seeds", 3)

    rows = [
        entry("auroc", 0.1, 0.05, 0.15),
        entry("fpr95_id_pos", 0.1, 0.05, 0.15),
        entry("fpr95_id_pos", -0.1, -0.15, -0.05),
        entry("auroc", 0.1, -0.05, 0.15),
        entry("auroc", 0.1, None, None, None),
        entry("kendall_tau_b", 0.1, 0.05, 0.15),
    ]
    (found,) = tables.comparisons(changed(comparisons=tuple(rows))).sections
    assert (found.title, found.keys) == ("theirs", ("theirs", "ours"))
    assert [row.labels[3] for row in found.rows] == ["ours", "theirs", "ours", "", "", ""]
    assert [str(row.cells[0]) for row in found.rows[:3]] == [
        "+0.100 [+0.050, +0.150]",
        "+10.0\u00a0pp [+5.0, +15.0]",
        "-10.0\u00a0pp [-15.0, -5.0]",
    ]
    assert [str(row.cells[1]) for row in found.rows[3:5]] == ["< 0.001", "–"]


def test_rates_start_with_the_whole_set(result: OodResult):
    known, *unknown = tables.rates(result).sections
    assert (known.title, known.keys, len(known.rows)) == ("id", ("id", "known"), 9)
    assert known.rows[0].marked and known.rows[0].keys == ("",)
    assert [found.title for found in unknown] == [ood.name for ood in result.sets]
    assert sum(row.cells[1].estimate.value for row in known.rows[1:]) == result.n_id


def test_candidates_are_ordered_and_the_chosen_one_is_marked(result: OodResult, changed: Callable[..., OodResult]):
    (found,) = tables.candidates(result).sections
    assert found.rows[0].labels == ("knn", "projection", "k=5")
    assert [row.marked for row in found.rows] == [True, False, False]
    assert tables.candidates(changed(tuning=None)) is None


def test_nothing_to_show_gives_empty_tables(changed: Callable[..., OodResult]):
    bare = changed(sets=(), aggregates=(), comparisons=(), rates=(), measurements=())
    for build in (tables.main, tables.full, tables.comparisons, tables.rates):
        assert build(bare).sections == ()


def test_attractions_are_counted_per_unknown_class(changed: Callable[..., OodResult]):
    entries = [("a", "x", 1), ("a", "y", 5), ("a", "z", 2), ("a", "w", 2), ("b", "x", 9), ("b", "y", 1)]
    result = changed(swallowed=tuple(Swallowed("s", unknown, known, n, 10) for unknown, known, n in entries))
    first, second = tables.attractions(result, "s")
    assert (first.ood_class, first.nearest, first.others) == ("b", [("x", 9), ("y", 1)], 0)
    assert (second.ood_class, second.nearest, second.others) == ("a", [("y", 5), ("z", 2), ("w", 2)], 1)
    assert tables.attractions(result, "another set") == []


def test_printed_numbers_and_names():
    assert [decimal(None), decimal(NAN), decimal(0.12349), percent(0.5)] == ["–", "–", "0.123", "50.0\u00a0%"]
    assert [counted(1, "class"), counted(1000, "image")] == ["1 class", "1,000 images"]
    assert listed([bdi("a"), bdi("<"), bdi("c")]) == "<bdi>a</bdi>, <bdi>&lt;</bdi> and <bdi>c</bdi>"
    assert shortened("a\nvery  long name", 8) == "a very…"
