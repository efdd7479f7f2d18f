"""What a record of ``loss.py`` says, in Markdown: a table a setting, and whether the bars were met. Reads JSON alone."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from records import provenance

DENSE = ("plain", "dense")
PEER = "pytorch-metric-learning"
#: implementation -> its label; ``chunked``, ``triton`` and ``dense`` are ``impl=`` of the package
LABELS = {
    "triton": "rankcon, triton",
    "chunked": "rankcon, chunked",
    "dense": 'rankcon, `impl="dense"`',
    "plain": "dense (benchmarks/dense.py)",
    PEER: PEER,
}
MIB = 2**20


#: (where, the row above the fraction line, the row below it); None for a row that was not measured
Pairs = Iterator[tuple[str, dict | None, dict | None]]


@dataclass(frozen=True)
class Bar:
    """A ratio of ``field`` (seconds or peak_bytes) between the rows that ``pairs`` finds, and the bound it should keep."""

    label: str
    pairs: Callable[[dict], Pairs]
    field: str = "seconds"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "none" if self.at_least is None else f"at least {self.at_least:g}"

    def met(self, value: float) -> bool:
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


def section(entry: dict) -> str:
    """The whole record."""
    n = max((len(row["seconds"]) for setting in entry["settings"] for row in setting["rows"]), default=0)
    parts = [
        f"Median of {n} rounds (least to largest), all implementations in turns. {machine(entry)}.",
        bars_table(entry),
    ]
    parts += [f"{setting['name'].capitalize()}:\n\n{setting_table(setting, entry)}" for setting in entry["settings"]]
    if entry["left_out"]:
        parts.append("Left out of this run: " + "; ".join(entry["left_out"]) + ".")
    return "\n\n".join(parts)


def machine(entry: dict) -> str:
    used = ("torch", "cuda", "triton", PEER) if entry["device"].startswith("cuda") else ("torch", PEER)
    threads = f"{entry['threads']} threads" if entry["threads"] != 1 else "one thread"
    where = f"{threads}, load {entry['load_average']:.1f} at the start"
    return f"{provenance(entry, used)}; {where}"


def setting_table(setting: dict, entry: dict) -> str:
    cuda = entry["device"].startswith("cuda")
    columns = [
        "loss",
        "by",
        "ms",
        *([] if cuda else ["CPU ms"]),
        "extra MiB",
        "error of the value",
        "… of the gradient",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in setting["rows"]:
        cells = [loss_name(row), LABELS[row["implementation"]]]
        if "failed" in row:
            cells += [f"failed: {row['failed'].replace('|', ' ')}"] + [""] * (len(columns) - 3)
        else:
            cells += [milliseconds(row["seconds"]), *([] if cuda else [milliseconds(row["cpu_seconds"])])]
            peak = row["peak_bytes"]
            cells.append("not measured" if peak is None else f"{peak / MIB:,.1f}")
            cells += [scientific(row["value_error"]), scientific(row["gradient_error"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def loss_name(row: dict) -> str:
    return "SupCon" if row["variant"] == "supcon" else f"`{row['variant']}`, r = {row['ranks']}"


def milliseconds(seconds: Sequence[float]) -> str:
    ms = [1000 * s for s in seconds]
    middle = f"{three_digits(statistics.median(ms))}"
    return middle if len(ms) == 1 else f"{middle} ({three_digits(min(ms))} to {three_digits(max(ms))})"


def three_digits(value: float) -> str:
    """1,234; 123; 12.3; 1.23; 0.123"""
    if value < 1:
        return f"{value:.3g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def scientific(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0e}"


def bars_table(entry: dict) -> str:
    """A line a bar and place. Whether it is met is said of the wall clock; CPU seconds stand beside it."""
    lines = ["| | where | measured | by CPU seconds | bar | met |", "| --- | --- | --- | --- | --- | --- |"]
    for bar in BARS:
        for where, upper, lower in bar.pairs(entry):
            ratio = ratios(upper, lower, bar.field)
            timed_on_cpu = bar.field == "seconds" and entry["device"].startswith("cpu")
            cpu = ratios(upper, lower, "cpu_seconds") if timed_on_cpu else None
            met = "–" if not ratio or bar.bound == "none" else "yes" if bar.met(ratio[0]) else "**no**"
            shown = ["not measured" if ratio is None else spread_of(ratio), "–" if cpu is None else spread_of(cpu)]
            lines.append(f"| {bar.label} | {where} | {' | '.join(shown)} | {bar.bound} | {met} |")
    return "\n".join(lines)


def spread_of(ratio: Sequence[float]) -> str:
    middle, *ends = (three_digits(value) for value in ratio)
    return middle if len(set(ratio)) == 1 else f"{middle} ({ends[0]} to {ends[1]})"


def ratios(upper: dict | None, lower: dict | None, field: str) -> tuple[float, float, float] | None:
    """Median, least and largest of the ratios of ``field``; of seconds those in the same round."""
    if not upper or not lower or not upper[field] or not lower[field]:
        return None
    above, below = (row[field] if isinstance(row[field], list) else [row[field]] for row in (upper, lower))
    found = [a / b for a, b in zip(above, below, strict=True)]
    return statistics.median(found), min(found), max(found)


def find(setting: dict, implementation: str, variant: str, ranks: int) -> dict | None:
    for row in setting["rows"]:
        if (row["implementation"], row["variant"], row["ranks"]) == (implementation, variant, ranks):
            return None if "failed" in row else row
    return None


def ours(setting: dict) -> str:
    """What ``impl="auto"`` is there."""
    return "triton" if any(row["implementation"] == "triton" for row in setting["rows"]) else "chunked"


def fastest_dense(setting: dict, variant: str, ranks: int) -> dict | None:
    rows = [row for name in DENSE if (row := find(setting, name, variant, ranks)) and row["seconds"]]
    return min(rows, key=lambda row: statistics.median(row["seconds"]), default=None)


def ranks_cost(entry: dict) -> Pairs:
    for setting in entry["settings"]:
        by = ours(setting)
        losses = {(row["variant"], row["ranks"]) for row in setting["rows"]}
        for variant in ("in", "out-in"):
            if {(variant, 1), (variant, 4)} <= losses:
                yield f"{setting['name']}: `{variant}`", *(find(setting, by, variant, ranks) for ranks in (4, 1))


def against_dense(anchors: int | None, name: str | None = None) -> Callable[[dict], Pairs]:
    """Pairs with the dense version ``name``, or the faster one, at r = 4 and 4,096 contrast samples; None: all other settings."""

    def pairs(entry: dict) -> Pairs:
        for setting in entry["settings"]:
            of_a_bar = setting["contrast"] == 4096 and setting["anchors"] in (512, 4096) and not setting["within_batch"]
            if of_a_bar != (anchors is not None) or (of_a_bar and setting["anchors"] != anchors):
                continue
            for variant, ranks in (("in", 4), ("out-in", 4), ("supcon", 1)):
                dense = find(setting, name, variant, ranks) if name else fastest_dense(setting, variant, ranks)
                if dense and dense["seconds"]:
                    where = f"{setting['name']}: {loss_name(dense)}, {LABELS[dense['implementation']]}"
                    yield where, dense, find(setting, ours(setting), variant, ranks)

    return pairs


def against_peer(entry: dict) -> Pairs:
    for setting in entry["settings"]:
        if setting["within_batch"]:
            yield setting["name"], *(find(setting, by, "supcon", 1) for by in (PEER, ours(setting)))


BARS = (
    Bar("time of r = 4 over that of r = 1", ranks_cost, at_most=1.6),
    Bar("times faster than the faster dense one", against_dense(512), at_least=4),
    Bar("times faster than the faster dense one", against_dense(4096), at_least=6),
    Bar("times faster than the faster dense one", against_dense(None)),
    Bar("times less memory than that one", against_dense(512), "peak_bytes", at_least=10),
    Bar("times less memory than that one", against_dense(4096), "peak_bytes", at_least=12),
    Bar("times less memory than that one", against_dense(None), "peak_bytes"),
    Bar("times faster than the one of logarithms", against_dense(512, "dense"), at_least=4),
    Bar("times faster than the one of logarithms", against_dense(4096, "dense"), at_least=6),
    Bar(f"times faster than {PEER}", against_peer, at_least=3),
    Bar(f"times less memory than {PEER}", against_peer, "peak_bytes", at_least=10),
)
