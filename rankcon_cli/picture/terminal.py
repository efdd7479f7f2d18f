"""The heat map as lines of text: a class a line, a cell of two columns for each class, numbered above."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rankcon_cli.picture.levels import pooled, rows_of_levels
from rankcon_cli.picture.palette import colours, step
from rankcon_cli.ranking.table import TierTable

#: Most lines that a terminal is given before classes are drawn together.
MOST_LINES = 1000

#: Share of a cell's pairs that an overview's tier takes in: single links across do not hide the blocks.
OVERVIEW_SHARE = 0.05

#: Columns that names take on a terminal, and in a pipe before they push their cells aside.
_NAME = 24

#: Least columns that names keep on a narrow terminal.
_LEAST_NAME = 8


class Line(NamedTuple):
    """One line: the number and name of a class, or the head of the columns, and the cells after it.

    levels: 0 the class itself, k tier k, -1 unlisted; None where ``cells`` are the numbers of columns.
    """

    label: str
    cells: Sequence[str]
    levels: Sequence[int] | None = None

    @property
    def text(self) -> str:
        return f"{self.label}{' '.join(self.cells)}".rstrip()


def matrix(
    table: TierTable, rows: Sequence[int], columns: Sequence[int], width: int | None = None
) -> Iterator[Line | None]:
    """The rows and columns of the matrix, which number the classes of ``columns`` from 1; None is an empty line.

    rows, columns: labels, the rows among the columns or not.
    width: of the terminal: names are cut and the columns stand in blocks below one another. None cuts nothing.
    """
    place = {c: i for i, c in enumerate(columns, 1)}
    labels = _labels([str(place.get(c, "")) for c in rows], [table.classes[c] for c in rows], width)
    fit = len(columns) if width is None else _fitting(labels, width)
    for start in range(0, len(columns), fit):
        if start:
            yield None
        block = columns[start : start + fit]
        yield from _head(range(start + 1, start + len(block) + 1), len(labels[0]))
        for label, levels in zip(labels, rows_of_levels(table, rows, block), strict=True):
            yield Line(label, [_symbol(level) for level in levels], levels)


def n_lines(table: TierTable, rows: Sequence[int], columns: Sequence[int], width: int) -> int:
    """About how many lines ``matrix`` takes on a terminal."""
    label = _name_width([table.classes[c] for c in rows], width) + len(str(len(columns))) + 2
    return -(-len(columns) // max(1, (width - label) // 2)) * (len(rows) + 2)


def overview(table: TierTable, order: Sequence[int], width: int) -> Iterator[Line]:
    """A matrix that fits ``width``: a cell stands for neighbouring classes (``pooled``), a row is named by its first."""
    n = len(order)
    size = max(1, min(n, (width - _name_width([], width) - len(str(n)) - 2) // 2))
    firsts = [-(-i * n // size) for i in range(size)]
    names = [table.classes[order[first]] for first in firsts]
    labels = _labels([str(first + 1) for first in firsts], names, width)
    yield from _head([first + 1 for first in firsts], len(labels[0]))
    for label, levels in zip(labels, pooled(table, order, size, OVERVIEW_SHARE).tolist(), strict=True):
        yield Line(label, [_symbol(level) for level in levels], levels)


def key(table: TierTable, rows: Sequence[int], columns: Sequence[int]) -> Iterator[str]:
    """The numbers and names of the columns that are no rows."""
    shown = set(rows)
    digits = len(str(len(columns)))
    return (f"{i:>{digits}} {table.classes[c]}" for i, c in enumerate(columns, 1) if c not in shown)


def columns_of(table: TierTable, rows: Sequence[int], order: Sequence[int]) -> list[int]:
    """The classes of ``rows`` and those that they list, in ``order``: what a matrix of some classes needs."""
    wanted = set(rows).union(*(members for c in rows for members in table.tiers[c]))
    return [c for c in order if c in wanted]


def styles(depth: int) -> dict[int, str]:
    """Level -> the Rich style of its cells, for a dark terminal and legible on a light one."""
    palette = colours(depth, dark=True)
    found = {-1: "dim", 0: f"{palette['page']} on {palette['self']}"}
    for k in range(1, depth + 1):
        found[k] = f"{palette[f'on{step(k, depth)}']} on {palette[f't{step(k, depth)}']}"
    return found


def _symbol(level: int) -> str:
    return "." if level < 0 else str(level) if level < 10 else "+"


def _head(numbers: Sequence[int], label: int) -> Iterator[Line]:
    """The numbers of the columns, written downwards."""
    digits = len(str(numbers[-1]))
    texts = [f"{number:>{digits}}" for number in numbers]
    return (Line(" " * label, [text[i] for text in texts]) for i in range(digits))


def _labels(numbers: Sequence[str], names: Sequence[str], width: int | None) -> list[str]:
    """Number and name of each row, all equally wide but for names that a pipe leaves whole."""
    from rich.cells import cell_len, set_cell_size

    digits = max(map(len, numbers))
    room = _name_width(names, width)
    labels = []
    for number, name in zip(numbers, names, strict=True):
        if cell_len(name) <= room:
            fitted = name + " " * (room - cell_len(name))
        else:
            fitted = name if width is None else set_cell_size(name, room - 1) + "…"
        labels.append(f"{number:>{digits}} {fitted} ")
    return labels


def _name_width(names: Sequence[str], width: int | None) -> int:
    from rich.cells import cell_len

    longest = max(map(cell_len, names), default=_NAME)
    return min(longest, _NAME if width is None else max(_LEAST_NAME, min(_NAME, width // 3)))


def _fitting(labels: Sequence[str], width: int) -> int:
    from rich.cells import cell_len

    return max(1, (width - cell_len(labels[0])) // 2)
