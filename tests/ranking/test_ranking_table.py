"""Expansion of groups, the compiled table, withholding and the hash."""

import hashlib
import json
import random

import numpy as np
import pytest

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import (
    RankingError,
    TierTable,
    compile_ranking,
    expected_per_batch,
    load,
    parse,
    random_ranking,
    to_json_dict,
)
from rankcon_cli.ranking.table import tiers_of

EXAMPLE = {
    "format": "rankcon/ranking",
    "version": 1,
    "name": "cifar10-example",
    "classes": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    "groups": {
        "pet": ["cat", "dog"],
        "hoofed": ["deer", "horse"],
        "mammal": ["@pet", "@hoofed"],
        "animal": ["@mammal", "bird", "frog"],
        "road": ["automobile", "truck"],
        "vehicle": ["@road", "airplane", "ship"],
    },
    "rankings": {
        "airplane": [["bird"], ["ship"]],
        "ship": [{"of": ["airplane"], "score": 0.6}, {"of": ["@vehicle"], "score": 0.3}],
        "frog": [],
    },
    "notes": {"ship": "often photographed against sky and sea"},
}


def example(**keys):
    return compile_ranking(parse(json.dumps(EXAMPLE | keys), "example"))


def named(table, name):
    return [[table.classes[c] for c in tier] for tier in table.tiers[table.index(name)]]


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("cat", [["dog"], ["deer", "horse"], ["bird", "frog"]]),
        ("bird", [["cat", "deer", "dog", "frog", "horse"]]),
        ("truck", [["automobile"], ["airplane", "ship"]]),
        ("ship", [["airplane"], ["automobile", "truck"]]),
        ("airplane", [["bird"], ["ship"]]),
        ("frog", []),
    ],
)
def test_the_example_expands_as_the_reference_says(name, tiers):
    assert named(example(), name) == tiers


def test_rest_of_groups_follows_an_explicit_list():
    table = example(rankings={"bird": [["airplane"], ["frog"], "@groups"], "cat": [["horse"], "@groups"]})
    assert named(table, "bird") == [["airplane"], ["frog"], ["cat", "deer", "dog", "horse"]]
    assert named(table, "cat") == [["horse"], ["dog"], ["deer"], ["bird", "frog"]]


def test_groups_give_their_scores_to_the_tiers_they_make():
    groups = {
        "pet": {"of": ["cat", "dog"], "score": 0.8},
        "animal": {"of": ["@pet", "bird"], "score": 0.4},
        "lone": {"of": ["frog"], "score": 0.9},
    }
    table = example(groups=groups, rankings={"ship": [{"of": ["@pet"], "score": 0.1}]})
    assert table.scores[table.index("cat")] == (0.8, 0.4)
    assert table.scores[table.index("bird")] == (0.4,)
    assert table.scores[table.index("frog")] is None  # its group makes no tier
    assert table.scores[table.index("ship")] == (0.1,)


def test_groups_of_one_class_set_make_one_tier():
    table = example(groups={"inner": ["cat", "dog"], "outer": ["@inner"]}, rankings={})
    assert named(table, "cat") == [["dog"]]


def test_faults_of_the_expansion_are_raised_with_all_issues():
    with pytest.raises(RankingError) as caught:
        example(rankings={"cat": [["dgo"], ["cat"]]})
    assert [issue.code for issue in caught.value.issues] == ["E102", "E106"]
    assert "rankcon rank validate example" in caught.value.hint


def test_array_and_depth():
    table = example()
    array = table.array()
    assert array.dtype == np.int16 and array.shape == (10, 10) and table.depth == 3
    for c in range(10):
        for b in range(10):
            tier = next((k for k, members in enumerate(table.tiers[c], 1) if b in members), -1)
            assert array[c, b] == (0 if b == c else tier)
    assert [table.n_tiers(c) for c in (0, 3, 6)] == [2, 3, 0]


def test_what_a_class_lists_as_arrays():
    table = example()
    listed, tiers = table.listed(table.index("cat"))
    assert [(table.classes[b], k) for b, k in zip(listed, tiers, strict=True)] == [
        ("dog", 1), ("deer", 2), ("horse", 2), ("bird", 3), ("frog", 3),
    ]  # fmt: skip
    assert [part.tolist() for part in table.listed(table.index("frog"))] == [[], []]


def test_tiers_of_a_class_as_documents_hold_them():
    table = example()
    assert tiers_of(table, table.index("airplane")) == [
        {"classes": ["bird"], "score": None},
        {"classes": ["ship"], "score": None},
    ]
    assert tiers_of(table, table.index("ship"))[0] == {"classes": ["airplane"], "score": 0.6}
    assert tiers_of(table, table.index("frog")) == []


def test_withholding_closes_up_and_keeps_scores():
    table = example()
    assert table.scores[8] == (0.6, 0.3)
    kept = table.withhold(["airplane", "frog", "frog"])
    assert kept.classes == ("automobile", "bird", "cat", "deer", "dog", "horse", "ship", "truck")
    assert named(kept, "ship") == [["automobile", "truck"]] and kept.scores[kept.index("ship")] == (0.3,)
    assert named(kept, "cat") == [["dog"], ["deer", "horse"], ["bird"]]
    assert kept.withhold([]) == kept


def test_withholding_one_by_one_is_withholding_at_once():
    table = load_table("cifar10-paper")
    assert table.withhold(["ship", "cat"]) == table.withhold(["cat"]).withhold(["ship"])


def test_withholding_the_unknown_or_too_many_is_refused():
    with pytest.raises(RankconError, match=r"no class 'shipp' \(did you mean 'ship'"):
        example().withhold(["shipp"])
    with pytest.raises(RankconError, match="9 of 10 classes leaves 1"):
        example().withhold(EXAMPLE["classes"][1:])


def test_reordering_changes_labels_and_nothing_else():
    table = example()
    order = random.Random(1).sample(table.classes, 10)
    other = table.reorder(order)
    assert other.classes == tuple(order)
    label = [table.index(name) for name in order]
    assert np.array_equal(other.array(), table.array()[np.ix_(label, label)])
    assert other.reorder(table.classes) == table
    with pytest.raises(RankconError, match="not those of the ranking"):
        table.reorder(order[:-1])


def load_table(name):
    return compile_ranking(load(name))


def test_the_hash_is_what_the_reference_says():
    table = example()
    text = json.dumps([table.classes, table.tiers, table.scores], ensure_ascii=False, separators=(",", ":"))
    assert table.digest() == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_does_not_change_from_release_to_release():
    assert load_table("digits").digest() == "sha256:ddc48d6898be73ac78c4453a15975743b96928a099f206f7e14baf8f34a81d0e"
    assert load_table("cifar10").digest() == "sha256:cd44309de1d2c845247a2cd6e8dd717b615553a4da15bd7ec3eaa12ee2088bce"
    assert (
        load_table("cifar10-paper").digest()
        == "sha256:f24315bcda9eb42e4afdff27656e6593abe20714b0323e2cb6a68942d77bc4f2"
    )


def test_the_hash_knows_meaning_and_no_metadata():
    same = example().digest()
    assert example(name="x", description="d", source="s", notes="n", **{"x-y": [1]}).digest() == same
    written_out = {
        c: [t if isinstance(t, dict) else list(t)[::-1] for t in tiers] for c, tiers in EXAMPLE["rankings"].items()
    }
    written_out["cat"] = [["dog"], ["horse", "deer"], ["@animal"]]
    assert example(rankings=written_out).digest() == same
    assert example(rankings=EXAMPLE["rankings"] | {"cat": [["dog"]]}).digest() != same
    scored = {"ship": [{"of": ["airplane"], "score": 0.6}, {"of": ["@vehicle"], "score": 0.2}]}
    assert example(rankings=EXAMPLE["rankings"] | scored).digest() != same
    assert (
        example(classes=["aeroplane", *EXAMPLE["classes"][1:]], rankings={}, groups={}).digest()
        != example(rankings={}, groups={}).digest()
    )


def test_a_random_ranking_has_the_shape_and_other_members():
    table = load_table("cifar10")
    control = random_ranking(table.classes, table, seed=0)
    assert [[len(m) for m in row] for row in control.tiers] == [[len(m) for m in row] for row in table.tiers]
    assert control == random_ranking(table.classes, table, seed=0) != random_ranking(table.classes, table, seed=1)
    assert control.tiers != table.tiers
    for c, row in enumerate(control.tiers):
        members = [b for tier in row for b in tier]
        assert c not in members and len(set(members)) == len(members)
    drawn = {b for seed in range(50) for b in random_ranking(table.classes, table, seed).tiers[0][0]}
    assert drawn == set(range(1, 10))  # every other class, the last included
    with pytest.raises(RankconError, match="3 classes"):
        random_ranking("abc", table, 0)


def test_what_a_batch_is_expected_to_hold():
    table = TierTable(("a", "b", "c", "d"), (((1,), (2, 3)), ((0,),), (), ()), (None,) * 4)
    assert expected_per_batch(table, 8) == ((2.0, 4.0), (2.0,), (), ())
    assert expected_per_batch(table, 6, ranks=2) == ((1.5,), (1.5,), (), ())
    assert expected_per_batch(table, 6, ranks=1) == ((), (), (), ())


def test_expectation_agrees_with_counting_balanced_batches():
    table = load_table("cifar10")
    labels = [c for c in range(10) for _ in range(3)]  # a class-balanced batch of 30
    expected = expected_per_batch(table, 30)
    array = table.array()
    for c in range(10):
        counts = [sum(array[c, label] == k for label in labels) for k in range(1, table.n_tiers(c) + 1)]
        assert list(expected[c]) == counts


def test_json_of_a_table_names_everything():
    table = example()
    document = to_json_dict(table, ["ship", "frog"])
    assert document["format"] == "rankcon/tiers" and document["version"] == 1 and document["hash"] == table.digest()
    assert document["tiers"] == {
        "ship": [{"classes": ["airplane"], "score": 0.6}, {"classes": ["automobile", "truck"], "score": 0.3}],
        "frog": [],
    }
    assert list(to_json_dict(table)["tiers"]) == EXAMPLE["classes"]
