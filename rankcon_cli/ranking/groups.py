"""Groups: what each holds once ``@group`` references are followed, and the tiers they make for a class."""

import bisect
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from rankcon_cli.ranking.document import Ranking, from_member, is_group
from rankcon_cli.ranking.issues import Findings
from rankcon_cli.ranking.table import Members
from rankcon_cli.wording import counted, listed, quoted

#: Most listed pairs over all tiers (those that classes of one group share counted once), and most memberships over
#: all groups, that are held in memory.
MAX_ENTRIES = 100_000_000
MAX_MEMBERSHIPS = 10_000_000


class Groups(NamedTuple):
    """Resolved groups.

    Attributes:
        members: group name -> class indices; inner groups before those that hold them.
        holders: for each class, the groups that hold it, innermost first.
    """

    members: Mapping[str, frozenset[int]]
    holders: list[list[str]]


def resolve_groups(ranking: Ranking, label: Mapping[str, int], findings: Findings) -> Groups:
    """Follow all references; unknown names, names taken by classes and cycles go to ``findings`` and are left out."""
    inner: dict[str, list[str]] = {}
    direct: dict[str, set[int]] = {}
    for name, group in ranking.groups.items():
        path = ("groups", name)
        if name in label:
            findings.add("E104", f"{quoted(name)} names a class and a group", *path)
        inner[name], direct[name] = [], set()
        for j, member in enumerate(group.of):
            if findings.full:
                break
            known = report_unknown(member, ranking, label, findings, *group.member_path(path, j))
            if known and is_group(member):
                inner[name].append(member[1:])
            elif known:
                direct[name].add(label[from_member(member)])
    members: dict[str, frozenset[int]] = {}
    total = 0
    for name in _inner_first(inner, findings):
        parts = [members[part] for part in inner[name] if part in members]
        members[name] = frozenset(direct[name]).union(*parts)
        total += len(members[name])
        if total > MAX_MEMBERSHIPS:
            findings.add("E111", f"the groups hold more than {counted(MAX_MEMBERSHIPS, 'class')} together", "groups")
            return Groups({}, [[] for _ in ranking.classes])
    holders: list[list[str]] = [[] for _ in ranking.classes]
    for name in sorted(members, key=lambda name: len(members[name])):
        for c in members[name]:
            holders[c].append(name)
    return Groups(members, holders)


def report_unknown(
    member: str, ranking: Ranking, label: Mapping[str, int], findings: Findings, *path: str | int
) -> bool:
    """Whether ``member`` names a class or group that exists; otherwise the fault goes to ``findings``."""
    if is_group(member):
        if member[1:] in ranking.groups:
            return True
        message = f"unknown group {quoted(member)}"
        if member == "@groups":
            message += '; "@groups" stands beside the tiers, as the last item, not in one'
        else:
            message += findings.suggest(member, ["@" + name for name in ranking.groups])
        findings.add("E103", message, *path)
        return False
    name = from_member(member)
    if name in label:
        return True
    if name in ranking.groups:
        message = f"unknown class {quoted(name)}; the group of that name is written {quoted('@' + name)}"
    else:
        message = f"unknown class {quoted(name)}{findings.suggest(name, label)}"
    findings.add("E102", message, *path)
    return False


def _inner_first(inner: Mapping[str, list[str]], findings: Findings) -> list[str]:
    """Group names, each after those it refers to; a cycle is reported with its path and cut."""
    order: list[str] = []
    state: dict[str, str] = {}
    for start in inner:
        if start in state:
            continue
        state[start] = "open"
        path, rest = [start], [iter(inner[start])]
        while path:
            name = next(rest[-1], None)
            if name is None:
                rest.pop()
                order.append(path.pop())
                state[order[-1]] = "done"
            elif name not in state:
                state[name] = "open"
                path.append(name)
                rest.append(iter(inner[name]))
            elif state[name] == "open":
                cycle = [*path[path.index(name) :], name]
                shown = cycle if len(cycle) <= 10 else [*cycle[:8], "…", name]
                findings.add("E105", " -> ".join(shown), "groups", path[-1])
    return order


class Derivation:
    """The tiers that groups make for a class: one a group, innermost first, each without what the ones before hold."""

    def __init__(self, groups: Groups, findings: Findings):
        self._groups = groups
        self._findings = findings
        self._rings: dict[tuple[str, str], Members | None] = {}
        self._ordered: dict[str, Members] = {}
        self._ambiguous: dict[tuple[str, str], list[int]] = {}

    def tiers(self, c: int) -> list[tuple[Members, str]]:
        """The tiers of class ``c`` and the group that makes each; empty, and noted, where its groups do not nest."""
        chain = self._groups.holders[c]
        if not chain:
            return []
        rings = [self._ring(pair) for pair in pairwise(chain)]
        if None in rings:
            self._ambiguous.setdefault((chain[at := rings.index(None)], chain[at + 1]), []).append(c)
            return []
        made = zip([self._mates(c, chain[0]), *rings], chain, strict=True)
        return [(members, name) for members, name in made if members]

    def crossing(self, c: int) -> tuple[str, str] | None:
        """Two groups that hold class ``c`` and neither of which holds the other, if there are such."""
        return next((pair for pair in pairwise(self._groups.holders[c]) if self._ring(pair) is None), None)

    def report(self, classes: tuple[str, ...]) -> None:
        """E109 for every pair of groups that left a class without tiers."""
        for (a, b), labels in self._ambiguous.items():
            names = [classes[c] for c in labels]
            verb = "lies" if len(names) == 1 else "lie"
            message = f"{listed(names)} {verb} in @{a} and in @{b}, neither of which holds the other"
            self._findings.add("E109", message, "groups", b)

    def _mates(self, c: int, group: str) -> Members:
        """The other classes of a group."""
        if group not in self._ordered:
            self._ordered[group] = tuple(sorted(self._groups.members[group]))
        ordered = self._ordered[group]
        at = bisect.bisect_left(ordered, c)
        return ordered[:at] + ordered[at + 1 :]

    def _ring(self, pair: tuple[str, str]) -> Members | None:
        """What the outer group of a pair adds, one tuple shared by all classes of the inner; None where they cross."""
        if pair not in self._rings:
            inner, outer = (self._groups.members[name] for name in pair)
            self._rings[pair] = tuple(sorted(outer - inner)) if inner <= outer else None
        return self._rings[pair]
