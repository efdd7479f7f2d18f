"""Everything that is decided before the first step: data, classes, splits, the ranking at work, concrete settings."""

import dataclasses
import logging
import os
from pathlib import Path

import numpy as np
import torch

from rankcon_cli.data import ImageSet, fingerprint, own_splits, split_validation
from rankcon_cli.data.public_sets import PUBLIC_SETS, data_directory
from rankcon_cli.data.spec import absolute_spec, parse_spec, without_split
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.losses import LEAST_TAU, pick_implementation
from rankcon_cli.models import ENCODERS, encoder_for, load_torchvision_weights
from rankcon_cli.progress import Progress, silent
from rankcon_cli.ranking import Ranking, TierTable, compile_ranking, load
from rankcon_cli.training.augment import augmentation_for
from rankcon_cli.training.batches import classes_per_batch
from rankcon_cli.training.config import TrainConfig
from rankcon_cli.training.devices import pick_device, pick_precision
from rankcon_cli.training.images import TrainingImages, data_options, load_training_images
from rankcon_cli.training.known_outliers import load_outliers
from rankcon_cli.training.schedule import DEFAULT_LR, peak_lr
from rankcon_cli.wording import did_you_mean

log = logging.getLogger("rankcon")

DEFAULT_RANKS = 3
DEFAULT_VAL_FRACTION = 0.1
#: Two augmented views of every image go into a step.
VIEWS = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """What ``train`` carries out and ``--dry-run`` prints.

    config: with every ``auto`` made concrete. ranking: as written, before anything is withheld.
    table: what trains or is evaluated: compiled, withheld classes dropped, classes in label order; None without a ranking.
    images: those to train and to validate on, without withheld classes, labels 0..C-1 in the order of ``classes``.
    train, validation: indices into ``images``; own_validation: the validation images are a split of the set's own.
    own_test_split: the set has a test split beside. data_named: the set's classes have names of its own.
    mean, std: of the training images in 0..1, one a channel. outliers: images of known outliers, or None.
    """

    config: TrainConfig
    ranking: Ranking | None
    table: TierTable | None
    classes: tuple[str, ...]
    withheld: tuple[str, ...]
    images: ImageSet
    fingerprint: str
    train: np.ndarray
    validation: np.ndarray
    own_validation: bool
    own_test_split: bool
    data_named: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch_size: int
    steps_per_epoch: int
    outliers: ImageSet | None = None

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.optim.epochs

    @property
    def warmup_steps(self) -> int:
        return round(self.config.optim.warmup_epochs * self.steps_per_epoch)

    @property
    def peak_lr(self) -> float:
        return peak_lr(self.config.optim, self.batch_size)


def make_plan(config: TrainConfig, progress: Progress = silent, *, resuming: bool = False) -> Plan:
    """Load and check everything a training needs.

    resuming: the network comes from a checkpoint, and the file of ``--weights`` need not be there any more.

    Raises:
        RankconError: the data is missing or broken, the ranking's classes are not the data's, a class to withhold does
            not exist, a trained rank can have no positive, the device does not exist.
    """
    device = pick_device(config.device)
    if config.model.encoder not in ("auto", *ENCODERS):
        close = did_you_mean(config.model.encoder, ENCODERS)
        raise UsageError(
            f"--encoder: there is no {config.model.encoder!r}{close}", hint=f"the encoders are {', '.join(ENCODERS)}"
        )
    ranking = load(config.ranking) if config.ranking else None
    table = compile_ranking(ranking) if ranking else None
    found = load_training_images(config.data, table.classes if table else None, progress=progress)
    classes, withheld = _split_classes(found.images.classes, table, config.data.withhold)
    if table:
        table = table.withhold([name for name in withheld if name in table.classes])
        _same_classes(config.ranking, table, classes, found.images.spec)
        table = table.reorder(classes)
    found = found.keep(classes)
    images = found.images
    if config.data.val_fraction is None and not found.has_own_validation:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, val_fraction=DEFAULT_VAL_FRACTION))
    train, validation = _split(found, config)
    _require_training_images(images, train)
    batch_size = min(config.optim.batch_size, len(train))
    if batch_size < config.optim.batch_size:
        log.info("the batch is %d images: there are no more to train on", batch_size)
    if config.loss.name != "cross-entropy" and classes_per_batch(len(classes), batch_size) < 2:
        raise RankconError(
            f"a batch of {batch_size} images holds one class, which leaves a contrastive loss nothing to contrast",
            hint="give --batch-size 4 or more (and at least as many training images)",
        )
    if 0 < config.loss.queue < batch_size:
        raise RankconError(
            f"--queue {config.loss.queue} is smaller than a batch of {batch_size} images",
            hint="it holds the keys of the newest step and of some before: 4096 is customary",
        )
    outliers = load_outliers(config, images, table.classes if table else None, progress)
    _require_implementation(config, device)
    mean, std = _statistics(images.images, train)
    config = _concrete(config, images, table, str(device), pick_precision(config.precision, device))
    _try_model(config, images, with_weights=not resuming)
    return Plan(
        config=config,
        ranking=ranking,
        table=table,
        classes=classes,
        withheld=withheld,
        images=images,
        fingerprint=fingerprint(images),
        train=train,
        validation=validation,
        own_validation=found.has_own_validation,
        own_test_split=_has_own_test_split(config),
        data_named=images.named,
        mean=mean,
        std=std,
        batch_size=batch_size,
        steps_per_epoch=max(1, round(len(train) / batch_size)),
        outliers=outliers,
    )


def _split_classes(
    data_classes: tuple[str, ...], table: TierTable | None, withhold: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = set(data_classes) | set(table.classes if table else ())
    for name in withhold:
        if name not in known:
            raise RankconError(
                f"cannot withhold {name!r}: there is no such class{did_you_mean(name, sorted(known))}",
                hint=f"the classes are {', '.join(sorted(known)[:20])}{' …' if len(known) > 20 else ''}",
            )
    classes = tuple(name for name in data_classes if name not in withhold)
    if len(classes) < 2:
        raise RankconError(f"{len(classes)} class is left to train on; a contrast needs at least 2")
    return classes, tuple(dict.fromkeys(withhold))


def _same_classes(name: str | None, table: TierTable, classes: tuple[str, ...], spec: str) -> None:
    only_ranking = [c for c in table.classes if c not in classes]
    only_data = [c for c in classes if c not in table.classes]
    if only_ranking or only_data:
        parts = [
            f"{side} only: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"
            for side, names in (("in the ranking", only_ranking), ("in the data", only_data))
            if names
        ]
        raise RankconError(
            f"E110: the classes of the ranking {name} are not those of {spec} ({'; '.join(parts)})",
            hint=f"'rankcon rank validate {name} --data {spec}' suggests names; --withhold leaves classes out",
        )


def _split(found: TrainingImages, config: TrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation images: the set's own split, or a share of the training images."""
    if found.has_own_validation:
        everything = np.arange(len(found.images))
        return everything[: found.border], everything[found.border :]
    return split_validation(found.images.labels, config.data.val_fraction, config.seed)


def _has_own_test_split(config: TrainConfig) -> bool:
    """Whether there are test images that this training does not use, beside those it uses."""
    trained = parse_spec(config.data.spec).split
    splits = own_splits(without_split(config.data.spec), data_options(config.data))
    return "test" in splits and trained in (None, "train", "val")


def _require_training_images(images: ImageSet, train: np.ndarray) -> None:
    counts = np.bincount(images.labels[train], minlength=len(images.classes))
    empty = [name for name, n in zip(images.classes, counts, strict=True) if not n]
    if empty:
        listed = ", ".join(empty[:8]) + (" …" if len(empty) > 8 else "")
        raise RankconError(
            f"{len(empty)} classes of {images.spec} have no training image: {listed}",
            hint="give each at least one image, withhold them (--withhold), or name the folder of the training images alone",
        )


def _require_implementation(config: TrainConfig, device: torch.device) -> None:
    loss, wanted = config.loss, config.engine.loss_impl
    least = {"ranked": loss.tau_min, "supcon": loss.temperature}.get(loss.name)
    if least is None:
        return
    dtype = torch.float64 if config.precision == "float64" else torch.float32
    try:
        pick_implementation(
            wanted, torch.empty(1, config.model.projection_dim, dtype=dtype, device=device), least < LEAST_TAU
        )
    except ValueError as error:
        raise UsageError(f"--loss-impl {wanted}: {error}", hint="auto takes what suits") from error


def _try_model(config: TrainConfig, images: ImageSet, *, with_weights: bool) -> None:
    """Build the encoder once, weights and all: what cannot work should say so before anything is written."""
    _, channels, size, _ = images.images.shape
    encoder, _ = ENCODERS[config.model.encoder](channels, size)
    if config.model.weights and with_weights:
        load_torchvision_weights(encoder, Path(config.model.weights))


def _concrete(
    config: TrainConfig, images: ImageSet, table: TierTable | None, device: str, precision: str
) -> TrainConfig:
    """``config`` with every None and ``auto`` replaced by what it means for this data, and every path absolute."""
    _, channels, size, _ = images.images.shape
    optim, loss, model = config.optim, config.loss, config.model
    if optim.warmup_epochs is None:
        optim = dataclasses.replace(optim, warmup_epochs=min(10.0, optim.epochs / 10))
    if optim.lr is None:
        optim = dataclasses.replace(optim, lr=DEFAULT_LR[optim.optimizer])
    if loss.name == "ranked" and table:
        loss = dataclasses.replace(loss, ranks=_ranks(loss.ranks, table))
    if model.encoder == "auto":
        model = dataclasses.replace(model, encoder=encoder_for(size))
        if device == "cpu" and model.encoder.startswith("resnet1"):
            log.info(
                "the encoder is %s, slow on a CPU: --encoder resnet8 (and a small --image-size) is not", model.encoder
            )
    outliers = config.outliers
    if outliers.spec:
        outliers = dataclasses.replace(outliers, spec=absolute_spec(outliers.spec))
    if model.weights:
        model = dataclasses.replace(model, weights=os.path.abspath(model.weights))
    data_dir = config.data.data_dir
    if parse_spec(config.data.spec).source in PUBLIC_SETS:
        data_dir = os.path.abspath(data_directory(data_options(config.data)))
    return dataclasses.replace(
        config,
        device=device,
        precision=precision,
        augment=augmentation_for(size, channels) if config.augment == "auto" else config.augment,
        data=dataclasses.replace(config.data, spec=absolute_spec(config.data.spec), image_size=size, data_dir=data_dir),
        optim=optim,
        loss=loss,
        outliers=outliers,
        model=model,
    )


def _ranks(wanted: int | None, table: TierTable) -> int:
    deepest = table.depth + 1
    if wanted is None:
        if deepest < 2:
            log.warning("no class of the ranking has a tier (left): this trains contrast with the own class alone")
        return min(DEFAULT_RANKS, deepest)
    if wanted > deepest:
        raise RankconError(
            f"--ranks {wanted}: no batch can hold a sample of rank {wanted}, as no class has more than "
            f"{table.depth} tiers (withheld classes are left out)",
            hint=f"train at most --ranks {deepest}, or rank more classes",
        )
    return wanted


def _statistics(images: np.ndarray, train: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation a channel of the training images in 0..1, from the histogram of their 256 values."""
    means, stds = [], []
    levels = np.arange(256) / 255
    for channel in range(images.shape[1]):
        counts = np.zeros(256)
        for start in range(0, len(train), 1024):
            counts += np.bincount(images[train[start : start + 1024], channel].ravel(), minlength=256)
        share = counts / counts.sum()
        mean = float(share @ levels)
        means.append(mean)
        stds.append(max(float(share @ (levels - mean) ** 2) ** 0.5, 1e-3))
    return tuple(means), tuple(stds)
