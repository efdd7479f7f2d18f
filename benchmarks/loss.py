"""Time and memory of the losses, forward and backward: the package, dense PyTorch, and pytorch-metric-learning's SupConLoss.

    pip install 'rankcon[benchmark]'                # pytorch-metric-learning; without it that row is left out
    python benchmarks/loss.py                       # on the CPU about ten minutes; let nothing else run
    python benchmarks/loss.py --device cuda --million
    python benchmarks/loss.py --show benchmarks/results/loss-cpu.json

All implementations of a setting run in one process in turns, so that what slows the machine down slows all of them. Every one
is held against float64. Writes benchmarks/results/loss-cpu.json or loss-cuda.json: a list, one record a device.
"""

import argparse
import dataclasses
import os
import sys
import time
from pathlib import Path

import torch
from loss_cases import Setting, peer_installed, settings
from loss_measure import measure
from loss_table import PEER, section
from records import RESULTS, append_record, installed, read_record, record

from rankcon_cli.training.devices import pick_device


def main() -> None:
    args = arguments()
    if args.show:
        print(*(section(entry) for entry in read_record(args.show)), sep="\n\n")
        return
    device = pick_device(args.device)
    if device.type not in ("cpu", "cuda"):
        sys.exit("loss.py measures on the CPU and on CUDA; choose with --device")
    if args.threads:
        torch.set_num_threads(args.threads)
    if not peer_installed():
        print(f"{PEER} is not installed: its row is left out", file=sys.stderr)
    started, done, entry = time.monotonic(), [], {}
    everything = settings(device, quick=args.quick, million=args.million)
    todo = [setting for setting in everything if args.only in setting.name]
    if not todo:
        sys.exit(f"no setting has {args.only!r} in its name: " + "; ".join(setting.name for setting in everything))
    load = os.getloadavg()[0]
    for i, setting in enumerate(todo):
        if args.seconds and time.monotonic() - started > args.seconds:
            break
        print(f"{i + 1}/{len(todo)} {setting.name}", file=sys.stderr, flush=True)
        done.append(described(setting) | {"rows": measure(setting, device, args.repeat)})
        left_out = [setting.name for setting in everything if setting.name not in {row["name"] for row in done}]
        entry = record("loss", args, device=str(device), settings=done, left_out=left_out, load_average=load)
        entry["packages"] |= installed("triton", PEER)
        if device.type == "cuda":
            entry["packages"]["cuda"] = torch.version.cuda
        append_record(f"loss-{device.type}", entry, args.results)  # each time: a run that is stopped keeps what it has
    print(section(entry))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda or auto")
    parser.add_argument("--threads", type=int, help="threads of PyTorch on the CPU (default: PyTorch's own)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: whether everything works, no figures to quote"
    )
    parser.add_argument("--million", action="store_true", help="on CUDA also 1,048,576 x 1,048,576, once")
    parser.add_argument("--only", default="", metavar="TEXT", help="the settings with TEXT in their name alone")
    parser.add_argument("--seconds", type=float, help="start no further setting after this long")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the record")
    parser.add_argument("--show", type=Path, help="print a result file and measure nothing")
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error("--repeat takes 1 or more")
    return args


def described(setting: Setting) -> dict:
    return {"name": setting.name, **{k: v for k, v in dataclasses.asdict(setting).items() if k != "works"}}


if __name__ == "__main__":
    main()
