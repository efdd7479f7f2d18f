"""In which order one class's candidates are compared: top-k selection and merge insertion, and what they cost at most.

Both are generators: they yield a ``Comparison``, are sent MORE, ALIKE or LESS for its first candidate, and return the
tiers. They know nothing of who answers: a comparison that follows from earlier answers is answered at once.

References:
    [1] D. E. Knuth, The Art of Computer Programming, vol. 3, 2nd ed. 1998, 5.3.1 (merge insertion) and 5.3.3
        (selection).
    [2] L. R. Ford and S. M. Johnson, A tournament problem, American Mathematical Monthly 66 (1959), 387-389.
    [3] M. C. Golumbic, Combinatorial merging, IEEE Transactions on Computers C-25 (1976), 1164-1167.
"""

import itertools
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rankcon_cli.elicit.knowledge import ALIKE, LESS, MORE

Tiers = list[list[str]]


class Comparison(NamedTuple):
    """Two candidates to compare, and how many comparisons the class needs from here on, this one included."""

    left: str
    right: str
    at_most: int
    about: float


Scheme = Generator[Comparison, int, Tiers]


@dataclass(frozen=True)
class View:
    """What a scheme may ask of the knowledge about its class.

    is_unlike(b): b is not like the class at all; known_pair(firsts, seconds): one of the first and another of the
    second whose order is known already, or None.
    """

    is_unlike: Callable[[str], bool]
    known_pair: Callable[[Sequence[str], Sequence[str]], tuple[str, str] | None]


@dataclass(eq=False)
class _Node:
    """Candidates that are equally alike, and what is known to be less alike.

    height: how many comparisons it has come through, as ``selection_bound`` counts them; 0: it was never chosen.
    below: nodes that lost against it (selection), or the node that did (merge insertion, where there is one).
    absorbed: nodes that were found equal to it.
    """

    members: list[str]
    height: int = 0
    below: list["_Node"] = field(default_factory=list)
    absorbed: list["_Node"] = field(default_factory=list)

    def absorb(self, other: "_Node") -> None:
        self.members += other.members
        self.absorbed += [other, *other.absorbed]


def scheme(candidates: Sequence[str], top: int, view: View) -> Scheme:
    """The cheaper of the two in the worst case."""
    n = len(candidates)
    return select(candidates, top, view) if selection_bound(n, top) < merge_bound(n) else sort(candidates, top, view)


def bound(n: int, top: int) -> int:
    """Most comparisons that ``scheme`` makes for ``n`` candidates."""
    return min(selection_bound(n, top), merge_bound(n))


def expected(n: int, top: int) -> float:
    """About how many comparisons ``scheme`` makes for ``n`` candidates in random order: a rule of thumb.

    Measured against it by benchmarks/elicit.py: 12.3 for 9 candidates and the top 3, where it says 12.3.
    """
    if selection_bound(n, top) < merge_bound(n):
        return n - 1 + (min(top, n) - 1) * _usually_again(n)
    return merge_bound(n)


def selection_bound(n: int, top: int) -> int:
    """n - 1 + (k - 1)(h - 1) with h = ceil(lg n) and k = min(top, n): most comparisons of ``select``.

    Proof. Give a node the height 0 at the start, and after a comparison the greater of the two heights plus one.
    (1) Let S be the sum of 2^height over the roots. At the start S = n <= 2^h. Comparing the two roots of least
    heights p <= q adds 2^q - 2^p. As all other heights are at least q, S - 2^p is a multiple of 2^q below 2^h, so at
    most 2^h - 2^q, and the sum stays within 2^h [3]. So no height exceeds h. The children of a root have the heights
    that it met: their sum of 2^height is at most 2^height of the root less one, so taking a root away keeps S below
    2^h too.
    (2) Each comparison takes one root away: the first place costs n - 1. A node of m equal candidates has at most
    h + (m - 1)(h - 1) children: a win adds one child and at least one to the height, a tie joins two nodes of heights
    up to h - 1. When it is taken, m places are filled and the next costs one less than its children: m (h - 1) at most.
    Each of the k - 1 places before the last is charged h - 1 in this way. "Neither" takes two roots away at once,
    which pays for the one comparison that a class never chosen has yet to stand (see ``select``). []

    The classical tree selection; for its bound in other forms see [1], 5.3.3.
    """
    if n < 2:
        return 0
    return n - 1 + (min(top, n) - 1) * (_log2(n) - 1)


def merge_bound(n: int) -> int:
    """Sum of ceil(lg(3i/4)) for i = 1..n: most comparisons of ``sort`` for n candidates [1, 2]."""
    return sum(_log2(3 * i, 4) for i in range(2, n + 1))


def select(candidates: Sequence[str], top: int, view: View) -> Scheme:
    """The ``top`` most similar candidates by a tournament, at most ``selection_bound`` comparisons.

    The two roots that came through the fewest comparisons meet, so that the tree stays balanced; of several such,
    two whose comparison is known. Once one root is left, it fills the next places and those that lost against it
    alone are roots again. The list ends with the tier that reaches ``top``, which is whole: whatever is not tied
    with a root has lost, directly or through others.

    "Neither" takes out both and all below. From then on a class that was never chosen over another does not get a
    place untried: it is held against one that is out.
    """
    roots = [_Node([name]) for name in candidates if not view.is_unlike(name)]
    again = _log2(len(roots)) - 1 if len(roots) > 1 else 0  # comparisons for each place but the first
    usually = _usually_again(len(roots))
    top = min(top, len(roots))
    tiers: Tiers = []
    while roots and top > 0:
        while len(roots) > 1:
            x, y = _next_pair(roots, view)
            left, rest = len(roots) - 1, top - 1
            untried = _out(candidates, view) is not None
            sign = yield Comparison(x.members[0], y.members[0], left + rest * again + untried, left + rest * usually)
            roots = [root for root in roots if root not in (x, y)] + [_joined(x, y, sign)]
            roots = [root for root in roots if not _is_out(root, view)]
        if not roots or not (yield from _earns_its_place(roots[0], _out(candidates, view))):
            break
        tiers.append(roots[0].members)
        top -= len(roots[0].members)
        roots = [node for node in roots[0].below if not _is_out(node, view)]
    return tiers


def sort(candidates: Sequence[str], top: int, view: View) -> Scheme:
    """The order of all candidates by merge insertion, at most ``merge_bound`` comparisons; cut as ``select`` cuts it.

    Those that are not like the class at all are tied, below all others.
    """
    alike = [name for name in candidates if not view.is_unlike(name)]
    out = _out(candidates, view)
    nodes = [_Node([name]) for name in ([*alike, out] if out is not None and alike else alike)]
    bound = merge_bound(len(nodes))
    made = 0
    steps = _merge_insertion(nodes)
    sign = None
    while True:
        try:
            x, y = steps.send(sign)
        except StopIteration as stop:
            return _cut(reversed(stop.value), top, view)
        sign = yield Comparison(x.members[0], y.members[0], bound - made, bound - made)
        made += 1


def _earns_its_place(node: _Node, out: str | None) -> Generator[Comparison, int, bool]:
    """Whether the last root is like the class: it was chosen before, nothing is out, or it is above what is out."""
    if node.height or out is None:
        return True
    return (yield Comparison(node.members[0], out, 1, 1)) == MORE


def _next_pair(roots: Sequence[_Node], view: View) -> tuple[_Node, _Node]:
    """Two roots of least height; of several such, two whose comparison is known where there are any."""
    ordered = sorted(roots, key=lambda node: node.height)
    least, second = ordered[0].height, ordered[1].height
    firsts = {node.members[0]: node for node in ordered if node.height == least}
    seconds = {node.members[0]: node for node in ordered[1:] if node.height == second}
    known = view.known_pair(list(firsts), list(seconds))
    return (firsts[known[0]], seconds[known[1]]) if known else (ordered[0], ordered[1])


def _joined(x: _Node, y: _Node, sign: int) -> _Node:
    """The root that is left of two that were compared."""
    if sign == LESS:
        x, y = y, x
    x.height = max(x.height, y.height) + 1
    if sign == ALIKE:
        x.absorb(y)
        x.below += y.below
    else:
        x.below.append(y)
    return x


def _merge_insertion(nodes: list[_Node]) -> Generator[tuple[_Node, _Node], int, list[_Node]]:
    """Nodes in order, the least alike first; equal ones absorbed by one of them.

    Pairs are compared, their winners sorted in the same way, and the losers inserted by binary search: first the
    one below the least winner, then in groups up to the places 3, 5, 11, 21, ... (each but the first is twice the
    one before, plus or minus one), downwards within a group, so that each search is among at most 2^j - 1 nodes.
    """
    if len(nodes) < 2:
        return nodes
    winners: dict[_Node, None] = {}  # an ordered set
    losers: dict[_Node, _Node] = {}
    for x, y in zip(nodes[::2], nodes[1::2], strict=False):
        sign = yield x, y
        winner, loser = (x, y) if sign != LESS else (y, x)
        winners[winner] = None
        if sign == ALIKE:
            winner.absorb(loser)
        else:
            losers[winner] = loser
    chain = yield from _merge_insertion(list(winners))
    # Places as if nothing were tied, so that a tie makes no search longer; None: no winner bounds the odd one.
    waiting = [(losers.get(node), winner) for winner in chain for node in (winner, *winner.absorbed) if node in winners]
    waiting += [(nodes[-1], None)] if len(nodes) % 2 else []
    for place in _insertion_order(len(waiting)):
        loser, winner = waiting[place]
        if loser is not None:
            yield from _insert(loser, chain, len(chain) if winner is None else chain.index(winner))
    return chain


def _insert(node: _Node, chain: list[_Node], end: int) -> Generator[tuple[_Node, _Node], int, None]:
    """Put ``node`` where it belongs among the first ``end`` nodes of the chain."""
    start = 0
    while start < end:
        middle = (start + end) // 2
        sign = yield node, chain[middle]
        if sign == ALIKE:
            chain[middle].absorb(node)
            return
        start, end = (middle + 1, end) if sign == MORE else (start, middle)
    chain.insert(start, node)


def _insertion_order(n: int) -> Iterable[int]:
    """0, 2, 1, 4, 3, 10, 9, ..., 5, 20, ...: places counted from 0, as far as there are n."""
    done, end = 0, 1
    for power in itertools.count(2):
        yield from range(min(end, n) - 1, done - 1, -1)
        if end >= n:
            return
        done, end = end, 2**power - end


def _cut(order: Iterable[_Node], top: int, view: View) -> Tiers:
    """The tiers from the top on, up to the one that reaches ``top``, without what is not alike at all."""
    tiers: Tiers = []
    for node in itertools.takewhile(lambda node: not _is_out(node, view), order):
        if top <= 0:
            break
        tiers.append(node.members)
        top -= len(node.members)
    return tiers


def _is_out(node: _Node, view: View) -> bool:
    return any(map(view.is_unlike, node.members))


def _out(candidates: Iterable[str], view: View) -> str | None:
    return next(filter(view.is_unlike, candidates), None)


def _usually_again(n: int) -> float:
    """About how many comparisons each place but the first takes among ``n`` candidates."""
    return max(math.log2(n) - 1, 0) if n else 0


def _log2(n: int, divisor: int = 1) -> int:
    """ceil(lg(n / divisor)), exactly, for n >= divisor."""
    return (-(-n // divisor) - 1).bit_length()
