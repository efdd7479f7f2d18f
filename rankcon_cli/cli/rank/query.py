"""``rank query``: what a class has in its tiers, for scripts."""

import sys
from typing import Annotated

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import complete_file, nfc
from rankcon_cli.errors import ExitCode, RankconError, UsageError


def query(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FILE] CLASS",
            help="The ranking (without it, or -: standard input) and the class.",
            callback=nfc,
            autocompletion=complete_file,
        ),
    ],
    tier: Annotated[int | None, typer.Option("--tier", min=1, metavar="K", help="Only this tier.")] = None,
    as_json: Json = False,
) -> None:
    """Print the classes that a class lists, one a line.

    The most similar come first. Without --tier each line begins with the number of the tier and a tab. Exit 1: there are none.
    """
    from rankcon_cli.ranking import compile_ranking, load, to_json_dict

    if len(words) > 2:
        raise UsageError(
            f"query takes a FILE and one CLASS, not {len(words)} words", hint="put names with blanks in quotes"
        )
    file, name = words if len(words) == 2 else ("-", words[0])
    if len(words) == 1 and sys.stdin.isatty():
        raise UsageError("there is no ranking on standard input", hint=f"rankcon rank query FILE {name!r}")
    table = compile_ranking(load(file))
    try:
        tiers = to_json_dict(table, [name])["tiers"][name]
    except RankconError as error:
        raise UsageError(error.message, hint=error.hint) from error
    numbered = [{"tier": k, **found} for k, found in enumerate(tiers, 1) if tier is None or k == tier]
    if as_json:
        console.json({"format": "rankcon/query", "version": 1, "class": name, "tiers": numbered})
    else:
        for found in numbered:
            prefix = f"{found['tier']}\t" if tier is None else ""
            for other in found["classes"]:
                console.out(prefix + other)
    if not numbered:
        raise typer.Exit(ExitCode.CHECK_FAILED)
