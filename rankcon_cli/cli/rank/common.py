"""What the verbs share: the FILE argument, and where an edited or made ranking goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.errors import RankconError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rankcon_cli.ranking import Ranking


def nfc(value: Any) -> Any:
    """Texts of the command line in the Unicode form that rankings are read in; anything else as it is."""
    import unicodedata

    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    return [nfc(item) for item in value] if isinstance(value, list | tuple) else value


def complete_file(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """Shipped rankings, and files and folders of the file system."""
    import glob
    import os

    from rankcon_cli.cli.completion import safe
    from rankcon_cli.ranking.sources import shipped

    paths = [path + "/" if os.path.isdir(path) else path for path in glob.glob(glob.escape(incomplete) + "*")]
    return safe([name for name in shipped() if name.startswith(incomplete)] + sorted(paths))


def complete_class(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """The classes of the file at hand."""
    return _completions(ctx, incomplete, lambda ranking: ranking.classes)


def complete_group(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """The groups of the file at hand."""
    return _completions(ctx, incomplete, lambda ranking: ranking.groups)


def complete_note(ctx: typer.Context, args: list[str], incomplete: str) -> list[str]:
    """What the file at hand has, or may have, notes on."""
    return _completions(ctx, incomplete, lambda ranking: [*ranking.classes, *ranking.groups])


def _completions(ctx: typer.Context, incomplete: str, names: "Callable[[Ranking], Iterable[str]]") -> list[str]:
    """Names of a ranking that go on from ``incomplete``; none where it cannot be read: a TAB must not complain."""
    from rankcon_cli.cli.completion import safe
    from rankcon_cli.ranking import load

    file = ctx.params.get("file") or next(iter(ctx.params.get("words") or ()), None)  # of query: FILE CLASS
    if not file or file == "-":
        return []
    try:
        return safe(name for name in names(load(file)) if name.startswith(nfc(incomplete)))
    except RankconError:
        return []


RankingFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A ranking file, node-link JSON or GraphML; - for standard input; or a shipped name (digits).",
        autocompletion=complete_file,
    ),
]
EditedFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="The ranking file, which is rewritten; -: from standard input to standard output.",
        autocompletion=complete_file,
    ),
]
ClassName = Annotated[
    str, typer.Argument(metavar="CLASS", help="The class.", callback=nfc, autocompletion=complete_class)
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


def emit_text(text: str | bytes, out: str | None, *, force: bool = False) -> None:
    """Write a text to standard output (None or ``-``) or to a file, which must be new unless ``force``."""
    from rankcon_cli.files import write_atomic

    if out is None or out == "-":
        console.out(text)
        return
    refuse_existing(out, force)
    write_atomic(Path(out), text)
    console.note(f"{out}: written")


def read(file: str, out: str | None) -> "Ranking":
    """The ranking to edit. One that will be rewritten, which ``out`` or standard input is not, must be the user's."""
    from rankcon_cli.ranking import load

    in_place = out is None and file != "-"
    if in_place:
        own_file(file)
    ranking = load(file)
    if in_place and ranking.text is None:
        raise RankconError(
            f"{file} is a class graph, and only ranking files are edited",
            hint=f"make one of it: rankcon rank convert {file} --to json --out my.json",
        )
    return ranking


def refuse_existing(out: str | None, force: bool) -> None:
    """RankconError where ``out`` is a file that is there already and ``force`` is not given; before work is done."""
    if out is not None and out != "-" and Path(out).is_dir():
        raise RankconError(f"{out} is a folder", hint="name a file in it")
    if out is not None and out != "-" and not force and Path(out).is_file():
        raise RankconError(f"{out} is there already", hint="choose another name, or overwrite it with --force")


def save(ranking: "Ranking", file: str, out: str | None, *, force: bool = False) -> None:
    """Write an edited ranking back to the ``file`` it came from (``-``: to standard output), or to ``out``."""
    from rankcon_cli.files import write_atomic
    from rankcon_cli.ranking import write

    if out is not None or file == "-":
        emit(ranking, out, force=force)
        return
    path, text = own_file(file).resolve(), write(ranking)
    if text.encode() == path.read_bytes():
        console.note(f"{file}: nothing to change")
        return
    write_atomic(path, text)
    console.note(f"{file}: written")


def own_file(file: str) -> Path:
    """The path of a ranking that may be written to; RankconError for one that ships with rankcon or is read-only."""
    import os

    from rankcon_cli.ranking.sources import find, shipped

    path = find(file)
    if path.resolve() in {known.resolve() for known in shipped().values()}:
        raise RankconError(
            f"{file} ships with rankcon and is not written to",
            hint=f"make a copy of your own: rankcon rank convert {file} --out my.json",
        )
    if not os.access(path, os.W_OK):
        raise RankconError(
            f"{file} is read-only", hint=f"make a copy of your own: rankcon rank convert {file} --out my.json"
        )
    return path
