"""The training loop: set-up, data, model, optimiser, step, log, checkpoint, from top to bottom."""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.batches import balanced_batches
from rankcon_cli.training.checkpoint import Position, load_checkpoint
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.feed import explaining_workers, make_feed
from rankcon_cli.training.journal import Journal
from rankcon_cli.training.learner import make_learner
from rankcon_cli.training.memory import explaining_memory
from rankcon_cli.training.network import explaining_compiler
from rankcon_cli.training.outliers import outliers_a_step
from rankcon_cli.training.plan import VIEWS, Plan
from rankcon_cli.training.profile import Phases, StepProfile, unprofiled
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.world import ALONE, Agreement, World
from rankcon_cli.wording import counted

log = logging.getLogger("rankcon")

#: How often the loss is looked at; between two looks nothing waits for the device.
_CHECK_EVERY = 100


def train(
    run: Run | None,
    plan: Plan,
    *,
    resume: bool = False,
    progress: Progress = silent,
    world: World = ALONE,
    profile: StepProfile | None = None,
) -> None:
    """Carry out ``plan`` in the directory of ``run``; at the end the weights stand in ``model.safetensors``.

    Every random draw is a function of the seed and the step, so that ``resume`` goes on as if nothing had happened. With
    several processes each calls this with the same plan and takes its share of every batch; the leader alone has a ``run``.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after the step at hand and with a checkpoint that resumes there.
        RankconError: a loss that is not finite, memory that does not suffice, a checkpoint that cannot be read, a file that
            cannot be written, a batch that does not divide among the processes, workers that died or hang.
    """
    config = plan.config
    device, journal = pick_device(config.device), Journal(run)
    require_fit(plan, world)
    phase = profile.phase if profile else unprofiled
    content = world.broadcast_bytes(journal.checkpoint() or b"") if resume else b""
    learner = make_learner(plan, device, world, untrained=not content)
    state, position = learner.state, Position()
    if content:
        position = load_checkpoint(journal.last or Path("the checkpoint"), content, state)
    journal.go_on_from(position.step)
    feed = make_feed(plan.images.images, plan.train, device, config.engine)
    step, loss_sum = position.step, torch.tensor(position.loss_sum if world.leader else 0.0, device=device)
    first_bad = torch.tensor(math.inf, device=device)
    agreement = Agreement(world)
    with (
        _graceful_stop() as stop,
        _fast_kernels(device),
        explaining_compiler(),
        explaining_memory(config, plan.batch_size // world.size, device),
        explaining_workers(config.engine),
        contextlib.closing(feed.batches(_remaining_batches(plan, learner.host_labels, step, world))) as fed,
    ):
        started, first_step = time.perf_counter(), step
        for index, images in progress(_timed(fed, phase), "training", plan.total_steps - step):
            loss, norm = learner.step(index, images, step, phase)
            loss_sum += loss / world.size
            step += 1
            sound = loss.isfinite() & norm.isfinite()
            first_bad = torch.where(sound | first_bad.isfinite(), first_bad, float(step))
            stopping = agreement.reached(stop.is_set())  # asked once a step: a signal may come at any moment

            end_of_epoch = step % plan.steps_per_epoch == 0
            if end_of_epoch or stopping or step % _CHECK_EVERY == 0:
                _refuse_non_finite(run, first_bad)
            if end_of_epoch or stopping:
                loss_sum = world.sum(loss_sum) * float(world.leader)
            if end_of_epoch:
                speed = VIEWS * plan.batch_size * (step - first_step) / (time.perf_counter() - started)
                mean = float(loss_sum) / plan.steps_per_epoch
                journal.metrics(step // plan.steps_per_epoch, step, mean, learner.lr, speed)
                loss_sum.zero_()
            if (end_of_epoch or stopping) and step < plan.total_steps:
                journal.keep(state, Position(step, float(loss_sum)))
            if stopping and step < plan.total_steps:
                raise Interrupted(
                    f"stopped after step {step} of {plan.total_steps}; a checkpoint is kept",
                    hint=f"go on with: rankcon train --resume --out {run.path}" if run else None,
                )
            if profile:
                profile.end_step()
    journal.finish(state, Position(step, 0.0))


def require_fit(plan: Plan, world: World) -> None:
    """RankconError where the plan does not go with the processes there are."""
    config = plan.config
    if plan.batch_size % world.size:
        raise RankconError(
            f"a batch of {plan.batch_size} images cannot be shared equally among {world.size} processes",
            hint=f"start a number of processes that divides it, or set --batch-size to a multiple of {world.size}",
        )
    if world.size > 1 and config.model.norm == "sync" and not config.device.startswith("cuda"):
        raise RankconError("--norm sync works on GPUs alone", hint="--norm group depends on no batch at all")
    shown = outliers_a_step(plan.batch_size)
    if config.outliers.spec and shown < world.size:
        raise RankconError(
            f"a batch of {plan.batch_size} images brings {counted(shown, 'known outlier')}, and there are "
            f"{world.size} processes",
            hint=f"start at most {shown}, or set a larger --batch-size",
        )
    if (
        world.size > 1
        and config.model.norm == "sync"
        and config.engine.micro_batch
        and config.outliers.virtual == "image"
    ):
        # Each process finds a number of mixtures of its own, so they would not wait for each other equally often.
        raise RankconError(
            "--norm sync with --micro-batch and --virtual-outliers image is for one process",
            hint="--virtual-outliers feature, or --norm group, goes with the others",
        )
    learned = config.outliers.spec and config.outliers.loss == "learned-reference"
    if world.size > 1 and learned and config.engine.micro_batch:
        raise RankconError(
            "--outlier-loss learned-reference with --micro-batch is for one process", hint="drop one of them"
        )


def _remaining_batches(plan: Plan, labels: np.ndarray, step: int, world: World) -> Iterator[np.ndarray]:
    """This process's share of every batch from ``step`` on."""
    for epoch in range(step // plan.steps_per_epoch, plan.config.optim.epochs):
        batches = balanced_batches(labels, plan.batch_size, plan.steps_per_epoch, plan.config.seed, epoch)
        for i, batch in enumerate(batches):
            if epoch * plan.steps_per_epoch + i >= step:
                yield batch[world.mine]


def _timed(batches: Iterator[tuple[np.ndarray, Tensor]], phase: Phases) -> Iterator[tuple[np.ndarray, Tensor]]:
    while True:
        with phase("input"):
            found = next(batches, None)
        if found is None:
            return
        yield found


def _refuse_non_finite(run: Run | None, first_bad: Tensor) -> None:
    step = float(first_bad)
    if math.isinf(step):
        return
    last = None if run is None else run.checkpoints / "last.safetensors"
    good = f"the last good checkpoint is {last}" if last is not None and last.exists() else "there is no checkpoint yet"
    raise RankconError(
        f"the loss or the gradient of step {step:.0f} is not finite; {good}",
        hint="try a lower --lr, a longer --warmup-epochs, a higher --tau-min, --clip-norm 1, or --precision float32",
    )


@contextlib.contextmanager
def _fast_kernels(device: torch.device) -> Iterator[None]:
    """On CUDA the first steps try out which convolution is fastest: the sizes of a training never change."""
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=True) if device.type == "cuda" else contextlib.nullcontext()
    ):
        yield


@contextlib.contextmanager
def _graceful_stop() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one interrupts at once, as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    before = {s: handler for s, handler in handlers.items() if handler is not signal.SIG_IGN}

    def request(number: int, frame: object) -> None:
        stop.set()
        for s, handler in before.items():
            signal.signal(s, handler)
        log.warning("stopping after this step; once more to stop at once")

    for s in before:
        signal.signal(s, request)
    try:
        yield stop
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
