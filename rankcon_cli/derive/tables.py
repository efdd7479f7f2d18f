"""Tables: a square one of similarities or distances, and those that have a row for each pair."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.derive.pairs import is_pair_list, read_pair_list, read_pair_table, refuse_contrary, value_of_pairs
from rankcon_cli.derive.records import Record, check_width, is_number, read_name, read_similarity, records
from rankcon_cli.derive.similarity import Similarities, check_classes
from rankcon_cli.errors import RankconError
from rankcon_cli.wording import counted, did_you_mean, listed, quoted

if TYPE_CHECKING:
    import numpy as np

    from rankcon_cli.ranking.hierarchy import Hierarchy

log = logging.getLogger("rankcon")


def read_table(text: str, name: str, *, distance: bool | None) -> "Hierarchy | Similarities":
    """What a table of pairs says. Its header tells its kind, in any case and order; other columns are not looked at.

    - ``parent,child``: a hierarchy. A row without a parent says that its child has none.
    - ``class,similar`` and one of ``score``, ``similarity``, ``weight`` (larger is more similar) or ``distance``:
      how similar a class finds another; nothing is said the other way round.
    - ``class,similar`` and ``tier`` or ``rank``, 1 for the most similar: tiers that somebody made, with their ``score``.
      In both, a row without ``similar`` says that the class has no other similar ones than its other rows give.
    - Any two names and ``distance``, ``similarity`` or ``score``, as ``a,b,distance``: how far or similar two classes are,
      both ways.
    - No header, and lines ``a b distance``, such as heights of the lowest common ancestor: distances both ways. What is not
      at distance 0 from itself is an inner node and no class.

    Args:
        text: CSV, separated by commas, tabs, semicolons or, without quotes, by blanks.
        name: what messages call the file.
        distance: whether the numbers are distances. None: as the header says; without a header they are.

    Raises:
        RankconError: with the line, for anything else.
    """
    rows = records(text, name)
    header = next(rows, None)
    if header is None:
        raise RankconError(f"{name}: the table is empty")
    columns = {cell.casefold(): j for j, cell in enumerate(header.cells)}
    if {"parent", "child"} <= columns.keys():
        return _read_hierarchy(rows, len(header.cells), columns, name)
    if {"class", "similar"} <= columns.keys():
        return read_pair_table(rows, len(header.cells), columns, name, distance=distance)
    key = value_of_pairs(header.cells)
    if key is not None:
        refuse_contrary(key, distance, name)
        return read_pair_list(rows, name, distance=key == "distance")
    if is_pair_list(header):
        return read_pair_list(chain([header], rows), name, distance=distance is not False)
    raise RankconError(
        f"{name}:{header.line}: a table that begins with {listed(header.cells)} is of no kind that is known",
        hint="begin with a header, parent,child or class,similar,score (or similarity, distance, tier, rank) or "
        "a,b,distance, or write lines 'a b distance'; a square table of numbers is a matrix (--from matrix)",
    )


def _read_hierarchy(rows: Iterator[Record], width: int, columns: Mapping[str, int], file: str) -> "Hierarchy":
    from rankcon_cli.ranking.hierarchy import Hierarchy

    children: dict[str, list[str]] = {}
    pairs: dict[tuple[str, str], int] = {}
    for line, cells in rows:
        check_width(cells, width, line, file)
        parent, child = cells[columns["parent"]], read_name(cells[columns["child"]], line, file)
        if not parent:
            children.setdefault(child, [])
            continue
        first = pairs.setdefault((read_name(parent, line, file), child), line)
        if first != line:
            raise RankconError(f"{file}:{line}: {quoted(child)} stands below {quoted(parent)} already, on line {first}")
        children.setdefault(parent, []).append(child)
    if not children:
        raise RankconError(f"{file}: no rows follow the header")
    if "weight" in columns:
        log.info("%s: the weights are not used: a hierarchy is who stands below whom", file)
    return Hierarchy({parent: tuple(names) for parent, names in children.items()}, file=file)


def read_matrix(text: str, name: str, *, distance: bool, classes: Sequence[str] | None = None) -> Similarities:
    """The similarities of a square table of numbers.

    The first record names the classes in label order (numpy's ``# `` before it is dropped). The first cell of every other
    record names the class whose row it is, in any order; where there are no such cells, rows stand in the order of the
    columns. Values are kept as they are: what is around a class is read from its row, and a matrix that is symmetric up to
    rounding is not made more so. An empty cell, NaN or NA says nothing; the diagonal is ignored.

    Args:
        text: CSV, separated by commas, tabs, semicolons or blanks.
        name: what messages call the file.
        distance: the numbers are distances, smaller for more similar; else they are similarities.
        classes: who the rows and columns are, where the file has numbers alone; otherwise not looked at.

    Raises:
        RankconError: with the line, where the table is not square, a class has two rows, or a cell holds no number.
    """
    import numpy as np

    text = text.removeprefix("\ufeff").removeprefix("# ")
    names, labelled, headed = _layout(text, name, classes)
    label = {class_name: c for c, class_name in enumerate(names)}
    matrix = np.empty((len(names), len(names)))
    lines: dict[int, int] = {}
    for k, (line, cells) in enumerate(islice(records(text, name), headed, None)):
        check_width(cells, len(names) + labelled, line, name)
        c = _label(cells[0], label, line, name) if labelled else k
        if c in lines:
            raise RankconError(f"{name}:{line}: {quoted(names[c])} has a row already, on line {lines[c]}")
        lines[c] = line
        matrix[c] = [
            _diagonal(cell, distance) if j == c else read_similarity(cell, names[j], line, name, distance=distance)
            for j, cell in enumerate(cells[labelled:])
        ]
    _tell_oddities(matrix, distance, name)
    return Similarities(tuple(names), matrix, distances=distance)


class _Layout(NamedTuple):
    """The classes of a matrix; whether the first cell of each row names its class; whether the first record is names."""

    names: list[str]
    labelled: bool
    headed: bool


def _layout(text: str, file: str, classes: Sequence[str] | None) -> _Layout:
    rows = records(text, file)
    header, first = next(rows, Record(1, [])), next(rows, Record(1, []))
    n_cells, width = len(header.cells), len(first.cells)
    if width != n_cells + 1 and width:
        check_width(first.cells, n_cells, first.line, file)
    n_rows = sum(1 for _ in rows) + (width > 0)
    has_corner = width == n_cells and n_rows == n_cells - 1
    if has_corner and _is_of_numbers(text, file):
        return _Layout(_names_of_rows(classes, n_cells, file), labelled=False, headed=False)
    names = header.cells[has_corner:]
    if not width or n_rows != len(names):
        found = f"{counted(n_cells, 'cell')} in the first row and {counted(n_rows, 'row')} below it"
        hint = "expected a row of class names, then for each class a row: its name and its numbers"
        raise RankconError(f"{file}: not a square matrix: {found}", hint=hint)
    at: dict[str, int] = {}
    for j, class_name in enumerate(names):
        if at.setdefault(read_name(class_name, header.line, file), j) != j:
            raise RankconError(f"{file}:{header.line}: two columns are called {quoted(class_name)}")
    check_classes(names)
    return _Layout(names, labelled=has_corner or width == n_cells + 1, headed=True)


def _is_of_numbers(text: str, file: str) -> bool:
    """Whether the first of as many records as it has cells is a row of numbers rather than of names.

    Numbers may be names where the corner, the first cell, is a word; or empty, unless it begins an empty diagonal of a
    table of fractions.
    """
    corner, *others = next(records(text, file)).cells
    if corner or not all(map(is_number, others)):
        return all(map(is_number, (corner, *others)))
    whole = all(cell.isdigit() for cell in others)
    return not whole and not any(any(row.cells[k : k + 1]) for k, row in enumerate(records(text, file)))


def _names_of_rows(classes: Sequence[str] | None, n: int, file: str) -> list[str]:
    """``classes``, which are as many as the matrix has rows."""
    if classes is None:
        hint = (
            "add a header row of names, or give them with --order LIST, one a line in the order of the rows; where these "
            "numbers are names, put a word into the first cell"
        )
        raise RankconError(f"{file}: no class names: the first row and column are numbers", hint=hint)
    if len(classes) != n:
        message = f"{file} has {counted(n, 'row')} of numbers without names, and the list names {counted(len(classes), 'class')}"
        raise RankconError(message, hint="list one name for each row, in the order of the rows")
    check_classes(classes)
    return list(classes)


def _tell_oddities(matrix: "np.ndarray", distance: bool, file: str) -> None:
    """Log how many values are missing, and warn of a diagonal that speaks against what the numbers are said to be."""
    import numpy as np

    missing = np.isnan(matrix)
    np.fill_diagonal(missing, False)
    n_values = len(matrix) * (len(matrix) - 1)
    if missing.any():
        log.info("%s: %s of %s values are missing", file, f"{missing.sum():,}", f"{n_values:,}")
    if all(_is_least(row, c) for c, row in enumerate(matrix)):
        kinds = ("distances", "similarities") if distance else ("similarities", "distances")
        log.warning("%s: each class is farthest from itself: are these not %s but %s?", file, *kinds)


def _label(cell: str, label: Mapping[str, int], line: int, file: str) -> int:
    if cell not in label:
        hint = "the first row names the classes, and each has a row of its own"
        close = did_you_mean(cell, label)
        raise RankconError(f"{file}:{line}: a row of {quoted(cell)}, which names no column{close}", hint=hint)
    return label[cell]


def _diagonal(cell: str, distance: bool) -> float:
    """What stands on the diagonal, which may be anything: only ``_is_least`` looks at it."""
    try:
        return -float(cell) if distance else float(cell)
    except ValueError:
        return math.nan


def _is_least(row: "np.ndarray", c: int) -> bool:
    """Whether class ``c`` is less similar to itself than to any other class."""
    import numpy as np

    others = row[(np.arange(len(row)) != c) & ~np.isnan(row)]
    return bool(len(others)) and bool(row[c] < others.min())
