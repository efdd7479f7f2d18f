"""subset and rename: what is left of the tiers, and of how they were written."""

import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Listing, Ranking, RankingError, Tier, compile_ranking, load, parse, write
from rankcon_cli.ranking.document import as_member
from rankcon_cli.ranking.subset import rename, subset

EXAMPLE = Ranking(
    classes=("airplane", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck", "@home"),
    groups={
        "pet": Tier(("cat", "dog")),
        "hoofed": Tier(("deer", "horse")),
        "mammal": Tier(("@pet", "@hoofed")),
        "animal": Tier(("@mammal", "bird", "frog")),
        "vehicle": Tier(("truck", "airplane", "ship")),
    },
    rankings={
        "airplane": Listing((Tier(("bird",)), Tier(("@hoofed", "ship"))), rest_of_groups=True),
        "frog": Listing(()),
        "ship": Listing((Tier(("airplane",), 0.6), Tier(("@vehicle", "@@home"), 0.3))),
        "@home": Listing((Tier(("cat",)), Tier(("@pet",)), Tier(("@mammal",)))),
    },
    notes={"cat": "purrs", "pet": "at home", "dog": "barks", "@home": "sweet", "misc": "kept"},
)


def names_of(table):
    return [[{table.classes[b] for b in members} for members in tiers] for tiers in table.tiers]


@st.composite
def rankings(draw):
    """Sound rankings: nested, equal and crossing groups, lists with groups in them, scores on all tiers or none."""
    n = draw(st.integers(2, 7))
    classes = tuple(draw(st.permutations(["@a", *"bcdefgh"[: n - 1]])))
    scored = draw(st.booleans())
    groups, held = {}, {}
    for name in draw(st.permutations(["G1", "G2", "G3", "G4", "G5"]))[: draw(st.integers(0, 5))]:
        inner = draw(st.lists(st.sampled_from(sorted(groups)), unique=True, max_size=2)) if groups else []
        own = draw(st.lists(st.sampled_from(classes), unique=True, max_size=3))
        held[name] = set(own).union(*(held[other] for other in inner))
        of = (*("@" + other for other in inner), *map(as_member, own))
        groups[name] = Tier(of, 0.4 / (1 + len(held[name])) if scored else None)
    listings = {}
    for name in classes:
        chain = sorted((held[group] for group in held if name in held[group]), key=len)
        nested = all(a <= b for a, b in pairwise(chain))
        if nested and draw(st.booleans()):
            continue
        tiers, free = [], set(classes) - {name}
        for k in range(draw(st.integers(0, 4))):
            of = draw(st.lists(st.sampled_from(sorted(free)), unique=True, max_size=2)) if free else []
            spread = draw(st.lists(st.sampled_from(sorted(groups)), unique=True, max_size=2)) if groups else []
            tiers.append(Tier((*map(as_member, of), *("@" + g for g in spread)), 0.9 - k / 10 if scored else None))
            free -= set(of).union(*(held[g] for g in spread))
        listings[name] = Listing(tuple(tiers), nested and draw(st.booleans()))
    return Ranking(classes, groups=dict(draw(st.permutations(list(groups.items())))), rankings=listings)


@settings(max_examples=100, deadline=None)
@given(rankings(), st.data())
def test_the_table_of_a_subset_is_the_table_without_the_others(ranking, data):
    names = data.draw(st.lists(st.sampled_from(ranking.classes), unique=True, min_size=2))
    small = subset(ranking, names)
    dropped = set(ranking.classes) - set(names)
    expected = compile_ranking(ranking).withhold(dropped).reorder(names)
    assert compile_ranking(small) == expected
    assert parse(write(small), "r") == replace(small, file="r")
    members = [group.of for group in small.groups.values()]
    assert not dropped or all(len(of) == len(set(of)) and of for of in members)
    assert subset(small, names) == small


@settings(max_examples=50, deadline=None)
@given(rankings(), st.data())
def test_renaming_keeps_the_table_and_goes_back(ranking, data):
    fresh = data.draw(st.permutations([*ranking.classes, "@x", "y, z", "[bold]"]))[: len(ranking.classes)]
    there = dict(zip(ranking.classes, fresh, strict=True))
    renamed = rename(ranking, there)
    assert compile_ranking(renamed) == replace(compile_ranking(ranking), classes=tuple(fresh))
    assert rename(renamed, {new: old for old, new in there.items()}) == ranking
    assert parse(write(renamed), "r") == replace(renamed, file="r")


def test_a_subset_keeps_what_was_written():
    small = subset(EXAMPLE, ["cat", "dog", "deer", "ship", "airplane", "@home"])
    assert small.classes == ("cat", "dog", "deer", "ship", "airplane", "@home")
    assert small.groups == {
        "pet": Tier(("cat", "dog")),
        "mammal": Tier(("@pet", "deer")),
        "vehicle": Tier(("airplane", "ship")),
    }
    assert small.rankings == {
        "airplane": Listing((Tier(("deer", "ship")),), rest_of_groups=True),
        "ship": Listing((Tier(("airplane",), 0.6), Tier(("@vehicle", "@@home"), 0.3))),
        "@home": Listing((Tier(("cat",)), Tier(("@pet",)), Tier(("@mammal",)))),
    }
    assert small.notes == {"cat": "purrs", "pet": "at home", "dog": "barks", "@home": "sweet", "misc": "kept"}


def test_what_has_nothing_left_goes():
    small = subset(EXAMPLE, ["cat", "frog", "airplane", "truck", "@home"])
    assert small.groups == {"animal": Tier(("cat", "frog")), "vehicle": Tier(("truck", "airplane"))}
    assert small.rankings == {
        "frog": Listing(()),  # still deliberately nothing
        "@home": Listing((Tier(("cat",)),)),  # @pet and @mammal hold the cat alone, which is placed
    }  # the airplane's list was only "@groups" by now
    assert small.notes == {"cat": "purrs", "@home": "sweet", "misc": "kept"}


def test_the_innermost_of_groups_that_became_the_same_keeps_its_score():
    groups = {"outer": Tier(("@inner", "c"), 0.2), "inner": Tier(("a", "b"), 0.5)}
    listing = Listing((Tier(("@outer",), 0.7),))
    ranking = Ranking(("a", "b", "c", "d"), groups=groups, rankings={"d": listing})
    small = subset(ranking, ["a", "b", "d"])
    assert small.groups == {"inner": Tier(("a", "b"), 0.5)}
    assert small.rankings == {"d": Listing((Tier(("@inner",), 0.7),))}


def test_all_classes_in_another_order_change_the_labels_only():
    names = list(reversed(EXAMPLE.classes))
    assert subset(EXAMPLE, names) == replace(EXAMPLE, classes=tuple(names))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat", "dgo"], "ranking has no class 'dgo' (did you mean 'dog'?)"),
        (["cat", "dgo", "shp"], "has no classes 'dgo' (did you mean 'dog'?), 'shp' (did you mean 'ship'?)"),
        (["cat", "dog", "cat"], "'cat' is named twice"),
        (["cat"], "1 class cannot be ranked"),
        (["cat", "pet", "@mammal"], "has no classes 'pet' (it is a group), '@mammal' (it is a group)"),
    ],
)
def test_what_no_subset_can_be_made_of(names, message):
    with pytest.raises(RankconError) as error:
        subset(EXAMPLE, names)
    assert message in error.value.message


def test_a_ranking_with_errors_is_refused():
    faulty = Ranking(("a", "b", "c"), rankings={"a": Listing((Tier(("x",)),))})
    for act in (lambda: subset(faulty, ["a", "b"]), lambda: rename(faulty, {"a": "x"})):
        with pytest.raises(RankingError, match="E102"):
            act()


def test_renaming_is_everywhere_and_at_once():
    renamed = rename(EXAMPLE, {"cat": "dog", "dog": "cat", "@home": "house", "ship": "@sea"})
    assert renamed.classes == ("airplane", "bird", "dog", "deer", "cat", "frog", "horse", "@sea", "truck", "house")
    assert renamed.groups["pet"] == Tier(("dog", "cat"))
    assert renamed.groups["vehicle"] == Tier(("truck", "airplane", "@@sea"))
    assert renamed.rankings["@sea"] == Listing((Tier(("airplane",), 0.6), Tier(("@vehicle", "house"), 0.3)))
    assert renamed.rankings["house"].tiers[0] == Tier(("dog",))
    assert renamed.notes == {"dog": "purrs", "pet": "at home", "cat": "barks", "house": "sweet", "misc": "kept"}


@pytest.mark.parametrize(
    ("new_names", "message"),
    [
        ({"cta": "x"}, "has no class 'cta' (did you mean 'cat'?)"),
        ({"pet": "x"}, "has no class 'pet' (it is a group)"),
        ({"cat": "dog"}, "2 classes would be called 'dog'"),
        ({"cat": "x", "dog": "x"}, "2 classes would be called 'x'"),
        ({"cat": "pet"}, "'pet' is the name of a group"),
        ({"cat": ""}, "'' cannot name a class: it is empty"),
        ({"cat": " x"}, "begins or ends with a blank"),
        ({"cat": "a\nb"}, "control character"),
        ({"cat": "misc"}, "there are notes on 'cat' and on 'misc'"),
    ],
)
def test_refused_names(new_names, message):
    with pytest.raises(RankconError) as error:
        rename(EXAMPLE, new_names)
    assert message in error.value.message


def test_notes_are_kept_under_plain_names():
    ranking = Ranking(("@x", "@@x", "z", "w"), notes={"@x": "one", "@@x": "two", "z": "three"})
    assert rename(ranking, {"@x": "y"}).notes == {"y": "one", "@@x": "two", "z": "three"}
    assert rename(ranking, {"@x": "@@x", "@@x": "@x"}).notes == {"@@x": "one", "@x": "two", "z": "three"}
    assert subset(ranking, ["@@x", "w"]).notes == {"@@x": "two"}


def test_the_subset_verb_takes_names_lists_and_data(rank, tmp_path):
    by_name = rank("subset", "cifar10", "--class", "ship", "--class", "cat", "--class", "dog")
    listing = tmp_path / "names.txt"
    listing.write_bytes("\ufeffship\r\n\r\n  cat \ndog".encode())
    assert by_name[0] == 0 and by_name[1] == write(subset(load("cifar10"), ["ship", "cat", "dog"]))
    assert rank("subset", "cifar10", "--classes", listing) == by_name
    assert rank("subset", "cifar10", "--classes", "-", stdin=listing.read_text()) == by_name
    assert rank("subset", "-", "--classes", listing, stdin=write(load("cifar10"))) == by_name
    for name in ("cat", "dog", "ship"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.png").touch()
    of_data = rank("subset", "cifar10", "--data", f"folder:{tmp_path / 'photos'}")
    assert of_data[1] == write(subset(load("cifar10"), ["cat", "dog", "ship"]))
    out = tmp_path / "new.json"
    assert rank("subset", "cifar10", "--classes", listing, "--out", out)[:2] == (0, "")
    assert out.read_text() == by_name[1]
    assert rank("subset", "cifar10", "--classes", listing, "--out", out)[0] == 3  # without --force


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["subset", "cifar10"], 2, "one of --classes PATH, --class NAME and --data SPEC"),
        (["subset", "cifar10", "--class", "cat", "--data", "digits"], 2, "one of --classes"),
        (["subset", "-", "--classes", "-"], 2, "standard input cannot be both"),
        (
            ["subset", "cifar10", "--class", "cat", "--class", "dgo"],
            3,
            "cifar10 has no class 'dgo' (did you mean 'dog'",
        ),
        (["subset", "cifar10", "--classes", "nowhere.txt"], 3, "cannot read the list of classes nowhere.txt"),
        (["subset", "cifar10", "--data", "digits"], 3, "cifar10 has no classes '0', '1', '2', '3', '4' and 5 more"),
        (["rename", "cifar10"], 2, "OLD NEW pairs or by --map"),
        (["rename", "cifar10", "cat"], 2, "'cat' has no new name"),
        (["rename", "cifar10", "cat", "a", "cat", "b"], 2, "'cat' is given two new names, 'a' and 'b'"),
        (["rename", "-", "--map", "-"], 2, "standard input cannot be both"),
        (["rename", "cifar10", "cat", "dog"], 3, "2 classes would be called 'dog'"),
        (
            ["rename", "cifar10", "animal", "beast"],
            3,
            "'rankcon rank group cifar10 GROUP --rename NEW' renames a group",
        ),
        (["subset", "cifar10", "--class", "animal"], 3, "name those of the group"),
        (["subset", "cifar10", "--classes", "-"], 3, "rank subset: nothing came in on standard input"),
        (["rename", "cifar10", "--map", "-"], 3, "rank rename: nothing came in on standard input"),
    ],
)
def test_refusals_of_the_verbs(rank, arguments, code, message):
    found = rank(*arguments)
    assert found[:2] == (code, "") and message in found[2]


def test_the_rename_verb_takes_pairs_and_tables(rank):
    pairs = rank("rename", "cifar10", "automobile", "car", "truck", "x, [bold]")
    assert pairs == (0, write(rename(load("cifar10"), {"automobile": "car", "truck": "x, [bold]"})), "")
    assert rank("rename", "cifar10", "--map", "-", stdin='automobile, car\r\n\r\ntruck,"x, [bold]"\r\n') == pairs
    assert rank("rename", "cifar10", "--map", "-", stdin='old,new\nautomobile,car\ntruck,"x, [bold]"\n') == pairs
    code, out, err = rank("rename", "cifar10", "--map", "-", stdin="automobile,car\ntruck,x,y\n")
    assert (code, out) == (3, "") and "<stdin>:2: 3 fields" in err
    code, out, err = rank("rename", "cifar10", "--map", "-", stdin='"automobile,car\n')
    assert (code, out) == (3, "") and "this is no CSV" in err


def test_names_match_in_any_unicode_form(rank):
    there = rank("rename", "cifar10", "cat", "Kätzchen")[1]
    code, out, _ = rank("subset", "-", "--class", "Ka\u0308tzchen", "--class", "dog", stdin=there)
    assert code == 0 and '"classes": ["Kätzchen", "dog"]' in out


def test_files_without_names_are_refused(rank, tmp_path):
    path = tmp_path / "names"
    for text in ("", "\n  \n", "\ufeff"):
        path.write_text(text, encoding="utf-8")
        assert rank("subset", "cifar10", "--classes", path)[:2] == (3, "")
    for text in ("", "\n\n", "old,new\n"):
        path.write_text(text)
        code, out, err = rank("rename", "cifar10", "--map", path)
        assert (code, out) == (3, "") and f"{path} renames nothing" in err


def test_a_list_on_standard_input_is_not_cut(rank, monkeypatch):
    monkeypatch.setattr("rankcon_cli.ranking.sources.MAX_BYTES", 10_000)
    code, out, err = rank("rename", "cifar10", "--map", "-", stdin="cat,a\n" * 2000)
    assert (code, out) == (3, "") and "longer than 10,000 bytes" in err


@pytest.mark.parametrize("verb", [["subset", "--class", "nobody"], ["rename", "nobody", "x"]])
def test_the_target_is_looked_at_first(rank, tmp_path, verb):
    out = tmp_path / "out.json"
    out.write_text("mine")
    code, _, err = rank(verb[0], "nowhere.json", *verb[1:], "--out", out)
    assert code == 3 and "is there already" in err and out.read_text() == "mine"


def test_on_a_terminal_it_is_said_that_the_file_is_unchanged(rank, tmp_path, monkeypatch):
    path = tmp_path / "my own.json"
    path.write_text(write(load("cifar10")))
    for verb in (["rename", path, "dog", "hund"], ["subset", path, "--class", "dog", "--class", "cat"]):
        assert rank(*verb)[2] == ""
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            told = f"{path} itself is unchanged; to write it: --out '{path}' --force\n"
            assert rank(*verb)[2] == rank(*verb, "--out", "-")[2] == told
            assert rank(*verb, "--quiet")[2] == ""
            assert rank(verb[0], "cifar10", *verb[2:])[2] == ""
            assert "unchanged" not in rank(*verb, "--out", tmp_path / f"{verb[0]}.json")[2]
    assert path.read_text() == write(load("cifar10"))
