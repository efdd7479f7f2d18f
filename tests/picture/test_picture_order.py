"""The order of classes: groups become blocks, and the same table gives the same order."""

import pytest

from rankcon_cli.picture import order as orders
from rankcon_cli.picture.order import ORDERS, by_blocks, by_label, distances
from rankcon_cli.ranking import Ranking, TierTable, compile_ranking


def is_block(order: list[int], members: set[int]) -> bool:
    places = sorted(order.index(c) for c in members)
    return places == list(range(places[0], places[0] + len(places)))


def labels(table: TierTable, names: str) -> set[int]:
    return {table.index(name) for name in names.split()}


def test_groups_of_cifar10_are_blocks(cifar10):
    order = by_blocks(cifar10)
    assert sorted(order) == list(range(10))
    for names in ("cat dog", "deer horse", "cat dog deer horse", "automobile truck", "bird cat deer dog frog horse"):
        assert is_block(order, labels(cifar10, names)), names


def groups_of_five(table: TierTable) -> list[set[int]]:
    return [{c, *table.tiers[c][0]} for c in range(len(table.classes))]


@pytest.mark.parametrize("most_turned, most_dense", [(300, 2000), (0, 2000), (0, 0)])
def test_shuffled_groups_are_blocks_by_every_way(hundred, monkeypatch, most_turned, most_dense):
    monkeypatch.setattr(orders, "_MOST_TURNED", most_turned)
    monkeypatch.setattr(orders, "_MOST_DENSE", most_dense)
    order = by_blocks(hundred)
    assert sorted(order) == list(range(100))
    assert all(is_block(order, group) for group in groups_of_five(hundred))
    assert order == by_blocks(hundred)
    assert all(type(c) is int for c in order)


def test_nothing_listed_and_two_classes_keep_the_label_order():
    assert by_blocks(compile_ranking(Ranking(("a", "b", "c")))) == [0, 1, 2]
    assert by_blocks(compile_ranking(Ranking(("b", "a")))) == [0, 1]


def test_by_label(hundred):
    assert ORDERS["label"] is by_label and by_label(hundred) == list(range(100))


def test_distances_are_symmetric_and_follow_the_tiers(cifar10):
    found = distances(cifar10)
    a, b, c = (cifar10.index(name) for name in ("airplane", "truck", "cat"))
    assert (found == found.T).all() and (found.diagonal() == 0).all()
    assert found[a, c] == 1
    assert found[a, b] == (3 / 4 + 2 / 4) / 2
