"""Hierarchies as graphs that networkx writes: node-link and adjacency JSON, GraphML, GML. Edges run parent to child."""

import logging
import warnings
from typing import TYPE_CHECKING

from rankcon_cli.derive.nested import nested_hierarchy
from rankcon_cli.derive.reading import Source, json_of, text_of
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.graphs import RANKS, WEIGHTS, graphml_graph, node_link_graph
from rankcon_cli.ranking.hierarchy import Hierarchy

if TYPE_CHECKING:
    import networkx as nx

log = logging.getLogger("rankcon")

#: Edge attributes that a tree may have, and that do not say how similar classes are.
_LENGTHS = ("weight", "length", "distance")
#: Letters of a message of networkx's that are passed on: it may quote the whole file.
_LONGEST = 100


def read_node_link(source: Source) -> Hierarchy:
    """networkx's JSON: node-link data (``edges``, or ``links`` as NBDT's files have), adjacency or tree data."""
    import networkx as nx

    document = json_of(source)
    if not isinstance(document, dict):
        raise RankconError(f"{source.name} is no graph as networkx writes it", hint='expected "nodes" and "edges"')
    if "children" in document and "nodes" not in document:
        return nested_hierarchy(document, source.name)
    if "adjacency" not in document:
        return graph_hierarchy(node_link_graph(document, source.name), source.name)
    try:
        graph = nx.adjacency_graph(document)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, nx.NetworkXException) as error:
        message = f"{source.name} is no adjacency data as networkx writes it ({type(error).__name__})"
        raise RankconError(message) from error
    return graph_hierarchy(graph, source.name)


def read_graphml(source: Source) -> Hierarchy:
    """GraphML. With a DOCTYPE or ENTITY declaration it is refused: the expansion of entities has no bound."""
    return graph_hierarchy(graphml_graph(text_of(source), source.name), source.name)


def read_gml(source: Source) -> Hierarchy:
    """GML, with nodes called by their labels."""
    import networkx as nx

    try:
        with warnings.catch_warnings(action="ignore"):
            graph = nx.parse_gml(text_of(source), label="id")
    except RankconError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError, nx.NetworkXException) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else repr(str(error))[1:_LONGEST]
        raise RankconError(f"{source.name} is no GML as networkx reads it: {reason}") from error
    return graph_hierarchy(graph, source.name)


def graph_hierarchy(graph: "nx.Graph", file: str) -> Hierarchy:
    """The hierarchy that a directed graph is; RankconError where its edges rank classes, or have no direction.

    Nodes are called by their ``name``, else their ``label``, where every node has one; else by their ids. Weights are
    lengths here, and say nothing about who holds whom, which is logged.
    """
    ranked = [key for key in (*RANKS, *WEIGHTS[:-1]) if any(key in data for _, _, data in graph.edges(data=True))]
    if ranked:
        hint = "a graph of classes is a ranking already: every command takes it as it is"
        raise RankconError(f"the edges of {file} have a {ranked[0]}, so it is no hierarchy", hint=hint)
    if not graph.is_directed():
        hint = 'make it directed, from parent to child (in node-link JSON: "directed": true)'
        raise RankconError(f"the edges of {file} have no direction, so it does not say who holds whom", hint=hint)
    if any(key in data for _, _, data in graph.edges(data=True) for key in _LENGTHS):
        log.info("%s: edge lengths are not used: a hierarchy is who stands below whom", file)
    ids = {node: str(node) for node in graph}
    if len(set(ids.values())) < len(ids):
        raise RankconError(f"{file}: two nodes have the same id as text")
    if not graph.number_of_edges():
        raise RankconError(f"{file} has no edges, so it is no hierarchy")
    names: dict[str, str] = {}
    for key in ("name", "label"):
        given = {ids[node]: data.get(key) for node, data in graph.nodes(data=True)}
        if all(isinstance(name, str) for name in given.values()):
            names = given
            break
    children = {ids[node]: tuple(ids[child] for child in graph.successors(node)) for node in graph}
    return Hierarchy(children, names, file=file)
