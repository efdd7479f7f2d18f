"""``rankcon compare``: runs side by side, seeds grouped."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir, Device, Download, SkipBroken, options_for
from rankcon_cli.errors import UsageError

if TYPE_CHECKING:
    from rankcon_cli.ood.result import OodResult
    from rankcon_cli.report.cells import Table

Format = Literal["table", "markdown", "csv", "latex", "json"]


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories; the others are compared with the first.", metavar="RUN...")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Test images of the known classes.", show_default="test split of the run's data, else its validation"
        ),
    ] = None,
    near: Annotated[
        list[str] | None, typer.Option(help="A set of unknown images close to the known. Repeatable.")
    ] = None,
    far: Annotated[
        list[str] | None, typer.Option(help="A set of unknown images far from the known. Repeatable.")
    ] = None,
    ood: Annotated[
        list[str] | None, typer.Option(help="A set of unknown images, neither near nor far. Repeatable.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Outlier score, as knn or knn@encoder:k=10.", show_default="knn@encoder")
    ] = None,
    withheld_from: Annotated[
        Literal["test", "all"], typer.Option(help="Take the withheld classes' images from the test split, or from all.")
    ] = "test",
    form: Annotated[Format, typer.Option("--format", help="How to print the comparison.")] = "table",
    data_dir: DataDir = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Runs side by side: accuracy, order, mistakes, unknown images and time. Runs that differ in their seed alone are one."""
    if json and form not in ("table", "json"):
        raise UsageError(f"--json and --format {form} contradict each other")
    from rankcon_cli.ood.choice import parse_choice
    from rankcon_cli.ood.evaluate import Protocol, ood_evaluate
    from rankcon_cli.report.compare import comparison_dict, to_text
    from rankcon_cli.training.run_directory import open_run

    opened = [open_run(path) for path in runs]
    result = ood_evaluate(
        opened,
        data,
        ood=ood or (),
        near=near or (),
        far=far or (),
        options=options_for(opened[0], data_dir, download, skip_broken),
        device=device,
        protocol=Protocol(
            choice=None if score is None else parse_choice(score),
            withheld_from_all=withheld_from == "all",
            tsne=False,
            unknowns_needed=False,
        ),
        progress=console.progress(),
    )
    if not result.sets:
        console.note(
            "no unknown images: name some with --near, --far or --ood, or take the withheld with --withheld-from all"
        )
    if json or form == "json":
        console.json(comparison_dict(result))
    elif form == "table":
        print_result(result)
    else:
        console.out(to_text(result, form))


def print_result(result: "OodResult") -> None:
    """The comparison as tables for people, the best of each row with a star."""
    from rankcon_cli.report.compare import side_by_side
    from rankcon_cli.report.tables import comparisons

    _print(side_by_side(result))
    if result.comparisons:
        console.out("")
        _print(comparisons(result))


def _print(table: "Table") -> None:
    header = [*table.headings, *(column.label for column in table.columns)]
    console.table([_shown(heading) for heading in header], _rows(table))
    console.note(table.caption + (" * is the best of its row." if table.name == "compare" else ""))


def _rows(table: "Table") -> Iterator[list[str]]:
    """Every section under its title."""
    for section in table.sections:
        title = f"{_shown(section.title)} ({section.note})" if section.note else _shown(section.title)
        yield [title, *[""] * (len(table.headings) + len(table.columns) - 1)]
        for row in section.rows:
            first, *labels = map(_shown, row.labels)
            yield [f"  {first}", *labels, *(f"{entry} *" if entry.best else f"{entry}  " for entry in row.cells)]


def _shown(name: str) -> str:
    """A name whole, on one line and safe for a terminal."""
    from rankcon_cli.picture.text import isolated

    return isolated(name, len(name) + 1)


def register(app: typer.Typer) -> None:
    command(app, "compare")(compare)
