"""What ``rankcon train`` does with its flags: a plan to show, a run to begin, a run to go on with."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankcon_cli.cli.console import console
from rankcon_cli.data.spec import parse_spec
from rankcon_cli.errors import RankconError
from rankcon_cli.training.config import TrainConfig, to_dict
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.loop import require_fit, train
from rankcon_cli.training.plan import Plan, make_plan
from rankcon_cli.training.profile import StepProfile
from rankcon_cli.training.ranks_in_batch import ranks_in_batch
from rankcon_cli.training.run_directory import Run, check_same, create_run, open_run
from rankcon_cli.training.run_files import check_free, claimed_run
from rankcon_cli.training.world import World, joined
from rankcon_cli.wording import decimal, percent


@dataclasses.dataclass(frozen=True)
class Done:
    """run: where the training stands; profile: (phase, milliseconds a step, share), where it was asked for."""

    run: Path
    profile: list[tuple[str, float, float]] | None = None

    def as_json(self) -> dict[str, Any]:
        found = {"format": "rankcon/trained", "version": 1, "run": str(self.run)}
        if self.profile is not None:
            keys = ("phase", "milliseconds", "share")
            found["profile"] = [dict(zip(keys, row, strict=True)) for row in self.profile]
        return found


def start(out: Path | None, settings: TrainConfig, *, force: bool, profile: bool) -> Done:
    """Begin a run in ``out``, or in a folder of its own under ``runs``, and carry it to its end."""
    with joined(settings.engine.timeout) as world:
        if not world.leader:
            return Done(Path(), _carry_out(None, _plan(settings, world), world, resume=False, profile=profile))
        out = out or _free_directory(settings)
        check_free(out, force=force)  # before the data is read, not after
        plan = _plan(settings, world)
        _warn_of_rare_ranks(plan)
        with claimed_run(out):
            run = create_run(out, plan, force=force)
            return Done(out, _carry_out(run, plan, world, resume=False, profile=profile))


def go_on(out: Path, flags: dict[str, Any], *, profile: bool) -> Done:
    """Resume the run in ``out``; ``flags`` may change how the work is done, not what is trained."""
    recorded = open_run(out)
    check_same(recorded, flags)
    settings = recorded.settings(flags)
    with joined(settings.engine.timeout) as world, claimed_run(out) if world.leader else contextlib.nullcontext():
        run = open_run(out)  # once more, now that nobody else changes it
        if run.finished:
            console.note(f"{out} is finished; there is nothing to resume")
            return Done(out)
        if not (run.checkpoints / "last.safetensors").exists():
            console.note(f"{out} has no checkpoint yet: it starts from the beginning")
        plan = _plan(settings, world, resuming=True)
        if plan.fingerprint != run.record["data"]["fingerprint"]:
            raise RankconError(
                f"{plan.config.data.spec} is no longer what {out} was trained on: its images or labels have changed",
                hint="put them back as they were, or start a new run",
            )
        return Done(out, _carry_out(run if world.leader else None, plan, world, resume=True, profile=profile))


def _plan(settings: TrainConfig, world: World, *, resuming: bool = False) -> Plan:
    """The plan, made by every process; what has to be fetched first is fetched by one."""
    with _one_first(world) if settings.data.download else contextlib.nullcontext():
        plan = make_plan(settings, console.progress(), resuming=resuming)
    require_fit(plan, world)
    return plan


@contextlib.contextmanager
def _one_first(world: World) -> Iterator[None]:
    if not world.leader:
        world.barrier()
    yield
    if world.leader:
        world.barrier()


def _free_directory(settings: TrainConfig) -> Path:
    spec = parse_spec(settings.data.spec)
    base = f"{Path(spec.place).name or spec.source}-{settings.loss.name}-s{settings.seed}"
    path, n = Path("runs") / base, 2
    while path.exists():
        path, n = Path("runs") / f"{base}-{n}", n + 1
    return path


def _carry_out(
    run: Run | None, plan: Plan, world: World, *, resume: bool, profile: bool
) -> list[tuple[str, float, float]] | None:
    started = time.monotonic()
    processes = "" if world.size == 1 else f" in each of {world.size} processes"
    console.note(
        f"training {plan.config.loss.name} on {len(plan.train)} images of {len(plan.classes)} classes: "
        f"{plan.config.model.encoder}, {plan.config.optim.epochs} epochs of {plan.steps_per_epoch} steps, "
        f"{plan.config.device}, {plan.config.precision}{processes}"
    )
    measured = StepProfile(pick_device(plan.config.device)) if profile else None
    train(run, plan, resume=resume, progress=console.progress(), world=world, profile=measured)
    if run is not None:
        console.note(f"trained in {time.monotonic() - started:.1f} s; evaluate with: rankcon evaluate {run.path}")
    if measured is None:
        return None
    rows = measured.rows()
    if not rows:
        console.warn("no step was profiled: the first six warm up, and there were no more")
    for name, milliseconds, share in rows:
        console.remark(f"{name:<10} {milliseconds:9.2f} ms a step {percent(share):>7}")
    return rows


def _warn_of_rare_ranks(plan: Plan) -> None:
    for found in ranks_in_batch(plan):
        if found.rank > 1 and found.mean < 1:
            console.warn(
                f"W211: an anchor finds {found.mean:.2f} samples of rank {found.rank} in a batch; "
                "a larger --batch-size gives the rank more to learn from"
            )


def show_plan(settings: TrainConfig, *, as_json: bool) -> None:
    """Print what ``start`` would do, and what each rank sees in a batch."""
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
