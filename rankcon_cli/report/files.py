"""The OOD report as files: the page, the numbers as JSON, the tables as CSV, Markdown and LaTeX, the figures as SVG and PDF."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.files import read_bounded, to_json, write_atomic
from rankcon_cli.ood.result import OodResult
from rankcon_cli.report import tables
from rankcon_cli.report.document import to_json_dict
from rankcon_cli.report.figures import figure_files
from rankcon_cli.report.latex import provenance, to_latex
from rankcon_cli.report.page import render_html
from rankcon_cli.report.text_tables import to_csv, to_markdown

PAGE, DOCUMENT, TABLES, FIGURES = "report.html", "report.json", "tables", "figures"
_LARGEST_DOCUMENT = 2**29

#: Every name that a report may give to a file, below its folder.
_OURS = re.compile(
    r"report\.(html|json)"
    r"|tables/(main|all_scores|runs|comparisons|rates)\.(csv|md|tex)"
    r"|figures/(roc|pr|histogram|embedding)-[a-z0-9_-]+\.(svg|pdf)"
)


@dataclass(frozen=True)
class Written:
    """The files of a report: ``page`` and ``document`` (``report.html``, ``report.json``), and all of them."""

    page: Path
    document: Path
    files: tuple[Path, ...]


def check_free(out: Path, *, force: bool) -> None:
    """Ask this before the work starts: UsageError where a report may not be written to the folder ``out``.

    That is where ``out`` is a file, or where without ``force`` a file stands under a name that a report uses. Files of
    other names, and folders beside ``tables`` and ``figures``, are never touched.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file", hint="choose another --out")
    if force:
        return
    if (out / PAGE).exists() or (out / DOCUMENT).exists():
        raise UsageError(f"{out} holds a report already", hint="--force replaces it")
    taken = next(_standing(out), None)
    if taken is not None:
        raise UsageError(f"{taken} would be overwritten", hint="choose another --out, or replace it with --force")


def write_report(result: OodResult, out: Path) -> Written:
    """Write everything into the folder ``out``; ``check_free`` says beforehand whether that may be done.

    Each file is written whole or not at all, ``report.json`` last: where it stands the report is whole. Files that an
    earlier ``report.json`` lists as its own and this report has not (the figures of a set that is gone) are removed;
    nothing else is. RankconError where something cannot be written.
    """
    earlier = _listed(out / DOCUMENT)
    names = []
    for name, content in (*_tables(result), *_figures(result), (PAGE, render_html(result))):
        write_atomic(out / name, content)
        names.append(name)
    names.append(DOCUMENT)
    write_atomic(out / DOCUMENT, to_json(to_json_dict(result) | {"files": names}))
    for name in earlier.difference(names):
        with contextlib.suppress(OSError):
            (out / name).unlink()
    return Written(out / PAGE, out / DOCUMENT, tuple(out / name for name in names))


def _tables(result: OodResult) -> Iterator[tuple[str, str]]:
    told = provenance(result)
    for build in (tables.main, tables.full, tables.runs, tables.comparisons, tables.rates):
        table = build(result)
        yield f"{TABLES}/{table.name}.csv", to_csv(table)
        yield f"{TABLES}/{table.name}.md", to_markdown(table)
        yield f"{TABLES}/{table.name}.tex", to_latex(table, told)


def _figures(result: OodResult) -> Iterator[tuple[str, bytes]]:
    for name, content in figure_files(result):
        yield f"{FIGURES}/{name}", content


def _listed(document: Path) -> set[str]:
    """The files that an earlier report lists, those alone that a report may have written."""
    try:
        listed = json.loads(read_bounded(document, _LARGEST_DOCUMENT)).get("files", [])
    except (RankconError, ValueError, AttributeError, RecursionError):
        return set()
    names = listed if isinstance(listed, list) else []
    return {name for name in names if isinstance(name, str) and _OURS.fullmatch(name)}


def _standing(out: Path) -> Iterator[Path]:
    """Files in ``out`` that bear a name a report may use."""
    for folder in (out, out / TABLES, out / FIGURES):
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                if _OURS.fullmatch(path.relative_to(out).as_posix()):
                    yield path
