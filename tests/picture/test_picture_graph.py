"""Graphs: which lines are drawn, how they show tiers and sides, and where classes stand."""

import numpy as np
import pytest

from rankcon_cli.errors import RankconError
from rankcon_cli.picture.graph import Edge, edges, graph
from rankcon_cli.picture.layout import EVEN, GROUPED, positions, spread_out
from rankcon_cli.picture.png import png
from rankcon_cli.picture.scene import Disc, Lines, Polygon, Words
from rankcon_cli.picture.svg import svg_document
from rankcon_cli.ranking import Ranking, TierTable, compile_ranking


def shapes(scene, kind):
    return [shape for shape in scene.shapes if isinstance(shape, kind)]


def test_edges_are_pairs_with_both_tiers(digits):
    found = edges(digits, digits.depth)
    array = digits.array()
    assert {(edge.a, edge.b) for edge in found} == {
        (a, b) for a in range(10) for b in range(a + 1, 10) if array[a, b] > 0 or array[b, a] > 0
    }
    for edge in found:
        assert (edge.there or -1, edge.back or -1) == (array[edge.a, edge.b], array[edge.b, edge.a])
    nearest = [edge.nearest for edge in found]
    assert nearest == sorted(nearest, reverse=True)
    assert all(edge.nearest == 1 for edge in edges(digits, 1))


def titled(scene, title: str) -> list[Lines]:
    return [line for line in shapes(scene, Lines) if line.title == title]


def test_halves_of_a_line_show_the_two_tiers(cifar10):
    scene = graph(cifar10, "t")
    there, back = titled(scene, "bird → frog: tier 2\nfrog → bird: tier 1")
    assert (there.paint, back.paint) == ("t2", "t1") and there.width < back.width
    assert there.segments[0][1] == back.segments[0][1]  # they meet in the middle
    (whole,) = titled(scene, "cat → dog: tier 1\ndog → cat: tier 1")
    assert whole.paint == "t1"
    assert not shapes(scene, Polygon)  # the ranking is symmetric: no arrows


def test_one_sided_pairs_have_an_arrow_at_the_class_that_is_listed(digits):
    scene = graph(digits, "t")
    one_sided = [edge for edge in edges(digits, digits.depth) if edge.one_sided]
    assert len(shapes(scene, Polygon)) == len(one_sided) + 1  # and the legend's
    (line,) = titled(scene, "2 → 3: tier 1\n3 → 2: not listed")
    arrow = scene.shapes[scene.shapes.index(line) + 1]
    from_2, from_3 = (np.hypot(*np.subtract(arrow.points[0], end)) for end in line.segments[0])
    assert isinstance(arrow, Polygon) and arrow.paint == line.paint and from_3 < 10 < from_2


def test_only_tier_1_of_a_hundred_classes_unless_asked(hundred):
    def drawn(tiers=None):
        return {line.title for line in shapes(graph(hundred, "t", tiers), Lines) if line.title}

    assert len(drawn()) == 100 * 4 / 2
    assert drawn(99) == drawn()  # there is one tier


def test_every_class_has_a_dot_that_names_it_and_what_it_lists(cifar10, hundred):
    for table in (cifar10, hundred):
        scene = graph(table, "t")
        assert [disc.title.split("\n")[0] for disc in shapes(scene, Disc)] == list(table.classes)
        assert set(table.classes) <= {words.text for words in shapes(scene, Words)}
    (cat,) = (disc.title for disc in shapes(graph(cifar10, "t"), Disc) if disc.title.startswith("cat"))
    assert cat == "cat\n1 dog\n2 deer, horse\n3 bird, frog"


def test_a_thousand_classes(thousand, picture):
    scene = graph(thousand, "many")
    assert len(shapes(scene, Disc)) == 1000
    names = [words for words in shapes(scene, Words) if words.text.startswith("class ")]
    assert 10 < len(names) < 400
    pairs = edges(thousand, 1)
    segments = [segment for lines in shapes(scene, Lines) if lines.opacity < 1 for segment in lines.segments]
    assert len(segments) == sum(2 if edge.there != edge.back else 1 for edge in pairs)
    drawn = picture(svg_document(scene))
    assert len(drawn.all("circle")) == 1000 and len(drawn.all("path")) < 20


def test_too_many_classes_are_refused():
    names = tuple(map(str, range(2001)))
    with pytest.raises(RankconError, match="2,000 are the most"):
        graph(TierTable(names, ((),) * 2001, (None,) * 2001), "t")


def test_two_classes_without_tiers():
    table = compile_ranking(Ranking(("a", "b")))
    scene = graph(table, "t")
    assert len(shapes(scene, Disc)) == 2 and not shapes(scene, Lines) and png(scene)


@pytest.mark.parametrize("spread", [EVEN, GROUPED])
def test_groups_stand_together(hundred, spread):
    places = positions(hundred, spread)
    assert places.min() == 0 and places.max() == 1
    for c, tiers in enumerate(hundred.tiers):
        distance = np.hypot(*(places - places[c]).T)
        nearest = set(np.argsort(distance, kind="stable")[:5].tolist())
        assert nearest == {c, *tiers[0]}


def test_boxes_leave_each_other():
    places = np.array([[100.0, 100.0], [104.0, 101.0], [99.0, 102.0], [500.0, 300.0]])
    boxes = np.full((4, 2), (60.0, 20.0))
    moved = spread_out(places, boxes, (600, 400))
    for i in range(4):
        for j in range(i):
            gap = np.abs(moved[i] - moved[j])
            assert (gap > boxes[0] - 1).any()
    assert (moved[3] == places[3]).all()


def test_same_bytes_twice(hundred, hostile):
    for table in (hundred, hostile):
        assert svg_document(graph(table, "t")) == svg_document(graph(table, "t"))


def test_the_nearer_tier_of_an_edge():
    assert Edge(0, 1, 3, None).nearest == 3 and Edge(0, 1, 3, None).one_sided
    assert Edge(0, 1, 3, 2).nearest == 2 and not Edge(0, 1, 3, 2).one_sided
