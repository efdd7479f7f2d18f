"""Edits: what each does to the tiers and to the text, what is refused, and that a sound ranking stays sound."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_strategies import sound_rankings

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Listing, Ranking, Tier, check, compile_ranking, edit, load, parse, write
from rankcon_cli.ranking.notation import format_tiers
from rankcon_cli.ranking.suggest import suggestions


@pytest.fixture
def cifar10():
    """The shipped ranking without its claim of symmetry."""
    return replace(load("cifar10"), symmetric=False)


def shown(ranking, name):
    return [set(tier.names) for tier in edit.class_tiers(ranking, name)]


def written(ranking, name):
    listing = ranking.rankings.get(name)
    return None if listing is None else format_tiers(listing)


def test_class_tiers_say_which_group_made_them(cifar10):
    assert edit.class_tiers(cifar10, "bird") == (
        (("airplane",), None, None),
        (("frog",), None, None),
        (("cat", "deer", "dog", "horse"), None, "animal"),
    )
    assert [tier.group for tier in edit.class_tiers(cifar10, "cat")] == ["pet", "mammal", "animal"]
    assert edit.is_explicit(cifar10, "bird") and not edit.is_explicit(cifar10, "cat")
    assert edit.listed_by(cifar10, "airplane") == ("automobile", "bird", "ship", "truck")


def test_an_edit_of_a_derived_class_keeps_its_groups_where_they_still_fit(cifar10):
    assert written(edit.add(cifar10, "cat", ["airplane"], 1, new=True), "cat") == "airplane > @groups"
    assert written(edit.add(cifar10, "cat", ["airplane"]), "cat") == "dog > deer, horse > bird, frog > airplane"
    assert written(edit.remove(cifar10, "cat", ["dog"]), "cat") == "deer, horse > bird, frog"
    assert written(edit.split_tier(cifar10, "cat", 2, ["deer"]), "cat") == "dog > horse > @groups"


def test_what_is_edited_back_is_derived_again(cifar10):
    added = edit.add(cifar10, "cat", ["airplane"], 1, new=True)
    assert edit.remove(added, "cat", ["airplane"]) == cifar10
    assert edit.use_groups(added, "cat") == cifar10


def test_written_references_survive(cifar10):
    ranked = edit.set_listing(cifar10, "truck", Listing((Tier(("@vehicle",)), Tier(("@pet", "bird")))))
    assert written(edit.add(ranked, "truck", ["frog"], 2), "truck") == "@vehicle > @pet, bird, frog"
    assert written(edit.remove(ranked, "truck", ["dog"]), "truck") == "@vehicle > bird, cat"
    assert written(edit.merge_tiers(ranked, "truck", 1), "truck") == "@vehicle, @pet, bird"
    assert written(edit.move(ranked, "truck", ["bird"], 1, new=True), "truck") == "bird > @vehicle > @pet"


def test_removing_from_an_early_tier_does_not_let_a_later_group_bring_it_back(cifar10):
    ranked = edit.set_listing(cifar10, "bird", Listing((Tier(("cat",)), Tier(("@mammal",)))))
    assert shown(edit.remove(ranked, "bird", ["cat"]), "bird") == [{"deer", "dog", "horse"}]


def test_moves(cifar10):
    assert shown(edit.move(cifar10, "bird", ["cat", "frog"], 1), "bird") == [
        {"airplane", "cat", "frog"},
        {"deer", "dog", "horse"},
    ]
    assert shown(edit.move(cifar10, "cat", ["dog"], 4), "cat") == [{"deer", "horse"}, {"bird", "frog"}, {"dog"}]
    assert shown(edit.move(cifar10, "cat", ["frog"], 1, new=True), "cat") == [
        {"frog"},
        {"dog"},
        {"deer", "horse"},
        {"bird"},
    ]


def test_new_tiers_among_scored_ones_get_a_score_between(cifar10):
    scored = edit.set_scores(cifar10, "cat", [0.8, 0.5, 0.2])
    assert written(scored, "cat") == "dog (0.8) > deer, horse (0.5) > bird, frog (0.2)"
    assert written(edit.split_tier(scored, "cat", 2, ["deer"]), "cat").startswith(
        "dog (0.8) > horse (0.5) > deer (0.3)"
    )
    assert edit.class_tiers(edit.add(scored, "cat", ["ship"]), "cat")[-1].score == 0.1
    assert edit.class_tiers(edit.add(scored, "cat", ["ship"], 1, new=True), "cat")[0].score == 0.9
    assert edit.set_score(scored, "cat", 2, 0.6) != scored
    assert written(edit.set_scores(scored, "cat", None), "cat") == "dog > deer, horse > bird, frog"
    for refused in ((2, 0.1), (2, 0.8), (1, 1.0), (4, 0.1)):
        with pytest.raises(RankconError):
            edit.set_score(scored, "cat", *refused)
    with pytest.raises(RankconError, match="has 3 tiers, and 2 scores"):
        edit.set_scores(cifar10, "cat", [0.5, 0.4])
    with pytest.raises(RankconError, match="has no score"):
        edit.add(cifar10, "cat", ["ship"], score=0.5)


def test_mutual_edits(cifar10):
    both = edit.add(cifar10, "cat", ["ship"], 1, new=True, mutual=True)
    assert shown(both, "ship")[0] == {"cat"} and shown(both, "cat")[0] == {"ship"}
    apart = edit.remove(both, "ship", ["cat"], mutual=True)
    assert apart == cifar10


def test_a_symmetric_ranking_stays_symmetric():
    ranking = load("cifar10")
    for changed in (
        edit.add(ranking, "cat", ["ship"]),
        edit.remove(ranking, "bird", ["airplane", "frog"]),
        edit.set_listing(ranking, "frog", Listing((Tier(("truck",)),))),
        edit.set_listing(ranking, "cat", Listing(())),
        edit.use_groups(ranking, "airplane"),
    ):
        assert not [issue for issue in check(changed) if issue.severity == "error"]
    none = {"c": Listing(()), "d": Listing(())}
    small = Ranking(("a", "b", "c", "d"), {"g": Tier(("a", "b"))}, none, symmetric=True)
    with pytest.raises(RankconError, match="claims to be symmetric"):
        edit.add_to_group(small, "g", ["c"])


def test_groups(cifar10):
    wider = edit.add_to_group(cifar10, "road", ["airplane"])
    assert wider.groups["road"].of == ("automobile", "truck", "airplane")
    assert edit.remove_from_group(wider, "road", ["airplane"]) == cifar10
    renamed = edit.rename_group(cifar10, "pet", "indoor")
    assert renamed.groups["mammal"].of == ("@indoor", "@hoofed") and next(iter(renamed.groups)) == "indoor"
    assert compile_ranking(renamed) == compile_ranking(cifar10)
    flat = Ranking(("a", "b", "c"), {"g": Tier(("a", "b"))})
    assert edit.set_group_score(flat, "g", 0.5).groups["g"].score == 0.5
    with pytest.raises(RankconError, match="'mammal' does not name 'cat'") as refused:
        edit.remove_from_group(cifar10, "mammal", ["cat"])
    assert "through '@pet' and '@hoofed'" in refused.value.hint
    for wrong in (("cat", ["dog"]), ("@x", ["dog"]), (" x", ["dog"]), ("pet", ["@pet"]), ("pet", ["@mammal"])):
        with pytest.raises(RankconError):
            edit.set_group(cifar10, *wrong)
    with pytest.raises(RankconError, match="did you mean 'pet'"):
        edit.add_to_group(cifar10, "pets", ["horse"])
    with pytest.raises(RankconError, match="already"):
        edit.rename_group(cifar10, "pet", "road")


def test_a_deleted_group_leaves_its_members_where_it_was_named(cifar10):
    ranked = edit.set_listing(cifar10, "cat", Listing((Tier(("dog",)), Tier(("@mammal", "@pet", "bird")))))
    deleted = edit.remove_group(ranked, "pet")
    assert deleted.groups["mammal"].of == ("cat", "dog", "@hoofed")
    assert written(deleted, "cat") == "dog > @mammal, bird"
    assert shown(deleted, "cat") == shown(ranked, "cat")
    assert shown(deleted, "dog")[0] == {"cat", "deer", "horse"}


def test_notes(cifar10):
    noted = edit.set_note(cifar10, "truck", "has a trailer")
    assert noted.notes["truck"] == "has a trailer"
    assert edit.set_note(noted, "truck", None) == cifar10
    with pytest.raises(RankconError, match="no note on 'truk'"):
        edit.set_note(noted, "truk", None)
    assert edit.set_note(replace(cifar10, notes="one text"), "cat", "x").notes == {"ranking": "one text", "cat": "x"}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda r: edit.add(r, "cta", ["dog"]), "no class 'cta' .did you mean 'cat'"),
        (lambda r: edit.add(r, "cat", ["dog"]), "'dog' is in tier 1 of 'cat' already"),
        (lambda r: edit.add(r, "cat", ["cat"]), "tier of its own"),
        (lambda r: edit.add(r, "cat", []), "no class was named"),
        (lambda r: edit.add(r, "cat", ["ship"], 5), "no tier 5"),
        (lambda r: edit.add(r, "cat", ["ship"], 0), "no tier 0"),
        (lambda r: edit.add(r, "cat", ["ship"], 1, score=0.5), "tier 1 is there already"),
        (lambda r: edit.remove(r, "cat", ["ship"]), "'cat' does not list 'ship'"),
        (lambda r: edit.move(r, "cat", ["ship"], 1), "'cat' does not list 'ship'"),
        (lambda r: edit.merge_tiers(r, "cat", 3), "no tier 3"),
        (lambda r: edit.split_tier(r, "cat", 1, ["dog"]), "takes some of its classes"),
        (lambda r: edit.split_tier(r, "cat", 1, ["deer"]), "takes some of its classes"),
        (lambda r: edit.set_listing(r, "cat", Listing((Tier(("@pets",)),))), "unknown group"),
    ],
)
def test_what_is_refused(cifar10, action, message):
    with pytest.raises(RankconError, match=message):
        action(cifar10)


def test_a_faulty_ranking_is_mended_by_set_and_otherwise_left_alone():
    faulty = Ranking(("a", "b", "c"), rankings={"a": Listing((Tier(("x",)),))})
    with pytest.raises(RankconError, match="has errors"):
        edit.add(faulty, "b", ["c"])
    assert edit.set_listing(faulty, "a", Listing((Tier(("b",)),))).rankings["a"].tiers == (Tier(("b",)),)


def test_suggestions_begin_with_the_plausible(cifar10):
    assert suggestions(cifar10, "automobile") == ["bird", "cat", "deer", "dog", "frog", "horse"]
    one_sided = edit.set_listing(cifar10, "horse", Listing((Tier(("truck",)),)))
    assert suggestions(one_sided, "truck")[0] == "horse"
    grouped = edit.set_listing(cifar10, "cat", Listing(()))
    assert suggestions(grouped, "cat")[:3] == ["dog", "deer", "frog"]


def _edits(draw, ranking):
    names = st.sampled_from(ranking.classes)
    some = st.lists(names, min_size=1, max_size=2, unique=True)
    groups = st.sampled_from([*ranking.groups, "new"])
    name, k, new, mutual = draw(names), draw(st.integers(1, 4)), draw(st.booleans()), draw(st.booleans())
    edits = (
        lambda: edit.add(ranking, name, draw(some), k, new=new, mutual=mutual),
        lambda: edit.add(ranking, name, draw(some), mutual=mutual),
        lambda: edit.remove(ranking, name, draw(some), mutual=mutual),
        lambda: edit.move(ranking, name, draw(some), k, new=new),
        lambda: edit.merge_tiers(ranking, name, k),
        lambda: edit.split_tier(ranking, name, k, draw(some)),
        lambda: edit.set_scores(ranking, name, draw(st.sampled_from([None, [0.5], [0.5, 0.2]]))),
        lambda: edit.set_score(ranking, name, k, 0.55),
        lambda: edit.use_groups(ranking, name),
        lambda: edit.set_listing(ranking, name, ranking.rankings.get(draw(names), Listing(()))),
        lambda: edit.add_to_group(ranking, draw(groups), draw(some)),
        lambda: edit.remove_from_group(ranking, draw(groups), draw(some)),
        lambda: edit.rename_group(ranking, draw(groups), "another"),
        lambda: edit.remove_group(ranking, draw(groups)),
    )
    return draw(st.sampled_from(edits))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_edit_keeps_a_valid_ranking_valid(data):
    ranking = data.draw(sound_rankings())
    for _ in range(4):
        try:
            changed = _edits(data.draw, ranking)()
        except RankconError:
            continue
        assert not [issue for issue in check(changed) if issue.severity == "error"]
        assert parse(write(changed), "again") == changed
        ranking = changed


@st.composite
def rows_and_edits(draw):
    """A ranking that is not symmetric, a class, an edit of it, and what the edit makes of its tiers as plain sets."""
    ranking = replace(draw(sound_rankings()), symmetric=False)
    name, k, new = draw(st.sampled_from(ranking.classes)), draw(st.integers(1, 4)), draw(st.booleans())
    some = set(draw(st.lists(st.sampled_from(ranking.classes), min_size=1, max_size=3)))
    rows = shown(ranking, name)
    kind = draw(st.sampled_from(["add", "remove", "move", "merge", "split"]))
    expected = [set(row) for row in rows]
    if kind == "remove":
        act, expected = edit.remove(ranking, name, some), [row - some for row in rows]
    elif kind == "merge":
        act = edit.merge_tiers(ranking, name, k)
        expected[k - 1 : k + 1] = [rows[k - 1] | rows[k]]
    elif kind == "split":
        act = edit.split_tier(ranking, name, k, some)
        expected[k - 1 : k] = [rows[k - 1] - some, some]
    else:
        act = getattr(edit, kind)(ranking, name, some, k, new=new)
        expected = [row - some for row in rows]
        if new or k > len(rows):
            expected.insert(k - 1, some)
        else:
            expected[k - 1] |= some
    return ranking, name, act, [row for row in expected if row]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_edits_equal_a_model_of_sets_and_touch_no_other_class(data):
    try:
        ranking, name, changed, expected = data.draw(rows_and_edits())
    except RankconError:
        return
    assert shown(changed, name) == expected
    for other in ranking.classes:
        assert other == name or edit.class_tiers(changed, other) == edit.class_tiers(ranking, other)


def test_a_class_cannot_be_among_its_others():
    ranking = Ranking(("a", "b"), rankings={"a": Listing((Tier(("b",)),)), "b": Listing((Tier(("a",)),))})
    for symmetric in (False, True):
        for act in (edit.add, edit.remove):
            with pytest.raises(RankconError, match="tier of its own"):
                act(replace(ranking, symmetric=symmetric), "a", ["b", "a"], mutual=True)


def test_notes_follow_their_group(cifar10):
    noted = edit.set_note(cifar10, "pet", "lives indoors")
    assert edit.rename_group(noted, "pet", "indoor").notes["indoor"] == "lives indoors"
    assert "pet" not in edit.remove_group(noted, "pet").notes


def test_no_room_between_two_scores():
    above = 0.5 + 2**-53
    tiers = (Tier(("b",), above), Tier(("c",), 0.5))
    ranking = Ranking(("a", "b", "c", "d"), rankings={"a": Listing(tiers)})
    with pytest.raises(RankconError, match="no room for a score between"):
        edit.add(ranking, "a", ["d"], 2, new=True)
