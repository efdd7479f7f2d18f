"""Records of comma-, tab-, semicolon- or blank-separated text, with their lines, and the numbers in their cells."""

import csv
import io
import math
from collections.abc import Iterator
from typing import NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import name_fault
from rankcon_cli.wording import counted, quoted

#: What a cell holds that says nothing.
_NOTHING = ("", "na", "nan", "n/a")


class Record(NamedTuple):
    """The cells of one record, without blanks around them, and the line that it begins on."""

    line: int
    cells: list[str]


def records(text: str, file: str) -> Iterator[Record]:
    """The records of a table that are not empty; what separates cells is told by the first line.

    A tab, where there is one; else the comma or the semicolon, whichever makes more cells; else blanks.
    Cells may be quoted as in RFC 4180. RankconError, with the line, where the quotes do not close.
    """
    text = text.removeprefix("\ufeff")
    delimiter = _delimiter(next((line for line in io.StringIO(text, newline="") if line.strip()), ""))
    if delimiter is None:
        for number, line in enumerate(io.StringIO(text, newline=None), 1):
            if line.strip():
                yield Record(number, line.split())
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            message = f"{file}:{line}: the table cannot be read from here on: {error}"
            raise RankconError(message, hint='quotes in a quoted cell are written twice: "a ""b"" c"') from error
        if any(cells):
            yield Record(line, cells)


def _delimiter(first_line: str) -> str | None:
    if "\t" in first_line:
        return "\t"
    n_cells = {delimiter: _n_cells(first_line, delimiter) for delimiter in ",;"}
    best = max(n_cells, key=lambda delimiter: n_cells[delimiter])
    return best if n_cells[best] > 1 else None


def _n_cells(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 1 + line.count(delimiter)


def read_name(cell: str, line: int, file: str) -> str:
    """The cell as a class name; RankconError where it cannot be one."""
    fault = name_fault(cell)
    if fault:
        raise RankconError(f"{file}:{line}: {quoted(cell)} cannot name a class: {fault}")
    return cell


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, or what stands for one that is missing."""
    try:
        float(cell)
    except ValueError:
        return cell.casefold() in _NOTHING
    return True


def read_number(cell: str, column: str, line: int, file: str) -> float:
    """The number in a cell, NaN for one that says nothing; RankconError where it is no number or NaN is spelled oddly.

    Infinities are numbers here: that between classes which nothing connects is an infinite distance.
    """
    if cell.casefold() in _NOTHING:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if math.isnan(value) or "_" in cell or (math.isinf(value) and any(letter.isdigit() for letter in cell)):
        raise RankconError(
            f"{file}:{line}: {quoted(cell)} in the column {quoted(column)} is not a number that can be read"
        )
    return value


def read_similarity(cell: str, column: str, line: int, file: str, *, distance: bool) -> float:
    """The similarity in a cell: the number itself, or the distance that it is with a minus sign."""
    value = read_number(cell, column, line, file)
    if distance and value < 0:
        raise RankconError(f"{file}:{line}: {cell} in the column {quoted(column)} is no distance: it is negative")
    if not distance and value == math.inf:
        raise RankconError(f"{file}:{line}: {cell} in the column {quoted(column)} is no similarity: it is infinite")
    return -value if distance else value


def check_width(cells: list[str], width: int, line: int, file: str) -> None:
    """RankconError where a record has not as many cells as it should."""
    if len(cells) != width:
        expected = counted(width, "cell")
        hint = "names that hold the separator stand in quotes"
        raise RankconError(f"{file}:{line}: {counted(len(cells), 'cell')}, where {expected} should be", hint=hint)
