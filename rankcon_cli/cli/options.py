"""Options that several commands share, each spelled and explained once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rankcon_cli.data import DataOptions
    from rankcon_cli.training.run_directory import Run

DataDir = Annotated[
    Path | None, typer.Option(help="Where torchvision's sets lie.", show_default="$RANKCON_DATA, else ./data")
]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision fetch a set that is not there.")]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Leave out images that cannot be read.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]


def options_for(run: "Run", data_dir: Path | None, download: bool, skip_broken: bool) -> "DataOptions":
    """The data options the run was trained with, and over them the flags that are given now."""
    from rankcon_cli.data import DataOptions
    from rankcon_cli.training.images import data_options

    own = data_options(run.config.data)
    return DataOptions(data_dir or own.data_dir, download or own.download, skip_broken or own.skip_broken)
