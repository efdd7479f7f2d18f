"""A ``Table`` as a LaTeX tabular (booktabs) to stand inside ``\\begin{table}``."""

import re
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from rankcon_cli import __version__
from rankcon_cli.ood.result import OodResult
from rankcon_cli.picture.text import shortened
from rankcon_cli.report.cells import Cell, Column, Table
from rankcon_cli.report.text_tables import LONGEST

#: Letters with a meaning in LaTeX, and letters that pdfLaTeX has by name whatever the font encoding.
_COMMANDS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", '"': "''", "`": r"\`{}"},
    **{"[": "{[}", "*": "{*}"},  # after the end of a line, LaTeX takes these for arguments of it
    **{"±": r"$\pm$", "×": r"$\times$", "µ": r"$\mu$", "°": r"$^\circ$", "≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$"},
    **{"–": "--", "—": "---", "…": r"\ldots{}", "‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~"},
    "\u200b": "{}",
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}"},
    **{"ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "§": r"\S{}"},
}
#: A hyphen before another: LaTeX would join the two to a dash.
_DASHES = re.compile(r"-(?=-)")
#: A sign before a number: in text it would be a hyphen.
_SIGN = re.compile(r"(?<![\w.])[-+](?=\d)")
_ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."},
    **{"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"},
}


def to_latex(table: Table, told: Sequence[str] = ()) -> str:
    """A ``tabular`` that needs the package booktabs and nothing else, with any engine.

    The best of each column is in bold, sections follow a rule and their title. ``told``: lines for the comment above.
    Names are escaped and shortened; a letter that no standard font of LaTeX has is written as ``U+1F98A``.
    """
    n_labels, n_columns = len(table.headings), len(table.headings) + len(table.columns)
    headings = [*map(escape_latex, table.headings), *map(_heading, table.columns)]
    comments = [table.caption, *told, r"needs \usepackage{booktabs}"]
    lines = [
        *(f"% {comment(line)}" for line in comments),
        rf"\begin{{tabular}}{{{'l' * n_labels}{'r' * len(table.columns)}}}",
        r"\toprule",
        _line(headings),
    ]
    for section in table.sections:
        lines.append(r"\midrule")
        if table.over:
            note = f" ({escape_latex(section.note)})" if section.note else ""
            title = escape_latex(section.title)
            lines.append(_line([rf"\multicolumn{{{n_columns}}}{{l}}{{\textit{{{title}}}{note}}}"]))
        for row in section.rows:
            numbers = [_number(column, entry) for column, entry in zip(table.columns, row.cells, strict=True)]
            lines.append(_line([*map(escape_latex, row.labels), *numbers]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _line(entries: Sequence[str]) -> str:
    return " & ".join(entries) + r" \\"


def _heading(column: Column) -> str:
    """The unit stands in the heading, not in every cell."""
    unit = column.unit.strip()
    return escape_latex(f"{column.label} ({unit})" if unit else column.label)


def _number(column: Column, entry: Cell) -> str:
    text = entry.text.removesuffix(column.unit) if column.unit else entry.text
    text, spread = (_SIGN.sub(r"$\g<0>$", escape_latex(part)) for part in (text, entry.spread))
    bold = rf"\textbf{{{text}}}" if entry.best else text
    return f"{bold} {spread}".rstrip()


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it letter by letter: on one line, of at most 60 letters."""
    line = unicodedata.normalize("NFC", shortened(text, LONGEST))
    return "".join(map(_letter, _DASHES.sub("-\u200b", line)))


def _letter(letter: str) -> str:
    if letter in _COMMANDS:
        return _COMMANDS[letter]
    if letter.isascii():
        return letter
    base, *marks = unicodedata.normalize("NFD", letter)
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii():
        dotless = {"i": r"\i", "j": r"\j"}.get(base, base)
        return f"\\{_ACCENTS[marks[0]]}{{{dotless}}}"
    return f"U+{ord(letter):04X}"


def comment(text: str) -> str:
    """``text`` for a LaTeX comment: nothing that ends the line."""
    return " ".join(shortened(text, 2000).split())


def provenance(result: OodResult) -> list[str]:
    """Where the numbers come from, for the comment above a table, one line each: images, seeds, score, command, version."""
    groups = [f"{g.name}: {', '.join(str(r.seed) for r in result.runs if r.name in g.runs)}" for g in result.groups]
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return [
        f"known: {result.n_id} images of {result.id_spec} ({result.id_images})",
        *(f"{ood.name}: {ood.n} images of {ood.spec}" for ood in result.sets),
        f"seeds: {'; '.join(groups)}",
        *([f"headline score: {' on '.join(result.headline)}, {result.headline_from}"] if result.sets else []),
        f"written by rankcon {__version__}: {command}",
    ]
