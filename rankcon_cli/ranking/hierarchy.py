"""A hierarchy of classes: what is above each, what each node holds, how deep it lies."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.expansion import MAX_CLASSES
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
