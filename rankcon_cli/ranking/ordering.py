"""The search for a contradiction in what a ranking says of pairs (W203).

Every unordered pair of classes is a node; where class a ranks b above c, the pair {a, b} must be more similar
than {a, c}. A similarity that obeys all of this exists exactly where these demands have no directed cycle.
Unlisted classes rank below all listed ones, tied; a pair that neither of its classes lists is below everything
else and can lie on no cycle, so it is left out and the rest stays sparse.
"""

from collections.abc import Iterator, Sequence

from rankcon_cli.ranking.table import Members

Pair = tuple[int, int]

#: ``(a, b, c)``: class a ranks b above c.
Step = tuple[int, int, int]

#: Triples that are tried for the shortest contradiction, and pairs from which the search for a longer one starts.
_MOST_TRIPLES = 3_000_000
_MOST_STARTS = 16


class Ordering:
    """The levels of every class: its tiers, and below them the classes that list it without being listed.

    Attributes:
        levels: ``levels[a]`` holds lists of classes, most similar first, none empty.
        rank: ``rank[a][b]`` is the level of a in which b stands.
    """

    def __init__(self, tiers: Sequence[Sequence[Members]], ranks: Sequence[dict[int, int]]):
        self.levels: list[list[Sequence[int]]] = [list(row) for row in tiers]
        self.rank = [dict(row) for row in ranks]
        last: dict[int, list[int]] = {}
        for a, row in enumerate(ranks):
            for b in row:
                if a not in ranks[b]:
                    last.setdefault(b, []).append(a)
        for b, unreturned in last.items():
            self.rank[b].update(dict.fromkeys(unreturned, len(self.levels[b])))
            self.levels[b].append(unreturned)

    def peel(self) -> list[int]:
        """Take away pairs above which no other is left, until none is.

        Kahn's algorithm, in time linear in the listed pairs: a pair is free once both its classes have come down
        to the level in which it stands, and a class comes down a level once all pairs of the one before are gone.

        Returns:
            ``front``: the level that each class came down to. The pair {a, b} is left, on a cycle or below one,
            where it stands below the front of a or of b.
        """
        front = [0] * len(self.levels)
        waiting = [len(levels[0]) if levels else 0 for levels in self.levels]
        free = [
            (a, b)
            for a, levels in enumerate(self.levels)
            for b in (levels[0] if levels else ())
            if a < b and self.rank[b][a] == 0
        ]
        while free:
            for a in free.pop():
                waiting[a] -= 1
                if waiting[a] == 0 and front[a] + 1 < len(self.levels[a]):
                    front[a] += 1
                    level = self.levels[a][front[a]]
                    waiting[a] = len(level)
                    free += [(a, b) for b in level if self.rank[b][a] == front[b]]
        return front


def contradiction(ordering: Ordering) -> list[Step]:
    """Demands that contradict each other in a circle, the fewest that were found; empty where all can be met."""
    front = ordering.peel()
    left = [
        {b for b, level in row.items() if level > front[a] or ordering.rank[b][a] > front[b]}
        for a, row in enumerate(ordering.rank)
    ]
    if not any(left):
        return []
    return _triple(ordering, left) or _shortest_cycle(ordering, left)


def _triple(ordering: Ordering, left: list[set[int]]) -> list[Step]:
    """Three classes whose three pairs contradict each other, the least there can be; empty where none was found."""
    rank, tried = ordering.rank, 0
    for a, partners in enumerate(left):
        for b in partners:
            for c in partners & left[b]:
                if rank[a][b] < rank[a][c] and rank[c][a] < rank[c][b] and rank[b][c] < rank[b][a]:
                    return [(a, b, c), (c, a, b), (b, c, a)]
            tried += len(partners)
            if tried > _MOST_TRIPLES:
                return []
    return []


def _shortest_cycle(ordering: Ordering, left: list[set[int]]) -> list[Step]:
    """The shortest cycle through one of the first pairs of a cycle that surely exists."""
    cycle = _some_cycle(ordering, left)
    found = [_cycle_through(pair, ordering, left) for pair in cycle[:_MOST_STARTS]]
    return min(found, key=len)


def _some_cycle(ordering: Ordering, left: list[set[int]]) -> list[Pair]:
    """Pairs on a cycle: above every pair that is left stands another, so going up must come round."""
    a = next(a for a, partners in enumerate(left) if partners)
    top = {a: _top(a, ordering, left) for a, partners in enumerate(left) if partners}
    pair = _pair(a, top[a])
    seen: dict[Pair, int] = {}
    path: list[Pair] = []
    while pair not in seen:
        seen[pair] = len(path)
        path.append(pair)
        a, b = pair
        blocked = a if ordering.rank[a][b] > ordering.rank[a][top[a]] else b
        pair = _pair(blocked, top[blocked])
    return path[seen[pair] :]


def _top(a: int, ordering: Ordering, left: list[set[int]]) -> int:
    """Of the pairs of ``a`` that are left, one in its highest level."""
    return min(left[a], key=lambda b: (ordering.rank[a][b], b))


def _cycle_through(start: Pair, ordering: Ordering, left: list[set[int]]) -> list[Step]:
    """The shortest cycle through a pair, by breadth-first search from it down the demands.

    From {a, b} all of a's pairs below b are reached; a level of a that was reached once is not entered again, so
    one search is linear in the pairs.
    """
    came: dict[Pair, Step] = {}
    floor = {a: len(ordering.levels[a]) for a in range(len(left))}  # levels of a from here on were reached
    queue = [start]
    for pair in queue:
        for a, b in (pair, pair[::-1]):
            for c in _below(a, b, floor, ordering, left):
                reached = _pair(a, c)
                if reached not in came:
                    came[reached] = (a, b, c)
                    queue.append(reached)
        if start in came:
            break
    return _steps_to(start, came)


def _below(a: int, b: int, floor: dict[int, int], ordering: Ordering, left: list[set[int]]) -> Iterator[int]:
    """Classes that ``a`` ranks below ``b`` and whose pairs are left and were not reached from ``a`` before."""
    first = ordering.rank[a][b] + 1
    for level in range(first, floor[a]):
        yield from (c for c in ordering.levels[a][level] if c in left[a])
    floor[a] = min(floor[a], first)


def _steps_to(start: Pair, came: dict[Pair, Step]) -> list[Step]:
    steps = []
    pair = start
    while not steps or pair != start:
        a, b, c = came[pair]
        steps.append((a, b, c))
        pair = _pair(a, b)
    return steps[::-1]


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
