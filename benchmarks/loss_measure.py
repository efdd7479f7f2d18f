"""How ``loss.py`` measures: in turns, checked against float64, and the peak of the memory in a process of its own.

python benchmarks/loss_measure.py    # not for hands: measures the memory of one loss, asked for in JSON on stdin
"""

import ctypes
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from loss_cases import Inputs, Setting, Work, errors, loss_of, make_inputs, reference, warm_up
from torch import Tensor

#: A sample is so many calls that it takes about this long: less is lost in the clock and in a start from cold.
SAMPLE_SECONDS = {"cpu": 0.3, "cuda": 0.02}
MOST_CALLS = 200


def measure(setting: Setting, device: torch.device, repeat: int) -> list[dict]:
    """A row for each work of ``setting``: seconds a call in every round, memory, and errors against float64."""
    inputs = make_inputs(setting, device)
    rows, ready = [], []
    exact: dict[tuple[str, int], tuple] = {}
    for work in setting.works:
        row: dict = {**dataclasses.asdict(work), "seconds": [], "cpu_seconds": [], "peak_bytes": None}
        rows.append(row)
        try:
            loss_of(work, make_inputs(warm_up(setting), device))().backward()
            forward = loss_of(work, inputs)
            first, row["peak_bytes"] = _first_call(forward, inputs, device)
            if (work.variant, work.ranks) not in exact:
                exact[work.variant, work.ranks] = reference(work, inputs)
            how, expected, gradient = exact[work.variant, work.ranks]
            row |= {"reference": how, "value": first["value"]}
            row |= errors(first["value"], first["gradient"], expected, gradient)
            if setting.heavy:
                row |= {"seconds": [first["seconds"]], "cpu_seconds": [first["cpu_seconds"]], "calls": 1}
                continue
            once = _sample(forward, inputs, device, 1)[0]
        except Exception as error:  # out of memory, a kernel that does not compile: the others are measured still
            row["failed"] = (str(error).splitlines() or [type(error).__name__])[0][:200]
            _forget(inputs, device)
            continue
        row["calls"] = min(MOST_CALLS, max(1, round(SAMPLE_SECONDS[device.type] / once)))
        ready.append((row, forward))
    exact.clear()
    for _ in range(repeat):
        for row, forward in ready:
            wall, cpu = _sample(forward, inputs, device, row["calls"])
            row["seconds"].append(wall)
            row["cpu_seconds"].append(cpu)
    if device.type == "cpu":
        for row, work in zip(rows, setting.works, strict=True):
            row["peak_bytes"] = None if "failed" in row else _peak_in_own_process(setting, work)
    return rows


def _first_call(forward: Callable[[], Tensor], inputs: Inputs, device: torch.device) -> tuple[dict, int | None]:
    """Value, gradient and seconds of one call, and on CUDA the peak of what it allocates beyond the inputs."""
    _forget(inputs, device)
    cuda = device.type == "cuda"
    before = torch.cuda.memory_allocated() if cuda else 0
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    started, cpu = time.perf_counter(), time.process_time()
    loss = forward()
    loss.backward()
    if cuda:
        torch.cuda.synchronize()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = torch.cuda.max_memory_allocated() - before if cuda else None
    gradient = inputs.anchors.grad
    return {"value": loss.item(), "gradient": gradient, "seconds": seconds, "cpu_seconds": cpu}, peak


def _forget(inputs: Inputs, device: torch.device) -> None:
    inputs.anchors.grad = None
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


def _sample(forward: Callable[[], Tensor], inputs: Inputs, device: torch.device, calls: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds of all threads) a call of forward and backward; on CUDA the first by the device's clock."""
    cuda = device.type == "cuda"
    if cuda:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        inputs.anchors.grad = None
        forward().backward()
    if cuda:
        end.record()
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    return (start.elapsed_time(end) / 1000 if cuda else wall) / calls, cpu / calls


def _peak_in_own_process(setting: Setting, work: Work) -> int | None:
    asked = {
        "setting": {**dataclasses.asdict(setting), "works": []},
        "work": dataclasses.asdict(work),
        "threads": torch.get_num_threads(),
    }
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def peak_here(setting: Setting, work: Work) -> int | None:
    """Bytes that one forward and backward pass adds to this process' resident memory at its peak; None without /proc.

    The gradient of the anchors counts, the inputs do not. A small call beforehand loads libraries and starts threads, and
    what it left on the heap is given back.
    """
    cpu = torch.device("cpu")
    loss_of(work, make_inputs(warm_up(setting), cpu))().backward()
    inputs = make_inputs(setting, cpu)
    forward = loss_of(work, inputs)
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None
    before = _status("VmRSS")
    forward().backward()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    print(json.dumps(peak_here(Setting(**asked["setting"]), Work(**asked["work"]))))
