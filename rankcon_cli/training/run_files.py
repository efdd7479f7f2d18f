"""Which files a run directory consists of, whether a run may be written to a place, and who is at work in it."""

import contextlib
import shutil
from pathlib import Path

from rankcon_cli.errors import UsageError
from rankcon_cli.files import claimed, require_unclaimed

RECORD, RANKING, SPLITS, IMAGES, METRICS, WEIGHTS = (
    "run.json",
    "ranking.json",
    "splits.json",
    "images.safetensors",
    "metrics.jsonl",
    "model.safetensors",
)
CHECKPOINTS, CACHE, LOCK = "checkpoints", "cache", "training.lock"
#: In the order they are removed in: the record first, the splits, by which a rest is known as a run's, last.
_OURS = (RECORD, WEIGHTS, METRICS, CHECKPOINTS, CACHE, RANKING, IMAGES, SPLITS)


def check_free(path: Path, *, force: bool) -> None:
    """UsageError where a new run may not be written to ``path``: anything but a run stands there, or no ``force``.

    RankconError where a training is at work in it, ``force`` or not.
    """
    require_unclaimed(path / LOCK, _at_work(path))
    check_replaceable(path, force=force)


def check_replaceable(path: Path, *, force: bool) -> None:
    """As ``check_free``, but for a training that may be at work."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file", hint="choose another --out")
    found = {entry.name for entry in path.iterdir()} if path.exists() else set()
    found -= {LOCK, *(leftover.name for leftover in _leftovers(path))}
    if not found:
        return
    if RECORD in found:
        if not force:
            raise UsageError(f"{path} holds a run already", hint="--resume goes on with it, --force replaces it")
    elif SPLITS not in found or not found.issubset(_OURS):
        raise UsageError(f"{path} is not empty and no run directory", hint="choose another --out; it is left as it is")
    elif not force and not _only_begun(path, found):
        raise UsageError(
            f"{path} holds a run that has lost its {RECORD}", hint="--force replaces it, or choose another --out"
        )


def _only_begun(path: Path, found: set[str]) -> bool:
    """Whether these are the files of a run whose making was cut short, in which nothing was trained yet."""
    checkpoints = path / CHECKPOINTS
    trained = checkpoints.exists() and any(checkpoints.iterdir())
    return found.issubset({SPLITS, IMAGES, RANKING, CHECKPOINTS}) and not trained


def clear(path: Path) -> None:
    """Remove the files of a run, and nothing else."""
    clear_leftovers(path)
    for name in _OURS:
        target = path / name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def clear_leftovers(path: Path) -> None:
    """Remove the files half written that a process which was killed left behind in the run directory ``path``."""
    for leftover in _leftovers(path):
        leftover.unlink(missing_ok=True)


def _leftovers(path: Path) -> list[Path]:
    found = [left for name in _OURS for left in path.glob(f".{name}.*.part")]
    return [*found, *(path / CHECKPOINTS).glob(".*.part"), *(path / CACHE).glob(".*.part")]


def claimed_run(path: Path) -> contextlib.AbstractContextManager:
    """Keep other trainings out of the run directory ``path`` meanwhile; RankconError where one is at work in it."""
    return claimed(path / LOCK, _at_work(path))


def _at_work(path: Path) -> str:
    return f"another training is at work in {path}"
