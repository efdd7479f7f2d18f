"""Groups: what each holds once ``@group`` references are followed, and the tiers they make for a class."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from rankcon_cli.ranking.document import Ranking, from_member, is_group
from rankcon_cli.ranking.issues import Findings
from rankcon_cli.ranking.table import Members
from rankcon_cli.wording import counted, listed, quoted

#: Most memberships over all groups, and most listed pairs over all tiers, that are held in memory.
MAX_ENTRIES = 100_000_000


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
        if total > MAX_ENTRIES:
            findings.add("E111", f"the groups hold more than {counted(MAX_ENTRIES, 'class')} together", "groups")
            break
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
        self._nested: dict[tuple[str, str], bool] = {}
        self._rings: dict[tuple[str, str], Members] = {}
        self._ambiguous: dict[tuple[str, str], list[int]] = {}

    def tiers(self, c: int) -> list[tuple[Members, str]]:
        """The tiers of class ``c`` and the group that makes each; empty, and noted, where its groups do not nest."""
        crossing = self.crossing(c)
        if crossing is not None:
            self._ambiguous.setdefault(crossing, []).append(c)
        chain = self._groups.holders[c]
        if crossing is not None or not chain:
            return []
        first = tuple(sorted(self._groups.members[chain[0]] - {c}))
        rings = [self._ring(*pair) for pair in pairwise(chain)]
        return [(members, name) for members, name in zip([first, *rings], chain, strict=True) if members]

    def crossing(self, c: int) -> tuple[str, str] | None:
        """Two groups that hold class ``c`` and neither of which holds the other, if there are such."""
        return next((pair for pair in pairwise(self._groups.holders[c]) if not self._nests(*pair)), None)

    def report(self, classes: tuple[str, ...]) -> None:
        """E109 for every pair of groups that left a class without tiers."""
        for (a, b), labels in self._ambiguous.items():
            names = [classes[c] for c in labels]
            verb = "lies" if len(names) == 1 else "lie"
            message = f"{listed(names)} {verb} in @{a} and in @{b}, neither of which holds the other"
            self._findings.add("E109", message, "groups", b)

    def score(self, group: str) -> float | None:
        return self._scores[group]

    def _nests(self, inner: str, outer: str) -> bool:
        pair = (inner, outer)
        if pair not in self._nested:
            self._nested[pair] = self._groups.members[inner] <= self._groups.members[outer]
        return self._nested[pair]

    def _ring(self, inner: str, outer: str) -> Members:
        """What the outer group adds: one tuple, shared by all classes of the inner one."""
        pair = (inner, outer)
        if pair not in self._rings:
            self._rings[pair] = tuple(sorted(self._groups.members[outer] - self._groups.members[inner]))
        return self._rings[pair]
