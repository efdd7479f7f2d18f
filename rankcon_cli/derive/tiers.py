"""From a hierarchy to tiers: by lowest common ancestors or by path length, to a chosen depth."""

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member
from rankcon_cli.ranking.grouping import grouped_ranking, held_above
from rankcon_cli.ranking.hierarchy import Hierarchy, Outline, outline
from rankcon_cli.ranking.naming import class_names
from rankcon_cli.ranking.sources import MAX_BYTES
from rankcon_cli.wording import listed

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("rankcon")

By = Literal["lca", "path"]

#: Distances that are held at a time: nodes times classes.
_CHUNK = 2**24
_NOWHERE = 2**30


def rank_hierarchy(hierarchy: Hierarchy, *, by: By = "lca", depth: int | None = None) -> Ranking:
    """The tiers that a hierarchy gives.

    Args:
        by: ``lca``: the deeper the deepest node that holds both, the more similar. A node that holds all classes does
            not count, so that there is no last tier of everything else. ``path``: the fewer steps up to a common
            ancestor and down again, the more similar.
        depth: of a tree by ``lca``, only the groups at most this many groups high, so that a class has at most this
            many tiers and a tree is left; a class that only higher groups hold has none, and that is warned of. Else
            the nearest tiers of every class, this many.

    Returns:
        Nested groups where these say it all, with lists that name groups where a DAG needs them; lists of classes by
        ``path``, and of a DAG to a ``depth``.

    Raises:
        RankconError: as ``outline`` does; names that cannot be told apart; or lists past ``MAX_BYTES`` of text.
    """
    tree = outline(hierarchy)
    if by == "lca" and (depth is None or tree.is_tree):
        ranking = grouped_ranking(tree, depth)
        if depth is not None:
            _tell_left_alone(tree, ranking, depth)
        return ranking
    names = class_names(tree)
    members = [as_member(name) for name in names]
    lengths = [len(json.dumps(member, ensure_ascii=False).encode()) + 2 for member in members]
    size = 0
    rankings = {}
    for c, tiers in enumerate(_nearest(tree, by, depth)):
        size += sum(lengths[b] for tier in tiers for b in tier)
        if size > MAX_BYTES:
            message = f"as lists of classes the tiers of {hierarchy.file} are longer than {MAX_BYTES:,} bytes, the most"
            hint = f"keep the nearest tiers of each class with a {'lower ' if depth else ''}--depth"
            raise RankconError(f"{message} that a ranking file has", hint=hint)
        if tiers:
            rankings[names[c]] = Listing(tuple(Tier(tuple(members[b] for b in tier)) for tier in tiers))
    return Ranking(names, rankings=rankings, file=hierarchy.file)


def _tell_left_alone(tree: Outline, ranking: Ranking, depth: int) -> None:
    alone = held_above(tree, depth)
    if alone:
        part = f"{len(alone):,} of {len(ranking.classes):,} classes"
        names = listed(ranking.classes[c] for c in alone)
        log.warning("depth %d leaves %s with nothing similar, as only higher groups hold them: %s", depth, part, names)


def _nearest(tree: Outline, by: By, depth: int | None) -> Iterator[list[list[int]]]:
    """For each class its tiers, the ``depth`` nearest, as lists of labels in ascending order."""
    import numpy as np

    for c, distance in enumerate(_distances(tree, by)):
        order = np.argsort(distance, kind="stable")
        order = order[(order != c) & (distance[order] < _NOWHERE)]
        starts = np.flatnonzero(np.diff(distance[order])) + 1
        yield [tier.tolist() for tier in np.split(order, starts[:depth])[:depth] if len(tier)]


def _distances(tree: Outline, by: By) -> "Iterator[np.ndarray]":
    """For each class its distances to all of them, int32 [C]; ``_NOWHERE`` or more without a common ancestor.

    The distance is the least, over the common ancestors, of the steps up to the ancestor and down again (``path``), or
    of its depth taken negative (``lca``; an ancestor that holds everything does not count). It is carried from the
    classes up to the roots and from there down to the classes, each node looking at its neighbours only.
    """
    import numpy as np

    everything = tree.everything
    number = {node: i for i, node in enumerate(tree.nodes)}
    parents = [[number[parent] for parent in tree.parents[node]] for node in tree.nodes]
    children = [[number[child] for child in tree.children[node]] for node in tree.nodes]
    peak = [_NOWHERE if tree.holds[node] == everything else -tree.depth[node] for node in tree.nodes]
    rows = [number[node] for node in tree.classes]
    step = 1 if by == "path" else 0
    width = max(1, _CHUNK // len(tree.nodes))
    for first in range(0, len(rows), width):
        own = rows[first : first + width]
        far = np.full((len(tree.nodes), len(own)), _NOWHERE, dtype=np.int32)
        far[own, range(len(own))] = 0
        for i in reversed(range(len(far))):
            for child in children[i]:
                np.minimum(far[i], far[child] + step, out=far[i])
            if by == "lca":
                far[i, far[i] < _NOWHERE] = peak[i]
        for i, above in enumerate(parents):
            for parent in above:
                np.minimum(far[i], far[parent] + step, out=far[i])
        yield from np.ascontiguousarray(far[rows].T)
