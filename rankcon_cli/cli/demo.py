"""``rankcon demo``: the whole path on digits in about a minute, nothing downloaded."""

from pathlib import Path
from typing import Annotated

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import Device
from rankcon_cli.errors import UsageError
from rankcon_cli.wording import decimal, percent


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path("demo-report"),
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo in --out.")] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a ranked encoder and its baselines on digits, withhold two, and report what came out."""
    if (out / "runs").exists() and not force:
        raise UsageError(f"{out} holds a demo already", hint="--force replaces it, --out chooses another folder")
    from rankcon_cli.demo import DIGITS
    from rankcon_cli.demo import demo as run_demo

    console.note(
        f"digits with {' and '.join(DIGITS.data.withhold)} withheld: three trainings of {DIGITS.optim.epochs} epochs "
        "with the same budget"
    )
    result = run_demo(out, device, force=force, progress=console.progress())
    if json:
        console.json(result)
        return
    rows = [
        (
            row["loss"],
            percent(row["accuracy"]),
            percent(row["order_satisfaction"]),
            percent(row["order_satisfaction_beyond_own"]),
            decimal(row["mistake_severity"], 2),
            decimal(row["auroc"]),
        )
        for row in result["runs"]
    ]
    header = ("loss", "accuracy", "order satisfied", "… beyond own class", "mistake severity", "AUROC on withheld")
    console.table(header, rows)
    console.out(f"\nreport: {result['report']}")
    console.note("one seed: for means and deviations over seeds run benchmarks/losses.py")


def register(app: typer.Typer) -> None:
    command(app, "demo")(demo)
