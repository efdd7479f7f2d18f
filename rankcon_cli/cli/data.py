"""``rankcon data``: look at a data set before training on it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.wording import decimal

app = typer.Typer(name="data", help="Look at data sets.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _data() -> None:
    """Look at data sets."""


@command(app, "info")
def info(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="digits, cifar10, folder:PATH, tree:PATH or npz:PATH (docs/data.md).")
    ],
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where torchvision's sets lie (else RANKCON_DATA, else ./data).")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Let torchvision fetch a set that is missing.")] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out images that cannot be read.")] = False,
    json: Json = False,
) -> None:
    """Print the classes, counts, sizes and balance of a data set. Every image is read once."""
    from rankcon_cli.data import DataOptions, describe

    options = DataOptions(data_dir=data_dir, download=download, skip_broken=skip_broken)
    summary = describe(spec, options, console.progress())
    if json:
        console.json({"format": "rankcon/data-info", "version": 1, **summary})
    else:
        _print(summary)


def _print(summary: dict[str, Any]) -> None:
    counts = summary["counts"]
    rows = [[name, *(f"{by_class[name]:,}" for by_class in counts.values())] for name in summary["classes"]]
    totals = ["total", *(f"{sum(by_class.values()):,}" for by_class in counts.values())]
    balance = ["largest / smallest", *(decimal(value, 2) for value in summary["balance"].values())]
    console.table(["class", *counts], [*rows, totals, balance])
    modes = ", ".join(f"{count:,} {mode}" for mode, count in summary["modes"].items())
    size, channels = summary["image_size"], summary["channels"]
    console.out(
        f"{summary['spec']}: {summary['images']:,} images, {len(summary['classes'])} classes"
        f"{'' if summary['named'] else ' (without names)'}, "
        + (f"own splits: {', '.join(summary['splits'])}" if summary["splits"] else "no splits of its own")
    )
    for side in ("width", "height"):
        spread = summary[side]
        console.out(f"{side}: {spread['min']} to {spread['max']}, median {spread['median']:g}")
    console.out(f"modes: {modes}; read as {size}x{size}, {'grey' if channels == 1 else 'RGB'}")
    for image in summary["skipped"]:
        console.out(f"skipped: {image['name']} ({image['reason']})")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="data")
