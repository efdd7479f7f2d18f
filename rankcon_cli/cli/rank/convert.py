"""``rank convert``: a ranking in another format."""

from pathlib import PurePath
from typing import Annotated

import typer

from rankcon_cli.cli.rank.common import Force, Out, RankingFile, emit_text
from rankcon_cli.errors import UsageError

_KINDS = "json|node-link|graphml|csv|dot|newick"


def convert(
    file: RankingFile,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar=_KINDS, help="The format to write.", show_default="as PATH ends, else json"),
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a ranking in another format.

    json is the ranking file itself, with its groups. node-link, graphml and csv hold every tier and score, pair by
    pair. newick is for rankings that are trees, dot for drawing with Graphviz.
    """
    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.export import EXPORTS
    from rankcon_cli.ranking import compile_ranking, load

    kind = to or _kind_of(out)
    if kind not in EXPORTS:
        from rankcon_cli.wording import did_you_mean

        raise UsageError(f"--to takes one of {', '.join(EXPORTS)}, not {kind!r}{did_you_mean(kind, EXPORTS)}")
    listen_to_the_library()
    ranking = load(file)
    if kind == "json":
        compile_ranking(ranking)  # the others do: a ranking with errors is not passed on
    emit_text(EXPORTS[kind](ranking), out, force=force)


def _kind_of(out: str | None) -> str:
    """The kind that the name of a file asks for."""
    from rankcon_cli.export import SUFFIXES

    if out is None or out == "-":
        return "json"
    suffix = PurePath(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{out} does not say which format is meant", hint=f"give --to, one of {_KINDS.replace('|', ', ')}"
        )
    return SUFFIXES[suffix]
