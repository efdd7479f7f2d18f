"""``rankcon train``: flags to a configuration, a plan, a run directory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.wording import decimal


def _option(help: str, panel: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)


_DATA, _LOSS, _OUTLIERS, _MODEL, _OPTIM, _RUN = "Data", "Loss", "Outliers", "Model", "Optimisation", "Run"


def train(
    data: Annotated[
        str | None, _option("Images to train on: digits, cifar10, folder:PATH, npz:PATH, ...", _DATA, metavar="SPEC")
    ] = None,
    ranking: Annotated[
        str | None, _option("Ranking file, class graph, or a shipped ranking's name.", _DATA, metavar="FILE")
    ] = None,
    withhold: Annotated[
        list[str] | None, _option("Classes kept out: fox,owl. Repeatable.", _DATA, metavar="CLASS,...")
    ] = None,
    val_fraction: Annotated[
        float | None, _option("Share of training images kept for validation. [the set's own split, else 0.1]", _DATA)
    ] = None,
    image_size: Annotated[int | None, _option("Square size in pixels. [the set's own, at most 224]", _DATA)] = None,
    data_dir: DataDir = None,
    download: Annotated[bool | None, _option("Let torchvision fetch a missing set.", _DATA, "--download")] = None,
    skip_broken: Annotated[bool | None, _option("Leave out unreadable images.", _DATA, "--skip-broken")] = None,
    loss: Annotated[str | None, _option("ranked, supcon or cross-entropy. [ranked]", _LOSS)] = None,
    variant: Annotated[str | None, _option("in, out or out-in. [out-in]", _LOSS)] = None,
    ranks: Annotated[int | None, _option("Trained ranks, the class itself included. [3, if there are]", _LOSS)] = None,
    tau_min: Annotated[float | None, _option("Temperature at score 1. [0.1]", _LOSS)] = None,
    tau_max: Annotated[float | None, _option("Temperature at score 0. [0.6]", _LOSS)] = None,
    temperature: Annotated[float | None, _option("SupCon's temperature. [0.1]", _LOSS)] = None,
    ce_weight: Annotated[float | None, _option("Weight of a cross-entropy head beside. [0]", _LOSS)] = None,
    virtual_outliers: Annotated[
        str | None, _option("Experimental. Push mixtures of images away: none, image or feature. [none]", _OUTLIERS)
    ] = None,
    outlier_partner: Annotated[
        str | None, _option("What a mixture takes from: tier-1 classes, or any other. [tier-1]", _OUTLIERS)
    ] = None,
    outliers: Annotated[str | None, _option("Images of known outliers.", _OUTLIERS, metavar="SPEC")] = None,
    outlier_classes: Annotated[
        list[str] | None, _option("Only these classes of --outliers. Repeatable.", _OUTLIERS, metavar="CLASS,...")
    ] = None,
    outlier_loss: Annotated[
        str | None, _option("reference, learned-reference or exposure (with a head). [reference]", _OUTLIERS)
    ] = None,
    outlier_weight: Annotated[float | None, _option("Weight of each outlier term. [0.5]", _OUTLIERS)] = None,
    encoder: Annotated[
        str | None, _option("conv, resnet8, resnet18, resnet34 or resnet50. [by image size]", _MODEL)
    ] = None,
    weights: Annotated[Path | None, _option("Local file of torchvision weights for the encoder.", _MODEL)] = None,
    projection_dim: Annotated[int | None, _option("Width of the projection. [128]", _MODEL)] = None,
    epochs: Annotated[int | None, _option("Passes over the training images. [100]", _OPTIM)] = None,
    batch_size: Annotated[int | None, _option("Images a step, each in two views. [256]", _OPTIM)] = None,
    optimizer: Annotated[str | None, _option("sgd or adamw. [sgd]", _OPTIM)] = None,
    lr: Annotated[float | None, _option("Learning rate for a batch of 256. [0.2 sgd, 0.001 adamw]", _OPTIM)] = None,
    weight_decay: Annotated[float | None, _option("Weight decay. [0.0005]", _OPTIM)] = None,
    warmup_epochs: Annotated[float | None, _option("Epochs of warm-up. [a tenth, at most 10]", _OPTIM)] = None,
    clip_norm: Annotated[float | None, _option("Largest gradient norm; 0 for none. [5]", _OPTIM)] = None,
    augment: Annotated[str | None, _option("none, light, crop or natural. [by image size]", _OPTIM)] = None,
    seed: Annotated[int | None, _option("Seed of every random draw. [0]", _RUN)] = None,
    device: Annotated[str | None, _option("auto, cpu, cuda, cuda:N or mps. [auto]", _RUN)] = None,
    precision: Annotated[str | None, _option("auto, float32 or bfloat16. [auto]", _RUN)] = None,
    config: Annotated[Path | None, _option("TOML file of settings; flags go before it.", _RUN)] = None,
    out: Annotated[Path | None, _option("Run directory. [runs/DATA-LOSS-sSEED]", _RUN)] = None,
    force: Annotated[bool, _option("Replace the run in --out.", _RUN, "--force")] = False,
    resume: Annotated[bool, _option("Go on with the run in --out as it was configured.", _RUN, "--resume")] = False,
    dry_run: Annotated[
        bool, _option("Print the settings and what each rank sees; train nothing.", _RUN, "--dry-run")
    ] = False,
    json: Json = False,
) -> None:
    """Train an encoder and print the run directory.

    Values in [brackets] are the defaults; a TOML file given with --config goes over them, flags over both.
    """
    flags = {
        "ranking": ranking,
        "augment": augment,
        "seed": seed,
        "device": device,
        "precision": precision,
        "data.spec": data,
        "data.withhold": _split(withhold),
        "data.val_fraction": val_fraction,
        "data.image_size": image_size,
        "data.data_dir": str(data_dir) if data_dir else None,
        "data.download": download,
        "data.skip_broken": skip_broken,
        "loss.name": loss,
        "loss.variant": variant,
        "loss.ranks": ranks,
        "loss.tau_min": tau_min,
        "loss.tau_max": tau_max,
        "loss.temperature": temperature,
        "loss.ce_weight": ce_weight,
        "outliers.virtual": virtual_outliers,
        "outliers.partner": outlier_partner,
        "outliers.spec": outliers,
        "outliers.classes": _split(outlier_classes),
        "outliers.loss": outlier_loss,
        "outliers.weight": outlier_weight,
        "model.encoder": encoder,
        "model.weights": str(weights) if weights else None,
        "model.projection_dim": projection_dim,
        "optim.epochs": epochs,
        "optim.batch_size": batch_size,
        "optim.optimizer": optimizer,
        "optim.lr": lr,
        "optim.weight_decay": weight_decay,
        "optim.warmup_epochs": warmup_epochs,
        "optim.clip_norm": clip_norm,
    }
    if resume:
        if force or dry_run or config:
            raise UsageError(
                "--resume goes on with a run as it was configured", hint="drop --force, --dry-run, --config"
            )
        if out is None:
            raise UsageError("--resume needs the run directory", hint="say which with --out")
        _resume(out, flags)
    else:
        from rankcon_cli.training.config import resolve

        settings = resolve(flags, config)
        if dry_run:
            _dry_run(settings, as_json=json)
            return
        out = out or _free_directory(settings)
        _train(out, settings, force=force)
    console.json({"format": "rankcon/trained", "version": 1, "run": str(out)}) if json else console.out(str(out))


def _split(withhold: list[str] | None) -> tuple[str, ...] | None:
    if withhold is None:
        return None
    return tuple(name.strip() for item in withhold for name in item.split(",") if name.strip())


def _free_directory(settings: "TrainConfig") -> Path:  # noqa: F821
    from rankcon_cli.data.spec import parse_spec

    spec = parse_spec(settings.data.spec)
    base = f"{Path(spec.place).name or spec.source}-{settings.loss.name}-s{settings.seed}"
    path, n = Path("runs") / base, 2
    while path.exists():
        path, n = Path("runs") / f"{base}-{n}", n + 1
    return path


def _train(out: Path, settings: "TrainConfig", *, force: bool) -> None:  # noqa: F821
    from rankcon_cli.training.plan import make_plan
    from rankcon_cli.training.run_directory import check_free, create_run

    check_free(out, force=force)  # before the data is read, not after
    plan = make_plan(settings, console.progress())
    _warn_of_rare_ranks(plan)
    _carry_out(create_run(out, plan, force=force), plan, resume=False)


def _resume(out: Path, flags: dict[str, Any]) -> None:
    from rankcon_cli.training.plan import make_plan
    from rankcon_cli.training.run_directory import check_same, open_run

    run = open_run(out)
    check_same(run, flags)
    if run.finished:
        console.note(f"{out} is finished; there is nothing to resume")
        return
    if not (run.checkpoints / "last.safetensors").exists():
        console.note(f"{out} has no checkpoint yet: it starts from the beginning")
    plan = make_plan(run.settings(flags.get("device")), console.progress(), resuming=True)
    if plan.fingerprint != run.record["data"]["fingerprint"]:
        raise RankconError(
            f"{plan.config.data.spec} is no longer what {out} was trained on: its images or labels have changed",
            hint="put them back as they were, or start a new run",
        )
    _carry_out(run, plan, resume=True)


def _carry_out(run: "Run", plan: "Plan", *, resume: bool) -> None:  # noqa: F821
    import time

    from rankcon_cli.training.loop import train as train_run

    started = time.monotonic()
    console.note(
        f"training {plan.config.loss.name} on {len(plan.train)} images of {len(plan.classes)} classes: "
        f"{plan.config.model.encoder}, {plan.config.optim.epochs} epochs of {plan.steps_per_epoch} steps, "
        f"{plan.config.device}, {plan.config.precision}"
    )
    train_run(run, plan, resume=resume, progress=console.progress())
    console.note(f"trained in {time.monotonic() - started:.1f} s; evaluate with: rankcon evaluate {run.path}")


def _warn_of_rare_ranks(plan: "Plan") -> None:  # noqa: F821
    from rankcon_cli.training.plan import ranks_in_batch

    for found in ranks_in_batch(plan):
        if found.rank > 1 and found.mean < 1:
            console.warn(
                f"W211: an anchor finds {found.mean:.2f} samples of rank {found.rank} in a batch; "
                "a larger --batch-size gives the rank more to learn from"
            )


def _dry_run(settings: "TrainConfig", *, as_json: bool) -> None:  # noqa: F821
    import dataclasses

    from rankcon_cli.training.config import to_dict
    from rankcon_cli.training.plan import make_plan, ranks_in_batch

    plan = make_plan(settings, console.progress())
    found = ranks_in_batch(plan)
    schedule = {
        "classes": len(plan.classes),
        "withheld": list(plan.withheld),
        "train": len(plan.train),
        "validation": len(plan.validation),
        "batch_size": plan.batch_size,
        "steps_per_epoch": plan.steps_per_epoch,
        "total_steps": plan.total_steps,
        "peak_lr": plan.peak_lr,
    }
    config = to_dict(plan.config)
    if as_json:
        ranks = [dataclasses.asdict(rank) for rank in found]
        console.json(
            {"format": "rankcon/plan", "version": 1, "config": config, "schedule": schedule, "ranks_in_batch": ranks}
        )
        return
    flat = {k: v for k, v in config.items() if not isinstance(v, dict)}
    flat |= {f"{section}.{k}": v for section, part in config.items() if isinstance(part, dict) for k, v in part.items()}
    rows = [(key, _plain(value)) for key, value in (flat | schedule).items()]
    width = max(len(key) for key, _ in rows)
    console.out("\n".join(f"{key:<{width}}  {value}" for key, value in rows))
    if found:
        console.out("")
        console.table(
            ("rank", "classes that have it", "samples an anchor finds (fewest)", "(mean)"),
            [(str(r.rank), str(r.classes), decimal(r.fewest, 1), decimal(r.mean, 1)) for r in found],
        )
    _warn_of_rare_ranks(plan)


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) or "-" if isinstance(value, tuple | list) else str(value)


def register(app: typer.Typer) -> None:
    command(app, "train")(train)
