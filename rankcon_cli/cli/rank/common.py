"""What the verbs share: the FILE argument, and where an edited or made ranking goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.errors import RankconError

if TYPE_CHECKING:
    from rankcon_cli.ranking import Ranking

RankingFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A ranking file, node-link JSON or GraphML; - for standard input; or a shipped name (digits).",
    ),
]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="PATH", help="Write here instead; - for standard output."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite PATH where it is there already.")]


def emit(ranking: "Ranking", out: str | None, *, force: bool = False) -> None:
    """Write a newly made ranking, canonically: to standard output, or to the file ``out``."""
    from rankcon_cli.ranking import write

    emit_text(write(ranking), out, force=force)


def emit_text(text: str, out: str | None, *, force: bool = False) -> None:
    """Write a text to standard output (None or ``-``) or to a file, which must be new unless ``force``."""
    from rankcon_cli.files import write_atomic

    if out is None or out == "-":
        console.out(text)
        return
    path = Path(out)
    if path.exists() and not force:
        raise RankconError(f"{out} is there already", hint="choose another name, or overwrite it with --force")
    write_atomic(path, text)
    console.note(f"{out}: written")


def save(ranking: "Ranking", file: str, out: str | None, *, force: bool = False) -> None:
    """Write an edited ranking back to the ``file`` it came from (``-``: to standard output), or to ``out``."""
    from rankcon_cli.files import write_atomic
    from rankcon_cli.ranking import write
    from rankcon_cli.ranking.sources import find

    if out is not None or file == "-":
        emit(ranking, out, force=force)
        return
    path = own_file(file)
    text = write(ranking)
    if text != ranking.text:
        write_atomic(find(path).resolve(), text)
        console.note(f"{file}: written")


def own_file(file: str) -> Path:
    """The path of a ranking that may be written to; RankconError for one that ships with rankcon."""
    from rankcon_cli.ranking.sources import find, shipped

    path = find(file)
    if path.resolve() in {known.resolve() for known in shipped().values()}:
        raise RankconError(
            f"{file} ships with rankcon and is not written to",
            hint=f"make a copy of your own: rankcon rank convert {file} --out my.json",
        )
    return path
