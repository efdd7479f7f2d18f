"""``rank edit``: the interactive editor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import complete_file, own_file
from rankcon_cli.errors import RankconError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankcon_cli.ranking import Ranking


def edit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A ranking file of your own.", autocompletion=complete_file)
    ],
    new: Annotated[bool, typer.Option("--new", help="Begin a file that is not there yet (with --data).")] = False,
    data: Annotated[
        str | None, typer.Option("--data", metavar="SPEC", help="With --new: the classes of this data set.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option("--classes", metavar="PATH", help="With --new: a text file of one class a line.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where torchvision's sets lie.")] = None,
    as_text: Annotated[
        bool, typer.Option("--editor", help="Edit the text in $VISUAL or $EDITOR; a fault brings you back to its line.")
    ] = False,
) -> None:
    """Edit a ranking on the terminal.

    A map of the classes, their tiers, groups and notes, with live findings and undo.

    Every edit goes to a draft beside FILE, which the next session offers if this one ends without saving. FILE itself
    is written only when you save, and not over what another program wrote meanwhile. Ctrl-C leaves it as it was.
    """
    if file == "-":
        raise UsageError("the editor edits a file, not standard input", hint="save it first: ... > my.json")
    from rankcon_cli.prompting import on_stderr, require_terminal

    verbs = "rankcon rank set|add|remove|move|score|group|note edit without one"
    require_terminal("rank edit", verbs)
    fresh = _fresh(file, new, data, classes, data_dir)
    path = Path(file) if fresh is not None else _existing(file)
    from rankcon_cli.editor.draft import place_of
    from rankcon_cli.editor.editing import edit as edit_on_terminal
    from rankcon_cli.editor.terminal import Terminal

    with on_stderr():
        console.note(edit_on_terminal(place_of(path, file), fresh, Terminal(console.color), as_text=as_text))


def _existing(file: str) -> Path:
    """The path of a file to edit, which may be missing where there is a draft of it; never a shipped one."""
    import os

    from rankcon_cli.ranking import shipped

    return own_file(file) if os.path.exists(file) or file in shipped() else Path(file)


def _fresh(file: str, new: bool, data: str | None, classes: Path | None, data_dir: Path | None) -> "Ranking | None":
    """The ranking that a new file begins with: its classes alone."""
    if not new:
        if data is not None or classes is not None:
            raise UsageError("--data and --classes say what a --new file begins with")
        return None
    if (data is None) == (classes is None):
        raise UsageError("--new takes the classes from --data SPEC or from --classes PATH")
    import os
    from dataclasses import replace

    from rankcon_cli.ranking import Ranking, parse, write

    if os.path.exists(file):
        raise RankconError(f"{file} is there already", hint="leave --new away to edit it, or choose another name")
    names = _of_data(data, data_dir) if data is not None else _of_file(classes)
    _check_names(names, data or str(classes))
    # Read back what would be written, so that a name that no class can have is told now.
    return replace(parse(write(Ranking(tuple(names))), data or str(classes)), file=file)


def _of_data(spec: str, data_dir: Path | None) -> tuple[str, ...]:
    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.data import DataOptions, read_classes

    listen_to_the_library()
    return read_classes(spec, DataOptions(data_dir=data_dir)).names


def _of_file(path: Path) -> list[str]:
    """One class a line. Only line feeds end a line, so that a name that holds another separator is told, not split."""
    from rankcon_cli.files import read_bounded
    from rankcon_cli.ranking.sources import MAX_BYTES
    from rankcon_cli.ranking.syntax import decode

    lines = decode(read_bounded(path, MAX_BYTES, "list of classes"), str(path)).removeprefix("\ufeff").split("\n")
    return [line.strip(" \t\r") for line in lines if line.strip(" \t\r")]


def _check_names(names: "Sequence[str]", source: str) -> None:
    """RankconError where two names are the same or one can name no class."""
    from rankcon_cli.ranking.document import name_fault
    from rankcon_cli.wording import quoted

    seen = set()
    for name in names:
        if fault := name_fault(name):
            raise RankconError(f"{source}: {quoted(name)} cannot name a class: {fault}")
        if name in seen:
            raise RankconError(f"{source}: the class {quoted(name)} is listed twice")
        seen.add(name)
