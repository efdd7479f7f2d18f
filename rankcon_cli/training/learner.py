"""What a training step works on and what it does: network, loss, optimiser; a batch of images in, the loss out."""

import dataclasses
import functools
import logging
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rankcon_cli.models import Network, Outputs, load_torchvision_weights
from rankcon_cli.training.augment import AUGMENTATIONS, draw, make_views
from rankcon_cli.training.checkpoint import State
from rankcon_cli.training.config import OptimConfig
from rankcon_cli.training.devices import Cast, autocast, working_dtype
from rankcon_cli.training.memory import explaining_setup
from rankcon_cli.training.network import build_network, compile_encoder
from rankcon_cli.training.objective import Objective
from rankcon_cli.training.outliers import OUTLIER_DRAWS, OutlierObjective, draw_outliers
from rankcon_cli.training.plan import VIEWS, Plan
from rankcon_cli.training.profile import Phases
from rankcon_cli.training.queue import KeyQueue
from rankcon_cli.training.schedule import lr_at
from rankcon_cli.training.step import forward_backward
from rankcon_cli.training.world import World

log = logging.getLogger("rankcon")


@dataclasses.dataclass(frozen=True)
class Learner:
    """Everything that a step needs; ``state`` is what it changes.

    host_labels: [N] int64 of the training images, and labels, the same on the device.
    """

    plan: Plan
    world: World
    device: torch.device
    cast: Cast
    objective: Objective
    outliers: OutlierObjective
    state: State
    host_labels: np.ndarray
    labels: Tensor
    outlier_images: Tensor | None

    @functools.cached_property
    def network(self) -> nn.Module:
        """The trained network, which several processes wrap so that their gradients are averaged."""
        network = self.state.network
        return network if self.world.size == 1 else nn.parallel.DistributedDataParallel(network)

    @property
    def lr(self) -> float:
        return self.state.optimizer.param_groups[0]["lr"]

    def step(self, index: np.ndarray, images: Tensor, step: int, phase: Phases) -> tuple[Tensor, Tensor]:
        """Do optimiser step ``step`` on this process's share of a batch.

        Args:
            index: [B] into the training images; images: uint8 [B, C, H, W] on the device.

        Returns:
            The loss of the step, of which those of all processes are the mean, and the norm of the gradient: scalars on the
            device, of which nothing has been asked.
        """
        plan, world, state = self.plan, self.world, self.state
        for group in state.optimizer.param_groups:
            group["lr"] = lr_at(step, plan.total_steps, plan.warmup_steps, plan.peak_lr)
        with phase("augment"):
            targets = self.labels[torch.from_numpy(index).to(self.device, non_blocking=True)]
            views = views_of(plan, world, images, VIEWS, step)
            if state.queue is not None:  # the first views are anchors, the second ones keys
                views, keyed = views.chunk(VIEWS)
            sent = self.outliers.add_to(views, self.host_labels[index], step, self._known_outliers(step))
        contrast = None
        if state.queue is not None:
            with phase("forward"):
                contrast = state.queue.push(keyed, targets, self.cast, plan.config.engine.micro_batch)

        def loss_of(outputs: Outputs) -> Tensor:
            known, outlier_term = self.outliers(state.network, outputs, sent, targets)
            repeated = targets.repeat(len(known.encoder) // len(targets))
            # The shares of the contrastive loss add up, and the processes' gradients are averaged.
            return self.objective(known, repeated, contrast) * world.size + outlier_term

        state.optimizer.zero_grad(set_to_none=True)
        micro = plan.config.engine.micro_batch
        at_a_time = None if micro is None else max(1, len(sent.images) * micro // len(images))
        loss = forward_backward(self.network, sent.images, loss_of, self.cast, phase, at_a_time=at_a_time)
        with phase("optimiser"):
            norm = nn.utils.clip_grad_norm_(state.network.parameters(), plan.config.optim.clip_norm or math.inf)
            state.optimizer.step()
            if state.queue is not None:
                state.queue.follow(state.network)
        return loss, norm

    def _known_outliers(self, step: int) -> Tensor | None:
        """One view of each known outlier of the step that is this process's, or None where there are no known outliers."""
        images, world = self.outlier_images, self.world
        if images is None:
            return None
        chosen = draw_outliers(len(images), self.plan.batch_size, self.plan.config.seed, step)
        chosen = chosen[: len(chosen) // world.size * world.size][world.mine]
        taken = images[torch.from_numpy(chosen).to(images.device)]
        return views_of(self.plan, world, taken, 1, step, OUTLIER_DRAWS)


def make_learner(plan: Plan, device: torch.device, world: World, *, untrained: bool) -> Learner:
    """``Learner`` of ``plan``, freshly initialised; with ``untrained`` the weights that the plan names are loaded."""
    config = plan.config
    network = _prepared_network(plan, device, world)
    if config.model.weights and untrained:
        left_out = load_torchvision_weights(network.encoder, Path(config.model.weights))
        if left_out:
            log.info("the weights' %s has another shape here and is trained from scratch", ", ".join(left_out))
    queue = KeyQueue(network, config.loss.queue, config.loss.momentum, world) if config.loss.queue else None
    host_labels = plan.images.labels[plan.train]
    return Learner(
        plan=plan,
        world=world,
        device=device,
        cast=functools.partial(autocast, device, config.precision),
        objective=Objective(config.loss, plan.table, config.engine.loss_impl, world).to(device),
        outliers=OutlierObjective(config.outliers, len(plan.classes), plan.table, config.seed).to(device),
        state=State(network, make_optimizer(network, config.optim), queue),
        host_labels=host_labels,
        labels=torch.from_numpy(host_labels).to(device),
        outlier_images=None if plan.outliers is None else torch.from_numpy(plan.outliers.images).to(device),
    )


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
    return network.train()


def views_of(plan: Plan, world: World, images: Tensor, views: int, *key: int) -> Tensor:
    """``views`` augmented views of the images that are this process's share of a batch, first views first.

    key: what the draws are a function of beside the seed. They are made for the whole batch, and each process takes its rows.
    """
    how = AUGMENTATIONS[plan.config.augment]
    batch = len(images) * world.size
    draws = draw(views * batch, how, plan.config.seed, *key)
    if world.size > 1:
        draws = draws.select(np.concatenate([np.arange(batch)[world.mine] + batch * view for view in range(views)]))
    return make_views(images, plan.config.augment, draws, dtype=working_dtype(plan.config.precision))
