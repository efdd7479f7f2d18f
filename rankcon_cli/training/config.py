"""The configuration of a training: frozen dataclasses, filled by flags over a TOML file over the defaults."""

import dataclasses
import math
import tomllib
from pathlib import Path
from typing import Any, Literal

from rankcon_cli.errors import UsageError
from rankcon_cli.files import read_bounded
from rankcon_cli.wording import did_you_mean

LossName = Literal["ranked", "supcon", "cross-entropy"]
Variant = Literal["in", "out", "out-in"]
Optimizer = Literal["sgd", "adamw"]
Augmentation = Literal["auto", "none", "light", "crop", "natural", "photo"]
VirtualOutliers = Literal["none", "image", "feature"]
Partner = Literal["tier-1", "any"]
KnownOutlierLoss = Literal["reference", "learned-reference", "exposure"]
Precision = Literal["auto", "float32", "bfloat16", "float64"]
Norm = Literal["batch", "sync", "group", "frozen"]
LossImplementation = Literal["auto", "chunked", "triton", "dense"]
Residence = Literal["auto", "device", "stream"]
#: Below it e^(1/tau), summed over a batch, leaves the range even of float64.
_LEAST_TAU = 0.002


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """spec: what ``--data`` says. val_fraction: share of the training images kept for validation; None: the set's own
    validation split, or a tenth where it has none. image_size: None is the set's natural size.
    """

    spec: str = ""
    withhold: tuple[str, ...] = ()
    val_fraction: float | None = None
    image_size: int | None = None
    data_dir: str | None = None
    download: bool = False
    skip_broken: bool = False


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """ranks: r, the class itself included; None: 3, or as many as the ranking has. temperature: SupCon's.

    ce_weight: weight of a cross-entropy head beside a contrastive loss; 0 for none.
    queue: keys of earlier steps to contrast with instead of the batch, 0 for the batch; they come from a copy of the network
    whose weights follow with ``momentum`` (He et al., "Momentum Contrast", arXiv 1911.05722).
    """

    name: LossName = "ranked"
    variant: Variant = "out-in"
    ranks: int | None = None
    tau_min: float = 0.1
    tau_max: float = 0.6
    temperature: float = 0.1
    ce_weight: float = 0.0
    queue: int = 0
    momentum: float = 0.99


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """encoder: a key of ``models.ENCODERS``, or auto by image size. weights: a local file of torchvision weights.

    norm: batch statistics of each process, of all (sync, on GPUs), of groups of channels, or frozen as the weights bring them.
    """

    encoder: str = "auto"
    weights: str | None = None
    projection_dim: int = 128
    norm: Norm = "batch"


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """lr: for a batch of 256 images; None: 0.2 (SGD) or 0.001 (AdamW). Scaled with the batch size, linearly for SGD
    (Goyal et al., arXiv 1706.02677) and by its square root for AdamW (Malladi et al., arXiv 2205.10287).

    warmup_epochs: None is a tenth of the epochs, at most 10. clip_norm: largest gradient norm; 0 for no clipping.
    """

    epochs: int = 100
    batch_size: int = 256
    optimizer: Optimizer = "sgd"
    lr: float | None = None
    weight_decay: float = 5e-4
    momentum: float = 0.9
    warmup_epochs: float | None = None
    clip_norm: float = 5.0


@dataclasses.dataclass(frozen=True)
class OutlierConfig:
    """virtual: outliers mixed from a batch's own images, or from their encoder outputs; partner: from what classes the
    other half of a mixture comes. spec: images of known outliers; classes: of those these alone, or all; loss: what is asked
    of them. weight: of each outlier term in the loss. temperature: tau of the terms that have one.
    """

    virtual: VirtualOutliers = "none"
    partner: Partner = "tier-1"
    spec: str | None = None
    classes: tuple[str, ...] = ()
    loss: KnownOutlierLoss = "reference"
    weight: float = 0.5
    temperature: float = 0.1


@dataclasses.dataclass(frozen=True)
class EngineConfig:
    """How the work is done. It may change when a training is resumed, and shapes nothing but rounding, save for one:
    under batch normalisation a ``micro_batch`` is normalised by its own statistics.

    loss_impl: implementation of the contrastive loss. micro_batch: images that go through the network at a time, in each
    process; None: all. compile: with torch.compile. residence: the images lie on the device, or are streamed to it by
    ``workers`` processes. timeout: seconds after which a worker, or another process, that is silent is given up.
    """

    loss_impl: LossImplementation = "auto"
    micro_batch: int | None = None
    compile: bool = False
    residence: Residence = "auto"
    workers: int = 2
    timeout: float = 600.0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that shapes a training. ``ranking``: a file or the name of a shipped ranking."""

    ranking: str | None = None
    augment: Augmentation = "auto"
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    data: DataConfig = DataConfig()
    loss: LossConfig = LossConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    outliers: OutlierConfig = OutlierConfig()
    engine: EngineConfig = EngineConfig()

    def __post_init__(self) -> None:
        if not self.data.spec:
            raise UsageError(
                "no data set is given", hint="say which images to train on with --data, e.g. folder:photos"
            )
        if self.loss.name == "ranked" and not self.ranking:
            raise UsageError(
                "--loss ranked needs a ranking",
                hint="give one with --ranking (a file, or the name of a shipped one), or choose --loss supcon",
            )
        if self.outliers.virtual != "none" and self.outliers.partner == "tier-1" and not self.ranking:
            raise UsageError(
                "--virtual-outliers mixes a class with those of its first tier, and there is no ranking",
                hint="give one with --ranking, or mix with any other class: --outlier-partner any",
            )
        self._check_known_outliers()
        self._check_queue()
        self._check_norm()
        _require("--outlier-weight", self.outliers.weight, self.outliers.weight >= 0, "0 or more")
        _require("outliers.temperature", self.outliers.temperature, self.outliers.temperature > 0, "above 0")
        fraction = self.data.val_fraction
        _require("--val-fraction", fraction, fraction is None or 0 <= fraction < 1, "at least 0 and below 1")
        _require("--tau-min", self.loss.tau_min, self.loss.tau_min >= _LEAST_TAU, f"at least {_LEAST_TAU}")
        _require("--tau-max", self.loss.tau_max, self.loss.tau_min <= self.loss.tau_max, "at least --tau-min")
        _require("--temperature", self.loss.temperature, self.loss.temperature >= _LEAST_TAU, f"at least {_LEAST_TAU}")
        _require("--ce-weight", self.loss.ce_weight, self.loss.ce_weight >= 0, "0 or more")
        _require("--ranks", self.loss.ranks, self.loss.ranks is None or self.loss.ranks >= 1, "1 or more")
        _require("--queue", self.loss.queue, self.loss.queue >= 0, "0 or more")
        _require("--momentum", self.loss.momentum, 0 <= self.loss.momentum < 1, "at least 0 and below 1")
        micro = self.engine.micro_batch
        _require("--micro-batch", micro, micro is None or micro >= 1, "1 or more")
        _require("--workers", self.engine.workers, self.engine.workers >= 0, "0 or more")
        _require("--timeout", self.engine.timeout, self.engine.timeout > 0, "above 0")
        _require("--epochs", self.optim.epochs, self.optim.epochs >= 1, "1 or more")
        _require("--batch-size", self.optim.batch_size, self.optim.batch_size >= 2, "2 or more")
        _require("--lr", self.optim.lr, self.optim.lr is None or self.optim.lr > 0, "above 0")
        _require("--weight-decay", self.optim.weight_decay, self.optim.weight_decay >= 0, "0 or more")
        _require("optim.momentum", self.optim.momentum, 0 <= self.optim.momentum < 1, "at least 0 and below 1")
        warmup, epochs = self.optim.warmup_epochs, self.optim.epochs
        _require("--warmup-epochs", warmup, warmup is None or 0 <= warmup <= epochs, "between 0 and --epochs")
        _require("--clip-norm", self.optim.clip_norm, self.optim.clip_norm >= 0, "0 or more")
        _require("--projection-dim", self.model.projection_dim, self.model.projection_dim >= 1, "1 or more")
        size = self.data.image_size
        _require("--image-size", size, size is None or size >= 4, "4 or more")
        _require("--seed", self.seed, 0 <= self.seed < 2**32, "between 0 and 2**32 - 1")

    def _check_queue(self) -> None:
        if not self.loss.queue:
            return
        if self.loss.name == "cross-entropy":
            raise UsageError("--queue holds what a contrastive loss contrasts with, and --loss is cross-entropy")
        if self.outliers.spec or self.outliers.virtual != "none":
            raise UsageError(
                "--queue does not go with outliers, whose terms need both views of the batch",
                hint="drop --queue, or the outliers",
            )

    def _check_norm(self) -> None:
        if self.model.norm == "frozen" and not self.model.weights:
            raise UsageError("--norm frozen keeps the statistics that --weights bring, and there are none")
        if self.model.norm == "group" and self.model.weights:
            raise UsageError(
                "--norm group has no use for --weights, which were trained with batch normalisation",
                hint="--norm frozen keeps their statistics and depends on no batch either",
            )

    def _check_known_outliers(self) -> None:
        if self.outliers.spec is None:
            if self.outliers.classes:
                raise UsageError("--outlier-classes names classes of no images", hint="say of which with --outliers")
            return
        if self.outliers.loss == "exposure" and self.loss.name != "cross-entropy" and not self.loss.ce_weight:
            raise UsageError(
                "--outlier-loss exposure needs a classification head",
                hint="give the contrastive loss one with --ce-weight 1, or use --outlier-loss reference",
            )
        if self.outliers.loss != "exposure" and self.loss.name == "cross-entropy":
            raise UsageError(
                f"--outlier-loss {self.outliers.loss} needs a projection, which cross-entropy does not train",
                hint="use --outlier-loss exposure",
            )


def _require(flag: str, value: Any, holds: bool, rule: str) -> None:
    if not holds or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(f"{flag} must be {rule}, not {value}")


def resolve(flags: dict[str, Any], toml: Path | None = None) -> TrainConfig:
    """Flags over the TOML file over the defaults.

    Args:
        flags: dotted keys of ``TrainConfig`` (``"optim.lr"``) to values; None for a flag that was not given.
        toml: a file with the same keys as tables (``[optim]`` / ``lr = 0.1``).

    Raises:
        UsageError: an unknown key (with a suggestion), a value of the wrong type or out of range.
    """
    tree = read_toml(toml) if toml else {}
    _refuse_unknown(tree, TrainConfig, str(toml), "")
    for key, value in flags.items():
        if value is not None:
            *section, leaf = key.split(".")
            (tree.setdefault(section[0], {}) if section else tree)[leaf] = value
    return from_dict(tree, where=str(toml) if toml else "the flags")


def from_dict(tree: dict[str, Any], where: str) -> TrainConfig:
    """``TrainConfig`` from nested dictionaries, as ``to_dict`` or a TOML file gives them, types checked."""
    from pydantic import TypeAdapter, ValidationError

    _refuse_unknown(tree, TrainConfig, where, "")
    try:
        return TypeAdapter(TrainConfig).validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {key}: {first['msg'].lower()}, not {first.get('input')!r}") from error


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Nested plain dictionaries, fit for JSON."""
    return dataclasses.asdict(config)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; UsageError with line and column on a syntax fault."""
    try:
        return tomllib.loads(read_bounded(path, 2**20, "configuration").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error


def _refuse_unknown(tree: dict[str, Any], kind: type, where: str, prefix: str) -> None:
    known = {field.name: field.type for field in dataclasses.fields(kind)}
    for key, value in tree.items():
        if key not in known:
            raise UsageError(
                f"{where}: unknown key {prefix}{key}{did_you_mean(key, known)}", hint=f"known here: {', '.join(known)}"
            )
        if dataclasses.is_dataclass(known[key]):
            if not isinstance(value, dict):
                raise UsageError(f"{where}: {prefix}{key} must be a table")
            _refuse_unknown(value, known[key], where, f"{prefix}{key}.")
