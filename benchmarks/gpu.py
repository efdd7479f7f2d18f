"""All benchmarks that need a GPU, within ten minutes of one card: needs the installed package and torch alone.

    python benchmarks/gpu.py                      # records into benchmarks/results/
    python benchmarks/gpu.py --results FOLDER     # elsewhere, for python benchmarks/page.py --add FOLDER

Every script gets a share of the time, goes on with less where it runs short, and is ended at its limit; what it had written by
then stays. A script that fails does not stop the others. Exits 3 without a GPU, 1 where something was left out.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).parent
#: What a script takes beyond the seconds it is given: its start, and the setting or step it is in when they are over.
GRACE = 25


@dataclass(frozen=True)
class Job:
    """A script, its arguments beside ``--device cuda --seconds S --results FOLDER``, and its share of the time."""

    script: str
    arguments: tuple[str, ...]
    share: float


JOBS = (
    Job("loss.py", ("--million",), 0.4),
    Job("step.py", ("--quick",), 0.3),
    Job("epoch.py", ("--quick",), 0.3),
)


def seconds_of(job: Job, todo: tuple[Job, ...], left: float) -> float:
    """The limit of ``job``: its share of what is left, among the jobs that are still to come; what one saves the next may use."""
    return left * job.share / sum(other.share for other in todo)


def run(job: Job, limit: float, results: Path) -> str | None:
    """Why ``job`` did not end well, or None."""
    if not (HERE / job.script).exists():
        return "there is no such script"
    given = f"{max(1.0, limit - GRACE):.0f}"
    command = [
        sys.executable,
        str(HERE / job.script),
        "--device",
        "cuda",
        "--seconds",
        given,
        "--results",
        str(results),
    ]
    print(f"\n== {' '.join(['python', f'benchmarks/{job.script}', *command[2:], *job.arguments])}", flush=True)
    process = subprocess.Popen([*command, *job.arguments], start_new_session=True)
    try:
        code = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"ended after {limit:.0f} s; what it wrote before stays"
    except KeyboardInterrupt:
        _end(process)
        raise
    return None if code == 0 else f"exit status {code}"


def _end(process: subprocess.Popen) -> None:
    """The script and the workers it started, which are all of its session."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=570, help="for everything together (default: 570)")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for the records")
    parser.add_argument("--only", default="", help="the scripts of this comma-separated list, such as loss.py,step.py")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("gpu.py needs a CUDA device, and there is none here", file=sys.stderr)
        sys.exit(3)
    started = time.monotonic()
    jobs = tuple(job for job in JOBS if not args.only or job.script in args.only.split(","))
    args.results.mkdir(parents=True, exist_ok=True)
    left_out = {}
    for i, job in enumerate(jobs):
        left = args.seconds - (time.monotonic() - started)
        reason = run(job, seconds_of(job, jobs[i:], left), args.results)
        if reason:
            left_out[job.script] = reason
            print(f"{job.script}: {reason}", file=sys.stderr, flush=True)
    print(f"\n{time.monotonic() - started:.0f} s. " + ("Nothing was left out." if not left_out else "Left out:"))
    for script, reason in left_out.items():
        print(f"  {script}: {reason}")
    sys.exit(1 if left_out else 0)


if __name__ == "__main__":
    main()
