"""The records of the benchmarks: what a result depended on, where it is kept, and how it is read again.

Needs nothing but the package's light rooms and torch, so that a bare GPU machine can write them.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.environment import device_name, git_revision, package_versions

RESULTS = Path(__file__).parent / "results"


def record(name: str, args: argparse.Namespace, *, device: str = "auto", **found: object) -> dict:
    """``found``, and all that it depended on."""
    return {
        "benchmark": name,
        "command": ["python", *stated(sys.argv)],
        "date": datetime.date.today().isoformat(),
        "device": device_name(str(pick_device(device))),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "git_revision": git_revision(Path(__file__).parent),
        **found,
    }


def stated(arguments: Sequence[str]) -> list[str]:
    """A command line without what is this machine's own: where the script lies, and where ``--results`` go."""
    script, *rest = arguments
    kept = [a for before, a in zip(["", *rest], rest, strict=False) if "--results" not in (a, before)]
    return [f"benchmarks/{Path(script).name}", *(a for a in kept if not a.startswith("--results="))]


def installed(*names: str) -> dict[str, str | None]:
    """Versions of packages that ``record`` does not state of itself; None for one that is missing."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def timing(name: str, description: str, measure: Callable[[int], dict], show: Callable[[dict], None]) -> None:
    """The command line of a timing: ``measure`` (how often -> what was found) into results/NAME.json, or ``--show`` one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--show", type=Path, help="print a result file and measure nothing")
    args = parser.parse_args()
    entry = read_record(args.show) if args.show else record(name, args, **measure(args.repeat))
    if not args.show:
        write_record(name, entry)
    show(entry)


def write_record(name: str, entry: dict) -> None:
    write_atomic(RESULTS / f"{name}.json", to_json(entry, indent=1) + "\n")


def read_record(path: Path) -> dict:
    return json.loads(path.read_text())


def append_record(name: str, entry: dict, results: Path = RESULTS) -> None:
    """``entry`` as the newest of results/NAME.json, a list that holds one record a device: those of other machines stay."""
    others = [old for old in read_records(name, results) if old["device"] != entry["device"]]
    write_atomic(results / f"{name}.json", to_json([*others, entry], indent=1) + "\n")


def read_records(name: str, results: Path = RESULTS) -> list[dict]:
    """The records of results/NAME.json, oldest first; none where nothing was measured."""
    path = results / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


def provenance(entry: dict, packages: Sequence[str] = ("torch", "scikit-learn", "pytorch-ood")) -> str:
    """The line under a table."""
    stated = ", ".join(f"{name} {entry['packages'][name]}" for name in packages if entry["packages"].get(name))
    return f"{entry['device']}, {entry['cpu_count']} cores, Python {entry['python']}, {stated}, {entry['date']}"
