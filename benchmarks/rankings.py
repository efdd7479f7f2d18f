"""How long rankings of 1,000 and 10,000 classes take to read, expand and check, and how much memory.

    python benchmarks/rankings.py                     # all cases, five runs each, each run a process of its own
    python benchmarks/rankings.py --runs 1 --only tree-1k
    python benchmarks/rankings.py --show benchmarks/results/rankings.json

Prints CPU seconds (median of n runs, the least in brackets) and the peak of memory, and writes every run's numbers to
benchmarks/results/rankings.json. *whole* is ``rankcon rank validate`` from start to end, *start-up* that of a ranking of
two classes; *derive* is ``rankcon rank derive --from edges`` from an edge list of the same tree.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS = ("parse", "expand", "check", "whole", "derive")


def tree(*widths: int, links: int = 0) -> dict[str, Any]:
    """Classes as leaves of a balanced tree, its inner nodes as groups; ``links`` classes list one far away as well."""
    names = ["n"]
    groups = {}
    for level, width in enumerate(widths):
        inner = [f"{name}_{i}" for name in names for i in range(width)]
        mark = "" if level == len(widths) - 1 else "@"
        if level:  # the root holds every class and would rank nothing
            groups |= {name: [f"{mark}{name}_{i}" for i in range(width)] for name in names}
        names = inner
    step, n = len(names) // max(links, 1), len(names)
    rankings = {names[i]: [[names[(i + n // 2) % n]], "@groups"] for i in range(0, step * links, step)}
    return {"classes": names, "groups": groups, "rankings": rankings}


def uneven(n: int) -> dict[str, Any]:
    """A tree that grew by joining nodes at random: some classes deep down, some near the root."""
    draw = random.Random(0)
    classes = [f"c{i}" for i in range(n)]
    nodes, groups = list(classes), {}
    while len(nodes) > 8:
        inner = [nodes.pop(draw.randrange(len(nodes))) for _ in range(draw.choice((2, 2, 3, 5, 8)))]
        groups[f"g{len(groups)}"] = inner
        nodes.append(f"@g{len(groups) - 1}")
    return {"classes": classes, "groups": groups}


def listed(n: int, most: int, width: int = 1) -> dict[str, Any]:
    """Every class lists ``most`` others in random order, ``width`` a tier."""
    draw = random.Random(0)
    classes = [f"class_{i}" for i in range(n)]
    rankings = {}
    for a in range(n):
        order = [classes[b + (b >= a)] for b in draw.sample(range(n - 1), most)]
        rankings[classes[a]] = [order[i : i + width] for i in range(0, most, width)]
    return {"classes": classes, "rankings": rankings}


def line(n: int) -> dict[str, Any]:
    """Points on a line, each ranking all others by distance: no tree, and no contradiction to be found."""
    draw = random.Random(0)
    place = {f"class_{i}": draw.random() for i in range(n)}
    rankings = {a: [[b] for b in sorted(place, key=lambda b, a=a: abs(place[a] - place[b])) if b != a] for a in place}
    return {"classes": list(place), "rankings": rankings}


#: Case -> what it is, and how it is made.
CASES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "two": ("two classes (start-up)", lambda: {"classes": ["a", "b"], "rankings": {"a": [["b"]], "b": [["a"]]}}),
    "tree-1k": ("tree, 10 x 10 x 10", lambda: tree(10, 10, 10)),
    "top10-1k": ("10 others each, at random", lambda: listed(1000, 10)),
    "tiers-1k": ("all others each, 200 a tier", lambda: listed(1000, 999, 200)),
    "permutation-1k": ("all others each, one a tier, at random", lambda: listed(1000, 999)),
    "line-1k": ("all others each, one a tier, by distance", lambda: line(1000)),
    "tree-10k": ("tree, 10 x 10 x 100", lambda: tree(10, 10, 100)),
    "links-10k": ("the same with 10 lists across", lambda: tree(10, 10, 100, links=10)),
    "1000-links-10k": ("the same with 1,000 lists across", lambda: tree(10, 10, 100, links=1000)),
    "uneven-10k": ("uneven tree", lambda: uneven(10_000)),
    "top10-10k": ("10 others each, at random", lambda: listed(10_000, 10)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", help="these cases, comma-separated")
    parser.add_argument("--name", default="rankings", help="names the result file")
    parser.add_argument("--show", type=Path, help="print the table of a result file and measure nothing")
    parser.add_argument("--steps-of", type=Path, help=argparse.SUPPRESS)  # one run, in the process that it is
    args = parser.parse_args()
    if args.steps_of:
        print(json.dumps(steps_of(args.steps_of)))
        return
    if args.show:
        show(json.loads(args.show.read_text()))
        return
    entry = entry_of([measure(name, args.runs) for name in (args.only.split(",") if args.only else CASES)], args.runs)
    from rankcon_cli.files import to_json, write_atomic

    write_atomic(Path(__file__).parent / "results" / f"{args.name}.json", to_json(entry, indent=1) + "\n")
    show(entry)


def measure(name: str, runs: int) -> dict[str, Any]:
    """All the numbers of a case: lists of CPU seconds, one a run, and of MiB."""
    document = CASES[name][1]()
    lists = sum(len(tier) for tiers in document.get("rankings", {}).values() for tier in tiers if tier != "@groups")
    found: dict[str, Any] = {
        "case": name,
        "what": CASES[name][0],
        "classes": len(document["classes"]),
        "written": lists,
    }
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ranking.json"
        path.write_text(json.dumps({"format": "rankcon/ranking", "version": 1, **document}))
        for _ in range(runs):
            steps = json.loads(spent([sys.executable, __file__, "--steps-of", str(path)])[2])
            cpu, peak, _ = spent([sys.executable, "-m", "rankcon_cli", "rank", "validate", str(path)])
            for key, value in {**steps, "whole": cpu, "peak_mib": peak}.items():
                found.setdefault(key, []).append(value)
            if document.get("groups") and not document.get("rankings"):
                found.setdefault("derive", []).append(derive_seconds(document, Path(scratch)))
        print(found, file=sys.stderr)
    return found


def steps_of(path: Path) -> dict[str, Any]:
    """CPU seconds of the steps in this process, and what the check found; expansion is part of the check, too."""
    from rankcon_cli.ranking import check, load
    from rankcon_cli.ranking.expansion import expand

    begun = time.process_time()
    ranking = load(path)
    parsed = time.process_time()
    expansion = expand(ranking)
    expanded = time.process_time()
    pairs = sum(sum(map(len, tiers)) for tiers in expansion.table.tiers)
    del expansion
    checking = time.process_time()
    codes = sorted({issue.code for issue in check(ranking)})
    checked = time.process_time()
    return {
        "parse": parsed - begun,
        "expand": expanded - parsed,
        "check": checked - checking,
        "pairs": pairs,
        "codes": codes,
    }


def derive_seconds(document: dict[str, Any], scratch: Path) -> float | None:
    """CPU seconds of ``rank derive --from edges`` on the tree of a document; None where this rankcon cannot do it."""
    path = scratch / "edges.txt"
    path.write_text("".join(f"{parent} {child}\n" for parent, child in edges_of(document)))
    command = [sys.executable, "-m", "rankcon_cli", "rank", "derive", "--from", "edges", str(path)]
    try:
        return spent(command)[0]
    except subprocess.CalledProcessError as error:
        print(f"not derived: {error.stderr}", file=sys.stderr)
        return None


def edges_of(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The edges of the tree; a root holds what no group does."""
    held = set()
    for group, members in document["groups"].items():
        for member in members:
            held.add(member.removeprefix("@"))
            yield group, member.removeprefix("@")
    for node in (*document["groups"], *document["classes"]):
        if node not in held:
            yield "root", node


def spent(command: list[str]) -> tuple[float, float, str]:
    """CPU seconds, peak MiB and output of a process. A child of its own measures it: the peak is of all children."""
    code = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([use.ru_utime + use.ru_stime, use.ru_maxrss, done.returncode, done.stdout, done.stderr]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    cpu, peak, status, out, err = json.loads(done.stdout)
    if status:
        raise subprocess.CalledProcessError(status, command, out, err)
    return cpu, peak / (2**20 if sys.platform == "darwin" else 2**10), out


def entry_of(rows: list[dict[str, Any]], runs: int) -> dict[str, Any]:
    """What is written: every run's numbers, and all that they depended on."""
    from rankcon_cli.training.environment import device_name, git_revision, package_versions

    return {
        "benchmark": "rankings",
        "date": datetime.date.today().isoformat(),
        "device": device_name("cpu"),
        "cpu_count": os.cpu_count(),
        "load": os.getloadavg(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "git_revision": git_revision(Path(__file__).parent),
        "runs": runs,
        "rows": rows,
    }


def show(entry: dict[str, Any]) -> None:
    """Print the table of a result: the median of the runs' CPU seconds, and the least."""
    print(f"| case | classes | listed pairs | {' | '.join(STEPS)} | peak MiB |")
    print("| --- |" + " ---: |" * (len(STEPS) + 3))
    for row in entry["rows"]:
        seconds = " | ".join(spread(row.get(step, ())) for step in STEPS)
        peak = max(row["peak_mib"])
        print(f"| {row['what']} | {row['classes']:,} | {row['pairs'][0]:,} | {seconds} | {peak:.0f} |")
    print(
        f"\nCPU seconds, median (least) of n = {entry['runs']} runs; {entry['device']}, {entry['cpu_count']} cores, load "
        f"{entry['load'][0]:.1f}, Python {entry['python']}, {entry['date']}."
    )


def spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.2f} ({min(known):.2f})" if known else "–"


if __name__ == "__main__":
    main()
