"""``rankcon export``: a run as files that need no rankcon."""

from pathlib import Path
from typing import Annotated

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import Device
from rankcon_cli.cli.score import check_threshold
from rankcon_cli.errors import UsageError

FORMATS = ("torch", "onnx")


def export(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="Folder for the files.", metavar="DIR")],
    formats: Annotated[
        str, typer.Option("--format", help="torch, onnx, or both with a comma.", metavar="FORMAT,...")
    ] = "torch,onnx",
    score: Annotated[
        str | None, typer.Option(help="Outlier score: knn, rmd@projection, ...", show_default="knn@encoder")
    ] = None,
    tpr: Annotated[
        float | None, typer.Option(help="Share of known images that is not flagged.", show_default="0.95")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="An image is unknown above this score.", show_default="set on the run's validation images"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of an earlier export.")] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write encoder, class means, outlier score and threshold as torch.export and ONNX, and prove that they answer alike."""
    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",") if part.strip()))
    if not wanted or any(kind not in FORMATS for kind in wanted):
        raise UsageError(f"--format is torch, onnx or torch,onnx, not {formats!r}")
    check_threshold(tpr, threshold)
    from rankcon_cli.deploy.export import check_free, export_run
    from rankcon_cli.evaluation.embeddings import Embedder
    from rankcon_cli.ood.choice import DEFAULT, parse_choice
    from rankcon_cli.ood.detector import fit_detector
    from rankcon_cli.training.run_directory import open_run

    choice = DEFAULT if score is None else parse_choice(score)
    check_free(out, force=force)  # before the work, not after
    opened = open_run(run)
    embedder = Embedder(opened, device, console.progress())
    detector = fit_detector(opened, embedder, choice, 0.95 if tpr is None else tpr, threshold)
    found = export_run(opened, detector, out, wanted, force=force, progress=console.progress())
    proof = found["proof"]
    for one in proof["differences"]:
        console.note(
            f"{one['file']} answers as the run does: differences of at most {max(one['relative'].values()):.1g} of an output's "
            f"size on {proof['n']} {proof['images']} ({proof['tolerance']:g} passes), no class and no verdict differs"
        )
    console.json(found) if json else console.out(str(out))


def register(app: typer.Typer) -> None:
    command(app, "export")(export)
