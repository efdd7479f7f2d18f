"""The whole path once, on real images that travel with scikit-learn: digits, two of them withheld."""

import dataclasses
from pathlib import Path
from typing import Any

from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.config import DataConfig, LossConfig, OptimConfig, TrainConfig

#: The settings of every digits result in the documents: the same budget for all three losses.
DIGITS = TrainConfig(
    ranking="digits",
    data=DataConfig(spec="digits", withhold=("8", "9"), val_fraction=1 / 6),
    optim=OptimConfig(epochs=40, batch_size=64, weight_decay=1e-3),
)
LOSSES = ("ranked", "supcon", "cross-entropy")


def digits_config(
    loss: str, seed: int = 0, withhold: tuple[str, ...] = ("8", "9"), device: str = "auto"
) -> TrainConfig:
    """``DIGITS`` with another loss, seed or pair of withheld digits."""
    return dataclasses.replace(
        DIGITS,
        seed=seed,
        device=device,
        loss=LossConfig(name=loss),
        data=dataclasses.replace(DIGITS.data, withhold=withhold),
    )


def train_all(
    out: Path,
    seed: int = 0,
    withhold: tuple[str, ...] = ("8", "9"),
    device: str = "auto",
    *,
    force: bool = False,
    progress: Progress = silent,
) -> list["Run"]:  # noqa: F821
    """Train the digits with every loss of ``LOSSES``, each into a folder of its name below ``out``."""
    from rankcon_cli.training.loop import train
    from rankcon_cli.training.plan import make_plan
    from rankcon_cli.training.run_directory import create_run

    runs = []
    for loss in LOSSES:
        plan = make_plan(digits_config(loss, seed, withhold, device), progress)
        run = create_run(out / loss, plan, force=force)
        train(run, plan, progress=progress)
        runs.append(run)
    return runs


def demo(out: Path, device: str = "auto", *, force: bool = False, progress: Progress = silent) -> dict[str, Any]:
    """Train, evaluate and report; returns what ``rankcon demo --json`` prints."""
    from rankcon_cli.ood.evaluate import Protocol, headline_measurements, ood_evaluate
    from rankcon_cli.report import write_report

    runs = train_all(out / "runs", device=device, force=force, progress=progress)
    result = ood_evaluate(runs, None, device=device, protocol=Protocol(withheld_from_all=True), progress=progress)
    written = write_report(result, out)
    detection = {m["run"]: m for m in headline_measurements(result)}
    rows = []
    for summary in result.runs:
        found = detection[summary.name]
        rows.append(
            {
                "run": summary.name,
                "loss": summary.loss,
                **summary.measures,
                "auroc": found["auroc"],
                "fpr95_ood_pos": found["fpr95_ood_pos"],
                "fpr95_id_pos": found["fpr95_id_pos"],
            }
        )
    return {
        "format": "rankcon/demo",
        "version": 1,
        "report": str(written.page),
        "report_json": str(written.document),
        "withheld": list(DIGITS.data.withhold),
        "ood_score": {"score": result.headline[0], "feature": result.headline[1]},
        "runs": rows,
    }
