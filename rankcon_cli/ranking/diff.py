"""What two rankings say differently: classes, label order, tiers and scores."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.consistency import MAX_PAIRS
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.notation import format_member
from rankcon_cli.ranking.table import TierTable, tiers_of

#: Most names of one tier, or classes of one heading, that the text form shows.
MOST_NAMES = 12

#: Keys of a ranking file beside its classes and lists.
METADATA = ("name", "description", "source", "symmetric", "groups", "notes")


class Move(NamedTuple):
    """A class in the tiers of another: the tier it stands in before and after, from 1; None where it is not listed."""

    name: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class RankingDiff:
    """Two rankings beside each other.

    Attributes:
        before, after: their tables over the classes that both have, both in the label order of the first.
        hashes: the digests of the whole tables.
        only_before, only_after: the classes that one of them lacks.
        reordered: the common classes stand in another order.
        changed: labels of the common classes whose tiers or scores differ.
        aside: keys of the files that differ and are not themselves what the rankings mean: ``name``, ``groups``, ...
    """

    before: TierTable
    after: TierTable
    hashes: tuple[str, str]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    reordered: bool
    changed: tuple[int, ...]
    aside: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the two mean the same."""
        return self.hashes[0] == self.hashes[1]


def diff(before: Ranking, after: Ranking) -> RankingDiff:
    """Compare two rankings by what they mean, however they are written.

    A class that one of them lacks is named once and left out of the tiers that are compared, so that a subset
    differs from its whole by its classes alone. RankingError where one of the two has errors.
    """
    tables = compile_ranking(before), compile_ranking(after)
    known = tuple(map(set, (before.classes, after.classes)))
    common = [name for name in before.classes if name in known[1]]
    left, right = (_only(table, common) for table in tables)
    changed = tuple(c for c in range(len(common)) if _row(left, c) != _row(right, c))
    return RankingDiff(
        before=left,
        after=right,
        hashes=(tables[0].digest(), tables[1].digest()),
        only_before=tuple(name for name in before.classes if name not in known[1]),
        only_after=tuple(name for name in after.classes if name not in known[0]),
        reordered=common != [name for name in after.classes if name in known[0]],
        changed=changed,
        aside=_aside(before, after, same=tables[0] == tables[1]),
    )


def moves(difference: RankingDiff, c: int) -> list[Move]:
    """The classes that stand in another tier of class ``c`` than before, in label order."""
    rows = difference.before.tiers[c], difference.after.tiers[c]
    same = {k for k, (a, b) in enumerate(zip(*rows, strict=False), 1) if a == b}
    before, after = (
        {b: k for k, members in enumerate(row, 1) if k not in same for b in members} for row in rows
    )  # what stands in a tier that stayed can stand in no other
    return [
        Move(difference.before.classes[b], before.get(b), after.get(b))
        for b in sorted(before.keys() | after.keys())
        if before.get(b) != after.get(b)
    ]


def describe(difference: RankingDiff, c: int) -> tuple[str, ...]:
    """What changed for class ``c``, a line each: added, removed and moved classes, tiers moved as a whole, scores.

    ``+ tier 1`` counts tiers as they are after, ``- tier 1`` as they were before.
    """
    shifts = _shifts(difference.before.tiers[c], difference.after.tiers[c])
    by_tiers: dict[tuple[int | None, int | None], list[str]] = {}
    for move in moves(difference, c):
        if shifts.get(move.before, 0) != move.after:
            by_tiers.setdefault((move.before, move.after), []).append(move.name)
    added = [f"+ tier {k}: {_names(by_tiers[None, k])}" for k in sorted(k for b, k in by_tiers if b is None)]
    removed = [f"- tier {k}: {_names(by_tiers[k, None])}" for k in sorted(k for k, a in by_tiers if a is None)]
    both = sorted(pair for pair in by_tiers if None not in pair)
    moved = [f"tier {k} -> {new}: {_names(by_tiers[k, new])}" for k, new in both]
    scores = [_scores(table.scores[c]) for table in (difference.before, difference.after)]
    scored = [f"scores {scores[0]} -> {scores[1]}"] if scores[0] != scores[1] else []
    return (*added, *removed, *moved, *_runs(shifts), *scored)


def blocks(difference: RankingDiff) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The changed classes and what changed for them; classes for which the same changed share a block."""
    told: dict[tuple[Any, ...], tuple[str, ...]] = {}
    alike: dict[tuple[str, ...], list[str]] = {}
    for c in difference.changed:
        key = _identity(difference, c)
        if key not in told:
            told[key] = describe(difference, c)
        alike.setdefault(told[key], []).append(difference.before.classes[c])
    for lines, names in alike.items():
        yield _names(names), lines


def to_json_dict(difference: RankingDiff, files: tuple[str, str]) -> dict[str, Any]:
    """The difference as ``rank diff --json`` prints it; RankconError where it has too many listed classes for that."""
    tables = difference.before, difference.after
    pairs = sum(len(members) for table in tables for c in difference.changed for members in table.tiers[c])
    if pairs > MAX_PAIRS:
        raise RankconError(
            f"the {len(difference.changed):,} changed classes list {pairs:,} others, too many for one JSON document",
            hint="the text form (without --json) shortens them; 'rankcon rank subset' takes some of the classes",
        )
    return {
        "format": "rankcon/diff",
        "version": 1,
        "same": difference.same,
        "before": {"file": files[0], "hash": difference.hashes[0], "only": list(difference.only_before)},
        "after": {"file": files[1], "hash": difference.hashes[1], "only": list(difference.only_after)},
        "reordered": difference.reordered,
        "aside": list(difference.aside),
        "classes": {
            difference.before.classes[c]: {
                "before": tiers_of(tables[0], c),
                "after": tiers_of(tables[1], c),
                "moves": [{"class": name, "before": a, "after": b} for name, a, b in moves(difference, c)],
            }
            for c in difference.changed
        },
    }


def _aside(before: Ranking, after: Ranking, *, same: bool) -> tuple[str, ...]:
    """Keys that differ beside what is meant; rankings count where they are only written in another way."""
    keys = [key for key in METADATA if getattr(before, key) != getattr(after, key)]
    keys += ["rankings"] if same and before.rankings != after.rankings else []
    extras = sorted(before.extras.keys() | after.extras.keys())
    return (*keys, *(key for key in extras if before.extras.get(key) != after.extras.get(key)))


def _only(table: TierTable, names: list[str]) -> TierTable:
    label = {name: c for c, name in enumerate(table.classes)}
    return table.select([label[name] for name in names])


def _row(table: TierTable, c: int) -> tuple[Any, ...]:
    return table.tiers[c], table.scores[c]


def _identity(difference: RankingDiff, c: int) -> tuple[Any, ...]:
    """What ``describe`` depends on, tiers by identity: classes of one group share theirs, which may be long."""
    tables = difference.before, difference.after
    tiers = zip_longest(*(table.tiers[c] for table in tables), fillvalue=())
    changed = [(k, id(a), id(b)) for k, (a, b) in enumerate(tiers) if a != b]
    return *changed, *(table.scores[c] for table in tables)


def _shifts(before: tuple, after: tuple) -> dict[int, int]:
    """Tiers, from 1, that moved as a whole: their number before -> after."""
    place = {members: k for k, members in enumerate(after, 1)}
    return {k: place[members] for k, members in enumerate(before, 1) if place.get(members, k) != k}


def _runs(shifts: dict[int, int]) -> list[str]:
    """A line for every run of neighbouring tiers that moved together."""
    runs: list[tuple[int, int]] = []
    for k in shifts:
        if runs and runs[-1][1] == k - 1 and shifts[k] - k == shifts[k - 1] - (k - 1):
            runs[-1] = (runs[-1][0], k)
        else:
            runs.append((k, k))
    return [
        f"all of tier {a} -> {shifts[a]}" if a == b else f"all of tiers {a} to {b} -> {shifts[a]} to {shifts[b]}"
        for a, b in runs
    ]


def _scores(scores: tuple[float, ...] | None) -> str:
    return ", ".join(map(repr, scores)) if scores else "none"


def _names(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(map(format_member, names[:MOST_NAMES]))
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES:,} more"
