"""``rankcon train``: flags to a configuration, a plan, a run directory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rankcon_cli.cli.command import Json, command
from rankcon_cli.cli.console import console
from rankcon_cli.cli.options import DataDir
from rankcon_cli.errors import UsageError


def _option(help: str, panel: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **settings)


_DATA, _LOSS, _OUTLIERS, _MODEL, _OPTIM = "Data", "Loss", "Outliers", "Model", "Optimisation"
_RUN, _ENGINE = "Run", "Speed and memory"


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
    queue: Annotated[
        int | None, _option("Contrast with so many keys of a momentum encoder, not the batch. [0: the batch]", _LOSS)
    ] = None,
    momentum: Annotated[float | None, _option("Of the queue's encoder. [0.99]", _LOSS)] = None,
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
    norm: Annotated[
        str | None, _option("batch, sync (over all GPUs), group, or frozen (with --weights). [batch]", _MODEL)
    ] = None,
    epochs: Annotated[int | None, _option("Passes over the training images. [100]", _OPTIM)] = None,
    batch_size: Annotated[int | None, _option("Images a step, each in two views. [256]", _OPTIM)] = None,
    optimizer: Annotated[str | None, _option("sgd or adamw. [sgd]", _OPTIM)] = None,
    lr: Annotated[float | None, _option("Learning rate for a batch of 256. [0.2 sgd, 0.001 adamw]", _OPTIM)] = None,
    weight_decay: Annotated[float | None, _option("Weight decay. [0.0005]", _OPTIM)] = None,
    warmup_epochs: Annotated[float | None, _option("Epochs of warm-up. [a tenth, at most 10]", _OPTIM)] = None,
    clip_norm: Annotated[float | None, _option("Largest gradient norm; 0 for none. [5]", _OPTIM)] = None,
    augment: Annotated[str | None, _option("none, light, crop, natural or photo. [by image size]", _OPTIM)] = None,
    seed: Annotated[int | None, _option("Seed of every random draw. [0]", _RUN)] = None,
    device: Annotated[str | None, _option("auto, cpu, cuda, cuda:N or mps. [auto]", _RUN)] = None,
    precision: Annotated[str | None, _option("auto, float32, bfloat16 or float64. [auto]", _RUN)] = None,
    micro_batch: Annotated[
        int | None, _option("Images through the network at a time; the loss is of the whole batch. [all]", _ENGINE)
    ] = None,
    loss_impl: Annotated[
        str | None, _option("auto, chunked, triton or dense. [triton on CUDA, else chunked]", _ENGINE)
    ] = None,
    compile: Annotated[
        bool | None, _option("Compile the encoder with torch.compile.", _ENGINE, "--compile/--no-compile")
    ] = None,
    residence: Annotated[
        str | None, _option("Images lie on the device, or are streamed: auto, device, stream. [auto]", _ENGINE)
    ] = None,
    workers: Annotated[int | None, _option("Processes that stream. [2]", _ENGINE)] = None,
    timeout: Annotated[float | None, _option("Seconds until a silent worker is given up. [600]", _ENGINE)] = None,
    profile: Annotated[bool, _option("Tell where a step's time went.", _ENGINE, "--profile")] = False,
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
    given = locals()
    flags = {key: given[name] for name, key in _KEYS.items()}
    for key in ("data.withhold", "outliers.classes"):
        flags[key] = _split(flags[key])
    for key in ("data.data_dir", "model.weights"):
        flags[key] = None if flags[key] is None else str(flags[key])
    if resume:
        if force or dry_run or config:
            raise UsageError(
                "--resume goes on with a run as it was configured", hint="drop --force, --dry-run, --config"
            )
        if out is None:
            raise UsageError("--resume needs the run directory", hint="say which with --out")
        from rankcon_cli.cli.training import go_on

        done = go_on(out, flags, profile=profile)
    else:
        from rankcon_cli.cli.training import show_plan, start
        from rankcon_cli.training.config import resolve

        settings = resolve(flags, config)
        if dry_run:
            show_plan(settings, as_json=json)
            return
        done = start(out, settings, force=force, profile=profile)
    console.json(done.as_json()) if json else console.out(str(done.run))


#: Flags by name -> their key in ``TrainConfig``.
_KEYS = {
    "data": "data.spec",
    **{name: name for name in ("ranking", "augment", "seed", "device", "precision")},
    **{
        name: f"data.{name}"
        for name in ("withhold", "val_fraction", "image_size", "data_dir", "download", "skip_broken")
    },
    "loss": "loss.name",
    **{name: f"loss.{name}" for name in ("variant", "ranks", "tau_min", "tau_max", "temperature", "ce_weight")},
    **{name: f"loss.{name}" for name in ("queue", "momentum")},
    "outliers": "outliers.spec",
    "virtual_outliers": "outliers.virtual",
    **{f"outlier_{name}": f"outliers.{name}" for name in ("partner", "classes", "loss", "weight")},
    **{name: f"model.{name}" for name in ("encoder", "weights", "projection_dim", "norm")},
    **{
        name: f"optim.{name}"
        for name in ("epochs", "batch_size", "optimizer", "lr", "weight_decay", "warmup_epochs", "clip_norm")
    },
    **{name: f"engine.{name}" for name in ("micro_batch", "loss_impl", "compile", "residence", "workers", "timeout")},
}


def _split(withhold: list[str] | None) -> tuple[str, ...] | None:
    if withhold is None:
        return None
    return tuple(name.strip() for item in withhold for name in item.split(",") if name.strip())


def register(app: typer.Typer) -> None:
    command(app, "train")(train)
