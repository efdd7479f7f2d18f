"""The run directory: the contract between ``train`` and everything after it. Described in docs/run-directory.md."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from rankcon_cli.data import fingerprint, pixel_hashes
from rankcon_cli.data.spec import absolute_spec
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.files import read_bounded, to_json, write_atomic
from rankcon_cli.models import Network
from rankcon_cli.ranking import Ranking, TierTable, compile_ranking, load, parse, write
from rankcon_cli.training.checkpoint import load_weights, read_tensors, write_tensors
from rankcon_cli.training.config import TrainConfig, from_dict, to_dict
from rankcon_cli.training.environment import environment
from rankcon_cli.training.network import build_network
from rankcon_cli.training.plan import Plan
from rankcon_cli.training.run_files import (
    CHECKPOINTS,
    IMAGES,
    RANKING,
    RECORD,
    SPLITS,
    WEIGHTS,
    check_replaceable,
    clear,
)

FORMAT, VERSION = "rankcon/run", 1


class _Data(TypedDict):
    spec: str
    own_test_split: bool
    fingerprint: str
    named: bool
    image_size: Annotated[int, Field(ge=1)]
    channels: Literal[1, 3]
    mean: list[float]
    std: list[float]


class _Ranking(TypedDict):
    file: str
    hash: str


class _Splits(TypedDict):
    train: int
    validation: int


class Record(TypedDict):
    """What must stand in ``run.json`` for a run to be read; docs/run-directory.md has all of it."""

    config: dict[str, Any]
    classes: list[str]
    withheld: list[str]
    ranking: _Ranking | None
    data: _Data
    splits: _Splits
    schedule: dict[str, Any]
    environment: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory that was opened and checked.

    ranking: as written, before anything was withheld; table: compiled, withheld classes dropped, in label order;
    both None for a run without a ranking. record: ``run.json`` as it stands.
    """

    path: Path
    config: TrainConfig
    classes: tuple[str, ...]
    withheld: tuple[str, ...]
    ranking: Ranking | None
    table: TierTable | None
    record: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    @property
    def image_size(self) -> int:
        return self.record["data"]["image_size"]

    @property
    def channels(self) -> int:
        return self.record["data"]["channels"]

    def settings(self, flags: dict[str, Any] | None = None) -> TrainConfig:
        """The configuration to go on with: as recorded, its ranking the run's own copy; of ``flags`` (as for
        ``config.resolve``) those that say on what device and how the work is done."""
        given = {key: value for key, value in (flags or {}).items() if value is not None and _may_change(key)}
        engine = {key.partition(".")[2]: value for key, value in given.items() if key != "device"}
        tree = to_dict(self.config)
        tree["engine"] |= engine
        tree |= {"device": given.get("device", self.config.device)}
        tree |= {"ranking": str(self.path / RANKING) if self.ranking else None}
        return from_dict(tree, where="the flags")

    @property
    def finished(self) -> bool:
        return (self.path / WEIGHTS).exists()

    def splits(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training and the validation images among those of ``classes`` in the training split."""
        try:
            stored = json.loads(read_bounded(self.path / SPLITS, 2**30, "splits"))
            train, validation = (np.array(stored[part], dtype=np.int64).reshape(-1) for part in ("train", "validation"))
            counts = self.record["splits"]
            both, n = np.concatenate([train, validation]), counts["train"] + counts["validation"]
            if len(np.unique(both)) < len(both) or not np.isin(both, np.arange(n)).all():
                raise ValueError("it names an image twice, or one that is not there")
            return train, validation
        except (ValueError, KeyError, TypeError) as error:
            raise RankconError(f"{self.path / SPLITS} is damaged: {error}", hint="train again") from error

    def training_hashes(self) -> np.ndarray:
        """Digests [N] (``data.pixel_hashes``) of the images the run was trained and validated on."""
        tensors, _ = read_tensors(self.path / IMAGES)
        return _digests(tensors["pixel_hashes"])

    def outlier_hashes(self) -> np.ndarray:
        """Digests of the images that served as known outliers in training; none where there were none."""
        tensors, _ = read_tensors(self.path / IMAGES)
        if "outlier_hashes" not in tensors:
            return np.empty(0, dtype="S16")
        return _digests(tensors["outlier_hashes"])

    @property
    def outlier_classes(self) -> tuple[str, ...]:
        """The classes of those images, as their set names them."""
        return tuple((self.record.get("outliers") or {}).get("classes", ()))

    def untrained_network(self) -> Network:
        """The network that ``config`` describes, freshly initialised."""
        data = self.record["data"]
        return build_network(self.config, len(self.classes), self.channels, self.image_size, data["mean"], data["std"])

    def network(self) -> Network:
        """The trained network in evaluation mode; RankconError where training has not finished."""
        if not self.finished:
            raise RankconError(
                f"{self.path} has no {WEIGHTS}: its training did not finish",
                hint=f"go on with it: rankcon train --resume --out {self.path}",
            )
        network = self.untrained_network()
        load_weights(self.path / WEIGHTS, network)
        return network.eval()


def create_run(path: Path, plan: Plan, *, force: bool = False) -> Run:
    """Make the run directory of ``plan``. One that exists is not touched without ``force``; nothing but a run ever is.

    ``run.json`` is written last: where it stands, the directory is whole.
    """
    check_replaceable(path, force=force)
    if path.exists():
        clear(path)
    write_atomic(
        path / SPLITS, to_json({"train": plan.train.tolist(), "validation": plan.validation.tolist()}, indent=None)
    )
    hashes = {"pixel_hashes": _as_tensor(pixel_hashes(plan.images))}
    if plan.outliers is not None:
        hashes["outlier_hashes"] = _as_tensor(pixel_hashes(plan.outliers))
    write_tensors(path / IMAGES, hashes, {})
    if plan.ranking:
        write_atomic(path / RANKING, write(plan.ranking))
    (path / CHECKPOINTS).mkdir(exist_ok=True)
    write_atomic(path / RECORD, to_json(_record(plan)) + "\n")
    return open_run(path)


def _as_tensor(digests: np.ndarray) -> Tensor:
    """``S16`` [N] as uint8 [N, 16]."""
    return torch.from_numpy(np.frombuffer(digests.tobytes(), dtype=np.uint8).reshape(-1, 16).copy())


def _digests(stored: Tensor) -> np.ndarray:
    return np.ascontiguousarray(stored.numpy()).view("S16")[:, 0]


def _record(plan: Plan) -> dict[str, Any]:
    images = plan.images
    return {
        "format": FORMAT,
        "version": VERSION,
        "config": to_dict(plan.config),
        "classes": list(plan.classes),
        "withheld": list(plan.withheld),
        "ranking": {"file": RANKING, "hash": compile_ranking(plan.ranking).digest()} if plan.ranking else None,
        "data": {
            "spec": plan.config.data.spec,
            "split": images.split,
            "own_test_split": plan.own_test_split,
            "fingerprint": plan.fingerprint,
            "named": plan.data_named,
            "image_size": images.images.shape[2],
            "channels": images.images.shape[1],
            "mean": list(plan.mean),
            "std": list(plan.std),
            "skipped": [dataclasses.asdict(broken) for broken in images.skipped],
        },
        "outliers": plan.outliers
        and {
            "spec": plan.config.outliers.spec,
            "split": plan.outliers.split,
            "classes": [plan.outliers.classes[label] for label in np.unique(plan.outliers.labels)],
            "n": len(plan.outliers),
            "digest": fingerprint(plan.outliers),
        },
        "splits": {
            "file": SPLITS,
            "train": len(plan.train),
            "validation": len(plan.validation),
            "validation_from": "its own split" if plan.own_validation else "the training split",
        },
        "schedule": {
            "batch_size": plan.batch_size,
            "steps_per_epoch": plan.steps_per_epoch,
            "total_steps": plan.total_steps,
            "warmup_steps": plan.warmup_steps,
            "peak_lr": plan.peak_lr,
        },
        "environment": environment(plan.config.device),
    }


def open_run(path: Path) -> Run:
    """Read and check a run directory.

    Raises:
        RankconError: no run directory, one of a newer rankcon, a record that is damaged, or a ranking.json that is no
            longer the one that was trained with.
    """
    record = _read_record(path)
    ranking = table = None
    if record["ranking"]:
        ranking = parse(read_bounded(path / RANKING, 2**26, "ranking").decode("utf-8", "replace"), str(path / RANKING))
        full = compile_ranking(ranking)
        if full.digest() != record["ranking"]["hash"]:
            raise RankconError(
                f"{path / RANKING} is not the ranking this run was trained with: its hash is {full.digest()}, "
                f"the run's {record['ranking']['hash']}",
                hint="put the original back; to evaluate against another ranking use --ranking",
            )
        withheld = [name for name in record["withheld"] if name in full.classes]
        table = full.withhold(withheld).reorder(tuple(record["classes"]))
    try:
        config = from_dict(record["config"], where=str(path / RECORD))
    except UsageError as error:  # nothing that the command line could mend
        raise RankconError(f"{path / RECORD} is damaged: {error.message}") from error
    return Run(
        path=path,
        config=config,
        classes=tuple(record["classes"]),
        withheld=tuple(record["withheld"]),
        ranking=ranking,
        table=table,
        record=record,
    )


def check_same(run: Run, flags: dict[str, Any]) -> None:
    """UsageError where a flag (as for ``config.resolve``) asks for something other than what ``run`` was started with.

    The device and the engine may change. A ranking is compared by its hash, a data set by its absolute spec.
    """
    recorded = to_dict(run.config)
    for key, value in flags.items():
        if value is None or _may_change(key):
            continue
        was: Any = recorded
        for part in key.split("."):
            was = was[part]
        if key == "ranking":
            was, value = (run.record["ranking"] or {}).get("hash"), compile_ranking(load(value)).digest()
        if key in ("data.spec", "outliers.spec"):
            value = absolute_spec(value)
        if key in ("data.data_dir", "model.weights"):
            value = os.path.abspath(value)
        if value != was and value != "auto":
            raise UsageError(
                f"{run.path} was started with {key} = {was}, not {value}",
                hint="--resume goes on as configured: drop the flag, or start a new run",
            )


def _may_change(key: str) -> bool:
    """Whether a flag says how the work is done, and not what is trained."""
    return key == "device" or key.startswith("engine.")


def _read_record(path: Path) -> dict[str, Any]:
    if not (path / RECORD).is_file():
        raise RankconError(f"{path} is not a run directory: it has no {RECORD}", hint="'rankcon train' makes one")
    try:
        record = json.loads(read_bounded(path / RECORD, 2**26, "run record"))
        kind, version = record.get("format"), record.get("version")
    except (ValueError, AttributeError) as error:
        raise RankconError(f"{path / RECORD} is damaged: {error}") from error
    if kind != FORMAT:
        raise RankconError(f"{path / RECORD} is not a run record: its format is {kind!r}")
    if version != VERSION:
        raise RankconError(
            f"{path} has version {version}; this rankcon reads version {VERSION}", hint="upgrade rankcon"
        )
    try:
        TypeAdapter(Record).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RankconError(f"{path / RECORD} is damaged: {key}: {first['msg'].lower()}") from error
    return record
