"""Class graphs as networkx writes them."""

import json

import networkx as nx
import pytest

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import RankingError, check, compile_ranking, load, parse, write


def node_link(graph, key="edges"):
    return json.dumps(nx.node_link_data(graph, edges=key))


def graphml(graph):
    return "\n".join(nx.generate_graphml(graph))


def ranked(name="rank"):
    values = {
        "rank": (1, 2, 3),
        "tier": (1, 2, 3),
        "score": (0.9, 0.5, 0.2),
        "similarity": (9, 5, 2),
        "weight": (8, 1, -3),
    }
    first, second, third = values[name]
    graph = nx.DiGraph()
    graph.add_nodes_from(["airplane", "bird", "frog", "ship"])
    graph.add_edge("airplane", "ship", **{name: second})
    graph.add_edge("airplane", "bird", **{name: first})
    graph.add_edge("airplane", "frog", **{name: third})
    graph.add_edge("bird", "frog", **{name: first})
    graph.add_edge("bird", "airplane", **{name: first})
    return graph


@pytest.mark.parametrize("key", ["rank", "tier", "score", "similarity", "weight"])
@pytest.mark.parametrize("form", [node_link, graphml, lambda graph: node_link(graph, "links")])
def test_edges_between_classes_make_tiers(form, key):
    table = compile_ranking(parse(form(ranked(key)), "g"))
    assert table.classes == ("airplane", "bird", "frog", "ship")
    assert table.tiers == (((1,), (3,), (2,)), ((0, 2),), (), ())
    assert table.scores == (((0.9, 0.5, 0.2), (0.9,), None, None) if key == "score" else (None,) * 4)


def test_ranks_with_scores_keep_both():
    graph = nx.DiGraph()
    graph.add_edge("a", "b", rank=1, score=0.8)
    graph.add_edge("a", "c", rank=2, score=0.4)
    graph.add_edge("b", "a", rank=1, score=0.8)
    assert compile_ranking(parse(node_link(graph), "g")).scores == ((0.8, 0.4), (0.8,), None)


def test_an_undirected_edge_counts_both_ways():
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=2.0)
    graph.add_edge("b", "c", weight=1.0)
    assert compile_ranking(parse(graphml(graph), "g")).tiers == (((1,),), ((0,), (2,)), ((1,),))


def tree():
    graph = nx.DiGraph()
    for child in ("animal", "vehicle"):
        graph.add_edge("thing", child)
    for parent, children in {"animal": ["pet", "bird"], "pet": ["cat", "dog"], "vehicle": ["car", "ship"]}.items():
        graph.add_edges_from((parent, child) for child in children)
    return graph


@pytest.mark.parametrize("form", [node_link, graphml, lambda graph: node_link(graph, "links")])
def test_a_tree_makes_groups_and_leaves_are_the_classes(form):
    ranking = parse(form(tree()), "g")
    table = compile_ranking(ranking)
    assert table.classes == ("bird", "cat", "dog", "car", "ship")
    assert set(ranking.groups) == {"animal", "pet", "vehicle"}  # the root holds all and ranks nothing
    assert not ranking.rankings
    tiers = {c: [{table.classes[b] for b in m} for m in row] for c, row in zip(table.classes, table.tiers, strict=True)}
    assert tiers["cat"] == [{"dog"}, {"bird"}] and tiers["bird"] == [{"cat", "dog"}] and tiers["car"] == [{"ship"}]
    assert check(ranking) == ()


def test_a_forest_is_read_like_a_tree_without_its_root():
    graph = tree()
    graph.remove_node("thing")
    assert set(parse(node_link(graph), "g").groups) == {"animal", "pet", "vehicle"}


def test_nodes_are_called_by_name_or_label_where_all_have_one():
    graph = nx.relabel_nodes(tree(), {name: f"n{i}" for i, name in enumerate(tree())})
    for i, name in enumerate(tree()):
        graph.nodes[f"n{i}"]["label"] = name
    assert "cat" in parse(graphml(graph), "g").classes
    del graph.nodes["n0"]["label"]
    assert "cat" not in parse(node_link(graph), "g").classes


def test_numbers_as_ids_and_names_with_a_leading_at():
    graph = nx.DiGraph()
    graph.add_edge(1, "@home", rank=1)
    graph.add_edge("@home", 1, rank=1)
    ranking = parse(node_link(graph), "g")
    assert compile_ranking(ranking).classes == ("1", "@home")
    assert compile_ranking(parse(write(ranking), "g")) == compile_ranking(ranking)


def test_a_deep_path_of_nodes_costs_no_recursion():
    graph = nx.DiGraph()
    nx.add_path(graph, [f"n{i}" for i in range(3000)])
    graph.add_edges_from([("n2999", "a"), ("n2999", "b"), ("n0", "c")])
    assert compile_ranking(parse(node_link(graph), "g")).tiers == (((1,),), ((0,),), ())


def edges(*pairs, **data):
    graph = nx.DiGraph()
    graph.add_edges_from(pairs, **data)
    return graph


def half_ranked():
    graph = edges(("a", "b"), ("b", "a"), rank=1)
    graph.add_edge("a", "c")
    return graph


def parallel():
    graph = nx.MultiDiGraph()
    graph.add_edges_from([("a", "b"), ("a", "b")], rank=1)
    return graph


UNCLEAR = {
    "no edges": (nx.empty_graph(3, nx.DiGraph), "no edges"),
    "undirected, no ranks": (nx.path_graph(4), "neither direction nor rank"),
    "two parents": (edges(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")), "'d' has the parents 'b' and 'c'"),
    "a circle": (edges(("a", "b"), ("b", "a")), "run in a circle"),
    "some ranks": (half_ranked(), "some edges have a rank"),
    "a tree with lengths": (edges(("r", "a"), ("r", "b"), weight=1.5), "a tree with lengths or a graph of classes"),
    "rank is a text": (edges(("a", "b"), ("b", "a"), rank="first"), "is not a number but 'first'"),
    "rank is not finite": (edges(("a", "b"), ("b", "a"), rank=float("inf")), "is not a number"),
    "parallel edges": (parallel(), "parallel edges"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_graph_without_plain_meaning_is_refused(case):
    graph, message = UNCLEAR[case]
    with pytest.raises(RankingError, match=message) as caught:
        parse(graphml(graph), "g.graphml")
    assert caught.value.issues[0].code == "E006"


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": 1, "edges": 2}',
        '{"nodes": [1], "edges": []}',
        '{"nodes": [{"id": {}}], "edges": []}',
        '{"nodes": [], "edges": [3]}',
        '{"nodes": [{"id": "a"}], "edges": [{"source": "a"}]}',
        '{"nodes": []}',
        "<html><body>hello</body></html>",
        "<graphml/>",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph><node/></graph></graphml>',
    ],
)
def test_what_only_looks_like_a_graph_is_refused(text):
    with pytest.raises(RankingError) as caught:
        parse(text, "g")
    assert caught.value.issues[0].code == "E006"


def test_bad_names_in_a_graph_are_refused():
    for name in ("line\nbreak", " blank"):
        with pytest.raises(RankingError) as caught:
            parse(node_link(edges((name, "b"), ("b", name), rank=1)), "g")
        assert caught.value.issues[0].code == "E005"
    with pytest.raises(RankingError, match="cannot name a group"):
        parse(node_link(edges(("r", "@g"), ("@g", "a"), ("@g", "b"), ("r", "c"))), "g")


def test_graph_files_are_loaded_by_content(tmp_path):
    for name, text in {"g.graphml": graphml(tree()), "g.xml": graphml(tree()), "g.json": node_link(tree())}.items():
        (tmp_path / name).write_text(text)
        ranking = load(tmp_path / name)
        assert len(ranking.classes) == 5 and ranking.text is None
    with pytest.raises(RankconError):
        load(tmp_path / "missing.graphml")


def test_numbers_beyond_all_bounds_and_names_of_another_form():
    graph = nx.DiGraph()
    graph.add_edge("a", "b", rank=1)
    text = "\n".join(nx.generate_graphml(graph)).replace(">1<", f">{'9' * 400}<")
    with pytest.raises(RankingError, match="is not a number"):
        parse(text, "g")
    graph = nx.DiGraph([("r", "e\u0301"), ("r", "b"), ("s", "c"), ("s", "d")])
    assert parse(json.dumps(nx.node_link_data(graph, edges="edges")), "g").classes == ("\u00e9", "b", "c", "d")
