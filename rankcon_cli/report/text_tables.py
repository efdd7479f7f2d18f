"""A ``Table`` as CSV for programs and as Markdown for people; report/latex.py has LaTeX."""

import csv
import io
import re

from rankcon_cli.picture.text import isolated
from rankcon_cli.report.cells import Cell, Column, Row, Section, Table

#: Longest name in a table for people; CSV and JSON have it whole.
LONGEST = 60

# What Excel and its like take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|~&$#]")


def to_csv(table: Table) -> str:
    """RFC 4180, one value a cell: the section's title and note, the labels, then value, sd, n, low and high of each
    measure in columns ``auroc``, ``auroc_sd``, ... Numbers have all their digits; an empty cell is a missing value.

    A label that a spreadsheet would take for a formula (it begins with ``= + - @``, a tab or a carriage return) gets an
    apostrophe before it, as OWASP advises; report.json has every name as it is. A letter that is no Unicode text (from
    a file name that is no UTF-8) is written as an escape, ``\\udce9``.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    labels = [heading.lower().replace(" ", "_") for heading in (*table.over, *table.headings)]
    writer.writerow([*labels, *(_part_name(column, part) for column in table.columns for part in column.parts)])
    for section in table.sections:
        above = (section.keys or (section.title, section.note)) if table.over else ()
        for row in section.rows:
            numbers = [
                _number(entry, part)
                for column, entry in zip(table.columns, row.cells, strict=True)
                for part in column.parts
            ]
            writer.writerow([*map(harmless, (*above, *(row.keys or row.labels))), *numbers])
    return stream.getvalue()


def _part_name(column: Column, part: str) -> str:
    if not column.key:
        return part
    return column.key if part == "value" else f"{column.key}_{part}"


def _number(entry: Cell, part: str) -> str:
    value = None if entry.estimate is None else getattr(entry.estimate, part)
    return "" if value is None or value != value else repr(value)


def harmless(text: str) -> str:
    """``text`` for a cell of CSV: no formula, and nothing that UTF-8 cannot hold."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(_FORMULA) else text


def to_markdown(table: Table) -> str:
    """The caption and a pipe table, the best of each column in bold; names are escaped, on one line, and shortened."""
    headings = [*table.over[:1], *table.headings, *(escape_markdown(column.label) for column in table.columns)]
    n_labels = len(headings) - len(table.columns)
    lines = [
        escape_markdown(table.caption, None),
        "",
        _line(headings),
        _line([":--"] * n_labels + ["--:"] * len(table.columns)),
    ]
    for section in table.sections:
        lines += [_markdown_row(table, section, row) for row in section.rows]
    return "\n".join(lines) + "\n"


def _markdown_row(table: Table, section: Section, row: Row) -> str:
    title = escape_markdown(section.title) + (f" ({section.note})" if section.note else "")
    above = [title] if table.over else []
    labels = [escape_markdown(label) for label in row.labels]
    numbers = [f"**{entry.text}** {entry.spread}".rstrip() if entry.best else str(entry) for entry in row.cells]
    return _line([*above, *labels, *numbers])


def _line(entries: list[str]) -> str:
    return f"| {' | '.join(entries)} |"


def escape_markdown(text: str, length: int | None = LONGEST) -> str:
    """``text`` as Markdown shows it letter by letter: on one line, of at most ``length`` letters."""
    return _MARKDOWN.sub(r"\\\g<0>", isolated(text, length or len(text) + 1))
