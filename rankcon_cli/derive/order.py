"""Names for nodes, and which of them are classes in which order, from lists of the user's."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.derive.reading import opened, text_of
from rankcon_cli.derive.records import records
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import counted, did_you_mean, listed, quoted

if TYPE_CHECKING:
    from rankcon_cli.derive.similarity import Similarities

log = logging.getLogger("rankcon")

#: Entries that are wrong and still get a suggestion, which costs a look at every node.
_MOST_SUGGESTIONS = 5


class Order(NamedTuple):
    """The ids or names that a list of the user's has, and what messages call it."""

    entries: list[str]
    file: str


def read_order(file: str) -> Order:
    """The ids or names of a list, one a line; RankconError where it is empty or names one twice."""
    with opened(file) as source:
        entries = [line.strip() for line in text_of(source).split("\n") if line.strip()]
    if not entries:
        raise RankconError(f"{file} lists no classes", hint="one id or name a line, in label order")
    twice = [entry for entry, count in Counter(entries).items() if count > 1]
    if twice:
        raise RankconError(f"{file} lists {listed(twice)} twice")
    return Order(entries, file)


def read_names(file: str) -> dict[str, str]:
    """Names by id: lines of ``id,name`` without header, or with a tab between them as in WordNet's ``words.txt``."""
    names = {}
    with opened(file) as source:
        for line, cells in records(text_of(source), file):
            if len(cells) < 2 or not cells[0] or not cells[1]:
                raise RankconError(f"{file}:{line}: not an id and a name", hint="a line is id,name")
            if names.setdefault(cells[0], cells[1]) != cells[1]:
                raise RankconError(f"{file}:{line}: {quoted(cells[0])} has another name already")
    return names


def with_names(hierarchy: Hierarchy, names: dict[str, str], file: str) -> Hierarchy:
    """The hierarchy with its nodes called by ``names``; RankconError where these are the names of none of them.

    How many nodes ``names`` lacks is logged; they keep what they are called.
    """
    nodes = hierarchy.nodes()
    given = {node: names[key] for node in nodes for key in (hierarchy.name(node), node) if key in names}
    if not given:
        raise RankconError(
            f"{file} names no node of {hierarchy.file}", hint="a line is id,name, with ids as they stand there"
        )
    lacking = [name for node in nodes if node not in given and (name := hierarchy.name(node))]
    if lacking:
        have = "has" if len(lacking) == 1 else "have"
        log.info("%s %s no name in %s: %s", counted(len(lacking), "node"), have, file, listed(lacking))
    return replace(hierarchy, names={**hierarchy.names, **given})


def select(hierarchy: Hierarchy, entries: Sequence[str], file: str) -> Hierarchy:
    """The hierarchy with the nodes that a list names, by id or else by name, as its classes, in the order of the list.

    Of nodes of one name the leaf is meant, where only one is a leaf. RankconError for entries that name no node, or
    several, and for two entries that name the same.
    """
    by_name: dict[str, list[str]] = {}
    nodes = hierarchy.nodes()
    for node in nodes:
        by_name.setdefault(hierarchy.name(node), []).append(node)
    known = set(nodes)
    chosen: dict[str, str] = {}
    unknown = []
    for entry in entries:
        found = [entry] if entry in known else by_name.get(entry, [])
        leaves = [node for node in found if not hierarchy.children.get(node)]
        if len(found) > 1 and len(leaves) != 1:
            raise RankconError(
                f"{file}: {quoted(entry)} names {len(found)} nodes of {hierarchy.file}", hint="use their ids"
            )
        if not found:
            unknown.append(entry)
            continue
        node = leaves[0] if len(found) > 1 else found[0]
        if node in chosen:
            raise RankconError(f"{file}: {quoted(chosen[node])} and {quoted(entry)} are the same node")
        chosen[node] = entry
    _refuse_unknown(unknown, [*(n for n in nodes if not n.startswith("\0")), *by_name], hierarchy.file, file)
    return replace(hierarchy, classes=tuple(chosen))


def arrange(similarities: "Similarities", name: str, entries: Sequence[str], file: str) -> "Similarities":
    """The similarities (messages call them ``name``) of the classes that a list names, in its order.

    RankconError for an entry that is not among them.
    """
    label = {known: c for c, known in enumerate(similarities.classes)}
    _refuse_unknown([entry for entry in entries if entry not in label], list(label), name, file)
    rows = [label[entry] for entry in entries]
    return replace(similarities, classes=tuple(entries), matrix=similarities.matrix[rows][:, rows])


def _refuse_unknown(unknown: Sequence[str], known: Sequence[str], name: str, file: str) -> None:
    if unknown:
        said = [f"{quoted(entry)}{did_you_mean(entry, known)}" for entry in unknown[:_MOST_SUGGESTIONS]]
        more = f", and {len(unknown) - len(said):,} more" if len(unknown) > len(said) else ""
        raise RankconError(f"{file} lists what is not in {name}: {', '.join(said)}{more}")
