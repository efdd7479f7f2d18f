"""``rank show``: the tiers of classes, with groups expanded."""

from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import RankingFile
from rankcon_cli.errors import RankconError, UsageError

if TYPE_CHECKING:
    from rankcon_cli.ranking import TierTable


def show(
    file: RankingFile,
    classes: Annotated[list[str] | None, typer.Argument(metavar="[CLASS]...", help="Only these; else all.")] = None,
    form: Annotated[str, typer.Option("--as", metavar="tree|table|json", help="How to show the tiers.")] = "tree",
    as_json: Json = False,
) -> None:
    """Show the tiers of classes, most similar first, with groups expanded."""
    from rankcon_cli.ranking import compile_ranking, load, to_json_dict

    if form not in ("tree", "table", "json"):
        raise UsageError(f"--as takes tree, table or json, not {form!r}")
    table = compile_ranking(load(file))
    try:
        labels = [table.index(name) for name in classes] if classes else range(len(table.classes))
    except RankconError as error:
        raise UsageError(error.message, hint=error.hint) from error
    if as_json or form == "json":
        console.json(to_json_dict(table, classes or None))
    elif form == "table":
        depth = max(map(table.n_tiers, labels))
        rows = [[table.classes[c], *_cells(table, c), *[""] * (depth - table.n_tiers(c))] for c in labels]
        console.table(["class", *(f"tier {k}" for k in range(1, depth + 1))], rows)
    else:
        for c in labels:
            console.out(_tree(table, c))


def _cells(table: "TierTable", c: int) -> list[str]:
    """What stands in each tier of class ``c``, and its score."""
    from rankcon_cli.ranking.table import scores_of

    return [
        ", ".join(table.classes[b] for b in members) + ("" if score is None else f" ({score:g})")
        for members, score in zip(table.tiers[c], scores_of(table, c), strict=True)
    ]


def _tree(table: "TierTable", c: int) -> str:
    cells = _cells(table, c) or ["(no similar classes)"]
    numbered = [f"{k} {cell}" for k, cell in enumerate(cells, 1)] if table.n_tiers(c) else cells
    branches = ["├── "] * (len(numbered) - 1) + ["└── "]
    return "\n".join([table.classes[c], *map(str.__add__, branches, numbered)])
