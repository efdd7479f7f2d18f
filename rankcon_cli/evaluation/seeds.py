"""Runs as a comparison sees them: those that differ in nothing but their seed are one method, several times."""

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.files import read_bounded
from rankcon_cli.training.config import to_dict
from rankcon_cli.training.plan import VIEWS
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.run_files import METRICS
from rankcon_cli.wording import counted, quoted

#: How seeds are told apart in names: ``ranked-s0``, ``ranked_seed3``, ``ranked.4``, ``s0``.
_SEED = re.compile(r"(?:(?:^|[-_. ])s|[-_. ]?seed|[-_. ]?)[-_=]?\d+$", re.IGNORECASE)
#: Parts of the configuration that may differ in a group: the draw, the machine, and where files lie. What the files hold is
#: compared by the hash of the ranking and the fingerprint of the images.
_NOT_SHAPING = ("seed", "device", "precision", "ranking", "engine")
_NOT_SHAPING_DATA = ("spec", "data_dir", "download", "skip_broken")


@dataclasses.dataclass(frozen=True)
class RunGroup:
    """name: distinct among the groups; runs: in the order given."""

    name: str
    runs: tuple[Run, ...]


def group_by_seed(runs: Sequence[Run]) -> tuple[RunGroup, ...]:
    """``runs`` grouped by everything that shaped them but the seed, in order of first appearance.

    A run alone is a group of its name. Several are named after what they have in common once that which tells their seeds
    apart is gone (``ranked-s0``, ``ranked-s1`` -> ``ranked``; ``ranked/s0``, ``ranked/s1`` too), else after their loss; a
    number makes names distinct. Two runs of one seed, a training repeated, stay in one group: see ``repeated_seeds``.

    Raises:
        UsageError: a run is given twice.
    """
    _refuse_twice(runs)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_same_but_seed(run), []).append(run)
    names: list[str] = []
    for members in groups.values():
        name, n = _name(members), 2
        while name in names:
            name, n = f"{_name(members)}-{n}", n + 1
        names.append(name)
    return tuple(RunGroup(name, tuple(members)) for name, members in zip(names, groups.values(), strict=True))


def repeated_seeds(groups: Sequence[RunGroup]) -> tuple[str, ...]:
    """What a reader must be told of groups that hold a seed more than once: it counts as one, its runs averaged."""
    warnings = []
    for group in groups:
        seeds = Counter(run.config.seed for run in group.runs)
        for seed, times in seeds.items():
            if times > 1:
                warnings.append(
                    f"{times} runs of {quoted(group.name)} have the seed {seed}: they are averaged and count as one of "
                    f"{counted(len(seeds), 'seed')}"
                )
    return tuple(warnings)


def training_seconds(run: Run) -> float | None:
    """Wall-clock seconds of training up to the last epoch logged; None where ``metrics.jsonl`` does not tell.

    The log has the mean speed since training started, or was last resumed: of a training that was resumed this is an estimate
    at the speed of its last stretch.
    """
    try:
        lines = read_bounded(run.path / METRICS, 2**28, "training log").splitlines()
        last: dict[str, Any] = json.loads(lines[-1])
        seconds = VIEWS * run.record["schedule"]["batch_size"] * last["step"] / last["views_per_second"]
    except (RankconError, ValueError, LookupError, TypeError, ZeroDivisionError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _refuse_twice(runs: Sequence[Run]) -> None:
    seen: dict[Path, Run] = {}
    for run in runs:
        path = run.path.resolve()
        if path in seen:
            also = "" if seen[path].path == run.path else f" (as {seen[path].path} too)"
            raise UsageError(f"the run {run.path} is given twice{also}", hint="name each run once")
        seen[path] = run


def _name(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return runs[0].name
    for names in ([run.name for run in runs], [run.path.resolve().parent.name for run in runs]):
        for shared in ({*names}, {_SEED.sub("", name) for name in names}):
            if len(shared) == 1 and (name := shared.pop()):
                return name
        if any(_SEED.sub("", name) for name in names):
            break  # the folders have names of their own, so the one above says nothing of them
    return runs[0].config.loss.name


def _same_but_seed(run: Run) -> str:
    """What two runs of one group have in common, in a form that can be compared."""
    config = {key: value for key, value in to_dict(run.config).items() if key not in _NOT_SHAPING}
    config["data"] = {key: value for key, value in config["data"].items() if key not in _NOT_SHAPING_DATA}
    config["micro_batch"] = run.config.engine.micro_batch if run.config.model.norm == "batch" else None
    ranking = (run.record["ranking"] or {}).get("hash")
    return repr((config, ranking, run.record["data"]["fingerprint"], run.classes, run.withheld))
