"""The training loop: set-up, data, model, optimiser, step, log, checkpoint, from top to bottom."""

import contextlib
import functools
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.models import Network, Outputs, load_torchvision_weights
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.augment import AUGMENTATIONS, draw, make_views
from rankcon_cli.training.batches import balanced_batches
from rankcon_cli.training.checkpoint import Position, State, load_checkpoint
from rankcon_cli.training.config import OptimConfig, TrainConfig
from rankcon_cli.training.devices import autocast, pick_device, working_dtype
from rankcon_cli.training.feed import explaining_workers, make_feed
from rankcon_cli.training.journal import Journal
from rankcon_cli.training.memory import explaining_memory, explaining_setup
from rankcon_cli.training.network import build_network, compile_encoder, explaining_compiler
from rankcon_cli.training.objective import Objective
from rankcon_cli.training.outliers import OUTLIER_DRAWS, OutlierObjective, draw_outliers
from rankcon_cli.training.plan import VIEWS, Plan
from rankcon_cli.training.profile import Phases, StepProfile, unprofiled
from rankcon_cli.training.queue import KeyQueue
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.schedule import lr_at
from rankcon_cli.training.step import forward_backward
from rankcon_cli.training.world import ALONE, Agreement, World

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
    config, optim = plan.config, plan.config.optim
    device, journal = pick_device(config.device), Journal(run)
    require_fit(plan, world)
    cast = functools.partial(autocast, device, config.precision)
    phase = profile.phase if profile else unprofiled

    network = _prepared_network(plan, device, world)
    content = world.broadcast_bytes(journal.checkpoint() or b"") if resume else b""
    if config.model.weights and not content:
        left_out = load_torchvision_weights(network.encoder, Path(config.model.weights))
        if left_out:
            log.info("the weights' %s has another shape here and is trained from scratch", ", ".join(left_out))
    objective = Objective(config.loss, plan.table, config.engine.loss_impl, world).to(device)
    outliers = OutlierObjective(config.outliers, len(plan.classes), plan.table, config.seed).to(device)
    queue = KeyQueue(network, config.loss.queue, config.loss.momentum, world) if config.loss.queue else None
    state = State(network, make_optimizer(network, optim), queue)
    position = load_checkpoint(journal.last or Path("the checkpoint"), content, state) if content else Position()
    journal.go_on_from(position.step)
    several = network if world.size == 1 else nn.parallel.DistributedDataParallel(network)

    host_labels = plan.images.labels[plan.train]
    labels = torch.from_numpy(host_labels).to(device)
    feed = make_feed(plan.images.images, plan.train, device, config.engine)
    outlier_images = None if plan.outliers is None else torch.from_numpy(plan.outliers.images).to(device)
    views_of = functools.partial(_views, plan, world)
    network.train()
    step, loss_sum = position.step, torch.tensor(position.loss_sum if world.leader else 0.0, device=device)
    first_bad = torch.tensor(math.inf, device=device)
    agreement = Agreement(world)
    with (
        _graceful_stop() as stop,
        _fast_kernels(device),
        explaining_compiler(),
        explaining_memory(config, plan.batch_size // world.size, device),
        explaining_workers(config.engine),
        contextlib.closing(feed.batches(_remaining_batches(plan, host_labels, step, world))) as fed,
    ):
        batches = _timed(fed, phase)
        started, first_step = time.perf_counter(), step
        for index, images in progress(batches, "training", plan.total_steps - step):
            for group in state.optimizer.param_groups:
                group["lr"] = lr_at(step, plan.total_steps, plan.warmup_steps, plan.peak_lr)
            with phase("augment"):
                targets = labels[torch.from_numpy(index).to(device, non_blocking=True)]
                views = views_of(images, VIEWS, step)
                known = _outlier_views(plan, world, outlier_images, step)
                contrast = None
                if queue is not None:  # the first views are anchors, the second ones keys
                    views, keyed = views.chunk(VIEWS)
                sent = outliers.add_to(views, host_labels[index], step, known)
            if queue is not None:
                with phase("forward"):
                    contrast = queue.push(keyed, targets, cast)

            def loss_of(outputs: Outputs, sent=sent, targets=targets, contrast=contrast) -> Tensor:
                outputs, outlier_term = outliers(network, outputs, sent, targets)
                repeated = targets.repeat(len(outputs.encoder) // len(targets))
                return objective(outputs, repeated, contrast) * world.size + outlier_term

            state.optimizer.zero_grad(set_to_none=True)
            loss = forward_backward(
                several, sent.images, loss_of, cast, phase, at_a_time=_at_a_time(config, sent.images, images)
            )
            with phase("optimiser"):
                norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip_norm or math.inf)
                state.optimizer.step()
                if queue is not None:
                    queue.follow(network)
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
                journal.metrics(step // plan.steps_per_epoch, step, mean, state.optimizer.param_groups[0]["lr"], speed)
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


def make_optimizer(network: Network, optim: OptimConfig) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW, fused. Weight decay spares biases and normalisation, which have one dimension."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = parameters[0].device.type in ("cpu", "cuda")
    if optim.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=0.0, fused=fused)
    return torch.optim.SGD(groups, lr=0.0, momentum=optim.momentum, fused=fused)


def _prepared_network(plan: Plan, device: torch.device, world: World) -> Network:
    """The network of ``plan``, freshly initialised, on ``device`` in its working precision and memory format."""
    config, (_, channels, size, _) = plan.config, plan.images.images.shape
    torch.manual_seed(config.seed)
    network = build_network(config, len(plan.classes), channels, size, plan.mean, plan.std)
    with explaining_setup(device, "the network", "take a smaller --encoder or --device cpu"):
        network = network.to(device, working_dtype(config.precision), memory_format=torch.channels_last)
    if config.model.norm == "sync" and world.size > 1:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if config.engine.compile:
        compile_encoder(network, config.model.encoder, device)
    return network


def _views(plan: Plan, world: World, images: Tensor, views: int, *key: int) -> Tensor:
    """``views`` augmented views of the images that are this process's share of a batch, first views first.

    key: what the draws are a function of beside the seed. They are made for the whole batch, and each process takes its rows.
    """
    how = AUGMENTATIONS[plan.config.augment]
    batch = len(images) * world.size
    draws = draw(views * batch, how, plan.config.seed, *key)
    if world.size > 1:
        draws = draws.select(np.concatenate([np.arange(batch)[world.mine] + batch * view for view in range(views)]))
    return make_views(images, plan.config.augment, draws, dtype=working_dtype(plan.config.precision))


def _outlier_views(plan: Plan, world: World, images: Tensor | None, step: int) -> Tensor | None:
    """One view of each known outlier of the step that is this process's, or None where there are no known outliers."""
    if images is None:
        return None
    chosen = draw_outliers(len(images), plan.batch_size, plan.config.seed, step)
    chosen = chosen[: len(chosen) // world.size * world.size][world.mine]
    return _views(plan, world, images[torch.from_numpy(chosen).to(images.device)], 1, step, OUTLIER_DRAWS)


def _at_a_time(config: TrainConfig, sent: Tensor, images: Tensor) -> int | None:
    """How many of the images that are sent make a part, where a part is the views of ``micro_batch`` of the batch's."""
    micro = config.engine.micro_batch
    return None if micro is None else max(1, len(sent) * micro // len(images))


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
