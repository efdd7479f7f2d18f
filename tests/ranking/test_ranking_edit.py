"""Edits: what each does to the tiers and to the text, what is refused, and that a sound ranking stays sound."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@st.composite
def sound_rankings(draw):
    """Small rankings with nested groups, lists with groups in them, and scores or none."""
    n = draw(st.integers(4, 8))
    classes = tuple(f"c{i}" if i else "@c0" for i in range(n))
    members = ["@" + c if c.startswith("@") else c for c in classes]
    half = draw(st.integers(2, n - 1))
    groups = {"inner": Tier(tuple(members[:2])), "outer": Tier(("@inner", *members[2:half]))}
    rankings = {}
    for c in draw(st.lists(st.sampled_from(classes), unique=True, max_size=n)):
        tiers = draw(st.lists(st.sampled_from([("@inner",), ("@outer",), (members[-1],), (members[2],)]), max_size=3))
        listing = Listing(tuple(map(Tier, tiers)), draw(st.booleans()))
        candidate = Ranking(classes, groups, {**rankings, c: listing})
        if not [issue for issue in check(candidate) if issue.severity == "error"]:
            rankings[c] = listing
    return Ranking(classes, groups, rankings)


def _edits(draw, ranking):
    names = st.sampled_from(ranking.classes)
    some = st.lists(names, min_size=1, max_size=2, unique=True)
    name, k, new = draw(names), draw(st.integers(1, 4)), draw(st.booleans())
    return draw(
        st.sampled_from(
            [
                lambda: edit.add(ranking, name, draw(some), k, new=new, mutual=draw(st.booleans())),
                lambda: edit.remove(ranking, name, draw(some), mutual=draw(st.booleans())),
                lambda: edit.move(ranking, name, draw(some), k, new=new),
                lambda: edit.merge_tiers(ranking, name, k),
                lambda: edit.split_tier(ranking, name, k, draw(some)),
                lambda: edit.set_scores(ranking, name, draw(st.sampled_from([None, [0.5], [0.5, 0.2]]))),
                lambda: edit.use_groups(ranking, name),
                lambda: edit.add_to_group(ranking, "inner", draw(some)),
                lambda: edit.remove_from_group(ranking, "outer", draw(some)),
                lambda: edit.remove_group(ranking, "inner"),
            ]
        )
    )


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_edit_keeps_a_valid_ranking_valid(data):
    ranking = replace(data.draw(sound_rankings()))
    for _ in range(4):
        try:
            changed = _edits(data.draw, ranking)()
        except RankconError:
            continue
        assert not [issue for issue in check(changed) if issue.severity == "error"]
        assert replace(parse(write(changed), "again"), text=None) == changed
        ranking = changed


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_edit_touches_no_class_but_its_own(data):
    ranking = data.draw(sound_rankings())
    name, k = data.draw(st.sampled_from(ranking.classes)), data.draw(st.integers(1, 3))
    others = data.draw(st.lists(st.sampled_from(ranking.classes), min_size=1, max_size=2, unique=True))
    before = compile_ranking(ranking)
    try:
        changed = edit.move(ranking, name, others, k, new=data.draw(st.booleans()))
    except RankconError:
        return
    after = compile_ranking(changed)
    c = ranking.classes.index(name)
    assert [row for a, row in enumerate(after.tiers) if a != c] == [row for a, row in enumerate(before.tiers) if a != c]
    assert set().union(*after.tiers[c]) == set().union(*before.tiers[c])
