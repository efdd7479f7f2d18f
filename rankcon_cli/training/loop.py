"""The training loop: set-up, data, model, optimiser, step, log, checkpoint, from top to bottom."""

import contextlib
import json
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
from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.models import Network, load_torchvision_weights
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.augment import AUGMENTATIONS, augment
from rankcon_cli.training.batches import balanced_batches
from rankcon_cli.training.checkpoint import Position, load_checkpoint, save_checkpoint, save_weights
from rankcon_cli.training.config import OptimConfig
from rankcon_cli.training.devices import autocast, pick_device
from rankcon_cli.training.objective import Objective
from rankcon_cli.training.outliers import OUTLIER_DRAWS, OutlierObjective, draw_outliers
from rankcon_cli.training.plan import VIEWS, Plan
from rankcon_cli.training.run_directory import METRICS, WEIGHTS, Run
from rankcon_cli.training.schedule import lr_at

log = logging.getLogger("rankcon")

#: How often the loss is looked at; between two looks nothing waits for the device.
_CHECK_EVERY = 100


def train(run: Run, plan: Plan, *, resume: bool = False, progress: Progress = silent) -> None:
    """Carry out ``plan`` in the directory of ``run``; at the end the weights stand in ``model.safetensors``.

    Every random draw is a function of the seed and the step, so that ``resume`` goes on as if nothing had happened.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after the step at hand and with a checkpoint that resumes there.
        RankconError: a loss that is not finite, a checkpoint that cannot be read, a file that cannot be written.
    """
    config, optim = plan.config, plan.config.optim
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    network = run.untrained_network()
    last = run.checkpoints / "last.safetensors"
    resume = resume and last.exists()
    if config.model.weights and not resume:
        left_out = load_torchvision_weights(network.encoder, Path(config.model.weights))
        if left_out:
            log.info("the weights' %s has another shape here and is trained from scratch", ", ".join(left_out))
    network = network.to(device, memory_format=torch.channels_last)
    objective = Objective(config.loss, plan.table).to(device)
    outliers = OutlierObjective(config.outliers, len(plan.classes), plan.table, config.seed).to(device)
    optimizer = make_optimizer(network, optim)
    position = load_checkpoint(last, network, optimizer) if resume else Position()
    _cut_metrics(run.path / METRICS, position.step)

    images = torch.from_numpy(plan.images.images[plan.train]).to(device)
    labels = torch.from_numpy(plan.images.labels[plan.train])
    outlier_images = None if plan.outliers is None else torch.from_numpy(plan.outliers.images).to(device)
    network.train()
    step, loss_sum = position.step, torch.tensor(position.loss_sum, device=device)
    first_bad = torch.tensor(math.inf, device=device)
    with _graceful_stop() as stop:
        remaining = _remaining_batches(plan, labels.numpy(), step)
        started, first_step = time.perf_counter(), step
        for batch in progress(remaining, "training", plan.total_steps - step):
            index = torch.from_numpy(batch)
            for group in optimizer.param_groups:
                group["lr"] = lr_at(step, plan.total_steps, plan.warmup_steps, plan.peak_lr)
            views = make_views(images[index.to(device)], config.augment, config.seed, step)
            with autocast(device, config.precision):
                known = _outlier_views(plan, outlier_images, step, device)
                outputs, outlier_term = outliers(network, views, labels[index], step, known)
                loss = objective(outputs, labels[index].repeat(VIEWS).to(device)) + outlier_term
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip_norm or math.inf)
            optimizer.step()
            loss_sum += loss.detach()
            step += 1
            sound = loss.detach().isfinite() & norm.isfinite()
            first_bad = torch.where(sound | first_bad.isfinite(), first_bad, float(step))
            stopping = stop.is_set()  # asked once a step: a signal may come at any moment

            end_of_epoch = step % plan.steps_per_epoch == 0
            if end_of_epoch or stopping or step % _CHECK_EVERY == 0:
                _refuse_non_finite(run, first_bad)
            if end_of_epoch:
                speed = VIEWS * plan.batch_size * (step - first_step) / (time.perf_counter() - started)
                _append_metrics(run.path / METRICS, plan, step, float(loss_sum), optimizer.param_groups[0]["lr"], speed)
                loss_sum.zero_()
            if (end_of_epoch or stopping) and step < plan.total_steps:
                save_checkpoint(run.checkpoints, network, optimizer, Position(step, float(loss_sum)))
            if stopping and step < plan.total_steps:
                raise Interrupted(
                    f"stopped after step {step} of {plan.total_steps}; a checkpoint is kept",
                    hint=f"go on with: rankcon train --resume --out {run.path}",
                )
    save_checkpoint(run.checkpoints, network, optimizer, Position(step, 0.0))
    save_weights(run.path / WEIGHTS, network)


def make_optimizer(network: Network, optim: OptimConfig) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW. Weight decay spares biases and normalisation, which have one dimension."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if optim.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=0.0)
    return torch.optim.SGD(groups, lr=0.0, momentum=optim.momentum)


def make_views(images: Tensor, preset: str, *key: int, views: int = VIEWS) -> Tensor:
    """Augmented views of every image: uint8 [B, C, H, W] to float [views B, C, H, W] in 0..1, first views first.

    key: what the draws are a function of, the seed and the step.
    """
    state = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
    generator = torch.Generator(device=images.device).manual_seed(state)
    repeated = images.repeat(views, 1, 1, 1).float() / 255
    return augment(repeated, AUGMENTATIONS[preset], generator).to(memory_format=torch.channels_last)


def _outlier_views(plan: Plan, images: Tensor | None, step: int, device: torch.device) -> Tensor | None:
    """One view of each known outlier of the step, or None where there are no known outliers."""
    if images is None:
        return None
    chosen = draw_outliers(len(images), plan.batch_size, plan.config.seed, step)
    images = images[torch.from_numpy(chosen).to(device)]
    return make_views(images, plan.config.augment, plan.config.seed, step, OUTLIER_DRAWS, views=1)


def _remaining_batches(plan: Plan, labels: np.ndarray, step: int) -> Iterator[np.ndarray]:
    for epoch in range(step // plan.steps_per_epoch, plan.config.optim.epochs):
        batches = balanced_batches(labels, plan.batch_size, plan.steps_per_epoch, plan.config.seed, epoch)
        for i, batch in enumerate(batches):
            if epoch * plan.steps_per_epoch + i >= step:
                yield batch


def _refuse_non_finite(run: Run, first_bad: Tensor) -> None:
    step = float(first_bad)
    if math.isinf(step):
        return
    last = run.checkpoints / "last.safetensors"
    good = f"the last good checkpoint is {last}" if last.exists() else "there is no checkpoint yet"
    raise RankconError(
        f"the loss or the gradient of step {step:.0f} is not finite; {good}",
        hint="try a lower --lr, a longer --warmup-epochs, a higher --tau-min, --clip-norm 1, or --precision float32",
    )


def _append_metrics(path: Path, plan: Plan, step: int, loss_sum: float, lr: float, speed: float) -> None:
    line = {
        "epoch": step // plan.steps_per_epoch,
        "step": step,
        "loss": loss_sum / plan.steps_per_epoch,
        "lr": lr,
        "views_per_second": round(speed, 1),
    }
    try:
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(to_json(line, indent=None) + "\n")
    except OSError as error:
        raise RankconError(f"cannot write {path}: {error.strerror or error}") from error


def _cut_metrics(path: Path, step: int) -> None:
    """Drop the lines past ``step``: those of epochs that a resumed training will do again."""
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
        write_atomic(path, "".join(line + "\n" for line in lines))


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a crash


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
