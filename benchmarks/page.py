"""docs/benchmarks.md from the records in benchmarks/results/.

python benchmarks/page.py               # writes it
python benchmarks/page.py --check       # exits 1 where it is not what the records say
python benchmarks/page.py --add FOLDER  # first takes over the records that another machine wrote to FOLDER
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import loss_table
import step_table
from records import RESULTS, append_record, read_records

from rankcon_cli.files import write_atomic

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
DEVICES = {"cpu": "CPU", "cuda": "CUDA"}
HEAD = """# Time and memory

Written by `python benchmarks/page.py` from the records in `benchmarks/results/`: do not edit. How far the methods get is
in [findings](findings.md).

All that needs a GPU, in ten minutes of one card: `python benchmarks/gpu.py`, then `python benchmarks/page.py`."""


@dataclass(frozen=True)
class Section:
    """A script whose records are results/NAME-cpu.json and NAME-cuda.json; ``shown``: record -> Markdown without headings."""

    title: str
    about: str
    command: str
    shown: Callable[[dict], str]


#: Name of the records -> what the page says of them. A new script adds its line here.
SECTIONS = {
    "loss": Section(
        "The losses",
        "Forward and backward, d = 128, float32 unless stated. Two dense versions stand beside: `benchmarks/dense.py`, one "
        'exponential a pair and rank, and the package\'s `impl="dense"`, which keeps to logarithms and is safe at any '
        "temperature. Against a bank the gradient is that of the anchors; within the batch it is that of both sides, and unit "
        "length is part of the work. Extra memory is the peak of one call beyond its inputs, the gradient included: on the CPU "
        "what resident memory rises by in a fresh process after a small call, on CUDA what PyTorch allocates. Errors are "
        "relative, against float64 in the same run, the gradient's by norms.",
        "python benchmarks/loss.py",
        loss_table.section,
    ),
    "step": Section(
        "The training step",
        "A ranked training (r = 3, `out-in`) on random 32x32 images of CIFAR's form, two views each, with all that a step "
        "does, against the bare forward and backward pass of the encoder on tensors in memory, done before each step of "
        "the same process. The ratio is the median over pairs. The shares are those of `rankcon train --profile`, of a "
        "second training.",
        "python benchmarks/step.py",
        step_table.section,
    ),
    "epoch": Section(
        "The epoch",
        "Images a second of whole trainings on random 32x32 images, two views each; an epoch is 50,000 images.",
        "python benchmarks/epoch.py",
        step_table.epochs,
    ),
}


def page(results: Path = RESULTS) -> str:
    parts = [HEAD]
    for name, section in SECTIONS.items():
        parts += [f"## {section.title}", f"`{section.command}`. {section.about}"]
        for device, label in DEVICES.items():
            records = read_records(f"{name}-{device}", results)
            if not records:
                parts.append(f"{label}: not measured.")
            for entry in records:
                parts += [f"### {section.title} on {entry['device']}", section.shown(entry)]
    return "\n\n".join(parts) + "\n"


def add(folder: Path, results: Path = RESULTS) -> list[str]:
    """The records in ``folder`` into ``results``; their names."""
    found = []
    for name in (f"{name}-{device}" for name in SECTIONS for device in DEVICES):
        for entry in read_records(name, folder):
            append_record(name, entry, results)
            found.append(f"{name}: {entry['device']}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page is stale")
    parser.add_argument("--add", type=Path, metavar="FOLDER", help="take over the records in FOLDER")
    args = parser.parse_args()
    if args.add:
        print("\n".join(add(args.add)) or f"no records in {args.add}")
    written = page()
    if args.check:
        if not PAGE.exists() or PAGE.read_text() != written:
            sys.exit("docs/benchmarks.md is not what the records say: run python benchmarks/page.py")
        return
    write_atomic(PAGE, written)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
