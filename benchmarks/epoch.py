"""Images a second of a whole training, by encoder and batch, and what an epoch of 50,000 images in two views would take.

    python benchmarks/epoch.py                      # on the CPU about five minutes; let nothing else run
    python benchmarks/epoch.py --device cuda
    python benchmarks/epoch.py --show benchmarks/results/epoch-cpu.json

Random images of CIFAR's form, r = 3, all that ``rankcon train`` does but for the evaluation afterwards; the first steps are
not counted. Writes benchmarks/results/epoch-cpu.json or epoch-cuda.json: a list, one record a device.
"""

import time
from collections.abc import Iterable, Iterator

import step_table
import torch
from step_cases import Case, planned, run_cases, synchronise

from rankcon_cli.training.loop import train

_WARM_UP = 5
#: Steps between two looks at the clock on a GPU, where a look waits for all that is under way.
_STRIDE = {"cpu": 1, "cuda": 5}

CASES = {
    "cpu": (Case("resnet8", 64), Case("resnet8", 256), Case("resnet8", 512, micro_batch=128), Case("resnet18", 32)),
    "cuda": (
        Case("resnet18", 512),
        Case("resnet18", 1024),
        Case("resnet18", 1024, compile=True),
        Case("resnet50", 512),
        Case("resnet50", 512, compile=True),
        Case("resnet50", 1024, micro_batch=512),
        Case("resnet8", 1024),
        Case("resnet18", 512, queue=4096),
    ),
}


def measured(case: Case, device: torch.device, steps: int) -> dict:
    stride, found = _STRIDE[device.type], []

    def progress(items: Iterable, description: str, total: int | None = None) -> Iterator:
        since = None
        for i, item in enumerate(items):
            if i >= _WARM_UP and (i - _WARM_UP) % stride == 0:
                synchronise(device)
                now = time.perf_counter()
                if since is not None:
                    found.append(1e3 * (now - since) / stride)
                since = now
            yield item

    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with planned(case, str(device), steps * stride + _WARM_UP + 1) as plan:
        train(None, plan, progress=progress)
        precision = plan.config.precision
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    return {"step_ms": found, "precision": precision, "peak_gib": peak}


if __name__ == "__main__":
    run_cases("epoch", __doc__, CASES, measured, step_table.epochs)
