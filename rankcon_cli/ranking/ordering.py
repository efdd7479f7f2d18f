"""The search for a contradiction in what a ranking says of pairs (W203).

Every unordered pair of classes is a node; where class a ranks b above c, the pair {a, b} must be more similar
than {a, c}. A similarity that obeys all of this exists exactly where these demands have no directed cycle.
Unlisted classes rank below all listed ones, tied; a pair that neither of its classes lists is below everything
else and can lie on no cycle, so it is left out and the rest stays sparse.
"""

from collections.abc import Iterator, Mapping, Sequence

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

    def __init__(
        self,
        tiers: Sequence[Sequence[Members]],
        ranks: Sequence[dict[int, int]],
        unreturned: Mapping[int, Sequence[int]] | None = None,
    ):
        """``unreturned``: for each class those that list it without being listed; found here where it is not given."""
        self.levels: list[list[Sequence[int]]] = [list(row) for row in tiers]
        self.rank = list(ranks)
        for b, last in (_unreturned(ranks) if unreturned is None else unreturned).items():
            self.rank[b] = {**ranks[b], **dict.fromkeys(last, len(self.levels[b]))}
            self.levels[b].append(last)

    def peel(self) -> tuple[list[int], list[int]]:
        """Take away pairs above which no other is left, until none is.

        Kahn's algorithm, in time linear in the listed pairs: a pair is free once both its classes have come down
        to the level in which it stands, and a class comes down a level once all pairs of the one before are gone.

        Returns:
            ``front``: the level that each class came down to; ``waiting``: how many of its pairs there were not taken
            away. The pair {a, b} is left, on a cycle or below one, where it stands below the front of a or of b.
        """
        levels, rank, front = self.levels, self.rank, [0] * len(self.levels)
        first = [row[0] if row else () for row in levels]
        waiting = list(map(len, first))
        free = [(a, b) for a, level in enumerate(first) for b in level if a < b and rank[b][a] == 0]
        while free:
            for a in free.pop():
                waiting[a] -= 1
                if waiting[a] or front[a] + 1 == len(levels[a]):
                    continue
                front[a] += 1
                level = levels[a][front[a]]
                waiting[a] = len(level)
                for b in level:
                    if rank[b][a] == front[b]:
                        free.append((a, b))
        return front, waiting


def _unreturned(ranks: Sequence[dict[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for a, row in enumerate(ranks):
        for b in row:
            if a not in ranks[b]:
                found.setdefault(b, []).append(a)
    return found


def contradiction(ordering: Ordering) -> list[Step]:
    """Demands that contradict each other in a circle, the fewest that were found; empty where all can be met."""
    front, waiting = ordering.peel()
    if not any(waiting):
        return []
    rank = ordering.rank
    left = [
        {b for b, level in row.items() if level > front[a] or rank[b][a] > front[b]} if waiting[a] else set()
        for a, row in enumerate(rank)
    ]
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
