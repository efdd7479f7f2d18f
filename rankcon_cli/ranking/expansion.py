"""From a ranking as written to its tier table: references followed, derived classes filled in, faults found."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, from_member
from rankcon_cli.ranking.groups import MAX_ENTRIES, Derivation, Groups, report_unknown, resolve_groups
from rankcon_cli.ranking.issues import Findings, Issue, Path, RankingError
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


class _Entry(NamedTuple):
    """One tier of a class on its way into the table."""

    members: Members
    score: float | None
    path: Path

    @property
    def label(self) -> str:
        """What a message calls it: the group that makes it, or its place in a list."""
        return f"@{self.path[1]}" if self.path[0] == "groups" else f"tier {self.path[2] + 1} of {quoted(self.path[1])}"


def compile_ranking(ranking: Ranking) -> TierTable:
    """The tier table of a ranking; RankingError with all its faults where it has any (E1xx)."""
    expansion = expand(ranking)
    if expansion.issues:
        raise RankingError(locate(ranking.text, expansion.issues), ranking.file)
    return expansion.table


def expand(ranking: Ranking) -> Expansion:
    """Expand all of the ranking, going on past faults so that one run finds them all."""
    findings = Findings()
    label = _labels(ranking, findings)
    groups = resolve_groups(ranking, label, findings)
    _check_ranges(ranking, findings)
    derivation = Derivation(groups, findings)
    expander = _Expander(ranking, label, groups, derivation, findings)
    for name in (name for name in ranking.rankings if name not in label):
        findings.add("E102", f"unknown class {quoted(name)}{findings.suggest(name, label)}", "rankings", name)
    rows = []
    for c, name in enumerate(ranking.classes):
        rows.append(expander.entries(c, name))
        if expander.total > MAX_ENTRIES:
            findings.add("E111", f"the tiers list more than {MAX_ENTRIES:,} classes together", "rankings")
            break
    derivation.report(ranking.classes)
    table = TierTable(
        ranking.classes,
        tuple(tuple(entry.members for entry in row) for row in rows),
        tuple(expander.scores(row) for row in rows),
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
        self.empty: list[Path] = []
        self.total = 0

    def entries(self, c: int, name: str) -> list[_Entry]:
        """The tiers of class ``c``: those listed, then those of its groups where the list is missing or asks for it."""
        listing = self._ranking.rankings.get(name)
        placed = {c: -1}
        entries = [] if listing is None else self._listed(name, listing, placed)
        self.total += len(placed) - 1
        if listing is None or listing.rest_of_groups:
            for members, group in self._derivation.tiers(c):
                rest = members if listing is None else tuple(b for b in members if b not in placed)
                if rest:
                    entries.append(_Entry(rest, self._ranking.groups[group].score, ("groups", group)))
                if id(rest) not in self._counted:  # classes of one group share its tuples, which are held once
                    self._counted.add(id(rest))
                    self.total += len(rest)
        return entries

    def _listed(self, name: str, listing: Listing, placed: dict[int, int]) -> list[_Entry]:
        """The tiers that a class lists; ``placed`` gains the tier, from 0, of every class in them."""
        entries = []
        for k, tier in enumerate(listing.tiers):
            path = ("rankings", name, k)
            members = self._members(tier, placed, path)
            for b in members:
                placed[b] = k
            if members:
                entries.append(_Entry(tuple(sorted(members)), tier.score, path))
            else:
                self.empty.append(path)
        return entries

    def _members(self, tier: Tier, placed: Mapping[int, int], path: Path) -> set[int]:
        """Classes named in a tier, and those of its groups less the class itself and less earlier tiers."""
        named: set[int] = set()
        spread: set[int] = set()
        for j, member in enumerate(tier.of):
            b = self._written.get(member)
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
        name = quoted(from_member(member))
        if tier < 0:
            self._findings.add("E106", f"{name} stands in a tier of its own", *path)
        else:
            self._findings.add("E107", f"{name} is already in tier {tier + 1} of {quoted(listed_at[1])}", *path)

    def scores(self, row: list[_Entry]) -> tuple[float, ...] | None:
        """The scores of a class's tiers: all or none, falling."""
        if {entry.score for entry in row} <= {None}:
            return None
        for a, b in pairwise(row):
            if (a.score is None) != (b.score is None):
                with_score, without = (b, a) if a.score is None else (a, b)
                message = f"{without.label} has no score, while {with_score.label} has one"
                self._report_scores(message, without, with_score)
            elif a.score is not None and b.score >= a.score:
                message = f"the score of {b.label}, {b.score}, is not below that of {a.label}, {a.score}"
                self._report_scores(message, b, a)
        return tuple(float(entry.score or 0) for entry in row)

    def _report_scores(self, message: str, entry: _Entry, other: _Entry) -> None:
        """E108, once a pair of tiers: two groups make the same fault in every class that they hold."""
        if (entry.label, other.label) not in self._faulty_scores:
            self._faulty_scores.add((entry.label, other.label))
            self._findings.add("E108", message, *entry.path)


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
            _check_range(tier.score, findings, "rankings", name, k)


def _check_range(score: float | None, findings: Findings, *path: str | int) -> None:
    if score is not None and not 0 < score < 1:
        findings.add("E108", f"a score lies between 0 and 1, and {score} does not", *path)
