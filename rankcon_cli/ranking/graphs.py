"""Class graphs, read where their meaning is plain: node-link JSON and GraphML.

Two kinds are. In a *class graph* every edge carries a rank or a weight: an edge a -> b says that a lists b. In a
*tree* no edge does: source -> target is parent -> child, leaves are the classes and inner nodes become groups.
"""

import sys
import unicodedata
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, name_fault
from rankcon_cli.ranking.expansion import MAX_CLASSES
from rankcon_cli.ranking.grouping import hierarchy_ranking
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.ranking.issues import Findings, Issue, RankingError, make_issue
from rankcon_cli.wording import listed, quoted

if TYPE_CHECKING:
    import networkx as nx

#: Edge attributes that order the classes around one: ranks rise as similarity falls, weights fall with it.
RANKS = ("rank", "tier")
WEIGHTS = ("score", "similarity", "weight")

_PLAIN = (
    f"expected edges between classes, each with a {' or '.join(RANKS)} (1 is most similar) or a "
    f"{', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]} (larger is more similar), or a rooted tree whose edges have none"
)


def from_node_link(document: dict[str, Any], file: str) -> Ranking:
    """A ranking from node-link JSON; RankingError (E006) where it is none or its meaning is not plain."""
    return _from_graph(node_link_graph(document, file), file)


def from_graphml(text: str, file: str) -> Ranking:
    """A ranking from GraphML; RankingError (E001, E006) where it is none or its meaning is not plain."""
    return _from_graph(graphml_graph(text, file), file)


def node_link_graph(document: dict[str, Any], file: str) -> "nx.Graph":
    """The graph of a node-link JSON document; RankingError (E006) where it is none."""
    import networkx as nx

    key = next((key for key in ("edges", "links") if isinstance(document.get(key), list)), None)
    if key is None or not isinstance(document.get("nodes"), list):
        raise _unclear('node-link JSON has the lists "nodes" and "edges" (or "links")', file)
    try:
        return nx.node_link_graph(document, edges=key)
    except (AttributeError, KeyError, TypeError, ValueError, nx.NetworkXException) as error:
        raise _unclear(
            f"this is no node-link JSON as networkx writes it ({type(error).__name__}: {error})", file
        ) from error


def graphml_graph(text: str, file: str) -> "nx.Graph":
    """The graph of a GraphML document; RankingError (E001, E006) where it is none.

    Documents that declare a type or entities are refused: the expansion of entities has no bound.
    """
    from xml.etree.ElementTree import ParseError

    import networkx as nx

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _unclear("GraphML with a DOCTYPE or ENTITY declaration is not read", file)
    try:
        with warnings.catch_warnings(action="ignore"):  # of keys without a type, which are of no concern here
            return nx.parse_graphml(text)
    except ParseError as error:
        line, column = error.position
        message = f"not well-formed XML: {error.msg.split(':')[0]}"
        raise RankingError([Issue("E001", "error", message, (), line, column + 1)], file) from error
    except (AttributeError, KeyError, TypeError, ValueError, nx.NetworkXException) as error:
        raise _unclear(f"this XML is no GraphML ({error})", file) from error


def _from_graph(graph: "nx.Graph", file: str) -> Ranking:
    if not graph.number_of_edges():
        raise _unclear(f"the graph has no edges; {_PLAIN}", file)
    if graph.is_multigraph() and len(set(graph.edges(keys=False))) < graph.number_of_edges():
        raise _unclear("the graph has parallel edges", file)
    attributes = [data for _, _, data in graph.edges(data=True)]
    key = next((key for key in RANKS + WEIGHTS if all(key in data for data in attributes)), None)
    if key is None:
        half = next((key for key in RANKS + WEIGHTS if any(key in data for data in attributes)), None)
        if half is not None:
            raise _unclear(f"some edges have a {half} and some have none; {_PLAIN}", file)
        return _from_tree(graph, file)
    if key in WEIGHTS and graph.is_directed() and _roots(graph) is not None:
        hint = "for edges between classes write ranks, for a tree leave the lengths of its edges away"
        raise _unclear(f"this may be a tree with lengths or a graph of classes with a {key}; {hint}", file)
    return _from_class_graph(graph, key, file)


def _from_class_graph(graph: "nx.Graph", key: str, file: str) -> Ranking:
    names = _names(graph, list(graph), file)
    rankings = {}
    for node in graph:
        scored = all("score" in data for _, _, data in graph.edges(node, data=True))
        levels: dict[float, list[tuple[str, float | None]]] = {}
        for _, other, data in graph.edges(node, data=True):
            edge = f"the edge {quoted(names[node])} -> {quoted(names[other])}"
            value = _number(data[key], f"the {key} of {edge}", file)
            score = _number(data["score"], f"the score of {edge}", file) if scored else None
            levels.setdefault(value if key in RANKS else -value, []).append((as_member(names[other]), score))
        tiers = []
        for _, level in sorted(levels.items()):
            scores = {score for _, score in level}
            if len(scores) > 1:
                raise _unclear(f"edges of one {key} from {quoted(names[node])} have different scores", file)
            tiers.append(Tier(tuple(member for member, _ in level), scores.pop()))
        if tiers:
            rankings[names[node]] = Listing(tuple(tiers))
    return Ranking(tuple(names[node] for node in graph), rankings=rankings, file=file)


def _from_tree(graph: "nx.Graph", file: str) -> Ranking:
    """Groups from the inner nodes; labels follow the order of the nodes."""
    if not graph.is_directed():
        raise _unclear(f"the edges have neither direction nor rank; {_PLAIN}", file)
    if _roots(graph) is None:
        raise _unclear(f"{_not_a_tree(graph)}; {_PLAIN}", file)
    names = _names(graph, list(graph), file)
    leaves = tuple(names[node] for node in graph if graph.out_degree(node) == 0)
    for name in (names[node] for node in graph if graph.out_degree(node) and names[node].startswith("@")):
        raise RankingError([make_issue("E005", f"{quoted(name)} cannot name a group: it begins with @")], file)
    if len(leaves) > MAX_CLASSES:
        raise RankingError([make_issue("E111", f"more than {MAX_CLASSES:,} classes")], file)
    children = {names[node]: tuple(names[child] for child in graph.successors(node)) for node in graph}
    try:
        return hierarchy_ranking(Hierarchy(children, classes=leaves, file=file))
    except RankconError as error:
        raise _unclear(error.message, file) from error


def _roots(graph: "nx.Graph") -> list[Hashable] | None:
    """The roots of a directed graph whose every component is a rooted tree, or None where one is not."""
    import networkx as nx

    if any(degree > 1 for _, degree in graph.in_degree()) or not nx.is_directed_acyclic_graph(graph):
        return None
    return [node for node, degree in graph.in_degree() if degree == 0]


def _not_a_tree(graph: "nx.Graph") -> str:
    twice = next((node for node, degree in graph.in_degree() if degree > 1), None)
    if twice is None:
        return "not a tree: the edges run in a circle"
    parents = listed(map(str, graph.predecessors(twice)))
    return f"not a tree: {quoted(str(twice))} has the parents {parents} ('rankcon rank derive' reads such graphs)"


def _names(graph: "nx.Graph", nodes: list[Hashable], file: str) -> dict[Hashable, str]:
    """What the nodes are called: by their ``name`` or ``label`` where every node has one of its own, else by id."""
    names = {node: str(node) for node in nodes}
    for key in ("name", "label"):
        given = {node: data.get(key) for node, data in graph.nodes(data=True)}
        if all(isinstance(name, str) for name in given.values()) and len(set(given.values())) == len(nodes):
            names = given
            break
    names = {node: unicodedata.normalize("NFC", name) for node, name in names.items()}  # an escape may write others
    findings = Findings()
    for name in names.values():
        fault = name_fault(name)
        if fault:
            findings.add("E005", f"{quoted(name)} cannot name a class or group: {fault}")
    if len(set(names.values())) < len(nodes):
        findings.add("E006", "two nodes have the same name")
    if findings.issues:
        raise RankingError(findings.issues, file)
    return names


def _number(value: Any, what: str, file: str) -> float:
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return value
    raise _unclear(f"{what} is not a number but {quoted(str(value))}", file)


def _unclear(message: str, file: str) -> RankingError:
    return RankingError([make_issue("E006", message)], file)
