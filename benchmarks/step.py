"""Where the time of a training step goes, and how it compares with the bare forward and backward pass of the encoder.

    python benchmarks/step.py                       # on the CPU about six minutes; let nothing else run
    python benchmarks/step.py --device cuda
    python benchmarks/step.py --show benchmarks/results/step-cpu.json

Before each step of a real training (streamed or resident images, augmentation, loss, optimiser, all) one bare step is done on
tensors in memory, so that what slows the machine down slows both. The breakdown is that of ``rankcon train --profile``, of a
second training. Writes benchmarks/results/step-cpu.json or step-cuda.json: a list, one record a device.
"""

import copy
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import step_table
import torch
from step_cases import Case, planned, run_cases, synchronise
from torch import Tensor

from rankcon_cli.evaluation.embeddings import _BATCH, Embedder
from rankcon_cli.models import Network
from rankcon_cli.training.checkpoint import save_weights
from rankcon_cli.training.devices import autocast
from rankcon_cli.training.loop import train
from rankcon_cli.training.network import build_network
from rankcon_cli.training.plan import VIEWS, Plan
from rankcon_cli.training.profile import StepProfile
from rankcon_cli.training.run_directory import WEIGHTS, create_run, open_run

_WARM_UP = 5

CASES = {
    "cpu": (Case("resnet8", 256), Case("resnet8", 256, "crop"), Case("resnet18", 32), Case("resnet8", 256, queue=4096)),
    "cuda": (
        Case("resnet18", 1024),
        Case("resnet18", 1024, compile=True),
        Case("resnet18", 512),
        Case("resnet50", 1024, micro_batch=512),
        Case("resnet50", 512),
        Case("resnet8", 1024),
    ),
}


def measured(case: Case, device: torch.device, steps: int) -> dict:
    with planned(case, str(device), steps + _WARM_UP + 1) as plan:
        whole, bare = interleaved(plan, device)
        profile = StepProfile(device)
        train(None, plan, profile=profile)
        precision = plan.config.precision
        embedded = embedding(plan, device, steps)
    forward = {name: ms for name, ms, _ in profile.rows()}["forward"] / (VIEWS * case.batch)
    return {
        "whole_ms": whole,
        "bare_ms": bare,
        "precision": precision,
        "profile": profile.rows(),
        "forward_ms_an_image": forward,
        "embedding_ms_an_image": embedded,
    }


def embedding(plan: Plan, device: torch.device, times: int) -> list[float]:
    """Milliseconds an image of embedding for evaluation, host to host, in the blocks that ``evaluate`` takes."""
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", plan)
        save_weights(run.path / WEIGHTS, run.untrained_network())
        embedder = Embedder(open_run(run.path), str(device))
        images, found = plan.images.images[:_BATCH], []
        for _ in range(times + 1):
            started = time.perf_counter()
            embedder.heads(images)
            found.append(1e3 * (time.perf_counter() - started) / len(images))
    return found[1:]


def interleaved(plan: Plan, device: torch.device) -> tuple[list[float], list[float]]:
    """Milliseconds of each step of a training, and of the bare step before it."""
    bare_step = _bare_step(plan, device)
    whole, bare = [], []

    def progress(items: Iterable, description: str, total: int | None = None) -> Iterator:
        since = None
        for item in items:
            synchronise(device)
            now = time.perf_counter()
            if since is not None:
                whole.append(1e3 * (now - since))
            bare_step()
            synchronise(device)
            bare.append(1e3 * (time.perf_counter() - now))
            since = time.perf_counter()
            yield item

    train(None, plan, progress=progress)
    return whole[_WARM_UP:], bare[_WARM_UP : len(whole)]


def _bare_step(plan: Plan, device: torch.device) -> Callable[[], None]:
    _, channels, size, _ = plan.images.images.shape
    network: Network = build_network(plan.config, len(plan.classes), channels, size, plan.mean, plan.std)
    encoder = copy.deepcopy(network.encoder).to(device, memory_format=torch.channels_last).train()
    if plan.config.engine.compile:
        encoder.compile()
    views = torch.rand(VIEWS * plan.batch_size, channels, size, size, device=device)
    parts = views.to(memory_format=torch.channels_last).split(
        VIEWS * (plan.config.engine.micro_batch or plan.batch_size)
    )
    if plan.config.loss.queue:  # the second views make keys, without a backward pass
        parts = views.to(memory_format=torch.channels_last).split(plan.batch_size)

    def step() -> None:
        for i, part in enumerate(parts):
            if plan.config.loss.queue and i:
                with torch.no_grad(), autocast(device, plan.config.precision):
                    encoder(part)
                continue
            with autocast(device, plan.config.precision):
                features: Tensor = encoder(part)
            features.float().mean().backward()
        encoder.zero_grad(set_to_none=True)

    return step


if __name__ == "__main__":
    run_cases("step", __doc__, CASES, measured, step_table.section)
