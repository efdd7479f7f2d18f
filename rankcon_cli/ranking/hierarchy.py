"""A hierarchy of classes, and the ranking it gives by the depth of lowest common ancestors, written with groups.

In a tree the nodes above a class hold one another like Russian dolls, so groups alone say everything. In a DAG the
groups of some classes cross; such a class gets a list of its own, whose tiers name the groups.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member
from rankcon_cli.ranking.expansion import MAX_CLASSES
from rankcon_cli.ranking.groups import MAX_ENTRIES
from rankcon_cli.wording import counted, quoted

#: Most nodes that are read. WordNet has 82,000 nouns, ImageNet's part of it 60,000.
MAX_NODES = 500_000

#: Most bytes of bit masks (what each node holds); in a tree of 32,767 classes they take 200 MB.
_MAX_MASKS = 2**30


@dataclass(frozen=True)
class Hierarchy:
    """Classes and the nodes that hold them: a tree, several trees, or a DAG, where a node may have several parents.

    Attributes:
        children: inner node -> its children, in file order (a node alone: to no children).
        names: node -> what it is called. A node that is missing is called by its id; ``""`` is a node without a name.
        classes: the class nodes, inner ones among them, in label order; None for the leaves, depth first.
        file: what messages call it.
    """

    children: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    file: str = field(default="the hierarchy", compare=False)

    def nodes(self) -> list[str]:
        """All nodes: inner ones in file order, then the others."""
        below = itertools.chain.from_iterable(self.children.values())
        return list(dict.fromkeys([*self.children, *below, *(self.classes or ())]))

    def name(self, node: str) -> str:
        """What a node is called."""
        return self.names.get(node, node)


@dataclass(frozen=True)
class Outline:
    """A hierarchy cut down to its classes and the nodes above them.

    Attributes:
        classes: C class nodes in label order.
        nodes: all nodes, each after its parents.
        parents, children: of every node.
        holds: node -> the classes at and below it, bit c for label c.
        depth: node -> steps down to it from a root by the longest way, so that a child is deeper than all its parents.
    """

    hierarchy: Hierarchy
    classes: tuple[str, ...]
    nodes: tuple[str, ...]
    parents: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]
    holds: Mapping[str, int]
    depth: Mapping[str, int]

    @property
    def everything(self) -> int:
        """The mask of all classes."""
        return (1 << len(self.classes)) - 1

    @property
    def is_tree(self) -> bool:
        """Whether no node has two parents."""
        return all(len(parents) < 2 for parents in self.parents.values())


def hierarchy_ranking(hierarchy: Hierarchy) -> Ranking:
    """The ranking by lowest common ancestors: b is the more similar to a, the deeper the deepest node that holds both.

    A node that holds one class, all classes, or just the classes of a node beneath it makes no group.
    Raises RankconError as ``outline`` does, and for class names that cannot be told apart.
    """
    return grouped_ranking(outline(hierarchy))


def grouped_ranking(tree: Outline, height: int | None = None) -> Ranking:
    """``hierarchy_ranking`` of what ``outline`` gave; of a tree, only the groups at most ``height`` groups high."""
    from rankcon_cli.ranking.naming import class_names, group_names

    groups = _groups(tree, height)
    names = class_names(tree)
    called = group_names(tree, groups.values(), names)
    lists = {} if tree.is_tree else _lists_where_groups_cross(tree, groups)
    used = groups if tree.is_tree else _used(tree, groups, lists)
    return Ranking(
        names,
        groups={
            called[node]: Tier(_members(tree, node, groups, names, called))
            for mask, node in groups.items()
            if mask in used
        },
        rankings={
            names[c]: Listing(tuple(Tier(tuple("@" + called[groups[mask]] for mask in masks)) for masks in tiers))
            for c, tiers in lists.items()
        },
        file=tree.hierarchy.file,
    )


def outline(hierarchy: Hierarchy) -> Outline:
    """The classes and what is above them.

    Raises RankconError for a cycle (its path is printed), for fewer than two classes, and for more classes
    (``MAX_CLASSES``) or nodes (``MAX_NODES``) than are read.
    """
    every = hierarchy.nodes()
    if len(every) > MAX_NODES:
        raise RankconError(f"{hierarchy.file} has {len(every):,} nodes, and {MAX_NODES:,} are the most that are read")
    upwards = _children_first(hierarchy, every)
    classes = hierarchy.classes
    if classes is None:
        classes = tuple(node for node in upwards if not hierarchy.children.get(node))
    if len(classes) < 2:
        raise RankconError(f"{hierarchy.file} has {counted(len(classes), 'class')}, and a ranking needs two")
    if len(classes) > MAX_CLASSES:
        hint = "--order FILE takes only the classes that it lists"
        message = f"{hierarchy.file} has {len(classes):,} classes, and {MAX_CLASSES:,} are the most that are ranked"
        raise RankconError(message, hint=hint)
    holds = _masks(hierarchy, upwards, {node: 1 << c for c, node in enumerate(classes)})
    nodes = tuple(node for node in reversed(upwards) if holds[node])
    children = {
        node: tuple(child for child in dict.fromkeys(hierarchy.children.get(node, ())) if holds[child])
        for node in nodes
    }
    parents: dict[str, list[str]] = {node: [] for node in nodes}
    for node in every:  # in file order
        for child in children.get(node, ()):
            parents[child].append(node)
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth[parent] for parent in parents[node]), default=-1)
    above = {node: tuple(found) for node, found in parents.items()}
    return Outline(hierarchy, classes, nodes, above, children, {node: holds[node] for node in nodes}, depth)


def _children_first(hierarchy: Hierarchy, every: Iterable[str]) -> list[str]:
    """All nodes, each after its children, leaves in depth-first order; RankconError with the path of a cycle."""
    below = set(itertools.chain.from_iterable(hierarchy.children.values()))
    order: list[str] = []
    done: dict[str, bool] = {}
    for start in itertools.chain((node for node in every if node not in below), every):
        if start in done:
            continue
        done[start] = False
        path, rest = [start], [iter(hierarchy.children.get(start, ()))]
        while path:
            node = next(rest[-1], None)
            if node is None:
                rest.pop()
                order.append(path.pop())
                done[order[-1]] = True
            elif node not in done:
                done[node] = False
                path.append(node)
                rest.append(iter(hierarchy.children.get(node, ())))
            elif not done[node]:
                raise _cycle(hierarchy, [*path[path.index(node) :], node])
    return order


def _cycle(hierarchy: Hierarchy, path: list[str]) -> RankconError:
    shown = [quoted(hierarchy.name(node)) for node in path]
    steps = " -> ".join(shown if len(shown) <= 10 else [*shown[:8], "…", shown[-1]])
    return RankconError(f"{hierarchy.file} has a cycle, so it is no hierarchy: {steps}", hint="cut one of these steps")


def _masks(hierarchy: Hierarchy, upwards: Iterable[str], own: Mapping[str, int]) -> dict[str, int]:
    """What every node holds. A chain of nodes that hold the same shares one mask."""
    masks: dict[str, int] = {}
    size = 0
    for node in upwards:
        mask = own.get(node, 0)
        for child in hierarchy.children.get(node, ()):
            mask = mask | masks[child] if mask else masks[child]
        masks[node] = mask
        size += mask.bit_length() // 8 if len(hierarchy.children.get(node, ())) != 1 else 0
        if size > _MAX_MASKS:
            hint = "--order FILE takes only the classes that it lists"
            raise RankconError(f"{hierarchy.file} has too many nodes that each hold many classes", hint=hint)
    return masks


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
