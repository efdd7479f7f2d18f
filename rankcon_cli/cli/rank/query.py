"""``rank query``: what a class has in its tiers, for scripts."""

import sys
from typing import Annotated

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import complete_class, complete_file, nfc
from rankcon_cli.errors import ExitCode, UsageError


def _complete(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """Files, then the classes of the file."""
    return (complete_class if ctx.params.get("words") else complete_file)(ctx, args, incomplete)


def query(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FILE] CLASS",
            help="The ranking (without it, or -: standard input) and the class.",
            autocompletion=_complete,
        ),
    ],
    tier: Annotated[int | None, typer.Option("--tier", min=1, metavar="K", help="Only this tier.")] = None,
    as_json: Json = False,
) -> None:
    """Print the classes that a class lists, one a line.

    The most similar come first. Without --tier each line begins with the number of the tier and a tab. Exit 1: there are none.
    """
    from rankcon_cli.ranking import compile_ranking, load
    from rankcon_cli.ranking.table import tiers_of

    if len(words) > 2:
        raise UsageError(
            f"query takes a FILE and one CLASS, not {len(words)} words", hint="put names with blanks in quotes"
        )
    file, name = words if len(words) == 2 else ("-", words[0])
    if len(words) == 1 and sys.stdin.isatty():
        raise UsageError("there is no ranking on standard input", hint=f"rankcon rank query FILE {name!r}")
    table, name = compile_ranking(load(file)), nfc(name)
    found = [(k, members) for k, members in enumerate(tiers_of(table, table.index(name)), 1) if tier in (None, k)]
    if as_json:
        numbered = [{"tier": k, **members} for k, members in found]
        console.json({"format": "rankcon/query", "version": 1, "class": name, "tiers": numbered})
    else:
        for k, members in found:
            prefix = f"{k}\t" if tier is None else ""
            for other in members["classes"]:
                console.out(prefix + other)
    if not found:
        raise typer.Exit(ExitCode.CHECK_FAILED)
