"""In which order classes stand in a picture: by label, or so that similar ones stand together."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rankcon_cli.ranking.table import TierTable

if TYPE_CHECKING:
    import numpy as np

#: Most classes whose dendrogram is turned so that neighbours are alike: that takes cubic time, 10 s at a thousand.
_MOST_TURNED = 300

#: Most classes whose distances are held in memory.
_MOST_DENSE = 2000


def by_label(table: TierTable) -> list[int]:
    """The labels 0..C-1 as they are."""
    return list(range(len(table.classes)))


def by_blocks(table: TierTable) -> list[int]:
    """The labels 0..C-1 so that similar classes stand together: the leaves of a dendrogram from left to right.

    Average linkage of ``distances``; up to 300 classes in the optimal leaf order (Bar-Joseph and others, 2001),
    beyond that with the smaller label first. Over 2,000 classes single linkage, which needs no distances in memory.
    The same table gives the same order.
    """
    n = len(table.classes)
    if n < 3 or not any(table.tiers):
        return by_label(table)
    if n > _MOST_DENSE:
        return _single_linkage(table)
    import numpy as np
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    # Equal distances are the rule; a trace of the label order decides among them.
    labels = np.arange(n)
    apart = distances(table) + 1e-6 / n * np.abs(labels[:, None] - labels)
    condensed = squareform(apart, checks=False)
    merges = linkage(condensed, "average")
    if n > _MOST_TURNED:
        return _smaller_first(n, [(int(a), int(b)) for a, b in merges[:, :2]])
    order = [int(c) for c in leaves_list(optimal_leaf_ordering(merges, condensed))]
    return order if order.index(0) < n / 2 else order[::-1]


#: ``--order`` -> the labels in that order.
ORDERS: dict[str, Callable[[TierTable], list[int]]] = {"blocks": by_blocks, "label": by_label}


def distances(table: TierTable) -> "np.ndarray":
    """float64 [C, C], symmetric: tier k of at most T counts k / (T + 1), an unlisted class 1, both directions halved.

    T is 3 at least, so that where there is one tier its classes are near.
    """
    import numpy as np

    array = table.array()
    one_way = np.where(array < 0, 1.0, array / (max(3, table.depth) + 1.0))
    return (one_way + one_way.T) / 2


def _smaller_first(n: int, merges: list[tuple[int, int]]) -> list[int]:
    """The leaves of a dendrogram, at each merge the side with the smaller label before the other."""
    clusters = {c: [c] for c in range(n)}
    for i, (a, b) in enumerate(merges):
        first, second = sorted((clusters.pop(a), clusters.pop(b)), key=min)
        clusters[n + i] = first + second
    return [c for cluster in sorted(clusters.values(), key=min) for c in cluster]


def _single_linkage(table: TierTable) -> list[int]:
    """The same from the tiers alone: tier after tier, what is listed joins the cluster of the class that lists it."""
    parent = list(range(len(table.classes)))
    clusters = {c: [c] for c in parent}

    def root(c: int) -> int:
        while parent[c] != c:
            parent[c] = parent[parent[c]]
            c = parent[c]
        return c

    for k in range(table.depth):
        if len(clusters) == 1:
            break
        joined: set[int] = (
            set()
        )  # by identity: classes of one group share its tuples, whose members are one cluster by now
        for a, tiers in enumerate(table.tiers):
            if k >= len(tiers):
                continue
            members = tiers[k] if id(tiers[k]) not in joined else tiers[k][:1]
            joined.add(id(tiers[k]))
            for b in members:
                first, second = sorted((root(a), root(b)))
                if first != second:
                    parent[second] = first
                    clusters[first] += clusters.pop(second)
    return [c for first in sorted(clusters) for c in clusters[first]]
