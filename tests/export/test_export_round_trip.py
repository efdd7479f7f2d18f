"""What is exported reads back as the same tiers, whatever the names."""

import json
import unicodedata
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankcon_cli.derive.newick import read_newick
from rankcon_cli.derive.reading import Source
from rankcon_cli.derive.similarity import to_ranking
from rankcon_cli.derive.tables import read_table
from rankcon_cli.errors import RankconError
from rankcon_cli.export import EXPORTS, SUFFIXES, to_csv, to_graphml, to_newick, to_node_link
from rankcon_cli.ranking import Listing, Ranking, Tier, compile_ranking, load, parse, shipped
from rankcon_cli.ranking.document import as_member, name_fault
from rankcon_cli.ranking.grouping import hierarchy_ranking

PROPERTY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

HOSTILE = (
    '"', "'", "\\", "a\\", "@home", "@@", ",", ";", "a,b", "(", "[bold]", "<script>", "&amp;", "]]>", "../x", "=1+1",
    "😀", "\u200fשלום", "e\u0301", "\u0338", "<!DOCTYPE", "_", "0", "nan", "class", "a  b", "\N{NO-BREAK SPACE}x".strip(),
)  # fmt: skip

any_text = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"), min_size=1
)
names = (
    (st.sampled_from(HOSTILE) | any_text)
    .map(lambda name: unicodedata.normalize("NFC", name))
    .filter(lambda name: name_fault(name) is None)
)


@st.composite
def rankings(draw: st.DrawFn, mixed_scores: bool = False) -> Ranking:
    """Each class lists some of the others in some tiers; all have scores or, unless ``mixed_scores``, none has."""
    classes = draw(st.lists(names, min_size=2, max_size=6, unique=True))
    scored = draw(st.booleans())
    listings = {}
    for name in classes:
        others = draw(st.permutations([other for other in classes if other != name]))
        cuts = draw(st.lists(st.integers(0, len(others)), unique=True).map(sorted))
        tiers = [others[i:j] for i, j in pairwise(cuts)]
        scores = [None] * len(tiers)
        if draw(st.booleans()) if mixed_scores else scored:
            values = st.floats(0, 1, exclude_min=True, exclude_max=True)
            scores = sorted(draw(st.lists(values, min_size=len(tiers), max_size=len(tiers), unique=True)), reverse=True)
        written = (tuple(map(as_member, tier)) for tier in tiers)
        listings[name] = Listing(tuple(map(Tier, written, scores)))
    return Ranking(tuple(classes), rankings=listings)


@PROPERTY
@given(rankings(mixed_scores=True).filter(lambda ranking: compile_ranking(ranking).depth))
def test_every_tier_survives_in_a_class_graph(ranking):
    for export in (to_node_link, to_graphml):
        assert compile_ranking(parse(export(ranking), "g")) == compile_ranking(ranking)


@PROPERTY
@given(rankings(mixed_scores=True))
def test_every_tier_survives_in_csv(ranking):
    read = to_ranking(read_table(to_csv(ranking), "t", distance=None))
    assert compile_ranking(read) == compile_ranking(ranking)


@PROPERTY
@given(rankings(mixed_scores=True))
def test_every_tier_survives_in_json(ranking):
    assert compile_ranking(parse(EXPORTS["json"](ranking), "r")) == compile_ranking(ranking)


def test_networkx_reads_the_graphs():
    ranking = load("cifar10")
    table = compile_ranking(ranking)
    for graph in (
        nx.node_link_graph(json.loads(to_node_link(ranking)), edges="edges"),
        nx.parse_graphml(to_graphml(ranking)),
    ):
        assert tuple(graph) == table.classes and graph.is_directed()
        for a, tiers in enumerate(table.tiers):
            found = {other: data["rank"] for _, other, data in graph.edges(table.classes[a], data=True)}
            assert found == {table.classes[b]: k for k, members in enumerate(tiers, 1) for b in members}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_rankings_survive(name):
    ranking = load(name)
    table = compile_ranking(ranking)
    assert compile_ranking(parse(to_graphml(ranking), "g")) == table
    assert compile_ranking(to_ranking(read_table(to_csv(ranking), "t", distance=None))) == table


@st.composite
def trees(draw: st.DrawFn) -> Ranking:
    """Nested groups: draw two or more of what there is, make a group of them, and again; the rest stays apart."""
    drawn = draw(st.lists(names, min_size=5, max_size=14, unique=True))
    called, classes = [name for name in drawn if name[0] != "@"][:3], drawn
    classes = [name for name in drawn if name not in called]
    loose, groups = [as_member(name) for name in classes], {}
    for group in called:
        if len(loose) < 3:
            break
        members = draw(st.lists(st.sampled_from(loose), min_size=2, max_size=len(loose) - 1, unique=True))
        loose = [member for member in loose if member not in members] + ["@" + group]
        groups[group] = Tier(tuple(members))
    return Ranking(tuple(classes), groups=groups)


@PROPERTY
@given(trees().filter(lambda tree: len(tree.classes) > 1))
def test_a_tree_survives_in_newick(tree):
    read = compile_ranking(hierarchy_ranking(read_newick(Source("t", to_newick(tree).encode()))))
    before = compile_ranking(tree)
    assert set(read.classes) == set(before.classes)
    assert read.reorder(before.classes) == before


def test_newick_names_branches_by_their_groups_and_quotes():
    ranking = Ranking(
        ("cat", "o'dog", "sea_lion", "car", "3"),
        groups={"pet": Tier(("cat", "o'dog")), "live stock": Tier(("@pet", "sea_lion"))},
    )
    assert to_newick(ranking) == "(((cat,'o''dog')pet,'sea_lion')'live stock',car,'3');\n"


def test_explicit_lists_that_form_a_tree_are_written_as_one(caplog):
    listed = {"a": ("b", "c"), "b": ("a", "c"), "c": ("a b",)}
    rankings = {
        name: Listing(tuple(Tier(tuple(tier.split()), score) for tier, score in zip(tiers, (0.6, 0.5), strict=False)))
        for name, tiers in listed.items()
    }
    caplog.set_level("INFO", "rankcon")
    assert to_newick(Ranking(("a", "b", "c"), rankings=rankings)) == "((a,b),c);\n"
    assert "no place for the scores" in caplog.text and "a tier of everything else" in caplog.text


def test_what_is_no_tree_is_refused_with_a_witness():
    with pytest.raises(
        RankconError, match=r"not a tree: there 'airplane' and its tiers 1 to 2 .* but 'bird'"
    ) as caught:
        to_newick(load("cifar10"))
    assert "graphml" in caught.value.hint
    with pytest.raises(RankconError, match="not a tree"):
        to_newick(Ranking(("a", "b", "c"), rankings={"a": Listing((Tier(("b",)),))}))


def test_a_tree_deeper_than_the_stack_needs_neither_recursion_nor_its_pairs():
    n = 1200
    groups = {f"g{i}": Tier((f"c{i}", f"@g{i + 1}")) for i in range(1, n - 2)} | {
        f"g{n - 2}": Tier((f"c{n - 2}", f"c{n - 1}"))
    }
    text = to_newick(Ranking(tuple(f"c{i}" for i in range(n)), groups=groups))
    assert text.startswith("(c0,(c1,(c2,(") and text.count("(") == n - 1


def test_dot_shows_any_name_as_it_is():
    listed = {"\\N": ("&amp;",), "&amp;": ("\\N",), 'a"\\': ("\\N", "&amp;")}
    rankings = {name: Listing(tuple(Tier((other,)) for other in tiers)) for name, tiers in listed.items()}
    assert EXPORTS["dot"](Ranking(tuple(listed), rankings=rankings)) == (
        "digraph {\n"
        '  n0 [label="\\\\N"];\n'
        '  n1 [label="&amp;amp;"];\n'
        '  n2 [label="a\\"\\\\"];\n'
        '  n0 -> n1 [label="1", dir=both];\n'
        '  n2 -> n0 [label="1"];\n'
        '  n2 -> n1 [label="2"];\n'
        "}\n"
    )


def test_dot_keeps_two_edges_where_tiers_or_scores_differ():
    rankings = {
        "a": Listing((Tier(("b",), 0.5),)),
        "b": Listing((Tier(("a",), 0.4),)),
        "c": Listing((Tier(("b",)), Tier(("a",)))),
    }
    text = EXPORTS["dot"](Ranking(("a", "b", "c"), rankings=rankings))
    assert 'n0 -> n1 [label="1 (0.5)"]' in text and 'n1 -> n0 [label="1 (0.4)"]' in text and "both" not in text


def test_characters_that_xml_lacks_are_refused_in_graphml_alone():
    ranking = Ranking(("a\ufffeb", "c"), rankings={"c": Listing((Tier(("a\ufffeb",)),))})
    with pytest.raises(RankconError, match="XML") as caught:
        to_graphml(ranking)
    assert "node-link" in caught.value.hint
    assert compile_ranking(parse(to_node_link(ranking), "g")) == compile_ranking(ranking)


def test_a_ranking_without_tiers_is_no_graph_but_a_table():
    empty = Ranking(("a", "b"), rankings={"a": Listing(())})
    for export in (to_graphml, to_node_link):
        with pytest.raises(RankconError, match="lists nothing"):
            export(empty)
    assert to_csv(empty) == "class,similar,tier,score\na,,,\nb,,,\n"


@pytest.mark.parametrize("kind", ["node-link", "graphml", "csv", "dot"])
def test_too_many_pairs_are_refused_before_they_are_written(kind):
    classes = tuple(f"class {i}" for i in range(2000))
    groups = {"most": Tier(classes[:-1])}
    with pytest.raises(RankconError, match=r"3,994,002 pairs .* MiB") as caught:
        EXPORTS[kind](Ranking(classes, groups=groups))
    assert "json" in caught.value.hint


def test_suffixes_name_kinds():
    assert set(SUFFIXES.values()) == set(EXPORTS) - {"node-link"}
