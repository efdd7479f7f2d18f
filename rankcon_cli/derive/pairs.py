"""Tables with a row for each pair of classes: how similar, how far, or in which tier."""

import logging
import math
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rankcon_cli.derive.records import Record, check_width, read_name, read_number, read_similarity
from rankcon_cli.derive.similarity import Similarities, check_classes
from rankcon_cli.errors import RankconError
from rankcon_cli.wording import counted, listed, quoted

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("rankcon")

_TIERS = ("tier", "rank")
_SIMILARITIES = ("score", "similarity", "weight")
_DISTANCE = "distance"


def is_pair_list(record: Record) -> bool:
    """Whether a record reads ``a b distance``."""
    try:
        return len(record.cells) == 3 and math.isfinite(float(record.cells[2]))
    except ValueError:
        return False


def value_of_pairs(header: Sequence[str]) -> str | None:
    """``distance``, ``similarity`` or ``score`` where it is the last of three columns, as in ``a,b,distance``; else None.

    A header that names its other columns as one of the known tables does is no such header.
    """
    *pair, last = (cell.casefold() for cell in header)
    known = {"class", "similar", "parent", "child"}.intersection(pair)
    return last if len(pair) == 2 and all(pair) and not known and last in ("score", "similarity", _DISTANCE) else None


def read_pair_table(
    rows: Iterator[Record], width: int, columns: Mapping[str, int], file: str, *, distance: bool | None
) -> Similarities:
    """The rows of a table with the columns ``class`` and ``similar``; see ``tables.read_table``.

    Args:
        rows: what follows the header.
        width: how many columns there are.
        columns: name in small letters -> position.
    """
    key = _value_column(columns, file, distance)
    in_tiers = key in _TIERS
    distances = not in_tiers and (key == _DISTANCE or bool(distance))
    score_at = columns.get("score") if in_tiers else None
    pairs, scores = _Pairs(file), array("d")
    for line, cells in rows:
        check_width(cells, width, line, file)
        anchor, other = read_name(cells[columns["class"]], line, file), cells[columns["similar"]]
        if not other:
            pairs.close(anchor)
            continue
        read_name(other, line, file)
        if in_tiers:
            value = -_read_tier(cells[columns[key]], key, line, file)
        else:
            value = read_similarity(cells[columns[key]], key, line, file, distance=distances)
        pairs.add(anchor, other, value, line)
        scores.append(math.nan if score_at is None else read_number(cells[score_at], "score", line, file))
    if in_tiers:
        _put_scores(pairs, scores, key)
    return Similarities(*pairs.matrix(), distances=distances, declared=in_tiers)


def _read_tier(cell: str, column: str, line: int, file: str) -> float:
    tier = read_number(cell, column, line, file)
    if not math.isfinite(tier):
        raise RankconError(f"{file}:{line}: the {column} is a number, 1 for the most similar, not {quoted(cell)}")
    return tier


def _value_column(columns: Mapping[str, int], file: str, distance: bool | None) -> str:
    tiers = [key for key in _TIERS if key in columns]
    found = tiers or [key for key in (*_SIMILARITIES, _DISTANCE) if key in columns]
    if len(found) != 1:
        hint = f"beside class and similar give one of {', '.join((*_SIMILARITIES, _DISTANCE, *_TIERS))}"
        what = f"not one but {len(found)}: {listed(found)}" if found else "missing"
        raise RankconError(f"{file}: the column that says how similar classes are is {what}", hint=hint)
    refuse_contrary(found[0], distance, file)
    return found[0]


def refuse_contrary(column: str, distance: bool | None, file: str) -> None:
    """RankconError where the column that says how similar classes are was said to hold the opposite."""
    if distance is not None and column in ("score", "similarity", _DISTANCE) and distance != (column == _DISTANCE):
        said = "distances" if distance else "similarities"
        raise RankconError(
            f"{file}: the column {quoted(column)} was said to hold {said}", hint="rename it, or say nothing"
        )


def read_pair_list(rows: Iterator[Record], file: str, *, distance: bool) -> Similarities:
    """The rows ``a b number``, each counted both ways unless the other way is there too; see ``tables.read_table``."""
    pairs, inner = _Pairs(file), set()
    for line, cells in rows:
        check_width(cells, 3, line, file)
        a, b = (read_name(cell, line, file) for cell in cells[:2])
        value = read_similarity(cells[2], "3", line, file, distance=distance)
        if distance and a == b and value != 0:
            inner.add(a)
        pairs.add(a, b, value, line)
    if inner:
        log.info("%s: %s left out, being at a distance from themselves", file, counted(len(inner), "inner node"))
    return Similarities(*pairs.matrix(without=inner, mutual=True), distances=distance)


class _Pairs:
    """Gathers (class, similar class, value, line), in arrays: a file may have millions of lines."""

    def __init__(self, file: str):
        self.file = file
        self.names: dict[str, int] = {}  # numbered as they come
        self._anchors: dict[int, None] = {}
        self._closed: set[int] = set()
        self.a, self.b, self.line, self.value = array("l"), array("l"), array("l"), array("d")

    def add(self, anchor: str, other: str, value: float, line: int) -> None:
        a = self._anchor(anchor)
        self.a.append(a)
        self.b.append(self.names.setdefault(other, len(self.names)))
        self.value.append(value)
        self.line.append(line)

    def close(self, anchor: str) -> None:
        """Note that a class has no similar ones but those of its rows."""
        self._closed.add(self._anchor(anchor))

    def _anchor(self, name: str) -> int:
        number = self.names.setdefault(name, len(self.names))
        self._anchors[number] = None
        return number

    def matrix(self, without: Collection[str] = (), *, mutual: bool = False) -> "tuple[tuple[str, ...], np.ndarray]":
        """Classes, those with rows of their own first, and the matrix of ``Similarities``.

        Args:
            without: names that are no classes.
            mutual: a pair counts for its second class as well, where that has no row for it.
        """
        import numpy as np

        a, b, value = np.array(self.a), np.array(self.b), np.array(self.value)
        self._refuse_repeated(a, b)
        names = list(self.names)
        order = [*self._anchors, *(i for i in range(len(names)) if i not in self._anchors)]
        order = [i for i in order if names[i] not in without]
        classes = tuple(names[i] for i in order)
        check_classes(classes)
        label = np.full(len(names), -1)
        label[order] = np.arange(len(order))
        a, b = label[a], label[b]
        kept = (a >= 0) & (b >= 0)
        matrix = np.full((len(classes), len(classes)), np.nan)
        if mutual:
            matrix[b[kept], a[kept]] = value[kept]
        matrix[a[kept], b[kept]] = value[kept]
        for c in label[list(self._closed)]:
            matrix[c, np.isnan(matrix[c])] = -np.inf
        return classes, matrix

    def _refuse_repeated(self, a: "np.ndarray", b: "np.ndarray") -> None:
        import numpy as np

        pair = a * len(self.names) + b
        order = np.argsort(pair, kind="stable")
        again = np.flatnonzero(np.diff(pair[order]) == 0)
        if len(again):
            k = again[np.argmin(order[again + 1])]
            first, second = order[k], order[k + 1]
            names = list(self.names)
            what = f"{quoted(names[a[first]])} and {quoted(names[b[first]])}"
            raise RankconError(f"{self.file}:{self.line[second]}: {what} stand on line {self.line[first]} already")


def _put_scores(pairs: _Pairs, scores: Sequence[float], column: str) -> None:
    """Let the scores of tiers take the place of their numbers, in the classes where every tier has one.

    RankconError where the rows of a tier have different scores, some tiers of a class have none, or they are no scores.
    """
    tiers: dict[int, dict[float, tuple[float | None, int]]] = {}
    for a, b, value, score, line in zip(pairs.a, pairs.b, pairs.value, scores, pairs.line, strict=True):
        if a == b:
            raise RankconError(f"{pairs.file}:{line}: a class stands in no {column} of its own")
        given = None if math.isnan(score) else score
        found, first = tiers.setdefault(a, {}).setdefault(value, (given, line))
        if found != given:
            raise RankconError(f"{pairs.file}:{line}: another score for the same {column} stands on line {first}")
    for of_class in tiers.values():
        row = [of_class[value] for value in sorted(of_class, reverse=True)]
        for (above, _), (score, line) in pairwise([(1.0 if row[0][0] is not None else None, 0), *row]):
            if (score is None) != (above is None):
                raise RankconError(f"{pairs.file}:{line}: all tiers of a class have a score, or none")
            if score is not None and not 0 < score < above:
                hint = f"scores are below 1 and fall as the {column} rises"
                raise RankconError(
                    f"{pairs.file}:{line}: the score {score:g} does not lie between 0 and {above:g}", hint=hint
                )
    for i, (a, value) in enumerate(zip(pairs.a, pairs.value, strict=True)):
        score = tiers[a][value][0]
        pairs.value[i] = value if score is None else score
