"""rank diff: what counts as a difference, and how it is told."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.ranking import Listing, Ranking, Tier, compile_ranking, load, write
from rankcon_cli.ranking import diff as module
from rankcon_cli.ranking.diff import Move, blocks, describe, diff, moves
from rankcon_cli.ranking.subset import subset


def ranking(scores=None, **rows):
    """ranking(a="b > c d", b="") over the classes a to e; ``scores``: similarities of all tiers, by number."""
    listings = {}
    for name, row in rows.items():
        tiers = [tuple(tier.split()) for tier in row.split(">") if tier.strip()]
        listings[name] = Listing(tuple(Tier(of, scores[k] if scores else None) for k, of in enumerate(tiers)))
    return Ranking(tuple("abcde"), rankings=listings)


@st.composite
def rankings(draw):
    classes = draw(st.permutations("abcdef"))[: draw(st.integers(2, 6))]
    rows = {}
    for name in classes:
        others = draw(st.permutations([other for other in classes if other != name]))
        cuts = sorted(draw(st.sets(st.integers(1, len(others)), max_size=4)))
        tiers = [others[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]
        scored = draw(st.booleans())
        rows[name] = Listing(tuple(Tier(tuple(of), 0.9 - k / 10 if scored else None) for k, of in enumerate(tiers)))
    return Ranking(tuple(classes), rankings=rows)


@settings(max_examples=100, deadline=None)
@given(rankings(), rankings())
def test_the_moves_lead_from_the_one_to_the_other(a, b):
    difference = diff(a, b)
    parts = (difference.only_before, difference.only_after, difference.reordered, difference.changed)
    assert difference.same == (compile_ranking(a) == compile_ranking(b)) == (not any(parts))
    before, after = difference.before, difference.after
    assert before.classes == after.classes == tuple(name for name in a.classes if name in b.classes)
    for c in range(len(before.classes)):
        places = [
            {table.classes[d]: k for k, members in enumerate(table.tiers[c], 1) for d in members}
            for table in (before, after)
        ]
        for move in moves(difference, c):
            assert places[0].pop(move.name, None) == move.before != move.after
            if move.after is not None:
                places[0][move.name] = move.after
        assert places[0] == places[1]
        assert bool(describe(difference, c)) == (c in difference.changed)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("b > c", "b > c", ()),
        ("b > c", "c > b", ("all of tier 1 -> 2", "all of tier 2 -> 1")),
        ("b > c", "d > b > c", ("+ tier 1: d", "all of tiers 1 to 2 -> 2 to 3")),
        ("b c", "b > c", ("tier 1 -> 2: c",)),
        ("b > c d", "c > b > e", ("+ tier 3: e", "- tier 2: d", "tier 2 -> 1: c", "all of tier 1 -> 2")),
        ("b c d e", "", ("- tier 1: b, c, d, e",)),
    ],
)
def test_what_changed_is_told_by_tier(before, after, lines):
    difference = diff(ranking(a=before), ranking(a=after))
    assert describe(difference, 0) == lines
    assert difference.changed == ((0,) if lines else ())


def test_scores_are_told_whole():
    plain, scored = ranking(a="b > c"), ranking((0.5, 0.25), a="b > c")
    assert describe(diff(plain, scored), 0) == ("scores none -> 0.5, 0.25",)
    assert describe(diff(scored, ranking((0.5, 0.2), a="b > c")), 0) == ("scores 0.5, 0.25 -> 0.5, 0.2",)
    assert moves(diff(plain, scored), 0) == []


def test_classes_with_the_same_change_share_a_block():
    before = ranking(a="c", b="c", d="c > e")
    after = ranking(a="c > e", b="c > e", d="c")
    assert list(blocks(diff(before, after))) == [("a, b", ("+ tier 2: e",)), ("d", ("- tier 2: e",))]


def test_long_tiers_are_cut_and_names_stay_apart():
    names = ("x, y", *(f"c{i}" for i in range(20)))
    before = Ranking(names, rankings={name: Listing(()) for name in names})
    after = replace(before, rankings={**before.rankings, "c0": Listing((Tier(names[:1] + names[2:]),))})
    ((title, lines),) = blocks(diff(before, after))
    assert title == "c0" and lines[0].startswith('+ tier 1: "x, y", c1, c2') and lines[0].endswith("c11 and 8 more")


def test_a_subset_differs_by_its_classes_alone():
    whole = load("cifar10")
    part = subset(whole, [name for name in whole.classes if name not in ("frog", "truck")])
    difference = diff(whole, part)
    assert (difference.only_before, difference.only_after) == (("frog", "truck"), ())
    assert not difference.reordered and not difference.changed and not difference.same
    assert diff(part, whole).only_after == ("frog", "truck")
    swapped = diff(part, subset(whole, list(reversed(part.classes))))
    assert swapped.reordered and not swapped.changed and not swapped.same


def test_what_is_only_written_otherwise_does_not_count():
    by_hand = ranking(a="b", b="a", c="")
    by_group = Ranking(
        tuple("abcde"), groups={"g": Tier(("a", "b"))}, name="n", notes={"a": "x"}, extras={"x-by": "me"}
    )
    difference = diff(by_hand, by_group)
    assert difference.same and difference.aside == ("name", "groups", "notes", "rankings", "x-by")
    assert moves(difference, 0) == []


def test_moves_name_the_tiers_before_and_after():
    assert moves(diff(ranking(a="b > c"), ranking(a="c > d")), 0) == [
        Move("b", 1, None),
        Move("c", 2, 1),
        Move("d", None, 2),
    ]


@pytest.fixture
def files(tmp_path):
    """The example of the page and an edited copy of it, which lacks a class."""
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(write(ranking((0.6, 0.3), a="b > c", b="a", c="", d="e > a")))
    changed = ranking((0.6, 0.3), a="c > b", b="a > c", c="", d="a")
    b.write_text(write(replace(changed, classes=("b", "a", "c", "d", "f"), name="x")))
    return a, b


def test_the_text_of_a_difference(rank, files):
    a, b = files
    code, out, err = rank("diff", a, b)
    assert code == 1
    assert out.splitlines() == [
        f"only in {a}: e",
        f"only in {b}: f",
        "the labels are in another order",
        "a",
        "  all of tier 1 -> 2",
        "  all of tier 2 -> 1",
        "b",
        "  + tier 2: c",
        "  scores 0.6 -> 0.6, 0.3",
        "d",
        "  scores 0.3 -> 0.6",
    ]
    assert err == (
        f"{a} and {b}: 3 classes changed, 1 class only in {a}, 1 class only in {b}, another label order (name differs)\n"
    )


def test_the_json_of_a_difference(rank, files):
    a, b = files
    code, out, _ = rank("diff", a, b, "--json")
    document = json.loads(out)
    assert code == 1 and set(document) == {
        "format", "version", "same", "before", "after", "reordered", "aside", "classes"
    }  # fmt: skip
    assert (document["format"], document["version"], document["same"]) == ("rankcon/diff", 1, False)
    assert document["before"] == {"file": str(a), "hash": compile_ranking(load(a)).digest(), "only": ["e"]}
    assert document["after"] == {"file": str(b), "hash": compile_ranking(load(b)).digest(), "only": ["f"]}
    assert document["reordered"] and document["aside"] == ["name"]
    assert list(document["classes"]) == ["a", "b", "d"]
    assert document["classes"]["b"] == {
        "before": [{"classes": ["a"], "score": 0.6}],
        "after": [{"classes": ["a"], "score": 0.6}, {"classes": ["c"], "score": 0.3}],
        "moves": [{"class": "c", "before": None, "after": 2}],
    }


def test_exit_codes(rank, files):
    a, b = files
    same = rank("diff", a, "-", stdin=a.read_text())
    assert same == (0, "", f"{a} and <stdin>: the same meaning\n")
    assert json.loads(rank("diff", a, a, "--json")[1])["classes"] == {}
    assert rank("diff", "-", "-")[0] == 2
    assert rank("diff", a, "nowhere.json")[:2] == (3, "")
    code, out, err = rank("diff", a, "-", stdin='{"format": "rankcon/ranking", ')
    assert (code, out) == (3, "") and "<stdin>:1:" in err
    faulty = b.read_text().replace('["b"]', '["nobody"]').replace('["c"]', '["nobody"]')
    assert rank("diff", "-", a, stdin=faulty)[0] == 3


def test_a_json_that_would_not_fit_is_refused(rank, files, monkeypatch):
    monkeypatch.setattr(module, "MAX_PAIRS", 3)
    code, out, err = rank("diff", *files, "--json")
    assert (code, out) == (3, "") and "too many for one JSON document" in err
    assert rank("diff", *files)[0] == 1
