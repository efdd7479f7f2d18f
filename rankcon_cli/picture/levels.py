"""The tier table as a grid of levels, whole or drawn together."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.ranking.table import TierTable

if TYPE_CHECKING:
    import numpy as np


class Pairs(NamedTuple):
    """How many unordered pairs of classes list each other, and how many are listed from one side only."""

    mutual: int
    one_sided: int


def rows_of_levels(table: TierTable, rows: Sequence[int], columns: Sequence[int]) -> Iterator[list[int]]:
    """For each class of ``rows`` the level of each of ``columns``: 0 itself, k in tier k, -1 unlisted. One at a time."""
    for a in rows:
        level = [-1] * len(table.classes)
        level[a] = 0
        for k, members in enumerate(table.tiers[a], 1):
            for b in members:
                level[b] = k
        yield [level[b] for b in columns]


def pooled(table: TierTable, order: Sequence[int], size: int, share: float = 0.0) -> "np.ndarray":
    """int16 [size, size]: each cell stands for neighbouring classes of ``order`` and has one level for their pairs.

    That is the first tier within which at least ``share`` of its pairs are listed, and one pair at least; -1 where
    there is none. Where cells stand for single classes the diagonal is 0. The table is read once, a row of cells at a
    time: 10,000 classes need no array of their own.
    """
    import numpy as np

    n = len(order)
    cell = np.empty(n, dtype=np.int64)
    cell[list(order)] = np.arange(n) * size // n
    rows = np.split(np.asarray(order), np.searchsorted(cell[list(order)], np.arange(1, size)))
    wide = np.bincount(cell, minlength=size)
    grid = np.full((size, size), -1, dtype=np.int16)
    base = table.depth + 1
    for i, labels in enumerate(rows):
        # Column and tier in one number: sorted, the tiers of a cell stand together, the first ones first.
        keys = np.sort(np.concatenate([cell[listed] * base + tiers for listed, tiers in map(table.listed, labels)]))
        starts = np.searchsorted(keys, np.arange(size + 1) * base)
        needed = np.ceil(np.maximum(1, share * wide[i] * wide)).astype(np.int64)
        at = starts[:-1] + needed - 1
        enough = at < starts[1:]
        grid[i, enough] = keys[at[enough]] % base
    if size == n:
        np.fill_diagonal(grid, 0)
    return grid


#: Most listed classes whose pairs are counted.
_MOST_LISTED = 4_000_000


def count_pairs(table: TierTable) -> Pairs | None:
    """The pairs of classes that are listed both ways, and those listed one way; None past 4 million listed classes."""
    if sum(len(members) for tiers in table.tiers for members in tiers) > _MOST_LISTED:
        return None
    listed = [set().union(*tiers) for tiers in table.tiers]
    total = sum(map(len, listed))
    returned = sum(a in listed[b] for a, others in enumerate(listed) for b in others)
    return Pairs(returned // 2, total - returned)
