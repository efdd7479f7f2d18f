"""From a hierarchy to tiers: against slow references, and how groups are written and called."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rankcon_cli.derive.order import select, with_names
from rankcon_cli.derive.tiers import rank_hierarchy
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import check, compile_ranking, parse, write
from rankcon_cli.ranking.consistency import is_ultrametric
from rankcon_cli.ranking.grouping import hierarchy_ranking
from rankcon_cli.ranking.hierarchy import Hierarchy, outline

TREE = Hierarchy(
    {"thing": ("animal", "vehicle"), "animal": ("pet", "bird"), "pet": ("cat", "dog"), "vehicle": ("car", "ship")}
)


@st.composite
def hierarchies(draw, most_parents):
    """Nodes n0, n1, ..., each with up to ``most_parents`` parents before it; the leaves, or some nodes, are classes."""
    children = {"n0": []}
    for i in range(1, draw(st.integers(3, 16))):
        above = draw(st.lists(st.integers(0, i - 1), max_size=most_parents, unique=True))
        children[f"n{i}"] = []
        for parent in above:
            children[f"n{parent}"].append(f"n{i}")
    leaves = [node for node, below in children.items() if not below]
    chosen = draw(st.lists(st.sampled_from(sorted(children)), min_size=2, unique=True))
    classes = tuple(chosen) if len(leaves) < 2 or draw(st.booleans()) else None
    return Hierarchy({node: tuple(below) for node, below in children.items()}, classes=classes)


def reference(hierarchy, classes, by, depth=None):
    """Tiers by looking at every common ancestor of every pair."""
    parents = {node: [p for p, below in hierarchy.children.items() if node in below] for node in hierarchy.children}
    up = {}  # node -> its ancestors and the fewest steps up to each; parents come first
    level = {}
    for node in hierarchy.children:
        up[node] = {node: 0}
        for parent in parents[node]:
            for ancestor, steps in up[parent].items():
                up[node][ancestor] = min(steps + 1, up[node].get(ancestor, 99))
        level[node] = 1 + max((level[parent] for parent in parents[node]), default=-1)
    holds_all = set.intersection(*(set(up[c]) for c in classes))

    def far(a, b):
        common = set(up[a]) & set(up[b])
        if by == "path":
            return min((up[a][x] + up[b][x] for x in common), default=None)
        return min((-level[x] for x in common - holds_all), default=None)

    rows = []
    for a in classes:
        values = {b: far(a, b) for b in classes if b != a}
        steps = sorted({value for value in values.values() if value is not None})[:depth]
        rows.append(tuple(tuple(i for i, b in enumerate(classes) if b != a and values[b] == step) for step in steps))
    return tuple(rows)


@settings(max_examples=60, deadline=None)
@given(hierarchies(most_parents=1))
def test_a_tree_gives_ultrametric_tiers_by_depth_of_the_common_ancestor(hierarchy):
    ranking = rank_hierarchy(hierarchy)
    table = compile_ranking(ranking)
    assert not ranking.rankings
    assert table.tiers == reference(hierarchy, ranking.classes, "lca")
    assert is_ultrametric(table, [{b: k for k, tier in enumerate(row) for b in tier} for row in table.tiers])
    assert parse(write(ranking), "again") == ranking


@settings(max_examples=150, deadline=None)
@given(hierarchies(most_parents=3))
def test_a_dag_gives_tiers_by_its_deepest_common_ancestors(hierarchy):
    ranking = rank_hierarchy(hierarchy)
    expected = reference(hierarchy, ranking.classes, "lca")
    assert compile_ranking(ranking).tiers == expected
    order = list(ranking.groups)  # inner groups first
    assert all(
        order.index(m[1:]) < order.index(name) for name, g in ranking.groups.items() for m in g.of if m[0] == "@"
    )
    assert {issue.code for issue in check(ranking)} <= {"W201", "W202", "W203", "W204", "W205", "W209", "W210"}


@settings(max_examples=60, deadline=None)
@given(hierarchies(most_parents=3), st.sampled_from(["lca", "path"]), st.integers(1, 4))
def test_lists_to_a_depth_hold_the_nearest_tiers(hierarchy, by, depth):
    assume(by == "path" or not outline(hierarchy).is_tree)  # a tree is cut by the height of its groups
    ranking = rank_hierarchy(hierarchy, by=by, depth=depth)
    assert not ranking.groups
    assert compile_ranking(ranking).tiers == reference(hierarchy, ranking.classes, by, depth)


@settings(max_examples=60, deadline=None)
@given(hierarchies(most_parents=2))
def test_paths_are_as_long_as_the_way_through_a_common_ancestor(hierarchy):
    ranking = rank_hierarchy(hierarchy, by="path")
    assert compile_ranking(ranking).tiers == reference(hierarchy, ranking.classes, "path")


@settings(max_examples=40, deadline=None)
@given(hierarchies(most_parents=1), st.integers(1, 3))
def test_a_tree_cut_to_a_depth_stays_a_tree(hierarchy, depth):
    table = compile_ranking(rank_hierarchy(hierarchy, depth=depth))
    assert table.depth <= depth
    assert is_ultrametric(table, [{b: k for k, tier in enumerate(row) for b in tier} for row in table.tiers])
    for short, full in zip(table.tiers, compile_ranking(rank_hierarchy(hierarchy)).tiers, strict=True):
        assert short == full[: len(short)]


def test_groups_are_nested_inner_ones_first_and_the_root_is_none():
    ranking = hierarchy_ranking(TREE)
    assert ranking.classes == ("cat", "dog", "bird", "car", "ship")
    assert {name: tier.of for name, tier in ranking.groups.items()} == {
        "pet": ("cat", "dog"),
        "animal": ("@pet", "bird"),
        "vehicle": ("car", "ship"),
    }
    assert list(rank_hierarchy(TREE, depth=1).groups) == ["pet", "vehicle"]


def test_nodes_that_add_nothing_make_no_group():
    chain = Hierarchy({"r": ("a", "x"), "a": ("b",), "b": ("c",), "c": ("d", "e"), "x": ("y",), "y": ("z",)})
    assert {name: tier.of for name, tier in hierarchy_ranking(chain).groups.items()} == {"c": ("d", "e")}


def test_a_dag_names_groups_in_the_lists_of_the_classes_where_they_cross():
    ranking = hierarchy_ranking(Hierarchy({**TREE.children, "toy": ("ship", "doll")}))
    assert {name: [tier.of for tier in listing.tiers] for name, listing in ranking.rankings.items()} == {
        "ship": [("@vehicle",), ("@thing", "@toy")]  # a thing and a toy are roots, and a vehicle is deeper
    }
    assert not {issue.code for issue in check(ranking)} - {"W204", "W210"}


def test_inner_nodes_can_be_classes_and_unlisted_leaves_go():
    ranking = rank_hierarchy(select(TREE, ["ship", "animal", "cat", "car"], "list"))
    assert ranking.classes == ("ship", "animal", "cat", "car")
    assert {name: tier.of for name, tier in ranking.groups.items()} == {
        "animal (group)": ("animal", "cat"),
        "vehicle": ("car", "ship"),
    }


def test_a_list_names_nodes_by_id_or_name_and_says_what_is_wrong():
    named = with_names(TREE, {"cat": "Katze", "dog": "Hund"}, "names.csv")
    assert rank_hierarchy(select(named, ["Hund", "cat", "bird"], "list")).classes == ("Hund", "Katze", "bird")
    with pytest.raises(
        RankconError, match=r"list lists what is not in the hierarchy: 'Kaze' \(did you mean 'Katze'\?\)"
    ):
        select(named, ["Kaze", "dog"], "list")
    with pytest.raises(RankconError, match="'cat' and 'Katze' are the same node"):
        select(named, ["cat", "Katze"], "list")
    with pytest.raises(RankconError, match="names no node"):
        with_names(TREE, {"mouse": "Maus"}, "names.csv")
    twins = Hierarchy({"r": ("1", "2"), "1": ("3",), "2": ("4",)}, {"1": "x", "2": "x", "3": "y", "4": "y"})
    with pytest.raises(RankconError, match="'x' names 2 nodes"):
        select(twins, ["x", "y"], "list")


def test_two_classes_of_one_name_are_called_by_their_parents():
    named = {"1": "Apple", "2": "Cherry", "a": "red", "b": "green", "c": "red", "d": "black"}
    ranking = hierarchy_ranking(Hierarchy({"1": ("a", "b"), "2": ("c", "d")}, named))
    assert ranking.classes == ("Apple/red", "green", "Cherry/red", "black")
    assert set(ranking.groups) == {"Apple", "Cherry"}
    with pytest.raises(RankconError, match="several classes called 'Apple/red'"):
        hierarchy_ranking(Hierarchy({"1": ("a", "b"), "2": ("c", "d")}, {**named, "d": "red", "2": "Apple"}))


def test_no_class_is_called_by_a_parent_that_has_no_name_of_its_own():
    tree = Hierarchy({"1": ("2", "3"), "2": ("a",), "3": ("b", "c")})
    with pytest.raises(RankconError, match="several classes called 'dog'"):
        hierarchy_ranking(with_names(tree, {"a": "dog", "b": "dog", "c": "cat"}, "names"))
    named = with_names(tree, {"a": "dog", "b": "dog", "c": "cat", "3": "pet"}, "names")
    assert hierarchy_ranking(named).classes == ("dog", "pet/dog", "cat")


def test_what_is_called_otherwise_is_said(caplog):
    caplog.set_level("INFO", "rankcon")
    names = {"1": "Apple", "2": "@Cherry", "a": "red", "b": "green", "c": "red", "d": "black"}
    hierarchy_ranking(Hierarchy({"1": ("a", "b"), "2": ("c", "d")}, names, file="f"))
    assert caplog.messages == [
        "f: 2 classes of the same name as another, called by the parent too: 'Apple/red' and 'Cherry/red'",
        "f: 1 group renamed, so that all names are legal and differ: '@Cherry' is 'Cherry'",
    ]
    caplog.clear()
    hierarchy_ranking(TREE)
    assert not caplog.messages


def test_nodes_that_a_list_of_names_lacks_are_said(caplog):
    caplog.set_level("INFO", "rankcon")
    with_names(TREE, {"cat": "Katze", "dog": "Hund"}, "names.csv")
    assert caplog.messages == [
        "7 nodes have no name in names.csv: 'thing', 'animal', 'pet', 'vehicle', 'bird' and 2 more"
    ]
    caplog.clear()
    with_names(Hierarchy({"7": ("a", "b")}), {"a": "A", "b": "B"}, "names.csv")
    assert caplog.messages == ["1 node has no name in names.csv: '7'"]


def test_groups_of_hostile_names():
    names = {"1": "@home\n", "2": "", "3": "groups", "4": "a", "5": "x", "6": "x", "7": "\u202e[bold]"}
    children = {str(i): (f"{'abcdefg'[i - 1]}", f"{'abcdefg'[i - 1]}2") for i in range(1, 8)}
    children["8"] = ("5", "1")
    ranking = hierarchy_ranking(Hierarchy(children, {**names, "8": "p"}))
    called = {"home", "p/x", "p", "group 1", "groups (2)", "a (group)", "x", "\u202e[bold]"}
    assert set(ranking.groups) == called
    assert not [issue for issue in check(ranking) if issue.severity == "error"]
    assert parse(write(ranking), "again").groups == ranking.groups


@pytest.mark.parametrize(
    "name, message", [("", "has no name"), (" a", "begins or ends with a blank"), ("a\nb", "line break")]
)
def test_a_class_that_cannot_be_called_so_is_refused(name, message):
    with pytest.raises(RankconError, match=message):
        hierarchy_ranking(Hierarchy({"r": ("1", "2")}, {"1": name}))


@pytest.mark.parametrize(
    "children, message",
    [
        ({"a": ("b",), "b": ("c",), "c": ("a",)}, "a cycle.*'a' -> 'b' -> 'c' -> 'a'"),
        ({"r": ("a", "b"), "a": ("a",)}, "a cycle.*'a' -> 'a'"),
        ({"a": ("b",)}, "1 class, and a ranking needs two"),
        ({}, "0 classes"),
    ],
)
def test_what_is_no_hierarchy_is_refused(children, message):
    with pytest.raises(RankconError, match=message):
        hierarchy_ranking(Hierarchy(children))


def test_a_long_cycle_is_shown_in_short():
    ring = Hierarchy({f"n{i}": (f"n{(i + 1) % 1000}",) for i in range(1000)})
    with pytest.raises(RankconError) as caught:
        hierarchy_ranking(ring)
    assert len(caught.value.message) < 200


def test_deep_chains_cost_no_recursion():
    comb = Hierarchy({f"k{i}": (f"k{i + 1}", f"leaf{i}") for i in range(10_000)})
    assert len(hierarchy_ranking(comb).groups) == 9_999
    nearest = rank_hierarchy(select(comb, [f"leaf{i}" for i in range(9_990, 10_000)], "list"), by="path", depth=1)
    assert nearest.rankings["leaf9999"].tiers[0].of == ("leaf9998",)


def test_what_is_too_large_is_refused_with_the_way_out():
    comb = {f"k{i}": (f"k{i + 1}", f"leaf {i} {'x' * 200}") for i in range(600)}
    with pytest.raises(RankconError) as caught:
        rank_hierarchy(Hierarchy(comb), by="path")
    assert "are longer than" in caught.value.message and "--depth" in caught.value.hint
    with pytest.raises(RankconError, match="32,767 are the most"):
        hierarchy_ranking(Hierarchy({"r": tuple(map(str, range(32_768)))}))
    with pytest.raises(RankconError, match="500,000 are the most"):
        hierarchy_ranking(Hierarchy({"r": tuple(map(str, range(500_000)))}))


def test_ten_thousand_classes_derive():
    groups = {f"g{i}": tuple(f"c{i}-{j}" for j in range(10)) for i in range(1000)}
    tops = {f"t{i}": tuple(itertools.islice(groups, 10 * i, 10 * i + 10)) for i in range(100)}
    ranking = rank_hierarchy(Hierarchy({**tops, **groups}))
    assert len(ranking.classes) == 10_000 and len(ranking.groups) == 1_100
