"""The learning rate as a pure function of the step."""

import math

from rankcon_cli.training.config import OptimConfig

#: Learning rates for a batch of 256 images; see ``OptimConfig.lr``.
DEFAULT_LR = {"sgd": 0.2, "adamw": 1e-3}
_REFERENCE_BATCH = 256


def peak_lr(optim: OptimConfig, batch_size: int) -> float:
    """The learning rate after warm-up for batches of ``batch_size`` images (linear for SGD, square root for AdamW)."""
    factor = batch_size / _REFERENCE_BATCH
    return optim.lr * (factor if optim.optimizer == "sgd" else math.sqrt(factor))


def lr_at(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Linear warm-up to ``peak`` over ``warmup_steps``, then a cosine down to 0 at ``total_steps``; step counts from 0."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * done))
