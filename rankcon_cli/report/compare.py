"""Runs side by side: every measure a row, every group of seeds a column; and the same numbers for programs."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

from rankcon_cli.files import to_json
from rankcon_cli.ood.result import Comparison, Estimate, Group, OodResult, RunSummary
from rankcon_cli.report import tables
from rankcon_cli.report.cells import Cell, Column, Row, Section, Table, cell, cells
from rankcon_cli.report.latex import provenance, to_latex
from rankcon_cli.report.measures import AUROC, FPR95, MEASURES, OSCR, SECONDS
from rankcon_cli.report.text_tables import to_csv, to_markdown
from rankcon_cli.wording import DASH

FORMAT, VERSION = "rankcon/comparison", 1

#: What is compared on unknown images.
_OOD = (AUROC, *FPR95, OSCR)
_KNOWN, _TRAINING = "known classes", "training"
#: Details of a run that stand below the measures, as they are.
_DETAILS = {"epochs": "Epochs", "encoder": "Encoder"}

#: A group and the key of a measure -> its estimate, if the group has it.
Lookup = Callable[[Group, str], Estimate | None]


def side_by_side(result: OodResult) -> Table:
    """One row a measure, one column a group: on the known classes, on every target, of the training.

    The best of each row is marked; what no group has is left out.
    """
    groups = result.groups
    known = _rows(groups, MEASURES.values(), lambda group, key: tables.over_seeds(members(result, group), key))
    sections = [Section(_KNOWN, "", known)]
    for target in tables.targets(result):
        found = {group: tables.headline_aggregate(result, group.name, target.name) for group in groups}
        rows = _rows(groups, _OOD, lambda group, key, found=found: found[group] and found[group].metrics.get(key))
        sections.append(Section(target.name, target.note, rows))
    time = _rows(groups, [SECONDS], lambda group, key: tables.over_seeds(members(result, group), key))
    sections.append(Section(_TRAINING, "", (*time, *_details(result))))
    columns = tuple(Column(group.name, group.name) for group in groups)
    caption = tables.spread_words(groups)
    if result.sets:
        caption = f"{caption} Unknown images by the score {' on '.join(result.headline)}."
    sections = tuple(section for section in sections if section.rows)
    return Table("compare", caption, ("On", "Kind"), ("Measure",), columns, sections)


def members(result: OodResult, group: Group) -> list[RunSummary]:
    """The runs of ``group``."""
    return [run for run in result.runs if run.name in group.runs]


def _rows(groups: Iterable[Group], columns: Iterable[Column], find: Lookup) -> tuple[Row, ...]:
    """A row for each of ``columns`` that any group has a value of."""
    rows = []
    for column in columns:
        line = cells([column], [{column.key: find(group, column.key)} for group in groups])
        if any(entry.estimate for (entry,) in line):
            rows.append(Row((column.label,), tuple(entry for (entry,) in line)))
    return tuple(rows)


def _details(result: OodResult) -> list[Row]:
    first = [members(result, group)[0].details for group in result.groups]
    rows = [Row(("Seeds",), tuple(Cell(str(tables.seeds(result, group.name))) for group in result.groups))]
    for key, label in _DETAILS.items():
        if any(key in details for details in first):
            rows.append(Row((label,), tuple(Cell(str(details.get(key, DASH))) for details in first)))
    return rows


def long_table(result: OodResult) -> Table:
    """The same for programs: one row a target, measure and group, with its difference to the first group."""
    value = Column("", "Value")
    difference = Column("difference", "Difference to the first", parts=("value", "low", "high"))
    p = Column("p", "p", parts=("value",))
    by_key = {(entry.other, entry.metric, entry.target): entry for entry in result.comparisons}
    rows = []
    for target, metric, group, estimate in _numbers(result):
        told = by_key.get((group, metric, target))
        line = (cell(value, estimate), cell(difference, _difference(told)), cell(p, _probability(told)))
        rows.append(Row((target, metric, group, told.how if told else ""), line))
    headings = ("OOD set", "Measure", "Group", "By")
    return Table("compare", "", (), headings, (value, difference, p), (Section("", "", tuple(rows)),))


def _numbers(result: OodResult) -> Iterable[tuple[str, str, str, Estimate]]:
    """(target or nothing, key of the measure, group, estimate) of every number of ``side_by_side``."""
    for key in (*MEASURES, SECONDS.key):
        for group in result.groups:
            if estimate := tables.over_seeds(members(result, group), key):
                yield "", key, group.name, estimate
    for target in tables.targets(result):
        for column in _OOD:
            for group in result.groups:
                found = tables.headline_aggregate(result, group.name, target.name)
                if found and (estimate := found.metrics.get(column.key)):
                    yield target.name, column.key, group.name, estimate


def _difference(entry: Comparison | None) -> Estimate | None:
    return entry and Estimate(entry.difference, low=entry.low, high=entry.high)


def _probability(entry: Comparison | None) -> Estimate | None:
    return Estimate(entry.p) if entry and entry.p is not None else None


def to_text(result: OodResult, form: str) -> str:
    """``side_by_side`` and what the first group has over the others, as ``"markdown"`` or ``"latex"``; or ``"csv"``."""
    if form == "csv":
        return to_csv(long_table(result))
    write = to_markdown if form == "markdown" else partial(to_latex, told=provenance(result))
    tables_of_it = [side_by_side(result), *([tables.comparisons(result)] if result.comparisons else [])]
    return "\n".join(map(write, tables_of_it))


def comparison_dict(result: OodResult) -> dict[str, Any]:
    """What ``rankcon compare --json`` prints: plain JSON values only, None for a measure without a value."""
    score, feature = result.headline
    document = {
        "format": FORMAT,
        "version": VERSION,
        "id": {"spec": result.id_spec, "images": result.id_images, "n": result.n_id},
        "sets": [{"name": ood.name, "spec": ood.spec, "kind": ood.kind, "n": ood.n} for ood in result.sets],
        "headline": {"score": score, "feature": feature, "from": result.headline_from} if result.sets else None,
        "groups": [
            {
                "name": group.name,
                "runs": [{"name": run.name, "path": run.path, "seed": run.seed} for run in members(result, group)],
                "loss": members(result, group)[0].loss,
                "details": members(result, group)[0].details,
            }
            for group in result.groups
        ],
        "results": [
            {"group": group, "target": target, "measure": key, **asdict(estimate)}
            for target, key, group, estimate in _numbers(result)
        ],
        "comparisons": [asdict(entry) for entry in result.comparisons],
        "warnings": result.warnings,
    }
    return json.loads(to_json(document))
