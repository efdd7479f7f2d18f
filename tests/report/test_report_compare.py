"""Runs side by side: rows, columns and their best; the same numbers for programs."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from rankcon_cli.files import to_json
from rankcon_cli.ood.result import OodResult
from rankcon_cli.report.compare import comparison_dict, long_table, side_by_side, to_text
from rankcon_cli.report.tables import headline_aggregate


@pytest.fixture
def alone(changed: Callable[..., OodResult], result: OodResult) -> OodResult:
    """The same runs where there is no unknown image."""
    known = tuple(entry for entry in result.comparisons if not entry.target)
    return changed(sets=(), aggregates=(), measurements=(), scores={}, comparisons=known)


def printed(result: OodResult) -> dict[str, dict[str, list[str]]]:
    return {
        section.title: {
            row.labels[0]: [f"{'*' if cell.best else ''}{cell}" for cell in row.cells] for row in section.rows
        }
        for section in side_by_side(result).sections
    }


def test_measures_are_rows_and_groups_are_columns(result: OodResult):
    table = side_by_side(result)
    assert [column.label for column in table.columns] == ["ranked", "supcon", "cross-entropy"]
    found = printed(result)
    assert list(found) == ["known classes", "withheld", "faded prints", "mirrored", "near", "static", "training"]
    assert found["known classes"]["Accuracy"] == ["97.9\u00a0% ± 0.3", "*98.4\u00a0% ± 0.1", "96.6\u00a0%"]
    assert found["known classes"]["Mistake severity"] == ["*1.775 ± 0.049", "2.290 ± 0.028", "–"]
    assert list(found["withheld"]) == ["AUROC", "FPR95, OOD positive", "FPR95, ID positive", "OSCR"]
    assert list(found["near"]) == ["AUROC", "FPR95, OOD positive", "FPR95, ID positive"]
    assert found["training"] == {
        "Training time": ["13.0\u00a0s ± 0.7", "13.0\u00a0s ± 0.7", "*12.5\u00a0s"],
        "Seeds": ["2", "2", "1"],
        "Epochs": ["30", "30", "30"],
    }


def test_without_unknown_images_the_rest_is_compared(alone: OodResult):
    assert list(printed(alone)) == ["known classes", "training"]
    assert "score" not in side_by_side(alone).caption
    document = comparison_dict(alone)
    assert document["headline"] is None and document["sets"] == []
    assert {entry["target"] for entry in document["results"]} == {""}


def test_document_has_the_numbers_and_is_plain_json(result: OodResult):
    document = comparison_dict(result)
    assert (document["format"], document["version"]) == ("rankcon/comparison", 1)
    assert [group["name"] for group in document["groups"]] == ["ranked", "supcon", "cross-entropy"]
    assert document["groups"][0]["runs"][1] == {"name": "ranked-1", "path": "runs/ranked-1", "seed": 1}
    found = {(entry["group"], entry["target"], entry["measure"]): entry for entry in document["results"]}
    auroc = headline_aggregate(result, "supcon", "near").metrics["auroc"]
    assert (found["supcon", "near", "auroc"]["value"], found["supcon", "near", "auroc"]["n"]) == (auroc.value, 2)
    assert found["ranked", "", "seconds"]["value"] == 13.0
    assert len(document["comparisons"]) == len(result.comparisons)
    assert json.loads(to_json(document)) == document


def test_csv_has_one_line_a_number_with_its_difference(result: OodResult):
    rows = list(csv.DictReader(io.StringIO(to_text(result, "csv"), newline="")))
    assert len(rows) == len(long_table(result).sections[0].rows) == len(comparison_dict(result)["results"])
    by_key = {(row["group"], row["ood_set"], row["measure"]): row for row in rows}
    tested = by_key["supcon", "", "accuracy"]
    assert (tested["value"], tested["n"], tested["difference"], tested["p"]) == ("0.984", "2", "-0.005", "0.24")
    assert tested["by"] == "paired seeds" and tested["difference_low"] == "-0.03"
    assert by_key["ranked", "", "accuracy"]["difference"] == ""
    assert by_key["cross-entropy", "near", "auroc"]["by"] == "none"


def test_markdown_and_latex_hold_both_tables(result: OodResult, changed: Callable[..., OodResult]):
    markdown = to_text(result, "markdown")
    assert markdown.count("\n| :-- |") == 2 and "| near (mean of 2 sets) | AUROC | **" in markdown
    latex = to_text(result, "latex")
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert "% written by rankcon" in latex
    assert to_text(changed(comparisons=()), "latex").count(r"\begin{tabular}") == 1


def test_hostile_names_stay_text(result: OodResult):
    name = "=a|b & c_{d}\n*<i>*"
    group = replace(result.groups[0], name=name)
    hostile = replace(result, groups=(group, *result.groups[1:]))
    assert len(to_text(hostile, "markdown").splitlines()) == len(to_text(result, "markdown").splitlines())
    assert r"=a\|b \& c\_\{d\} \*\<i\>\*" in to_text(hostile, "markdown")
    assert r"=a\textbar{}b \& c\_\{d\} {*}\textless{}i\textgreater{}{*}" in to_text(hostile, "latex")
    rows = list(csv.DictReader(io.StringIO(to_text(hostile, "csv"), newline="")))
    assert rows[0]["group"] == "'" + name
