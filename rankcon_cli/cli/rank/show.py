"""``rank show``: the tiers of classes, with groups expanded."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import RankingFile, complete_class, nfc
from rankcon_cli.errors import RankconError, UsageError

if TYPE_CHECKING:
    from rankcon_cli.picture.terminal import Line
    from rankcon_cli.ranking import Ranking, TierTable

_FORMS = ("tree", "table", "matrix", "json")

#: Names of a tier that a terminal is given; a pipe gets all of them.
_MOST_NAMES = 40

#: Most listed classes that a table holds: Rich lays it out as a whole.
_MOST_IN_TABLE = 1_000_000


def show(
    file: RankingFile,
    classes: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLASS", help="Only these; else all.", callback=nfc, autocompletion=complete_class),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="tree|table|matrix|json",
            help="How to show the tiers; else tree.",
            autocompletion=lambda: _FORMS,
        ),
    ] = None,
    as_matrix: Annotated[
        bool, typer.Option("--matrix", help="Short for --as matrix: a row for each class, its tiers by column.")
    ] = False,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            metavar="blocks|label",
            help="Of the matrix: similar classes together, or as in FILE.",
            autocompletion=lambda: ("blocks", "label"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the tiers of classes, with groups expanded.

    In the matrix, 0 is the class itself, 1 its tier 1 and so on, + a tier beyond 9, and a dot a class that is not listed.
    """
    from rankcon_cli.ranking import compile_ranking, load

    form = _form(form, as_matrix=as_matrix, as_json=as_json)
    if order is not None and form != "matrix":
        raise UsageError("--order is for --matrix: trees, tables and JSON keep the order of the file")
    ranking = load(file)
    table = compile_ranking(ranking)
    labels = [_label(table, ranking, name) for name in classes or ()] or list(range(len(table.classes)))
    if form == "json":
        _show_json(table, labels)
    elif form == "matrix":
        _show_matrix(table, labels if classes else None, order or "blocks", file)
    elif form == "table":
        _show_table(table, labels)
    else:
        for c in labels:
            console.out(_tree(table, c))


def _form(form: str | None, *, as_matrix: bool, as_json: bool) -> str:
    """The one form that was asked for; ``tree`` where none was."""
    wanted = [name for name, asked in ((form, form), ("matrix", as_matrix), ("json", as_json)) if asked] or ["tree"]
    if len(set(wanted)) > 1:
        raise UsageError(f"the tiers are shown in one form: {' and '.join(wanted)} are two")
    if wanted[0] not in _FORMS:
        raise UsageError(f"--as takes {', '.join(_FORMS[:-1])} or {_FORMS[-1]}, not {wanted[0]!r}")
    return wanted[0]


def _label(table: "TierTable", ranking: "Ranking", name: str) -> int:
    """The label of class ``name``; RankconError where there is none, which says so where it is a group."""
    group = name.removeprefix("@")
    if name in table.classes or group not in ranking.groups:
        return table.index(name)
    from rankcon_cli.wording import listed, quoted

    members = listed(ranking.groups[group].of)
    raise RankconError(f"{quoted(group)} is a group, not a class; it holds {members}", hint="name classes of it")


def _show_json(table: "TierTable", labels: Sequence[int]) -> None:
    """The document of ``to_json_dict``, written class by class: a large one would not fit in memory as a whole."""
    from rankcon_cli.files import to_json
    from rankcon_cli.ranking import to_json_dict
    from rankcon_cli.ranking.table import tiers_of

    before, after = to_json(to_json_dict(table, [])).rsplit("{}", 1)
    shown = list(dict.fromkeys(labels))
    console.out(before + "{")
    for c in shown:
        lines = to_json({table.classes[c]: tiers_of(table, c)}).split("\n")[1:-1]
        console.out("\n".join(f"  {line}" for line in lines) + ("," if c != shown[-1] else ""))
    console.out("  }" + after)


def _show_table(table: "TierTable", labels: Sequence[int]) -> None:
    total = sum(len(members) for c in labels for members in table.tiers[c])
    if total > _MOST_IN_TABLE:
        raise RankconError(
            f"a table of {total:,} listed classes is more than is laid out at once ({_MOST_IN_TABLE:,})",
            hint="name some classes, or leave out '--as table': the tree comes class by class",
        )
    depth = max(map(table.n_tiers, labels))
    rows = [[table.classes[c], *_cells(table, c), *[""] * (depth - table.n_tiers(c))] for c in labels]
    console.table(["class", *(f"tier {k}" for k in range(1, depth + 1))], rows)


def _cells(table: "TierTable", c: int) -> list[str]:
    """What stands in each tier of class ``c``, names with commas and the like in quotes, and its score."""
    from rankcon_cli.ranking.notation import format_member
    from rankcon_cli.ranking.table import scores_of

    most = _MOST_NAMES if sys.stdout.isatty() else None
    cells = []
    for members, score in zip(table.tiers[c], scores_of(table, c), strict=True):
        cell = ", ".join(format_member(table.classes[b]) for b in members[:most])
        if most and len(members) > most:
            cell += f" and {len(members) - most:,} more"
        cells.append(cell if score is None else f"{cell} ({score:g})")
    return cells


def _tree(table: "TierTable", c: int) -> str:
    cells = _cells(table, c) or ["(no similar classes)"]
    numbered = [f"{k} {cell}" for k, cell in enumerate(cells, 1)] if table.n_tiers(c) else cells
    branches = ["├── "] * (len(numbered) - 1) + ["└── "]
    return "\n".join([table.classes[c], *map(str.__add__, branches, numbered)])


def _show_matrix(table: "TierTable", wanted: Sequence[int] | None, order: str, file: str) -> None:
    """All classes by all, or those ``wanted`` by what they list; a terminal gets no more than it can take."""
    import shutil

    from rankcon_cli.picture import terminal
    from rankcon_cli.picture.order import ORDERS

    if order not in ORDERS:
        raise UsageError(f"--order takes {' or '.join(ORDERS)}, not {order!r}")
    columns = ORDERS[order](table)
    rows = columns
    if wanted is not None:
        rows = [c for c in columns if c in set(wanted)]
        columns = terminal.columns_of(table, rows, columns)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if width and wanted is None and terminal.n_lines(table, rows, columns, width) > terminal.MOST_LINES:
        _print_lines(terminal.overview(table, columns, width), table.depth)
        console.note(
            "each cell stands for neighbouring classes: the tier by which a twentieth of\n"
            "their pairs are listed; a row is named by its first class. To see it all, name\n"
            f"some classes, pipe it, or draw it: rankcon rank plot {file} --out my.svg"
        )
        return
    _print_lines(terminal.matrix(table, rows, columns, width), table.depth)
    others = list(terminal.key(table, rows, columns))
    if others:
        console.out("\ncolumns that are no rows:\n" + "\n".join(others))


def _print_lines(lines: "Iterable[Line | None]", depth: int) -> None:
    """Coloured where stdout is a terminal that may have colours, else as plain text."""
    if not (console.color and sys.stdout.isatty()):
        for line in lines:
            console.out("" if line is None else line.text)
        return
    from rich.console import Console as RichConsole
    from rich.text import Text

    from rankcon_cli.picture.terminal import styles

    style_of = styles(depth)
    rich = RichConsole(file=sys.stdout, highlight=False)
    for line in lines:
        text = Text(line.label if line else "")
        for i, cell in enumerate(line.cells if line else ()):
            text.append(f"{cell} ", "dim" if line.levels is None else style_of[line.levels[i]])
        rich.print(text, soft_wrap=True)
