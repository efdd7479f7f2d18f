"""``rank subset`` and ``rank rename``: a ranking for a data set with fewer classes, or with other names for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, Out, RankingFile, complete_class, emit, nfc, refuse_existing
from rankcon_cli.errors import RankconError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rankcon_cli.ranking import Ranking


def subset(
    file: RankingFile,
    classes: Annotated[
        str | None, typer.Option("--classes", metavar="PATH", help="A text file of one class a line; - for stdin.")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--class", metavar="NAME", help="One class (repeat).", callback=nfc, autocompletion=complete_class
        ),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="SPEC", help="The classes of a data set.")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where torchvision's sets lie.")] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Keep only some of the classes.

    Prints the ranking of these alone; their order becomes the label order.
    """
    from rankcon_cli.ranking import load
    from rankcon_cli.ranking.subset import subset as kept_alone

    if sum((classes is not None, bool(names), data is not None)) != 1:
        raise UsageError("name the classes to keep by one of --classes PATH, --class NAME and --data SPEC")
    if classes == file == "-":
        raise UsageError("standard input cannot be both the ranking and the list of classes")
    refuse_existing(out, force)
    ranking = load(file)
    if classes is not None:
        wanted = _lines(classes)
    else:
        wanted = list(names) if names else _data_classes(data, data_dir)
    emit(kept_alone(ranking, wanted), out, force=force)
    _remind(ranking, out)


def rename(
    file: RankingFile,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="OLD NEW", help="Pairs of class names.", callback=nfc, autocompletion=complete_class),
    ] = None,
    table: Annotated[
        str | None, typer.Option("--map", metavar="PATH", help="A CSV file of old,new pairs; - for stdin.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Rename classes.

    Prints the ranking with the classes renamed everywhere, all at once; label order and tiers stay.
    """
    from rankcon_cli.ranking import load
    from rankcon_cli.ranking.subset import rename as renamed
    from rankcon_cli.wording import quoted

    if bool(names) == (table is not None):
        raise UsageError("say what to rename either as OLD NEW pairs or by --map PATH")
    if table == file == "-":
        raise UsageError("standard input cannot be both the ranking and the names")
    if len(names or ()) % 2:
        raise UsageError(f"names come in pairs, OLD NEW, and {quoted(names[-1])} has no new name")
    refuse_existing(out, force)
    ranking = load(file)
    pairs = zip(names[::2], names[1::2], strict=True) if names else _rows(table, ranking.classes)
    emit(renamed(ranking, _mapping(pairs)), out, force=force)
    _remind(ranking, out)


def _remind(ranking: "Ranking", out: str | None) -> None:
    """Where the new ranking went by on a terminal, say that the file is as it was, and how to write it."""
    import os
    import shlex
    import sys

    printed = out is None or out == "-"
    if printed and sys.stdout.isatty() and ranking.text is not None and os.path.isfile(ranking.file):
        console.note(f"{ranking.file} itself is unchanged; to write it: --out {shlex.quote(ranking.file)} --force")


def _lines(source: str) -> list[str]:
    """Class names, one a line; blank lines are left out. RankconError where there are none."""
    names = [line.strip() for line in _text(source, "list of classes").split("\n") if line.strip()]
    if not names:
        raise RankconError(f"{_named(source)} names no class", hint="write one class a line into it")
    return names


def _rows(source: str, classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Pairs from CSV, at least one; a first row ``old,new`` is a header unless a class is called ``old``."""
    import csv
    import io

    from rankcon_cli.wording import counted

    reader = csv.reader(io.StringIO(_text(source, "list of names")), strict=True, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if row and len(row) != 2:
                raise RankconError(
                    f"{_named(source)}:{reader.line_num}: {counted(len(row), 'field')}; a line holds an old name and a new one",
                    hint='a name with a comma in it stands in double quotes: "salt, pepper",condiments',
                )
            rows += [tuple(field.strip() for field in row)] if row else []
    except csv.Error as error:
        raise RankconError(f"{_named(source)}:{reader.line_num}: this is no CSV: {error}") from error
    if rows[:1] == [("old", "new")] and "old" not in classes:
        del rows[0]
    if not rows:
        raise RankconError(f"{_named(source)} renames nothing", hint="write lines of old,new into it: wolf,grey wolf")
    return rows


def _mapping(pairs: "Iterable[tuple[str, str]]") -> dict[str, str]:
    from rankcon_cli.wording import quoted

    mapping: dict[str, str] = {}
    for old, new in pairs:
        if mapping.setdefault(old, new) != new:
            raise UsageError(f"{quoted(old)} is given two new names, {quoted(mapping[old])} and {quoted(new)}")
    return mapping


def _text(source: str, what: str) -> str:
    """The text of a file or of standard input, in the Unicode form that rankings are read in."""
    from rankcon_cli.files import read_bounded, read_stdin
    from rankcon_cli.ranking.sources import MAX_BYTES
    from rankcon_cli.ranking.syntax import decode

    data = read_stdin(MAX_BYTES) if source == "-" else read_bounded(Path(source), MAX_BYTES, what)
    return decode(data, _named(source)).removeprefix("\ufeff")


def _named(source: str) -> str:
    """What messages call a file."""
    return "<stdin>" if source == "-" else source


def _data_classes(spec: str, data_dir: Path | None) -> tuple[str, ...]:
    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.data import DataOptions, read_classes

    listen_to_the_library()
    found = read_classes(spec, DataOptions(data_dir=data_dir))
    if not found.named:
        raise RankconError(
            f"the classes of {spec} have no names to go by", hint="name the classes with --classes or --class"
        )
    return found.names
