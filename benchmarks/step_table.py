"""The tables of step.py and epoch.py."""

import statistics

from records import provenance

#: The bars: on the CPU the whole step against the bare one; on a GPU at batch 1,024 shares of the step.
CPU_RATIO, GPU_INPUT, GPU_LOSS = 1.15, 0.05, 0.01


def section(entry: dict) -> str:
    """What step.py found on one device."""
    lines = ["| | whole step, ms | bare, ms | ratio | n |", "| --- | --- | --- | --- | --- |"]
    for case in entry["cases"]:
        lines.append(
            f"| {case['name']}, {case['precision']} | {spread(case['whole_ms'])} | {spread(case['bare_ms'])} | "
            f"{ratio(case):.2f} | {len(case['whole_ms'])} |"
        )
    phases = [name for name, *_ in entry["cases"][0]["profile"]]
    lines += [
        "",
        "Shares of a profiled step:",
        "",
        "| | " + " | ".join(phases) + " |",
        "| --- |" + " --- |" * len(phases),
    ]
    for case in entry["cases"]:
        shares = {name: share for name, _, share in case["profile"]}
        lines.append(f"| {case['name']} | " + " | ".join(f"{100 * shares[name]:.1f} %" for name in phases) + " |")
    lines += ["", "Embedding for evaluation against the forward pass of training, ms an image:", ""]
    for case in entry["cases"]:
        embedded, forward = statistics.median(case["embedding_ms_an_image"]), case["forward_ms_an_image"]
        slower = "as fast" if embedded <= forward else "slower"
        lines.append(f"- {case['name']}: {embedded:.3f} against {forward:.3f}: {slower}")
    lines += ["", "Bars:", "", *bars(entry), "", _foot(entry)]
    return "\n".join(lines)


def ratio(case: dict) -> float:
    """Median over the steps of the whole step over the bare one beside it."""
    return statistics.median(w / b for w, b in zip(case["whole_ms"], case["bare_ms"], strict=True))


def bars(entry: dict) -> list[str]:
    if entry["device"].startswith("cpu"):
        return [
            f"- {case['name']}: {ratio(case):.2f} times the bare step; the bar is {CPU_RATIO}: "
            f"{'met' if ratio(case) <= CPU_RATIO else 'missed'}"
            for case in entry["cases"]
        ]
    found = []
    for case in entry["cases"]:
        if case["batch"] != 1024:
            continue
        share = {name: part for name, _, part in case["profile"]}
        fed, loss = share["input"] + share["augment"], share["loss"]
        met = "met" if fed <= GPU_INPUT and loss <= GPU_LOSS else "missed"
        found.append(
            f"- {case['name']}: input and augmentation {100 * fed:.1f} % of the step (bar 5 %), the loss {100 * loss:.1f} % "
            f"(bar 1 %): {met}"
        )
    return found


def epochs(entry: dict) -> str:
    """What epoch.py found on one device."""
    lines = [
        "| | images a second | two-view epoch of 50,000, s | step, ms | peak memory, GiB | n |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in entry["cases"]:
        seconds = statistics.median(case["step_ms"]) / 1e3
        rate = case["batch"] / seconds
        memory = "" if case["peak_gib"] is None else f"{case['peak_gib']:.2f}"
        lines.append(
            f"| {case['name']}, {case['precision']} | {rate:,.0f} | {50_000 / rate:,.1f} | {spread(case['step_ms'])} | "
            f"{memory} | {len(case['step_ms'])} |"
        )
    return "\n".join([*lines, "", _foot(entry)])


def spread(values: list[float]) -> str:
    """median (least to most)"""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _foot(entry: dict) -> str:
    left_out = f" Left out for want of time: {'; '.join(entry['left_out'])}." if entry["left_out"] else ""
    machine = provenance(entry, ("torch", "torchvision"))
    return f"Median (least to most) of n steps; {machine}, {entry['threads']} threads.{left_out}"
