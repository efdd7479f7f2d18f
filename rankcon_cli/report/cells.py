"""What a table is made of, whatever it is written as: columns, printed cells, rows in sections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rankcon_cli.ood.result import Estimate
from rankcon_cli.wording import DASH


def thousandths(value: float) -> str:
    return f"{value:.3f}"


def hundredths(value: float) -> str:
    """A share in per cent, without the sign."""
    return f"{100 * value:.1f}"


def whole(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    key: the measure's name in CSV, empty where the rows say which measure it is; label: its heading for people. better: +1
    where a larger value is better, -1 where a smaller one is, 0 where neither. form: a number as text, ``unit`` follows it.
    parts: fields of ``Estimate`` that have cells of their own where every cell holds one value (CSV).
    """

    key: str
    label: str
    better: int = 0
    form: Callable[[float], str] = thousandths
    unit: str = ""
    parts: tuple[str, ...] = ("value", "sd", "n", "low", "high")

    def show(self, value: float | None) -> str:
        """The value as text, a dash where there is none."""
        return DASH if value is None or value != value else self.form(value) + self.unit


@dataclass(frozen=True)
class Cell:
    """A printed number: ``text`` is the value, ``spread`` what is known of its uncertainty (``± 0.004`` over seeds,
    ``[0.920, 0.941]`` over images, or nothing); ``estimate`` has the numbers behind both, None where there is none."""

    text: str
    best: bool = False
    spread: str = ""
    estimate: Estimate | None = None

    def __str__(self) -> str:
        return f"{self.text} {self.spread}".rstrip()


@dataclass(frozen=True)
class Row:
    """labels: texts, one a heading of the table; cells: one a column. marked: the row that matters most (headline score).

    keys: what stands for the labels where programs read, if not they themselves.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    marked: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Rows that belong together. title: a name, often the user's; note: what it is, in our words.

    keys: what stands for the two where programs read, if not they themselves.
    """

    title: str
    note: str
    rows: tuple[Row, ...]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """name: of its file; caption: a plain sentence or two. over: what the sections' titles and notes are, empty where the
    table has one section without either. headings: of the rows' labels.

    All texts are as the user wrote them: whoever writes the table escapes them.
    """

    name: str
    caption: str
    over: tuple[str, ...]
    headings: tuple[str, ...]
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]


def spread(column: Column, estimate: Estimate) -> str:
    """``± sd`` where there are several seeds, ``[low, high]`` where there is an interval, else nothing."""
    if estimate.sd is not None:
        return f"± {column.form(estimate.sd)}"
    if estimate.low is not None and estimate.high is not None:
        return f"[{column.form(estimate.low)}, {column.form(estimate.high)}]"
    return ""


def cell(column: Column, estimate: Estimate | None, best: bool = False) -> Cell:
    """One printed cell; a value that is no number counts as none."""
    if estimate is None or estimate.value != estimate.value:
        return Cell(DASH)
    return Cell(column.show(estimate.value), best, spread(column, estimate), estimate)


def cells(columns: Sequence[Column], rows: Sequence[dict[str, Estimate | None]]) -> list[tuple[Cell, ...]]:
    """One printed cell a row and column. All that print like the best of a column are best, unless all print alike.

    Args:
        rows: key of a column -> its estimate; a key that is absent is a cell without a value.
    """
    plain = [[cell(column, row.get(column.key)) for column in columns] for row in rows]
    best = [_best_text(column, [line[j] for line in plain]) for j, column in enumerate(columns)]
    return [
        tuple(cell(column, row.get(column.key), line[j].text == best[j]) for j, column in enumerate(columns))
        for row, line in zip(rows, plain, strict=True)
    ]


def _best_text(column: Column, printed: Sequence[Cell]) -> str | None:
    values = [entry.estimate.value for entry in printed if entry.estimate is not None]
    if not values or not column.better or len({entry.text for entry in printed}) == 1:
        return None
    return column.show(max(values) if column.better > 0 else min(values))
