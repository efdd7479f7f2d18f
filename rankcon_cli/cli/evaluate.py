"""``rankcon evaluate``: one run, every measure."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir, Device, Download, SkipBroken, options_for
from rankcon_cli.wording import decimal, percent


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run directory.", metavar="RUN")],
    data: Annotated[
        str | None, typer.Option(help="Test images.", show_default="test split of the run's data, else its validation")
    ] = None,
    ranking: Annotated[str | None, typer.Option(help="Measure by this ranking.", show_default="the run's own")] = None,
    data_dir: DataDir = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Accuracy, retrieval, mistakes and the order of the classes, on test images."""
    from rankcon_cli.cli.processes import embedding_together
    from rankcon_cli.evaluation.embeddings import Embedder
    from rankcon_cli.evaluation.evaluate import evaluate as evaluate_run
    from rankcon_cli.evaluation.images import test_images
    from rankcon_cli.ranking import load
    from rankcon_cli.training.run_directory import open_run

    opened = open_run(run)
    given = load(ranking) if ranking else None
    with embedding_together() as world:
        embedder = Embedder(opened, device, console.progress(), world)
        options = options_for(opened, data_dir, download, skip_broken)
        test = test_images(opened, data, options, console.progress())
        if len(test.withheld):
            console.note(
                f"left out {len(test.withheld)} images of the withheld classes {', '.join(test.withheld.classes)}"
            )
        result = evaluate_run(opened, embedder, test, given)
    if json:
        console.json(result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    data = result["data"]
    console.out(f"{result['run']} ({result['loss']}) on {data['spec']}: {data['images']}, {data['n']} images\n")
    rows = [
        (f"{feature}, {classifier.replace('_', ' ')}", percent(value))
        for feature, classifiers in result["classifiers"].items()
        for classifier, value in classifiers.items()
    ]
    headline = result["headline"]
    console.table(("accuracy", f"{percent(result['accuracy'])} ({headline['feature']})"), rows)
    console.out("")
    features = list(result["retrieval"])
    measures = [
        ("recall@1", percent, lambda f: result["retrieval"][f]["recall_at_1"]),
        ("mAP@R", percent, lambda f: result["retrieval"][f]["map_at_r"]),
    ]
    if result["ranking"]:
        measures += [
            (label, show, lambda f, key=key: result["order"][f][key])
            for label, show, key in (
                ("order satisfaction", percent, "order_satisfaction"),
                ("… beyond the own class", percent, "order_satisfaction_beyond_own"),
                ("Kendall tau-b", decimal, "kendall_tau_b"),
                ("NDCG", decimal, "ndcg"),
                ("mistake severity (mean tier)", decimal, "mistake_severity"),
                ("mistakes that fall in tier 1", percent, "mistakes_in_tier_1"),
                ("mistakes", lambda n: str(n), "mistakes"),
            )
        ]
    console.table(("", *features), [(label, *(show(get(f)) for f in features)) for label, show, get in measures])
    if not result["ranking"]:
        console.note("no ranking: give one with --ranking to see whether its order is in the embedding")


def register(app: typer.Typer) -> None:
    command(app, "evaluate")(evaluate)
