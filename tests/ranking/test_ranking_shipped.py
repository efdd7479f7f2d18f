"""The rankings that ship with rankcon: their classes, where they come from, and what they say of known classes."""

import json
import os
from pathlib import Path

import pytest

from rankcon_cli.data import class_names
from rankcon_cli.ranking import check, check_against, compile_ranking, load, shipped, write
from rankcon_cli.ranking.document import is_group

#: The findings that are deliberate: published rankings are kept as they are, and likenesses that cross kinds are no tree.
FINDINGS = {
    "cifar10": {"W204"},
    "cifar10-paper": {"W201", "W202", "W203", "W204"},
    "cifar100": set(),
    "coco": {"W204"},
    "digits": {"W201", "W202", "W204"},
    "fashion-mnist": {"W204"},
    "voc": {"W204"},
    "voc-paper": {"W201", "W204"},
}

VOC = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep "
    "sofa train tvmonitor"
)


def tiers(name, c):
    """The tiers of a class, as sets of names."""
    table = compile_ranking(load(name))
    return [{table.classes[b] for b in members} for members in table.tiers[table.index(c)]]


def test_these_ship():
    assert set(FINDINGS) == set(shipped())


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_each_is_canonical_and_says_where_it_comes_from(name):
    ranking = load(name)
    assert ranking.name == name and ranking.description.endswith(".") and ranking.source
    assert write(ranking) == ranking.text
    assert {issue.code for issue in check(ranking)} == FINDINGS[name]


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("cifar10", class_names.CIFAR10),
        ("cifar100", class_names.CIFAR100),
        ("digits", class_names.DIGITS),
        ("fashion-mnist", class_names.FASHION),
        ("voc", tuple(VOC.split())),
        ("voc-paper", tuple(VOC.split())),
    ],
)
def test_labels_are_those_of_the_data(name, classes):
    ranking = load(name)
    assert ranking.classes == classes
    assert not check_against(ranking, classes, named=True)


def test_cifar100_is_twenty_superclasses_of_five():
    groups = load("cifar100").groups
    superclasses = [group.of for group in groups.values() if not any(map(is_group, group.of))]
    assert len(superclasses) == 20 and {len(of) for of in superclasses} == {5}
    assert {name for of in superclasses for name in of} == set(class_names.CIFAR100)
    assert tiers("cifar100", "whale")[0] == {"beaver", "dolphin", "otter", "seal"}
    assert "wolf" in tiers("cifar100", "whale")[1] and "shark" in tiers("cifar100", "whale")[2]
    assert tiers("cifar100", "man")[0] == {"baby", "boy", "girl", "woman"}
    assert len(tiers("cifar100", "rocket")) == 2


def test_the_superclasses_of_cifar100_are_those_of_the_data():
    place = os.environ.get("RANKCON_TEST_DATA")
    if not place:
        pytest.skip("RANKCON_TEST_DATA names no folder of real data")
    published = json.loads((Path(place) / "cifar100" / "index.json").read_text(encoding="utf-8"))["superclasses"]
    innermost = [group.of for group in load("cifar100").groups.values() if not any(map(is_group, group.of))]
    assert len(published) == 20 and set(map(frozenset, innermost)) == set(map(frozenset, published.values()))


def test_coco_has_its_supercategories_and_cross_links():
    ranking = load("coco")
    assert len(ranking.classes) == 80 and ranking.symmetric
    assert (ranking.classes[0], ranking.classes[11], ranking.classes[-1]) == ("person", "stop sign", "toothbrush")
    supercategories = "vehicle outdoor animal accessory sports kitchen food furniture electronic appliance indoor"
    sizes = dict(zip(supercategories.split(), (8, 5, 10, 5, 10, 7, 10, 6, 6, 5, 7), strict=True))

    def held(group):
        return {c for m in ranking.groups[group].of for c in (held(m[1:]) if is_group(m) else {m})}

    assert {name: len(held(name)) for name in sizes} == sizes  # and person, which is alone
    assert sum(sizes.values()) == 79
    assert tiers("coco", "person") == []
    assert tiers("coco", "bird")[0] == {"airplane", "kite"} and "dog" in tiers("coco", "bird")[1]
    for c, name in enumerate(ranking.classes[1:], 1):
        group = next(group for group in sizes if name in held(group))
        around = {ranking.classes[b] for members in compile_ranking(ranking).tiers[c] for b in members}
        assert held(group) - {name} <= around


def test_fashion_keeps_clothes_shoes_and_the_bag_apart():
    assert tiers("fashion-mnist", "Bag") == []
    assert tiers("fashion-mnist", "Ankle boot") == [{"Sneaker"}, {"Sandal"}]
    assert tiers("fashion-mnist", "Shirt")[0] == {"T-shirt/top"}
    assert set().union(*tiers("fashion-mnist", "Dress")) == {"T-shirt/top", "Trouser", "Pullover", "Coat", "Shirt"}


def test_the_voc_ranking_of_the_paper_is_as_published():
    published = (
        "bird: aeroplane. cat: dog, sheep. dog: cat. horse: dog, cat. aeroplane: bird, boat. bicycle: motorbike. boat: "
        "car, bus. bus: car, boat. car: bus. motorbike: bicycle, car. train: car. bottle: pottedplant. chair: sofa, "
        "diningtable. diningtable: chair, sofa. pottedplant: bottle. sofa: chair, diningtable. tvmonitor: bottle"
    )
    rows = dict(row.split(": ") for row in published.split(". "))
    for name in VOC.split():
        others = rows[name].split(", ") if name in rows else []
        assert tiers("voc-paper", name) == [{other} for other in others]


def test_voc_links_what_crosses_the_kinds():
    assert tiers("voc", "person") == []
    assert tiers("voc", "aeroplane")[:2] == [{"bird"}, {"boat"}]
    assert tiers("voc", "bird")[0] == {"aeroplane"} and tiers("voc", "dog")[0] == {"cat"}
