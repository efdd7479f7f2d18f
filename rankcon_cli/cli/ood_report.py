"""``rankcon ood-report``: runs against unknown images, as a page, as tables, as figures and as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir, Device, Download, SkipBroken, options_for
from rankcon_cli.errors import UsageError
from rankcon_cli.wording import decimal, percent

if TYPE_CHECKING:
    from rankcon_cli.ood.result import OodResult


def ood_report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories: the subject, its other seeds, baselines.", metavar="RUN...")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="ID test images.", show_default="test split of the run's data, else its validation"),
    ] = None,
    near: Annotated[list[str] | None, typer.Option(help="Unknown images close to the known. Repeatable.")] = None,
    far: Annotated[list[str] | None, typer.Option(help="Unknown images far from the known. Repeatable.")] = None,
    ood: Annotated[
        list[str] | None, typer.Option(help="Unknown images, neither near nor far. Withheld classes come on top.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Headline score, as knn or knn@encoder:k=10.", show_default="knn@encoder")
    ] = None,
    tune_on: Annotated[
        str | None, typer.Option(help="Choose score and parameters on these unknown images, which are not tested.")
    ] = None,
    tpr: Annotated[float, typer.Option(help="Share of known images that the threshold keeps.")] = 0.95,
    odin: Annotated[
        bool, typer.Option("--odin", help="Take ODIN too; it runs the network on every image again.")
    ] = False,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples, 100 or more; 0 for no intervals.", min=0)] = 1000,
    withheld_from: Annotated[
        Literal["test", "all"], typer.Option(help="Take the withheld classes' images from the test split, or from all.")
    ] = "test",
    no_tsne: Annotated[bool, typer.Option("--no-tsne", help="Draw the embedding by PCA alone.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the page, report.json, tables and figures.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a report that stands in --out.")] = False,
    data_dir: DataDir = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Can the runs tell unknown images from known ones? Scores, metrics, curves and the worst failures."""
    if not 0 < tpr < 1:
        raise UsageError(f"--tpr {tpr} is not between 0 and 1", hint="0.95 flags one known image in 20")
    if 0 < resamples < 100:
        raise UsageError(f"--resamples {resamples} is too few for intervals", hint="give 1000, or 0 for no intervals")
    if score and tune_on:
        raise UsageError("--score names the score that --tune-on would choose", hint="give one of them")
    if out is not None:
        from rankcon_cli.report import check_free

        check_free(out, force=force)  # before the work, not after
    from rankcon_cli.cli.processes import embedding_together
    from rankcon_cli.ood.choice import parse_choice
    from rankcon_cli.ood.evaluate import Protocol, ood_evaluate
    from rankcon_cli.report import to_json_dict, write_report
    from rankcon_cli.training.run_directory import open_run

    choice = parse_choice(score) if score else None
    opened = [open_run(path) for path in runs]
    with embedding_together() as world:
        result = ood_evaluate(
            opened,
            data,
            ood=ood or (),
            near=near or (),
            far=far or (),
            options=options_for(opened[0], data_dir, download, skip_broken),
            device=device,
            protocol=Protocol(
                choice=choice,
                tune_on=tune_on,
                tpr=tpr,
                odin=odin,
                resamples=resamples,
                withheld_from_all=withheld_from == "all",
                tsne=not no_tsne and out is not None,
            ),
            progress=console.progress(),
            world=world,
        )
    if out is not None:
        console.note(f"the report lies in {write_report(result, out).page}")
    if json:
        console.json(to_json_dict(result))
    else:
        print_result(result)


def print_result(result: "OodResult") -> None:
    """The headline score of every group on every target as a table, and what it takes to deploy it."""
    score, feature = result.headline
    rows = [
        (row.group, row.target, *(_estimate(row.metrics.get(key), show) for key, show in _COLUMNS.values()))
        for row in result.aggregates
        if row.score == score and row.feature == feature
    ]
    console.table(("run or group", "unknown", *_COLUMNS), rows, title=f"{score} on {feature}, {result.headline_from}")
    if result.threshold:
        found = result.threshold
        console.note(
            f"threshold {found.value:.4g}: set on {found.n} validation images to keep {percent(found.tpr)} of known images "
            f"({percent(found.low)} to {percent(found.high)} of new ones)"
        )
        console.note(f"to use it: rankcon score {result.runs[0].path} IMAGE... --score {_deployed(result)}")


_COLUMNS = {
    "AUROC": ("auroc", decimal),
    "FPR95 OOD pos.": ("fpr95_ood_pos", percent),
    "FPR95 ID pos.": ("fpr95_id_pos", percent),
    "OSCR": ("oscr", decimal),
}


def _estimate(found: "Estimate | None", show: "Callable[[float | None], str]") -> str:  # noqa: F821
    if found is None:
        return show(None)
    if found.sd is not None:
        return f"{show(found.value)} ± {show(found.sd)}"
    interval = "" if found.low is None else f" [{show(found.low)}, {show(found.high)}]"
    return show(found.value) + interval


def _deployed(result: "OodResult") -> str:
    from rankcon_cli.ood.choice import Choice

    parameters = dict(result.tuning.chosen.parameters) if result.tuning else {}
    return str(Choice(*result.headline, parameters))


def register(app: typer.Typer) -> None:
    command(app, "ood-report")(ood_report)
