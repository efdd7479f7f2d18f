"""From a ranking as written to its tier table: references followed, derived classes filled in, faults found."""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rankcon_cli.ranking.collector import collector_paused
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, from_member
from rankcon_cli.ranking.groups import MAX_ENTRIES, Derivation, Groups, report_unknown, resolve_groups
from rankcon_cli.ranking.issues import MOST_ISSUES, Findings, Issue, Path, RankingError
from rankcon_cli.ranking.syntax import locate
from rankcon_cli.ranking.table import Members, TierTable
from rankcon_cli.wording import quoted

#: Most classes: tier numbers stand in 16 bits.
MAX_CLASSES = 32_767


@dataclass(frozen=True)
class Expansion:
    """A tier table with how it came about.

    Attributes:
        table: the compiled ranking; sound only where ``issues`` is empty.
        issues: the faults (E1xx), unplaced.
        empty: where the tiers stand of which nothing was left.
        groups, derivation: what the groups hold and the tiers they make.
    """

    table: TierTable
    issues: tuple[Issue, ...]
    empty: tuple[Path, ...]
    groups: Groups
    derivation: Derivation


class _Row(NamedTuple):
    """The tiers of the class ``name``: lists side by side, since a large table has millions of them.

    ``origins`` says where each tier stands: its place in the list of the class, or the group that makes it.
    """

    name: str
    members: list[Members]
    scores: list[float | None]
    origins: list[int | str]

    def add(self, members: Members, score: float | None, origin: int | str) -> None:
        self.members.append(members)
        self.scores.append(score)
        self.origins.append(origin)

    def label(self, k: int) -> str:
        """What a message calls tier ``k``, from 0."""
        origin = self.origins[k]
        return f"@{origin}" if isinstance(origin, str) else f"tier {origin + 1} of {quoted(self.name)}"

    def path(self, k: int) -> Path:
        """Where tier ``k`` stands in the file."""
        origin = self.origins[k]
        return ("groups", origin) if isinstance(origin, str) else ("rankings", as_member(self.name), origin)


def compile_ranking(ranking: Ranking) -> TierTable:
    """The tier table of a ranking; RankingError with all its faults where it has any (E1xx)."""
    expansion = expand(ranking)
    if expansion.issues:
        raise RankingError(locate(ranking.text, expansion.issues), ranking.file)
    return expansion.table


@collector_paused()
def expand(ranking: Ranking) -> Expansion:
    """Expand all of the ranking, going on past faults so that one run finds them all."""
    findings = Findings()
    label = _labels(ranking, findings)
    groups = resolve_groups(ranking, label, findings)
    _check_ranges(ranking, findings)
    derivation = Derivation(groups, findings)
    expander = _Expander(ranking, label, groups, derivation, findings)
    for name in itertools.islice((name for name in ranking.rankings if name not in label), MOST_ISSUES + 1):
        group = name in ranking.groups
        advice = "; it is a group, and only classes have rankings" if group else findings.suggest(name, label)
        findings.add("E102", f"unknown class {quoted(name)}{advice}", "rankings", as_member(name))
    rows = []
    for c, name in enumerate(ranking.classes):
        rows.append(expander.row(c, name))
        if findings.full:
            break
        if expander.total > MAX_ENTRIES:
            findings.add("E111", f"the tiers list more than {MAX_ENTRIES:,} classes together", "rankings")
            break
    derivation.report(ranking.classes)
    table = TierTable(
        ranking.classes,
        tuple(tuple(row.members) for row in rows),
        tuple(map(expander.scores, rows)),
    )
    errors = tuple(findings.issues)
    return Expansion(table, errors, tuple(expander.empty), groups, derivation)


class _Expander:
    """Makes the tiers of one class after the other."""

    def __init__(
        self, ranking: Ranking, label: Mapping[str, int], groups: Groups, derivation: Derivation, findings: Findings
    ):
        self._ranking = ranking
        self._label = label
        self._written = {as_member(name): c for name, c in label.items()}
        self._groups = groups
        self._derivation = derivation
        self._findings = findings
        self._counted: set[int] = set()
        self._faulty_scores: set[tuple[str, str]] = set()
        self._repeated: set[str] = set()
        self._plain_members = functools.cache(self._labels_of)  # one tuple for all the tiers of the same names
        self.empty: list[Path] = []
        self.total = 0

    def row(self, c: int, name: str) -> _Row:
        """The tiers of class ``c``: those listed, then those of its groups where the list is missing or asks for it."""
        listing = self._ranking.rankings.get(name)
        row, placed = _Row(name, [], [], []), {c}
        if listing is not None:
            row, placed = self._plain(c, name, listing) or self._listed(c, name, listing)
            self.total += len(placed) - 1
        if listing is None or listing.rest_of_groups:
            for members, group in self._derivation.tiers(c):
                rest = members if listing is None else self._without(members, placed)
                if rest:
                    row.add(rest, self._ranking.groups[group].score, group)
                if id(rest) not in self._counted:  # classes of one group share its tuples, which are held once
                    self._counted.add(id(rest))
                    self.total += len(rest)
        return row

    @staticmethod
    def _without(members: Members, placed: set[int]) -> Members:
        """``members`` less those placed; the same tuple where that is all of them, so that it stays shared."""
        return members if placed.isdisjoint(members) else tuple(b for b in members if b not in placed)

    def _plain(self, c: int, name: str, listing: Listing) -> tuple[_Row, set[int]] | None:
        """The row of a list that names each class once and no groups, as most do, and all classes in it with ``c``.

        None where the list holds anything else, be it right or wrong.
        """
        members = [self._plain_members(tier.of) for tier in listing.tiers]
        if not all(members):
            return None
        placed = {c}.union(*members)
        if len(placed) <= sum(map(len, members)):
            return None
        return _Row(name, members, [tier.score for tier in listing.tiers], list(range(len(members)))), placed

    def _labels_of(self, of: tuple[str, ...]) -> Members | None:
        """The classes of a tier in ascending order; None where it names anything but classes."""
        labels = [self._written.get(member) for member in of]
        return None if None in labels else tuple(sorted(labels))

    def _listed(self, c: int, name: str, listing: Listing) -> tuple[_Row, set[int]]:
        """The tiers that class ``c`` lists, member by member, and all classes in them with ``c``."""
        row, placed = _Row(name, [], [], []), {c: -1}
        self._repeated.clear()
        for k, tier in enumerate(listing.tiers):
            path = ("rankings", as_member(name), k)
            members = self._members(tier, placed, path)
            placed.update(dict.fromkeys(members, k))
            if members:
                row.add(tuple(sorted(members)), tier.score, k)
            else:
                self.empty.append(path)
        return row, set(placed)

    def _members(self, tier: Tier, placed: Mapping[int, int], path: Path) -> set[int]:
        """Classes named in a tier, and those of its groups less the class itself and less earlier tiers."""
        named: set[int] = set()
        spread: set[int] = set()
        for j, member in enumerate(tier.of):
            b = self._written.get(member)
            if b is None and self._findings.full:
                break
            if b is None:
                spread |= self._group(member, tier.member_path(path, j))
            elif b in placed or b in named:
                self._report_repeated(member, placed.get(b, path[-1]), path, tier.member_path(path, j))
            else:
                named.add(b)
        if spread:
            named.update(b for b in spread if b not in placed)
        return named

    def _group(self, member: str, path: Path) -> frozenset[int]:
        """What a ``@group`` holds; nothing, and a fault noted, for what is neither group nor class."""
        known = report_unknown(member, self._ranking, self._label, self._findings, *path)
        return self._groups.members.get(member[1:], frozenset()) if known else frozenset()

    def _report_repeated(self, member: str, tier: int, listed_at: Path, path: Path) -> None:
        if member in self._repeated:  # one word for each class, however often it is named
            return
        self._repeated.add(member)
        name = quoted(from_member(member))
        if tier < 0:
            self._findings.add("E106", f"{name} stands in a tier of its own", *path)
        else:
            self._findings.add(
                "E107", f"{name} is already in tier {tier + 1} of {quoted(from_member(listed_at[1]))}", *path
            )

    def scores(self, row: _Row) -> tuple[float, ...] | None:
        """The scores of a class's tiers: all or none, falling."""
        if set(row.scores) <= {None}:
            return None
        for k, (a, b) in enumerate(itertools.pairwise(row.scores)):
            if (a is None) != (b is None):
                with_score, without = (k + 1, k) if a is None else (k, k + 1)
                message = f"{row.label(without)} has no score, while {row.label(with_score)} has one"
                self._report_scores(message, row, without, with_score)
            elif a is not None and b >= a:
                message = f"the score of {row.label(k + 1)}, {b}, is not below that of {row.label(k)}, {a}"
                self._report_scores(message, row, k + 1, k)
        return tuple(float(score or 0) for score in row.scores)

    def _report_scores(self, message: str, row: _Row, k: int, other: int) -> None:
        """E108, once a pair of tiers: two groups make the same fault in every class that they hold."""
        pair = row.label(k), row.label(other)
        if pair not in self._faulty_scores:
            self._faulty_scores.add(pair)
            self._findings.add("E108", message, *row.path(k))


def _labels(ranking: Ranking, findings: Findings) -> dict[str, int]:
    label: dict[str, int] = {}
    for c, name in enumerate(ranking.classes):
        if label.setdefault(name, c) != c:
            findings.add("E101", f"{quoted(name)} is already class {label[name]}", "classes", c)
    if len(ranking.classes) > MAX_CLASSES:
        findings.add("E111", f"more than {MAX_CLASSES:,} classes", "classes")
    return label


def _check_ranges(ranking: Ranking, findings: Findings) -> None:
    for name, group in ranking.groups.items():
        _check_range(group.score, findings, "groups", name)
    for name, listing in ranking.rankings.items():
        for k, tier in enumerate(listing.tiers):
            if tier.score is not None:
                _check_range(tier.score, findings, "rankings", as_member(name), k)


def _check_range(score: float | None, findings: Findings, *path: str | int) -> None:
    if score is not None and not 0 < score < 1:
        findings.add("E108", f"a score lies between 0 and 1, and {score} does not", *path)
