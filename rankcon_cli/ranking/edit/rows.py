"""The expanded tiers of one class on their way through an edit."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.expansion import Expansion
from rankcon_cli.wording import counted, quoted


class Row(NamedTuple):
    """One expanded tier on its way through an edit: labels, and the score if there is one."""

    members: frozenset[int]
    score: float | None = None


def rows_of(expansion: Expansion, c: int) -> list[Row]:
    """The expanded tiers of class ``c``."""
    table = expansion.table
    scores = table.scores[c] or [None] * table.n_tiers(c)
    return [Row(frozenset(members), score) for members, score in zip(table.tiers[c], scores, strict=True)]


def with_row(rows: list[Row], row: Row, k: int, *, new: bool) -> list[Row]:
    """``row`` joined to the row at ``k``, or put in before it where ``new`` or there is none."""
    if not new and k < len(rows):
        if row.score is not None:
            raise RankconError(f"tier {k + 1} is there already; a score comes with a new tier", hint="see 'rank score'")
        return [*rows[:k], Row(rows[k].members | row.members, rows[k].score), *rows[k + 1 :]]
    score = between(rows, k) if row.score is None and scored(rows) else row.score
    return [*rows[:k], Row(row.members, score), *rows[k:]]


def without(rows: list[Row], labels: frozenset[int]) -> list[Row]:
    left = [Row(row.members - labels, row.score) for row in rows]
    return [row for row in left if row.members]


def position(rows: list[Row], name: str, tier: int | None, *, last: int) -> int:
    """``tier`` as a position from 0; None stands for past the last."""
    if tier is None:
        return len(rows)
    if not 1 <= tier <= last:
        has = f"{quoted(name)} has {counted(len(rows), 'tier')}"
        raise RankconError(f"there is no tier {tier} for this: {has}")
    return tier - 1


def scored(rows: Iterable[Row]) -> bool:
    return any(row.score is not None for row in rows)


def between(rows: Sequence[Row], k: int) -> float:
    """A short score strictly between those of the rows before and from ``k``."""
    high = (rows[k - 1].score if k else None) or 1.0
    low = (rows[k].score if k < len(rows) else None) or 0.0
    middle = (high + low) / 2
    if not low < middle < high:
        message = f"there is no room for a score between {high} and {low}"
        raise RankconError(message, hint="give its neighbours other scores first: 'rank score'")
    return next((short for digits in range(1, 17) if low < (short := round(middle, digits)) < high), middle)
