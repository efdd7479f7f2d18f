"""What step.py and epoch.py share: a made-up data set of CIFAR's form, a training on it, its command line."""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from records import RESULTS, append_record, read_record, record

from rankcon_cli.training.config import DataConfig, EngineConfig, LossConfig, ModelConfig, OptimConfig, TrainConfig
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.plan import Plan, make_plan

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE, IMAGES_OF_AN_EPOCH = 32, 50_000


@dataclasses.dataclass(frozen=True)
class Case:
    """A training to be timed: ``batch`` images a step in two views each."""

    encoder: str
    batch: int
    augment: str = "natural"
    compile: bool = False
    micro_batch: int | None = None
    queue: int = 0

    @property
    def name(self) -> str:
        parts = [self.encoder, f"batch {self.batch:,}", self.augment]
        parts += ["compiled"] * self.compile
        parts += [f"{self.micro_batch} at a time"] if self.micro_batch else []
        parts += [f"queue {self.queue:,}"] if self.queue else []
        return ", ".join(parts)


@contextmanager
def planned(case: Case, device: str, steps: int) -> Iterator[Plan]:
    """The plan of a training of ``steps`` steps, r = 3, out-in, on random images."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        n = case.batch * steps
        data = Path(folder) / "noise.npz"
        labels = np.arange(n) % len(CLASSES)
        images = rng.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
        np.savez(data, train_images=images, train_labels=labels, class_names=np.array(CLASSES))
        config = TrainConfig(
            ranking="cifar10",
            device=device,
            augment=case.augment,
            data=DataConfig(spec=f"npz:{data}", val_fraction=0.0),
            loss=LossConfig(queue=case.queue),
            model=ModelConfig(encoder=case.encoder),
            optim=OptimConfig(epochs=1, batch_size=case.batch),
            engine=EngineConfig(compile=case.compile, micro_batch=case.micro_batch),
        )
        yield make_plan(config)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def run_cases(
    name: str,
    description: str,
    cases: Mapping[str, Sequence[Case]],
    measure: Callable[[Case, torch.device, int], dict],
    table: Callable[[dict], str],
) -> None:
    """The command line of step.py and epoch.py: the cases of a device one after the other, the record after each, a table."""
    args = arguments(description)
    if args.show:
        print(*(table(entry) for entry in read_record(args.show)), sep="\n\n")
        return
    device = pick_device(args.device)
    started, done, entry = time.monotonic(), [], {}
    todo = [case for case in cases[device.type] if args.only in case.name]
    if not todo:
        sys.exit(f"no case has {args.only!r} in its name: " + "; ".join(case.name for case in cases[device.type]))
    for i, case in enumerate(todo):
        if done and args.seconds and time.monotonic() - started > args.seconds:
            break
        print(f"{i + 1}/{len(todo)} {case.name}", file=sys.stderr, flush=True)
        found = measure(case, device, args.steps)
        done.append({"name": case.name, "encoder": case.encoder, "batch": case.batch, "queue": case.queue} | found)
        left_out = [other.name for other in todo[i + 1 :]]
        entry = record(name, args, device=str(device), cases=done, left_out=left_out, steps=args.steps)
        append_record(f"{name}-{device.type}", entry, args.results)
    print(table(entry))


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda or auto")
    parser.add_argument("--threads", type=int, help="threads of PyTorch on the CPU (default: PyTorch's own)")
    parser.add_argument("--steps", type=int, default=25, help="steps that are timed, after the first five")
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--only", default="", metavar="TEXT", help="the cases with TEXT in their name alone")
    parser.add_argument("--seconds", type=float, help="start no further case after this long")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the record")
    parser.add_argument("--show", type=Path, help="print a result file and measure nothing")
    args = parser.parse_args()
    if args.quick:
        args.steps = min(args.steps, 10)
    if args.threads:
        torch.set_num_threads(args.threads)
    return args
