"""W203 and W204 against slow and obvious references."""

import itertools
import random

import networkx as nx
import pytest

from rankcon_cli.ranking import Listing, Ranking, Tier, check, ordering
from rankcon_cli.ranking.checks import inspect
from rankcon_cli.ranking.consistency import is_ultrametric
from rankcon_cli.ranking.ordering import Ordering, contradiction
from rankcon_cli.ranking.table import TierTable


def ranks_of(tiers):
    return [{b: k for k, members in enumerate(row) for b in members} for row in tiers]


def random_tiers(draw, n):
    tiers = []
    for c in range(n):
        others = [b for b in range(n) if b != c and draw.random() < 0.8]
        draw.shuffle(others)
        cuts = sorted({draw.randrange(len(others) + 1) for _ in range(draw.randrange(1, 4))} | {0, len(others)})
        row = [tuple(sorted(others[i:j])) for i, j in itertools.pairwise(cuts) if j > i]
        tiers.append(tuple(row[: draw.randrange(len(row) + 1)] if draw.random() < 0.2 else row))
    return tiers


def tiers_of_similarity(draw, n, levels, listed):
    """A symmetric similarity, cut at a common level, so that the ranking is consistent by construction."""
    similarity = {frozenset(pair): draw.randrange(levels) for pair in itertools.combinations(range(n), 2)}
    tiers = []
    for a in range(n):
        by_level = {}
        for b in range(n):
            if b != a and similarity[frozenset((a, b))] >= listed:
                by_level.setdefault(-similarity[frozenset((a, b))], []).append(b)
        tiers.append(tuple(tuple(members) for _, members in sorted(by_level.items())))
    return tiers


def demands(tiers):
    """Every demand {a, b} > {a, c}, unlisted classes below all listed ones, as a graph on pairs."""
    n = len(tiers)
    graph = nx.DiGraph()
    for a, ranks in enumerate(ranks_of(tiers)):
        for b, c in itertools.permutations([x for x in range(n) if x != a], 2):
            if ranks.get(b, n) < ranks.get(c, n):
                graph.add_edge(frozenset((a, b)), frozenset((a, c)))
    return graph


def assert_contradicts(steps, tiers):
    """The steps are demands of the ranking and go round in a circle."""
    n, ranks = len(tiers), ranks_of(tiers)
    for (a, b, c), (d, e, _) in zip(steps, steps[1:] + steps[:1], strict=True):
        assert ranks[a].get(b, n) < ranks[a].get(c, n)
        assert {a, c} == {d, e}


@pytest.mark.parametrize("seed", range(150))
def test_contradictions_are_those_of_the_full_graph(seed):
    draw = random.Random(seed)
    n = draw.randrange(3, 7)
    tiers = random_tiers(draw, n) if seed % 3 else tiers_of_similarity(draw, n, 5, draw.randrange(3))
    graph = demands(tiers)
    steps = contradiction(Ordering(tiers, ranks_of(tiers)))
    assert bool(steps) != nx.is_directed_acyclic_graph(graph)
    if steps:
        assert_contradicts(steps, tiers)
        assert (len(steps) == 3) == has_triple(graph)


def has_triple(graph):
    return next(nx.simple_cycles(graph, length_bound=3), None) is not None


@pytest.mark.parametrize("seed", range(60))
def test_longer_contradictions_are_found_where_no_triple_is_looked_for(seed, monkeypatch):
    monkeypatch.setattr(ordering, "_triple", lambda *_: [])
    draw = random.Random(seed)
    tiers = random_tiers(draw, draw.randrange(3, 8))
    steps = contradiction(Ordering(tiers, ranks_of(tiers)))
    assert bool(steps) != nx.is_directed_acyclic_graph(demands(tiers))
    if steps:
        assert_contradicts(steps, tiers)


def test_a_circle_of_four_without_a_triple():
    tiers = [((1,), (3,)), ((2,), (0,)), ((3,), (1,)), ((0,), (2,))]  # ab > da > cd > bc > ab
    steps = contradiction(Ordering(tiers, ranks_of(tiers)))
    assert len(steps) == 4
    assert_contradicts(steps, tiers)


@pytest.mark.parametrize("seed", range(20))
def test_a_similarity_has_no_contradiction(seed):
    draw = random.Random(seed)
    tiers = tiers_of_similarity(draw, 12, 8, draw.randrange(6))
    assert contradiction(Ordering(tiers, ranks_of(tiers))) == []


def tree_tiers(draw, n):
    """Tiers by depth of the lowest common ancestor in a random tree over ``n`` leaves; the root's are unlisted."""
    nodes = [[c] for c in range(n)]
    sets = []
    while len(nodes) > 1:
        joined = draw.sample(range(len(nodes)), min(len(nodes), draw.randrange(2, 4)))
        merged = sorted(c for i in joined for c in nodes[i])
        nodes = [node for i, node in enumerate(nodes) if i not in joined] + [merged]
        sets.append(set(merged))
    tiers = []
    for c in range(n):
        row, before = [], {c}
        for held in sorted((s for s in sets if c in s and len(s) < n), key=len):
            row.append(tuple(sorted(held - before)))
            before = held
        tiers.append(tuple(row))
    return tiers


def is_tree_like(tiers):
    """The strong triangle inequality, literally: of the three ranks of a triple the two largest belong together."""
    n, ranks = len(tiers), ranks_of(tiers)
    ball = [[{a}.union(*row[: k + 1]) for k in range(len(row))] for a, row in enumerate(tiers)]
    for a, b in itertools.permutations(range(n), 2):
        up_to_b = ball[a][ranks[a][b]] if b in ranks[a] else set(range(n))
        up_to_a = ball[b][ranks[b][a]] if a in ranks[b] else set(range(n))
        if up_to_a != up_to_b:
            return False
    return True


@pytest.mark.parametrize("seed", range(60))
def test_trees_are_known_and_moving_one_class_is_noticed(seed):
    draw = random.Random(seed)
    n = draw.randrange(4, 9)
    tiers = tree_tiers(draw, n) if seed % 2 else random_tiers(draw, n)
    table = TierTable(tuple(map(str, range(n))), tuple(tiers), (None,) * n)
    assert is_ultrametric(table, ranks_of(tiers)) == is_tree_like(tiers)
    if seed % 2:
        assert is_ultrametric(table, ranks_of(tiers))
        assert contradiction(Ordering(tiers, ranks_of(tiers))) == []
        c = next((c for c, row in enumerate(tiers) if len(row) > 1), None)
        if c is not None:
            swapped = [row[::-1] if a == c else row for a, row in enumerate(tiers)]
            assert not is_ultrametric(TierTable(table.classes, tuple(swapped), table.scores), ranks_of(swapped))


def crossed_tree(draw, n):
    """A random tree written as groups, some of whose classes have lists of their own."""
    nodes = [f"c{c}" for c in range(n)]
    classes, groups, rankings = tuple(nodes), {}, {}
    while len(nodes) > 1 and len(groups) < n:
        draw.shuffle(nodes)
        inner, nodes = nodes[: draw.randrange(2, 5)], nodes[4:] if len(nodes) > 4 else []
        groups[f"g{len(groups)}"] = Tier(tuple(inner))
        nodes = [*nodes, f"@g{len(groups) - 1}"] if draw.random() < 0.8 else nodes
    for name in draw.sample(classes, draw.randrange(1, 4)):
        others = draw.sample([other for other in classes if other != name], draw.randrange(1, 5))
        cut = draw.randrange(len(others) + 1)
        tiers = [Tier(tuple(part)) for part in (others[:cut], others[cut:]) if part]
        rankings[name] = Listing(tuple(tiers), draw.random() < 0.7)
    return Ranking(classes, groups=groups, rankings=rankings)


@pytest.mark.parametrize("seed", range(120))
def test_one_class_of_a_kind_stands_for_all(seed):
    """Only what touches a list is looked at, and only among classes that differ; the answers are those of all pairs."""
    draw = random.Random(seed)
    ranking = crossed_tree(draw, draw.randrange(5, 13))
    issues, table = inspect(ranking)
    codes = {issue.code for issue in issues}
    ranks = ranks_of(table.tiers)
    one_sided = {b for a, row in enumerate(ranks) for b in row if a not in ranks[b]}
    assert ("W204" not in codes) == (is_tree_like(table.tiers) and not one_sided) == is_ultrametric(table)
    assert ("W203" in codes) != nx.is_directed_acyclic_graph(demands(table.tiers))
    assert sum(issue.code == "W201" for issue in issues) == len(one_sided)


def test_a_large_tree_with_lists_is_checked():
    """Half a million listed pairs, of which a handful matter; the contradiction is among them."""
    classes = tuple(f"c{i}" for i in range(1000))
    groups = {f"g{g}": Tier(classes[500 * g : 500 * (g + 1)]) for g in range(2)}
    listings = {"c0": "c500 c600", "c500": "c600 c0", "c600": "c0 c500"}
    rankings = {name: Listing(tuple(Tier((other,)) for other in of.split()), True) for name, of in listings.items()}
    issues = check(Ranking(classes, groups=groups, rankings=rankings))
    assert [issue.code for issue in issues if issue.code in ("W203", "W214")] == ["W203"]
    told = next(issue.message for issue in issues if issue.code == "W203")
    assert "'c0' ranks 'c500' above 'c600', 'c600' ranks 'c0' above 'c500', 'c500' ranks 'c600' above 'c0'" in told


def test_rare_findings_are_not_crowded_out_by_common_ones():
    n = 1500
    rankings = {f"c{i}": Listing((Tier((f"c{(i + 1) % n}",)), Tier((f"c{(i + 2) % n}",)))) for i in range(n)}
    codes = [issue.code for issue in check(Ranking(tuple(rankings), rankings=rankings))]
    assert "W204" in codes and codes.count("W201") < n and codes[-1] == "W214"
