"""What the classes and groups made from a hierarchy are called: every name legal, and no two the same."""

import itertools
import logging
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import name_fault
from rankcon_cli.ranking.hierarchy import Outline
from rankcon_cli.wording import counted, listed, quoted

log = logging.getLogger("rankcon")


def class_names(tree: Outline) -> tuple[str, ...]:
    """The names of the classes, in label order; classes of one name are told apart by their parents: ``Fruit/apple``.

    That is logged. Raises RankconError for a name that no class can have, and for classes that cannot be told apart.
    They are not mended: a class is found in a data set by its name.
    """
    file = tree.hierarchy.file
    names = [tree.hierarchy.name(node) for node in tree.classes]
    given, shared = names, Counter(names)
    names = [
        name if shared[name] == 1 else _qualified(tree, node) for node, name in zip(tree.classes, given, strict=True)
    ]
    for c, name in enumerate(names):
        fault = name_fault(name)
        if not name:
            raise RankconError(f"{file}: class {c + 1} of {len(names):,} has no name")
        if fault:
            raise RankconError(f"{file}: {quoted(name)} cannot name a class: {fault}")
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        hint = "give them names of their own, or take one of each with --order FILE, one id a line"
        raise RankconError(f"{file} has several classes called {listed(again)}", hint=hint)
    longer = [name for name, was in zip(names, given, strict=True) if name != was]
    if longer:
        many = counted(len(longer), "class")
        log.info("%s: %s of the same name as another, called by the parent too: %s", file, many, listed(longer, 2))
    return tuple(names)


def group_names(tree: Outline, nodes: Iterable[str], classes: Iterable[str]) -> dict[str, str]:
    """Node -> the name of its group.

    What no group can be called is mended, a group without a name is numbered, groups of one name are told apart by
    their parents, and a group that is called like a class becomes ``apple (group)``.
    """
    nodes = list(nodes)
    wanted = {node: _mended(tree.hierarchy.name(node)) for node in nodes}
    shared = Counter(wanted.values())
    classes = set(classes)
    taken = {*classes, "groups"}  # "@groups" has a meaning of its own
    tries: dict[str, Iterator[str]] = {}
    called = {}
    for node in nodes:
        name = wanted[node]
        if name and shared[name] > 1:
            name = _mended(_qualified(tree, node))
        if name not in tries:
            tries[name] = _tries(name, classes)
        called[node] = next(attempt for attempt in tries[name] if attempt not in taken)
        taken.add(called[node])
    return called


def tell_renamed(tree: Outline, called: Mapping[str, str]) -> None:
    """Log how many groups (node -> name) are called otherwise than their nodes, and one of them."""
    hierarchy = tree.hierarchy
    renamed = [(was, name) for node, name in called.items() if (was := hierarchy.name(node)) not in ("", name)]
    if renamed:
        many, (was, name) = counted(len(renamed), "group"), map(quoted, renamed[0])
        log.info("%s: %s renamed, so that all names are legal and differ: %s is %s", hierarchy.file, many, was, name)


def _tries(name: str, classes: Collection[str]) -> Iterator[str]:
    """Names for a group that is called ``name``, the best first, without end."""
    if not name:
        yield from (f"group {i}" for i in itertools.count(1))
    yield name
    if name in classes:
        yield f"{name} (group)"
    yield from (f"{name} ({i})" for i in itertools.count(2))


def _qualified(tree: Outline, node: str) -> str:
    """``parent/name``; the name alone where there is no parent, or one without a name of its own among named nodes."""
    hierarchy = tree.hierarchy
    parents = [
        _mended(hierarchy.name(up)) for up in tree.parents[node][:1] if up in hierarchy.names or not hierarchy.names
    ]
    return "/".join([*filter(None, parents), hierarchy.name(node)])


def _mended(name: str) -> str:
    """A name that a group may have, or nothing."""
    if name_fault(name):
        name = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in name)
        name = " ".join(name.split())
    return name.lstrip("@ ")
