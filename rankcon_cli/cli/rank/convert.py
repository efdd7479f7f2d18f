"""``rank convert``: a ranking in another format."""

from pathlib import Path, PurePath
from typing import Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, Out, RankingFile, emit_text, refuse_existing
from rankcon_cli.errors import UsageError


def _complete_kind(incomplete: str) -> list[str]:
    from rankcon_cli.export import EXPORTS

    return [kind for kind in EXPORTS if kind.startswith(incomplete)]


def convert(
    file: RankingFile,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="KIND",
            help="The format to write, one of those above.",
            show_default="as PATH ends, else json",
            autocompletion=_complete_kind,
        ),
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a ranking in another format.

    \b
      json               the ranking file itself, with its groups
      node-link graphml  class graphs, which every command reads as they are
      csv                lines of: class,similar,tier,score
      newick             for rankings that are trees; labels in the order of the leaves
      dot                for drawing with Graphviz

    node-link, graphml and csv hold every tier and score, pair by pair. 'rank derive' makes rankings of csv and newick
    again. What a format has no place for is named on standard error.
    """
    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.export import EXPORTS, left_out
    from rankcon_cli.ranking import compile_ranking, load

    if out is not None and out != "-" and Path(out).is_dir():
        raise UsageError(f"{out} is a folder", hint="name a file in it")
    kind = to or _kind_of(out)
    if kind not in EXPORTS:
        from rankcon_cli.wording import did_you_mean

        raise UsageError(f"--to takes one of {', '.join(EXPORTS)}, not {kind!r}{did_you_mean(kind, EXPORTS)}")
    refuse_existing(out, force)
    listen_to_the_library()
    ranking = load(file)
    if kind == "json":
        compile_ranking(ranking)  # the others do: a ranking with errors is not passed on
    emit_text(EXPORTS[kind](ranking), out, force=force)
    lost = left_out(ranking, kind)
    if lost:
        console.note(f"left out, since {kind} has no place for them: {', '.join(lost)}")


def _kind_of(out: str | None) -> str:
    """The kind that the name of a file asks for."""
    from rankcon_cli.export import EXPORTS, SUFFIXES

    if out is None or out == "-":
        return "json"
    suffix = PurePath(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{out} does not say which format is meant", hint=f"give --to, one of {', '.join(EXPORTS)}")
    return SUFFIXES[suffix]
