"""The ranking that a hierarchy gives by the depth of lowest common ancestors, written with groups.

In a tree the nodes above a class hold one another like Russian dolls, so groups alone say everything. In a DAG the
groups of some classes cross; such a class gets a list of its own, whose tiers name the groups.
"""

import itertools
from collections.abc import Iterable, Mapping

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member
from rankcon_cli.ranking.groups import MAX_ENTRIES
from rankcon_cli.ranking.hierarchy import Hierarchy, Outline, outline
from rankcon_cli.ranking.naming import class_names, group_names, tell_renamed


def hierarchy_ranking(hierarchy: Hierarchy) -> Ranking:
    """The ranking by lowest common ancestors: b is the more similar to a, the deeper the deepest node that holds both.

    A node that holds one class, all classes, or just the classes of a node beneath it makes no group.
    Raises RankconError as ``outline`` does, and for class names that cannot be told apart.
    """
    return grouped_ranking(outline(hierarchy))


def grouped_ranking(tree: Outline, height: int | None = None) -> Ranking:
    """``hierarchy_ranking`` of what ``outline`` gave; of a tree, only the groups at most ``height`` groups high."""
    groups = _groups(tree, height)
    names = class_names(tree)
    called = group_names(tree, groups.values(), names)
    lists = {} if tree.is_tree else _lists_where_groups_cross(tree, groups)
    used = groups if tree.is_tree else _used(tree, groups, lists)
    kept = [node for mask, node in groups.items() if mask in used]
    tell_renamed(tree, {node: called[node] for node in kept})
    return Ranking(
        names,
        groups={called[node]: Tier(_members(tree, node, groups, names, called)) for node in kept},
        rankings={
            names[c]: Listing(tuple(Tier(tuple("@" + called[groups[mask]] for mask in masks)) for masks in tiers))
            for c, tiers in lists.items()
        },
        file=tree.hierarchy.file,
    )


def held_above(tree: Outline, height: int) -> list[int]:
    """The labels of the classes that a group holds, but none of those at most ``height`` groups high."""
    high = low = 0
    for mask in _groups(tree, None):
        high |= mask
    for mask in _groups(tree, height):
        low |= mask
    return [c for c in range(len(tree.classes)) if (high & ~low) >> c & 1]


def _groups(tree: Outline, height: int | None) -> dict[int, str]:
    """What each group holds -> its node, inner groups first; of the nodes that hold the same, the deepest."""
    groups: dict[int, str] = {}
    high: dict[int, int] = {}
    everything = tree.everything
    for node in reversed(tree.nodes):
        mask = tree.holds[node]
        if mask & (mask - 1) == 0:  # one class
            continue
        inner = (high[tree.holds[child]] for child in tree.children[node] if tree.holds[child] in high)
        high.setdefault(mask, 1 + max(inner, default=0))
        if mask != everything and (height is None or high[mask] <= height):
            best = groups.setdefault(mask, node)
            if tree.depth[node] > tree.depth[best]:
                groups[mask] = node
    # Where nodes of a DAG hold the same, the deepest may come late: by size inner groups are first again.
    return groups if tree.is_tree else dict(sorted(groups.items(), key=lambda group: group[0].bit_count()))


def _members(
    tree: Outline, node: str, groups: Mapping[int, str], names: tuple[str, ...], called: Mapping[str, str]
) -> tuple[str, ...]:
    """How a group is written: the node itself where it is a class, then its children, as classes or as groups."""
    parts = [tree.holds[child] for child in tree.children[node]]
    below = 0
    for mask in parts:
        below |= mask
    own = tree.holds[node] & ~below
    return tuple(
        dict.fromkeys(
            as_member(names[mask.bit_length() - 1]) if mask & (mask - 1) == 0 else "@" + called[groups[mask]]
            for mask in ([own] if own else []) + parts
        )
    )


def _lists_where_groups_cross(tree: Outline, groups: Mapping[int, str]) -> dict[int, list[list[int]]]:
    """Label -> tiers of groups (their masks), for the classes whose groups, the deepest first, do not nest."""
    lists = {}
    total = 0
    for c, node in enumerate(tree.classes):
        levels: dict[int, list[int]] = {}
        for mask in _held_by(tree, node, groups):
            levels.setdefault(tree.depth[groups[mask]], []).append(mask)
        ordered = [levels[depth] for depth in sorted(levels, reverse=True)]
        total += sum(map(len, ordered))
        if total > MAX_ENTRIES:
            raise RankconError(f"the groups of {tree.hierarchy.file} hold more than {MAX_ENTRIES:,} classes together")
        nested = all(len(masks) == 1 for masks in ordered) and all(
            inner & ~outer == 0 for (inner,), (outer,) in itertools.pairwise(ordered)
        )
        if not nested:
            lists[c] = _tiers_that_add(ordered, 1 << c)
    return lists


def _held_by(tree: Outline, node: str, groups: Mapping[int, str]) -> list[int]:
    """The masks of the groups that hold a node, in the order of a walk upwards."""
    seen = {node}
    found: dict[int, None] = {}
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if tree.holds[node] in groups:
            found[tree.holds[node]] = None
        new = [parent for parent in tree.parents[node] if parent not in seen]
        seen.update(new)
        waiting += reversed(new)
    return list(found)


def _tiers_that_add(levels: Iterable[list[int]], placed: int) -> list[list[int]]:
    """The levels less the groups that add nothing to those before."""
    tiers = []
    for masks in levels:
        adding = [mask for mask in masks if mask & ~placed]
        for mask in adding:
            placed |= mask
        if adding:
            tiers.append(adding)
    return tiers


def _used(tree: Outline, groups: Mapping[int, str], lists: Mapping[int, list[list[int]]]) -> set[int]:
    """The groups that a list names or a class without one is derived from, and those that they are written with."""
    waiting = [mask for tiers in lists.values() for masks in tiers for mask in masks]
    derived = sum(1 << c for c in range(len(tree.classes)) if c not in lists)
    waiting += [mask for mask in groups if mask & derived]
    used: set[int] = set()
    while waiting:
        mask = waiting.pop()
        if mask in groups and mask not in used:
            used.add(mask)
            waiting += [tree.holds[child] for child in tree.children[groups[mask]]]
    return used
