"""Whether the tiers of all classes fit together: W201 to W204.

An ordered pair (a, b) is *listed* where b stands in a tier of a. Everything here costs time and memory by the
number of listed pairs, not by the square of the number of classes.
"""

import random

from rankcon_cli.ranking.issues import Findings, Path
from rankcon_cli.ranking.ordering import Ordering, Step, contradiction
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import counted, listed, quoted

#: Most listed pairs for which the checks are made: 2,000 classes that each rank all the others.
MAX_PAIRS = 4_000_000

Ranks = list[dict[int, int]]


def check_consistency(table: TierTable, explicit: set[int], symmetric: bool, findings: Findings) -> None:
    """W201 to W204 for a table whose classes ``explicit`` have lists of their own.

    Classes derived from groups agree with each other by construction, so a table without explicit lists needs
    no check.
    """
    if not explicit:
        return
    pairs = sum(len(members) for tiers in table.tiers for members in tiers)
    if pairs > MAX_PAIRS:
        message = f"W201 to W204 were not checked: {pairs:,} listed pairs are more than {MAX_PAIRS:,}"
        findings.add("W214", message)
        return
    ranks = [{b: k for k, members in enumerate(tiers) for b in members} for tiers in table.tiers]
    _one_sided(table, ranks, explicit, symmetric, findings)
    _unequal(table, ranks, explicit, findings)
    if is_ultrametric(table, ranks):
        return  # a tree is a similarity that fits, so there can be no contradiction
    findings.add("W204", "not ultrametric: no tree of classes gives this ranking")
    steps = contradiction(Ordering(table.tiers, ranks))
    if steps:
        findings.add(
            "W203", f"no symmetric similarity fits: {_told(table, steps)}", *_place(table, steps[0][0], explicit)
        )


def is_ultrametric(table: TierTable, ranks: Ranks) -> bool:
    """Whether some rooted tree gives the ranking by depth of the lowest common ancestor.

    That is so exactly where, for every listed pair, the classes up to b around a are the classes up to a
    around b: they are what hangs below the common ancestor. Sets are compared by the XOR of random 128-bit marks.
    """
    draw = random.Random(0)
    mark = [draw.getrandbits(128) for _ in table.classes]
    balls = []
    for c, tiers in enumerate(table.tiers):
        ball, row = mark[c], []
        for members in tiers:
            for b in members:
                ball ^= mark[b]
            row.append(ball)
        balls.append(row)
    for a, tiers in enumerate(table.tiers):
        for k, members in enumerate(tiers):
            for b in members:
                back = ranks[b].get(a)
                if back is None or balls[b][back] != balls[a][k]:
                    return False
    return True


def _one_sided(table: TierTable, ranks: Ranks, explicit: set[int], symmetric: bool, findings: Findings) -> None:
    """W201, one a class that does not list back."""
    unreturned: dict[int, list[int]] = {}
    for a, row in enumerate(ranks):
        for b in row:
            if a not in ranks[b]:
                unreturned.setdefault(b, []).append(a)
    for b in sorted(unreturned):
        names = listed(table.classes[a] for a in unreturned[b])
        verb = "lists" if len(unreturned[b]) == 1 else "list"
        message = f"{quoted(table.classes[b])} does not list {names}, which {verb} it"
        severity = "error" if symmetric else "warning"
        findings.add("W201", message, *_place(table, b, explicit), severity=severity)


def _unequal(table: TierTable, ranks: Ranks, explicit: set[int], findings: Findings) -> None:
    """W202, one a class: tiers of a pair that differ by two or more and by over half of the longer list."""
    for a, row in enumerate(ranks):
        apart = []
        for b, k in row.items():
            back = ranks[b].get(a) if a < b and (a in explicit or b in explicit) else None
            if back is None:
                continue
            gap = abs(k - back)
            if gap >= 2 and 2 * gap > max(len(table.tiers[a]), len(table.tiers[b])):
                apart.append(f"{quoted(table.classes[b])} is in its tier {k + 1} and has it in tier {back + 1}")
        if apart:
            more = f"; and {counted(len(apart) - 3, 'more pair')}" if len(apart) > 3 else ""
            message = f"{quoted(table.classes[a])}: {'; '.join(apart[:3])}{more}"
            findings.add("W202", message, *_place(table, a, explicit))


def _place(table: TierTable, c: int, explicit: set[int]) -> Path:
    """Where a class is ranked in the file, or where it is named."""
    return ("rankings", table.classes[c]) if c in explicit else ("classes", c)


def _told(table: TierTable, steps: list[Step]) -> str:
    told = [
        f"{quoted(table.classes[a])} ranks {quoted(table.classes[b])} above {quoted(table.classes[c])}"
        for a, b, c in steps
    ]
    return ", ".join(told if len(told) <= 8 else [*told[:7], f"and so on around {len(told)} steps", told[-1]])
