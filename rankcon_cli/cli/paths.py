"""Image files that a command is given: as arguments, or by name on standard input."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.wording import quoted

#: The images of ``score`` and ``embed``. Text, not ``Path``, which would take ``./-`` for ``-``.
Images = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH|-", help="Image files; - (or none) reads their names from stdin.", show_default=False),
]
Null = Annotated[bool, typer.Option("--null", "-0", help="Names on stdin end in NUL (find -print0), not in newline.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Most images that go through the network at once.")]


def image_names(paths: Sequence[str] | None, null: bool, command: str) -> Iterator[str]:
    """The names in order, those on standard input (``-``, or no name at all) as they come.

    Raises:
        UsageError: one of ``paths`` is a folder; ``null`` where nothing is read from standard input; or that is a
            terminal, and nobody asked for it.
        RankconError: standard input is closed.
    """
    for folder in filter(os.path.isdir, paths or ()):
        raise UsageError(
            f"{quoted(folder)} is a folder",
            hint=f"list its files: find FOLDER -type f | rankcon {command} RUN -",
        )
    piped = not paths or "-" in paths
    if null and not piped:
        raise UsageError("--null is for names on standard input, and none are read from there")
    if piped and sys.stdin is None:  # closed by the shell: rankcon ... <&-
        raise RankconError("standard input is closed", hint="name the images, or pipe their names in")
    if not paths and sys.stdin.isatty():
        raise UsageError(
            "no images are named", hint=f"name files, or pipe names in: find FOLDER -type f | rankcon {command} RUN -"
        )
    return _names(paths or ["-"], b"\0" if null else b"\n")


def _names(paths: Sequence[str], separator: bytes) -> Iterator[str]:
    from rankcon_cli.deploy.stream import read_names

    for path in paths:
        if path == "-":
            yield from read_names(sys.stdin.fileno(), separator)
        else:
            yield path
