"""Options that several commands share, each spelled and explained once."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option(help="Where torchvision's sets lie.", show_default="$RANKCON_DATA, else ./data")
]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision fetch a set that is not there.")]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Leave out images that cannot be read.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


def data_options(data_dir: Path | None, download: bool, skip_broken: bool) -> "DataOptions":  # noqa: F821
    """The data room's options of these flags."""
    from rankcon_cli.data import DataOptions

    return DataOptions(data_dir, download, skip_broken)
