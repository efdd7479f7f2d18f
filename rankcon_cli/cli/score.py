"""``rankcon score``: what a run makes of image files, one line each, as they come."""

import contextlib
import math
import time
from pathlib import Path
from typing import Annotated

import typer

from rankcon_cli.cli.command import command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import Device
from rankcon_cli.cli.paths import BatchSize, Images, Null, image_names
from rankcon_cli.errors import ExitCode, UsageError
from rankcon_cli.wording import DASH, counted, decimal, percent


def score(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    paths: Images = None,
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
    batch_size: BatchSize = 64,
    device: Device = "auto",
    null: Null = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Name the class of each image, and tell unknown images from known ones.

    One line an image, in order and as they come: known, unknown or error, outlier score, similarity, class, path,
    separated by tabs. A file that cannot be read gets a line with the reason, and makes the exit code 3 in the end.
    """
    check_threshold(tpr, threshold)
    names = image_names(paths, null, "score")
    from rankcon_cli.deploy.judging import Tally, judge_files
    from rankcon_cli.evaluation.embeddings import Embedder
    from rankcon_cli.files import to_json
    from rankcon_cli.ood.choice import DEFAULT, parse_choice
    from rankcon_cli.ood.detector import fit_detector
    from rankcon_cli.training.run_directory import open_run

    choice = DEFAULT if score is None else parse_choice(score)
    opened = open_run(run)
    embedder = Embedder(opened, device, console.progress())
    detector = fit_detector(opened, embedder, choice, 0.95 if tpr is None else tpr, threshold)
    console.note(_calibration(detector))
    started, tally = time.monotonic(), Tally()
    with contextlib.closing(judge_files(detector, embedder, names, batch_size)) as batches:
        for batch in batches:
            for one in batch:
                console.out(to_json(one.to_dict(detector.threshold.value), indent=None) if json else _line(one))
            console.flush()
            tally = tally.plus(batch)
    seconds = time.monotonic() - started
    rate = f", {tally.images / seconds:,.0f} a second" if tally.images and seconds else ""
    console.note(f"{counted(tally.images, 'image')}, {tally.unknown:,} unknown, {tally.broken:,} broken{rate}")
    if tally.broken:
        console.warn(f"{tally.broken:,} of {counted(tally.images, 'image')} could not be read: their lines say why")
        raise typer.Exit(ExitCode.FAULT)


def check_threshold(tpr: float | None, threshold: float | None) -> None:
    """UsageError where ``--tpr`` and ``--threshold`` make no sense, alone or together."""
    if threshold is not None and not math.isfinite(threshold):
        raise UsageError(f"--threshold {threshold} is no number to hold a score against")
    if tpr is not None and not 0 < tpr < 1:
        raise UsageError(f"--tpr {tpr} is not between 0 and 1", hint="0.95 flags one known image in 20")
    if tpr is not None and threshold is not None:
        raise UsageError("--tpr sets the threshold that --threshold gives", hint="give one of them")


def _calibration(detector: "Detector") -> str:  # noqa: F821
    """What the threshold is, and what it rests on."""
    chosen = detector.threshold
    if not chosen.n:
        return f"unknown above {chosen.value:.4g} by {detector.choice}, as asked for"
    return (
        f"unknown above {chosen.value:.4g} by {detector.choice}: set on {counted(chosen.n, 'validation image')} to keep "
        f"{percent(chosen.tpr)} of known images (between {percent(chosen.low)} and {percent(chosen.high)})"
    )


def _line(one: "Judged") -> str:  # noqa: F821
    """One line for people, and for ``cut``: names with what would break it or hide in it as escapes."""
    found = one.verdict
    if found is None:
        cells = ["error", DASH, DASH, f"({one.error})"]
    else:
        verdict = "unknown" if found.unknown else "known"
        cells = [verdict, decimal(found.score, 4), decimal(found.similarity), found.class_name]
    return "\t".join(_visible(cell) for cell in [*cells, one.path])


def _visible(name: str) -> str:
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def register(app: typer.Typer) -> None:
    command(app, "score")(score)
