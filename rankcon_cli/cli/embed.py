"""``rankcon embed``: the vectors of images, as a file."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from rankcon_cli.cli.command import command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir, Device, Download, SkipBroken, options_for
from rankcon_cli.cli.paths import BatchSize, Images, Null, image_names
from rankcon_cli.errors import ExitCode, UsageError
from rankcon_cli.wording import counted

_SHOWN, _LONGEST = 5, 200  # broken images in a warning, and letters of the name of each


def embed(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    paths: Images = None,
    data: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Embed a data set instead: all its images, of any classes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to: .npy, .npz or .parquet.")] = None,
    feature: Annotated[str, typer.Option(help="encoder or projection.")] = "encoder",
    unit: Annotated[bool, typer.Option("--unit", help="Bring the vectors to unit length.")] = False,
    batch_size: BatchSize = 64,
    force: Annotated[bool, typer.Option("--force", help="Replace the file in --out.")] = False,
    data_dir: DataDir = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    null: Null = False,
) -> None:
    """Write the vectors of images, float32, one row an image.

    npy holds the matrix alone. npz has vectors and names and, for a data set, labels and classes. Parquet has the
    columns name, label, class and vector. A file that cannot be read has no row, and makes the exit code 3 in the
    end unless --skip-broken is given.
    """
    _check(paths, data, out, feature)
    names = image_names(paths, null, "embed") if data is None else None
    from rankcon_cli.deploy.stream import embed_files
    from rankcon_cli.deploy.vectors import Wanted, check_out, file_rows, image_rows, images_to_embed, write_vectors
    from rankcon_cli.evaluation.embeddings import Embedder
    from rankcon_cli.training.run_directory import open_run

    check_out(out, force=force)
    opened = open_run(run)
    wanted, broken = Wanted(feature, unit), _Broken()
    wanted.require(opened)
    embedder = Embedder(opened, device, console.progress())
    if data is not None:
        images = images_to_embed(opened, data, options_for(opened, data_dir, download, skip_broken), console.progress())
        rows = image_rows(embedder, images, wanted, broken.add, batch_size, console.progress())
    else:
        images = None
        rows = file_rows(embed_files(embedder, names, batch_size), wanted, broken.add)
    try:
        with contextlib.closing(rows):
            count = write_vectors(out, rows, images.classes if images else None)
    finally:
        broken.tell()
    console.note(f"{counted(count, 'vector')} written to {out}")
    if broken.count and not skip_broken:
        raise typer.Exit(ExitCode.FAULT)


def _check(paths: list[str] | None, data: str | None, out: Path | None, feature: str) -> None:
    if out is None:
        raise UsageError("there is nowhere to put the vectors", hint="name a .npy, .npz or .parquet file with --out")
    if data is not None and paths:
        raise UsageError("images are named and --data too", hint="embed one, then the other")
    if feature not in ("encoder", "projection"):
        raise UsageError(f"--feature is encoder or projection, not {feature!r}")


class _Broken:
    """Images without a vector: how many, and what to say of the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.shown: list[str] = []

    def add(self, name: str, reason: str) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            end = name if len(name) <= _LONGEST else "…" + name[-_LONGEST:]  # the end of a path tells files apart
            self.shown.append(f"{end!r} ({reason})")

    def tell(self) -> None:
        if self.count:
            more = f"; and {self.count - _SHOWN:,} more" if self.count > _SHOWN else ""
            console.warn(f"{counted(self.count, 'image')} left out: {'; '.join(self.shown)}{more}")


def register(app: typer.Typer) -> None:
    command(app, "embed")(embed)
