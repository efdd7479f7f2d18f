"""What the tables mark as best, and how often each known class attracts an unknown one."""

from collections.abc import Callable

import pytest

from rankcon_cli.ood.result import OodResult, Swallowed
from rankcon_cli.report.tables import Column, attractions, cells
from rankcon_cli.report.text import bdi, listed, shortened
from rankcon_cli.wording import counted, decimal, percent

NAN = float("nan")


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        (+1, [0.1, 0.9, 0.5], [False, True, False]),
        (-1, [0.1, 0.9, 0.5], [True, False, False]),
        (0, [0.1, 0.9, 0.5], [False, False, False]),
        (+1, [None, 0.2, NAN], [False, True, False]),
        (+1, [None, NAN, None], [False, False, False]),
        (+1, [0.90001, 0.90002, 0.1], [True, True, False]),  # equal as printed
        (-1, [0.5, 0.5], [False, False]),
        (+1, [0.5], [False]),
    ],
)
def test_best_of_a_column(better: int, values: list, best: list[bool]):
    rows = cells([Column("m", "M", decimal, better)], [{"m": value} for value in values])
    assert [row[0].best for row in rows] == best


def test_attractions_are_counted_per_unknown_class(changed: Callable[..., OodResult]):
    entries = [("a", "x", 1), ("a", "y", 5), ("a", "z", 2), ("a", "w", 2), ("b", "x", 9), ("b", "y", 1)]
    result = changed(swallowed=tuple(Swallowed("s", unknown, known, n, 10) for unknown, known, n in entries))
    first, second = attractions(result, "s")
    assert (first.ood_class, first.nearest, first.others) == ("b", [("x", 9), ("y", 1)], 0)
    assert (second.ood_class, second.nearest, second.others) == ("a", [("y", 5), ("z", 2), ("w", 2)], 1)
    assert attractions(result, "another set") == []


def test_printed_numbers_and_names():
    assert [decimal(None), decimal(NAN), decimal(0.12349), percent(0.5)] == ["–", "–", "0.123", "50.0\u00a0%"]
    assert [counted(1, "class"), counted(1000, "image")] == ["1 class", "1,000 images"]
    assert listed([bdi("a"), bdi("<"), bdi("c")]) == "<bdi>a</bdi>, <bdi>&lt;</bdi> and <bdi>c</bdi>"
    assert shortened("a\nvery  long name", 8) == "a very…"
