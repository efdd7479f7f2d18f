"""``rankcon ood-report``: runs against unknown images, as a page and as JSON."""

from pathlib import Path
from typing import Annotated

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir, Device, Download, SkipBroken, options_for
from rankcon_cli.errors import UsageError
from rankcon_cli.wording import decimal, percent


def ood_report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories: the subject, then its baselines.", metavar="RUN...")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="ID test images.", show_default="test split of the run's data, else its validation"),
    ] = None,
    ood: Annotated[
        list[str] | None, typer.Option(help="A set of unknown images. Repeatable; withheld classes come on top.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.html and report.json.")] = None,
    withheld_from: Annotated[
        str,
        typer.Option(help="Take the withheld classes' images from the test split, or from all splits: test or all."),
    ] = "test",
    force: Annotated[bool, typer.Option("--force", help="Replace a report that stands in --out.")] = False,
    data_dir: DataDir = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Can the runs tell unknown images from known ones? Scores, metrics, curves and the worst failures."""
    if withheld_from not in ("test", "all"):
        raise UsageError(f"--withheld-from is test or all, not {withheld_from!r}")
    if out is None and not json:
        raise UsageError("there is nowhere to put the report", hint="name a folder with --out, or ask for --json")
    if out is not None and (out / "report.html").exists() and not force:
        raise UsageError(f"{out} holds a report already", hint="--force replaces it")
    from rankcon_cli.ood.evaluate import ood_evaluate
    from rankcon_cli.report import to_json_dict, write_report
    from rankcon_cli.training.run_directory import open_run

    opened = [open_run(path) for path in runs]
    result = ood_evaluate(
        opened,
        data,
        ood or [],
        options_for(opened[0], data_dir, download, skip_broken),
        device=device,
        withheld_from_all=withheld_from == "all",
        progress=console.progress(),
    )
    if out is not None:
        page, _ = write_report(result, out)
        console.note(f"the report lies in {page}")
    if json:
        console.json(to_json_dict(result))
    else:
        print_result(result)


def print_result(result: "OodResult") -> None:  # noqa: F821
    """The headline score of every run on every set, as a table."""
    rows = [
        (m.run, m.ood, decimal(m.auroc), percent(m.fpr95_ood_pos), percent(m.fpr95_id_pos), str(m.n_id), str(m.n_ood))
        for m in result.measurements
        if (m.score, m.feature) == result.headline
    ]
    header = ("run", "OOD set", "AUROC", "FPR95 OOD pos.", "FPR95 ID pos.", "n ID", "n OOD")
    console.table(header, rows, title=f"{result.headline[0]} on {result.headline[1]} features")


def register(app: typer.Typer) -> None:
    command(app, "ood-report")(ood_report)
