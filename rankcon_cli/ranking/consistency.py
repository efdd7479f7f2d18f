"""Whether the tiers of all classes fit together: W201 to W204.

An ordered pair (a, b) is *listed* where b stands in a tier of a, and *explicit* is a class with a list of its own.
Classes derived from groups agree with each other by construction, so only pairs that touch an explicit class are
looked at, and of classes that are alike one stands for all: a large tree with a few lists costs little.
"""

import functools
import operator
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from rankcon_cli.ranking.document import as_member
from rankcon_cli.ranking.issues import Findings, Path
from rankcon_cli.ranking.ordering import Ordering, Step, contradiction
from rankcon_cli.ranking.table import Members, TierTable
from rankcon_cli.wording import counted, listed, quoted

#: Most listed pairs for which the checks are made: 2,000 classes that each rank all the others.
MAX_PAIRS = 4_000_000

#: For each class the tier, from 0, of every class that it lists (or of those that matter).
Ranks = list[dict[int, int]]


def check_consistency(table: TierTable, explicit: set[int], symmetric: bool, findings: Findings) -> None:
    """W201 to W204 for a table whose classes ``explicit`` have lists of their own; W214 for what was too dear.

    The rarer findings come first: there may be more of W201 and W202 than are reported.
    """
    if not explicit:
        return
    rows = _touching(table, explicit)
    pairs = sum(sum(map(len, tiers)) for tiers in rows)
    if pairs > MAX_PAIRS:
        message = f"W201 to W204 were not checked: {pairs:,} listed pairs are more than {MAX_PAIRS:,}"
        findings.add("W214", message)
        return
    ranks = ranks_of(rows)
    unreturned, apart = _compare(table, ranks)
    ball = _balls(table)
    if not _is_ultrametric(ranks, ball):
        findings.add("W204", "no tree of classes gives this ranking (it is not ultrametric), which is no fault")
        _contradiction(table, explicit, ball, findings, ranks, unreturned)
    _one_sided(table, unreturned, explicit, symmetric, findings)
    _unequal(table, ranks, apart, explicit, findings)


def ranks_of(rows: Sequence[Sequence[Members]]) -> Ranks:
    return [{b: k for k, members in enumerate(tiers) for b in members} for tiers in rows]


def is_ultrametric(table: TierTable, ranks: Ranks | None = None) -> bool:
    """Whether some rooted tree gives the ranking by depth of the lowest common ancestor.

    That is so exactly where, for every listed pair, the classes up to b around a are the classes up to a
    around b: they are what hangs below the common ancestor.
    """
    return _is_ultrametric(ranks_of(table.tiers) if ranks is None else ranks, _balls(table))


def _is_ultrametric(ranks: Ranks, ball: Callable[[int], list[int]]) -> bool:
    for a, row in enumerate(ranks):
        for b, k in row.items():
            back = ranks[b].get(a)
            if back is None or ball(b)[back] != ball(a)[k]:
                return False
    return True


def _balls(table: TierTable) -> Callable[[int], list[int]]:
    """For a class c the sets {c and its tiers up to k}, each as one number: the XOR of random 128-bit marks."""
    mark = [int.from_bytes(os.urandom(16), "little") for _ in table.classes]
    shared: dict[int, int] = {}  # by identity: classes of one group share its tuples

    def of_tier(members: Members) -> int:
        if id(members) not in shared:
            shared[id(members)] = functools.reduce(operator.xor, map(mark.__getitem__, members))
        return shared[id(members)]

    @functools.cache
    def ball(c: int) -> list[int]:
        return list(accumulate(map(of_tier, table.tiers[c]), operator.xor, initial=mark[c]))[1:]

    return ball


def _touching(table: TierTable, explicit: set[int]) -> Sequence[Sequence[Members]]:
    """The tiers of all classes, those of derived ones without other derived ones."""
    if len(explicit) == len(table.classes):
        return table.tiers
    shared: dict[int, Members] = {}

    def touching(members: Members) -> Members:
        if id(members) not in shared:
            shared[id(members)] = tuple(explicit.intersection(members))
        return shared[id(members)]

    return [tiers if c in explicit else list(map(touching, tiers)) for c, tiers in enumerate(table.tiers)]


def _contradiction(
    table: TierTable,
    explicit: set[int],
    ball: Callable[[int], list[int]],
    findings: Findings,
    ranks: Ranks,
    unreturned: dict[int, list[int]] | None,
) -> None:
    """W203, looked for among one class of every kind; ``ranks`` and ``unreturned`` serve where that is every class."""
    kept = range(len(table.classes))
    if len(explicit) < len(table.classes):
        kept = sorted(explicit.union(_kinds(table, explicit, ball)))
        table = table.select(kept)
        pairs = sum(sum(map(len, tiers)) for tiers in table.tiers)
        if pairs > MAX_PAIRS:
            findings.add("W214", f"W203 was not checked: {pairs:,} listed pairs are more than {MAX_PAIRS:,}")
            return
        ranks, unreturned = ranks_of(table.tiers), None
    steps = contradiction(Ordering(table.tiers, ranks, unreturned))
    if steps:
        first = steps[0][0]
        path = ("rankings", as_member(table.classes[first])) if kept[first] in explicit else ("classes", kept[first])
        findings.add("W203", f"no symmetric similarity fits: {_told(table, steps)}", *path)


def _kinds(table: TierTable, explicit: set[int], ball: Callable[[int], list[int]]) -> Iterable[int]:
    """One derived class of each kind: of the same innermost group, in the same tier of every explicit list.

    Two classes of a kind can take each other's place in every demand. Nothing ranks above a pair of them, so it lies
    on no circle of demands, and a circle stays one when the first of a kind takes the place of all.
    """
    kind = {c: ball(c)[0] if table.tiers[c] else 0 for c in range(len(table.classes)) if c not in explicit}
    for a in sorted(explicit):
        for k, members in enumerate(table.tiers[a]):
            for c in kind.keys() & members:
                kind[c] = hash((kind[c], a, k))
    return {kind[c]: c for c in sorted(kind, reverse=True)}.values()


def _compare(table: TierTable, ranks: Ranks) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Pairs that do not fit, in one pass over all of them.

    Returns:
        For W201, class -> those that list it without being listed. For W202, class a -> every b > a such that the tiers
        of the two differ by two or more and by over half of the longer list.
    """
    depth = list(map(len, table.tiers))
    unreturned: dict[int, list[int]] = {}
    apart: dict[int, list[int]] = {}
    for a, row in enumerate(ranks):
        for b, k in row.items():
            back = ranks[b].get(a)
            if back is None:
                unreturned.setdefault(b, []).append(a)
            elif a < b:
                gap = 2 * (k - back if k > back else back - k)
                if gap > 3 and gap > depth[a] and gap > depth[b]:
                    apart.setdefault(a, []).append(b)
    return unreturned, apart


def _one_sided(
    table: TierTable, unreturned: dict[int, list[int]], explicit: set[int], symmetric: bool, findings: Findings
) -> None:
    """W201, one a class that does not list back."""
    for b in sorted(unreturned):
        names = listed(table.classes[a] for a in unreturned[b])
        verb = "lists" if len(unreturned[b]) == 1 else "list"
        message = f"{quoted(table.classes[b])} does not list {names}, which {verb} it"
        severity = "error" if symmetric else "warning"
        findings.add("W201", message, *_place(table, b, explicit), severity=severity)


def _unequal(
    table: TierTable, ranks: Ranks, apart: dict[int, list[int]], explicit: set[int], findings: Findings
) -> None:
    """W202, one a class."""
    for a, others in apart.items():
        told = [
            f"{quoted(table.classes[b])} is in its tier {ranks[a][b] + 1} and has it in tier {ranks[b][a] + 1}"
            for b in others[:3]
        ]
        more = f"; and {counted(len(others) - 3, 'more pair')}" if len(others) > 3 else ""
        message = f"{quoted(table.classes[a])}: {'; '.join(told)}{more}"
        findings.add("W202", message, *_place(table, a, explicit))


def _place(table: TierTable, c: int, explicit: set[int]) -> Path:
    """Where a class is ranked in the file, or where it is named."""
    return ("rankings", as_member(table.classes[c])) if c in explicit else ("classes", c)


def _told(table: TierTable, steps: list[Step]) -> str:
    told = [
        f"{quoted(table.classes[a])} ranks {quoted(table.classes[b])} above {quoted(table.classes[c])}"
        for a, b, c in steps
    ]
    return ", ".join(told if len(told) <= 8 else [*told[:7], f"and so on around {len(told)} steps", told[-1]])
