"""Edits of the tiers of a class. Tiers count from 1, as ``rank show`` shows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking
from rankcon_cli.ranking.edit.guard import expanded, label_of, labels_of, refuse_faults, sound
from rankcon_cli.ranking.edit.rows import Row, between, position, rows_of, scored, with_row, without
from rankcon_cli.ranking.edit.spelling import rest, spell
from rankcon_cli.ranking.expansion import Expansion
from rankcon_cli.wording import counted, listed, quoted

#: What an edit does to the tiers of one class.
Change = Callable[[list[Row]], list[Row]]


class ClassTier(NamedTuple):
    """One tier of a class with groups expanded.

    Attributes:
        names: class names in label order.
        score: the tier's similarity, if it has one.
        group: the group that makes the tier; None for one that the class lists itself.
    """

    names: tuple[str, ...]
    score: float | None
    group: str | None


def class_tiers(ranking: Ranking, name: str) -> tuple[ClassTier, ...]:
    """The tiers of a class as they are now, most similar first."""
    expansion = sound(ranking)
    c = label_of(ranking, name)
    rows = rows_of(expansion, c)
    listing = ranking.rankings.get(name)
    groups: list[str] = []
    if listing is None or listing.rest_of_groups:
        empty = sum(path[1] == name for path in expansion.empty)
        own = 0 if listing is None else len(listing.tiers) - empty
        placed = {c}.union(*(row.members for row in rows[:own]))
        groups = [group for _, group in rest(ranking, expansion, c, placed)]
    made_by = [None] * (len(rows) - len(groups)) + groups
    return tuple(
        ClassTier(tuple(ranking.classes[b] for b in sorted(row.members)), row.score, group)
        for row, group in zip(rows, made_by, strict=True)
    )


def is_explicit(ranking: Ranking, name: str) -> bool:
    """Whether the class has a list of its own."""
    label_of(ranking, name)
    return name in ranking.rankings


def listed_by(ranking: Ranking, name: str) -> tuple[str, ...]:
    """The classes that have ``name`` in one of their tiers."""
    table = sound(ranking).table
    c = label_of(ranking, name)
    return tuple(table.classes[a] for a, tiers in enumerate(table.tiers) if any(c in members for members in tiers))


def set_listing(ranking: Ranking, name: str, listing: Listing) -> Ranking:
    """Give a class this list, as written."""
    label_of(ranking, name)
    return _relisted(ranking, name, replace(ranking, rankings={**ranking.rankings, name: listing}, text=None))


def use_groups(ranking: Ranking, name: str) -> Ranking:
    """Drop a class's own list, so that its groups rank it."""
    label_of(ranking, name)
    kept = {other: listing for other, listing in ranking.rankings.items() if other != name}
    return _relisted(ranking, name, replace(ranking, rankings=kept, text=None))


def add(
    ranking: Ranking,
    name: str,
    others: Sequence[str],
    tier: int | None = None,
    *,
    new: bool = False,
    score: float | None = None,
    mutual: bool = False,
) -> Ranking:
    """Put ``others`` into a tier of ``name``.

    Args:
        ranking: the ranking.
        name: the class whose tiers change.
        others: classes that it does not list yet.
        tier: the tier they join; None, or one past the last: a new last tier.
        new: a tier of their own before ``tier`` instead.
        score: that of the new tier; without one it lies midway between its neighbours where those have scores.
        mutual: list ``name`` with the others too, in their tier of the same number.
    """
    expansion = sound(ranking)
    labels = _others(ranking, name, others)

    def change(rows: list[Row]) -> list[Row]:
        for k, row in enumerate(rows, 1):
            for b in labels & row.members:
                message = f"{quoted(ranking.classes[b])} is in tier {k} of {quoted(name)} already"
                raise RankconError(message, hint="move puts it into another tier")
        return with_row(rows, Row(labels, score), position(rows, name, tier, last=len(rows) + 1), new=new)

    def back(rows: list[Row]) -> list[Row]:
        row = Row(frozenset((label_of(ranking, name),)))
        if any(row.members & other.members for other in rows):
            return rows
        k = len(rows) if tier is None else min(tier - 1, len(rows))
        return with_row(rows, row, k, new=new and k < len(rows))

    changes = {name: change}
    if mutual or ranking.symmetric:
        changes |= dict.fromkeys(others, back)
    return _changed(ranking, expansion, changes)


def remove(ranking: Ranking, name: str, others: Sequence[str], *, mutual: bool = False) -> Ranking:
    """Take ``others`` out of the tiers of ``name`` (with ``mutual``: and it out of theirs); empty tiers close up."""
    expansion = sound(ranking)
    labels = _others(ranking, name, others)

    def change(rows: list[Row]) -> list[Row]:
        _find_all(ranking, name, rows, labels)
        return without(rows, labels)

    def back(rows: list[Row]) -> list[Row]:
        return without(rows, frozenset((label_of(ranking, name),)))

    changes = {name: change}
    if mutual or ranking.symmetric:
        changes |= dict.fromkeys(others, back)
    return _changed(ranking, expansion, changes)


def move(ranking: Ranking, name: str, others: Sequence[str], tier: int, *, new: bool = False) -> Ranking:
    """Move ``others`` to ``tier`` of ``name``, counted as the tiers are now; ``new``: to one of their own before it."""
    labels = labels_of(ranking, others)

    def change(rows: list[Row]) -> list[Row]:
        _find_all(ranking, name, rows, labels)
        k = position(rows, name, tier, last=len(rows) + 1)
        moved = [Row(row.members - labels, row.score) for row in rows]
        if new or k == len(rows):
            moved.insert(k, Row(labels, between(rows, k) if scored(rows) else None))
        else:
            moved[k] = Row(moved[k].members | labels, moved[k].score)
        return [row for row in moved if row.members]

    return _changed(ranking, sound(ranking), {name: change})


def merge_tiers(ranking: Ranking, name: str, tier: int) -> Ranking:
    """Make one tier of ``tier`` and the next; it has the score of the first."""

    def change(rows: list[Row]) -> list[Row]:
        k = position(rows, name, tier, last=len(rows) - 1)
        return [*rows[:k], Row(rows[k].members | rows[k + 1].members, rows[k].score), *rows[k + 2 :]]

    return _changed(ranking, sound(ranking), {name: change})


def split_tier(ranking: Ranking, name: str, tier: int, others: Sequence[str]) -> Ranking:
    """``others`` leave ``tier`` for a tier of their own right below it."""
    labels = labels_of(ranking, others)

    def change(rows: list[Row]) -> list[Row]:
        k = position(rows, name, tier, last=len(rows))
        if not labels < rows[k].members:
            raise RankconError(
                f"to split tier {tier} of {quoted(name)} takes some of its classes, not all and none else",
                hint=f"it holds {listed(ranking.classes[b] for b in sorted(rows[k].members))}",
            )
        upper = Row(rows[k].members - labels, rows[k].score)
        return with_row([*rows[:k], upper, *rows[k + 1 :]], Row(labels), k + 1, new=True)

    return _changed(ranking, sound(ranking), {name: change})


def set_score(ranking: Ranking, name: str, tier: int, score: float) -> Ranking:
    """Give one tier a score; its neighbours must have scores too, or there be no others."""

    def change(rows: list[Row]) -> list[Row]:
        k = position(rows, name, tier, last=len(rows))
        return [*rows[:k], Row(rows[k].members, score), *rows[k + 1 :]]

    return _changed(ranking, sound(ranking), {name: change})


def set_scores(ranking: Ranking, name: str, scores: Sequence[float] | None) -> Ranking:
    """Give every tier a score, most similar first; None: take all scores away."""

    def change(rows: list[Row]) -> list[Row]:
        if scores is not None and len(scores) != len(rows):
            raise RankconError(f"{quoted(name)} has {counted(len(rows), 'tier')}, and {len(scores)} scores were given")
        return [Row(row.members, score) for row, score in zip(rows, scores or [None] * len(rows), strict=True)]

    return _changed(ranking, sound(ranking), {name: change})


def _others(ranking: Ranking, name: str, others: Sequence[str]) -> frozenset[int]:
    """The labels of ``others``, among which the class itself cannot be."""
    labels = labels_of(ranking, others)
    if label_of(ranking, name) in labels:
        raise RankconError(f"{quoted(name)} cannot stand in a tier of its own: it is tier 0 anyway")
    return labels


def _changed(ranking: Ranking, expansion: Expansion, changes: Mapping[str, Change]) -> Ranking:
    """The ranking with the rows of each class replaced by what its change makes of them."""
    rankings = dict(ranking.rankings)
    for name, change in changes.items():
        c = label_of(ranking, name)
        rows = change(rows_of(expansion, c))
        listing = spell(ranking, expansion, c, rows)
        if listing is None:
            rankings.pop(name, None)
        else:
            rankings[name] = listing
    return refuse_faults(ranking, replace(ranking, rankings=rankings, text=None))


def _relisted(before: Ranking, name: str, after: Ranking) -> Ranking:
    """``after``, in which ``name`` got another list; under ``symmetric`` the classes it lost and won follow."""
    if not after.symmetric:
        return refuse_faults(before, after)
    expansion = expanded(after)
    if expansion.issues:
        return refuse_faults(before, after)
    c = label_of(before, name)
    was = frozenset().union(*(row.members for row in rows_of(sound(before), c)))
    now = frozenset().union(*(row.members for row in rows_of(expansion, c)))
    own = frozenset((c,))

    def win(rows: list[Row]) -> list[Row]:
        return rows if any(own <= row.members for row in rows) else with_row(rows, Row(own), len(rows), new=True)

    changes: dict[str, Change] = {before.classes[b]: win for b in sorted(now)}
    changes |= {before.classes[b]: lambda rows: without(rows, own) for b in sorted(was - now)}
    return _changed(after, expansion, changes)


def _find_all(ranking: Ranking, name: str, rows: list[Row], labels: frozenset[int]) -> None:
    missing = labels.difference(*(row.members for row in rows))
    if missing:
        names = listed(ranking.classes[b] for b in sorted(missing))
        raise RankconError(
            f"{quoted(name)} does not list {names}", hint="'rankcon rank show FILE CLASS' shows its tiers"
        )
