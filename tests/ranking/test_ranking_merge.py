"""rank merge: mean ranks, Kendall's W and what the verb prints where."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking import Listing, Ranking, RankingError, Tier, check, compile_ranking, load, parse, write
from rankcon_cli.ranking import merge as module
from rankcon_cli.ranking.merge import KEEP, kendalls_w, merge

CLASSES = ("@a", "b", "c", "d", "e")


def ranking(row, file="r", **keys):
    """A ranking of the classes in which ``@a`` lists ``row`` ("b > c d") and nobody else anything."""
    tiers = [Tier(tuple(tier.split())) for tier in row.split(">") if tier.strip()]
    listings = {name: Listing(()) for name in CLASSES}
    return Ranking(CLASSES, rankings={**listings, "@a": Listing(tuple(tiers))}, file=file, **keys)


def merged_row(*rows, **options):
    listing = merge([ranking(row) for row in rows], **options).ranking.rankings["@a"]
    return " > ".join(" ".join(tier.of) for tier in listing.tiers)


@st.composite
def tier_lists(draw, n):
    """Tiers of some of the items 0 to n - 1, in any order."""
    items = draw(st.permutations(range(n)))
    cuts = sorted(draw(st.sets(st.integers(1, n), max_size=n)))
    return [tuple(sorted(items[a:b])) for a, b in zip([0, *cuts], cuts, strict=False)]


@st.composite
def rankings(draw, classes):
    listings = {}
    for c, name in enumerate(classes):
        others = [other for other in classes if other != name]
        rows = draw(tier_lists(len(others)))
        tiers = [tuple("@" + others[b] if others[b][0] == "@" else others[b] for b in row) for row in rows]
        listings[name] = Listing(tuple(Tier(of, 0.9 - k / 10 if c % 2 else None) for k, of in enumerate(tiers)))
    return Ranking(tuple(draw(st.permutations(classes))), rankings=listings)


def slow_w(lists, n):
    """Kendall's W from Friedman's statistic, which SciPy corrects for ties."""
    from scipy.stats import friedmanchisquare, rankdata

    ranks = []
    for tiers in lists:
        place = {b: k for k, members in enumerate(tiers) for b in members}
        ranks.append(rankdata([place.get(b, n) for b in range(n)]))
    return friedmanchisquare(*zip(*ranks, strict=True)).statistic / (len(lists) * (n - 1))


@settings(max_examples=200, deadline=None)
@given(st.integers(3, 7).flatmap(lambda n: st.tuples(st.just(n), st.lists(tier_lists(n), min_size=2, max_size=6))))
def test_kendalls_w_is_friedmans_statistic_to_scale(case):
    n, lists = case
    found = kendalls_w(lists, n)
    if all(len(tiers) <= 1 and sum(map(len, tiers)) in (0, n) for tiers in lists):
        assert found is None
    else:
        assert found == pytest.approx(slow_w(lists, n), abs=1e-12)


@given(st.integers(2, 7).flatmap(lambda n: st.tuples(st.just(n), tier_lists(n), st.integers(2, 5))))
def test_w_of_the_same_is_one(case):
    n, tiers, judges = case
    found = kendalls_w([tiers] * judges, n)
    assert found == 1 or (found is None and sum(map(len, tiers)) in (0, n))


def test_w_of_opposites_is_zero_and_of_nothing_none():
    assert kendalls_w([[(0,), (1,), (2,)], [(2,), (1,), (0,)]], 3) == 0
    assert kendalls_w([[], []], 3) is None
    assert kendalls_w([[(0, 1, 2)], []], 3) is None
    assert kendalls_w([[(0,)], [(0,)]], 1) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(rankings(CLASSES), min_size=2, max_size=4), st.sampled_from(sorted(KEEP)), st.floats(0, 5))
def test_what_is_merged_is_sound(several, keep, within):
    merged = merge(several, keep=keep, within=within)
    assert not [issue for issue in check(merged.ranking) if issue.severity == "error"]
    assert parse(write(merged.ranking), "ranking") == merged.ranking
    table = compile_ranking(merged.ranking)
    tables = [compile_ranking(one).reorder(table.classes) for one in several]
    for c, found in enumerate(merged.agreement):
        listed = [{b for members in one.tiers[c] for b in members} for one in tables]
        kept = {b for b in range(len(CLASSES)) if KEEP[keep].holds(sum(b in row for row in listed), len(several))}
        assert {b for members in table.tiers[c] for b in members} == kept
        assert [standing.name for standing in found.standings if standing.tier] == [
            table.classes[b] for members in table.tiers[c] for b in sorted(members, key=mean_rank(tables, c))
        ]
        ranks = {standing.name: standing.mean_rank for standing in found.standings}
        for members in table.tiers[c]:
            first, *rest = sorted(ranks[table.classes[b]] for b in members)
            assert all(rank - first <= within for rank in rest)


def mean_rank(tables, c):
    """b -> (mean rank of b around c, b), counted one by one."""

    def rank(tiers, b):
        for k, members in enumerate(tiers):
            if b in members:
                return sum(map(len, tiers[:k])) + (len(members) + 1) / 2
        above = sum(map(len, tiers))
        return above + (len(CLASSES) - 1 - above + 1) / 2

    return lambda b: (sum(rank(table.tiers[c], b) for table in tables) / len(tables), b)


@settings(max_examples=50, deadline=None)
@given(rankings(CLASSES), st.integers(2, 4))
def test_merging_a_ranking_with_itself_changes_nothing(one, times):
    merged = merge([one] * times)
    assert compile_ranking(merged.ranking).tiers == compile_ranking(one).tiers
    assert {found.w for found in merged.agreement} <= {1, None}
    assert merged.w in (1, None)
    assert not any(found.disagreements for found in merged.agreement)


def test_tiers_follow_the_mean_rank_of_what_most_list():
    assert merged_row("b > c", "b > c", "c > b > e") == "b > c"
    assert merged_row("b > c", "c > b") == "b c"
    assert merged_row("b > c", "c > b > e", keep="any") == "b c > e"
    assert merged_row("b > c", "c > d", "c > e", keep="all") == "c"
    assert merged_row("b", "c") == ""
    # One of five tells b from c: a mean rank of 1.4 for b and of 1.6 for c.
    assert merged_row("b > c", *["b c"] * 4) == "b > c"
    assert merged_row("b > c", *["b c"] * 4, within=0.25) == "b c"


def test_the_standing_of_a_class():
    (found, *others) = merge([ranking("b > c d"), ranking("c > b"), ranking("c")]).agreement
    assert found.name == "@a" and all(other.w is None and other.standings == () for other in others)
    c, b, d = found.standings
    assert (b.name, b.tiers, b.mean_rank, b.spread, b.tier) == ("b", (1, 2, None), 2.0, 2.0, 2)
    assert (c.name, c.tiers, c.mean_rank, c.spread, c.tier) == ("c", (2, 1, 1), 1.5, 1.5, 1)
    assert (d.name, d.tiers, d.tier) == ("d", (2, None, None), None)
    assert [standing.name for standing in found.disagreements] == ["b", "c", "d"]


def test_who_ties_everything_and_who_lists_nothing_disagree_without_an_order():
    everything, nothing = ranking("b c d e"), ranking("")
    found = merge([everything, nothing]).agreement[0]
    assert found.w is None and [standing.name for standing in found.disagreements] == list("bcde")


def test_who_does_not_rank_a_class_has_no_vote_on_it():
    groups = {"g": Tier(("c", "d"))}
    one = Ranking(CLASSES, groups, {"@a": Listing((Tier(("b",)),))})
    two = Ranking(CLASSES, groups, {"@a": Listing(()), "e": Listing((Tier(("b",)),))})
    three = Ranking(CLASSES, groups, {"e": Listing(())})
    merged = merge([one, two, three], keep="all")
    a, b, c, _, e = merged.agreement
    assert [found.silent for found in (a, b, c, e)] == [(2,), (0, 1, 2), (), (0,)]
    assert a.standings[0].tiers == (1, None, None) and a.standings[0].mean_rank == (1 + 2.5) / 2
    assert a.w == kendalls_w([[(0,)], []], 4) and (b.w, b.standings) == (None, ()) and e.w is not None
    assert merged.ranking.rankings == {
        "@a": Listing(()), "c": Listing((Tier(("d",)),)), "d": Listing((Tier(("c",)),)), "e": Listing(())
    }  # fmt: skip
    alone = merge([one, three], keep="all")
    assert alone.ranking.rankings["@a"] == one.rankings["@a"]
    assert alone.agreement[0].w is None and not alone.agreement[0].disagreements


def test_what_the_merged_ranking_says_of_itself():
    both_ways = {"@a": Listing((Tier(("b",)),)), "b": Listing((Tier(("@@a",)),))}
    a = Ranking(CLASSES, rankings=both_ways, symmetric=True, file="a.json", name="x")
    b = replace(a, file="b.json")
    merged = merge([a, b]).ranking
    assert merged.symmetric and not merge([a, replace(b, symmetric=False)]).ranking.symmetric
    assert not merge([ranking("b", symmetric=True)] * 2).ranking.symmetric  # what is claimed must be so
    assert merged.name is None and merged.source == "Merged from 'a.json' and 'b.json'."
    assert "2 rankings" in merged.description


def test_labels_follow_the_first():
    other = replace(ranking("b > c"), classes=tuple(reversed(CLASSES)))
    assert merge([other, ranking("b > c")]).ranking.classes == other.classes
    assert compile_ranking(merge([ranking("b > c"), other]).ranking) == compile_ranking(ranking("b > c"))


def test_refusals(monkeypatch):
    other = replace(ranking("b"), classes=(*CLASSES[:4], "x"), rankings={}, file="other")
    for several in ([ranking("b"), other], [other, ranking("b")]):
        with pytest.raises(RankconError, match=r"lacks '(e|x)' of"):
            merge(several)
    with pytest.raises(RankingError, match="E102"):
        merge([ranking("b"), ranking("nobody")])
    for options in ({"keep": "some"}, {"within": -1}, {"within": math.nan}):
        with pytest.raises(UsageError):
            merge([ranking("b"), ranking("b")], **options)
    with pytest.raises(UsageError):
        merge([ranking("b")])
    monkeypatch.setattr(module, "MAX_PAIRS", 3)
    with pytest.raises(RankconError, match="list 4 pairs of classes together"):
        merge([ranking("b c"), ranking("b c")])


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.json" for name in "xyz"]
    for path, row in zip(paths, ("b > c d", "c > b", "c"), strict=True):
        path.write_text(write(ranking(row)))
    return paths


def test_the_verb_prints_the_ranking_and_notes_the_agreement(rank, files):
    code, out, err = rank("merge", *files)
    rankings = [load(path) for path in files]
    assert code == 0 and out == write(merge(rankings).ranking)
    w = kendalls_w([[(0,), (1, 2)], [(1,), (0,)], [(1,)]], 4)
    assert err.splitlines() == [
        f"agreement of 3 rankings: Kendall's W {w:.3f} on average over the classes",
        "    W  class  furthest apart (its tier in each ranking, – where not listed)",
        f"{w:.3f}  @a     b 1 2 –, c 2 1 1, d 2 – –",
        "the same tiers in all of them: 4 classes",
    ]
    assert rank("merge", *files, "--quiet") == (0, out, "")
    piped = rank("merge", files[0], "-", files[2], stdin=files[1].read_text())
    assert piped[0] == 0 and piped[1].replace("<stdin>", "y.json") == out


def test_the_report_and_the_ranking_go_to_files(rank, files, tmp_path):
    out, report = tmp_path / "out.json", tmp_path / "report.json"
    arguments = ["merge", *files, "--keep", "any", "--out", out, "--report", report]
    assert rank(*arguments)[:2] == (0, "")
    document = json.loads(report.read_text())
    assert (document["format"], document["version"]) == ("rankcon/agreement", 1)
    assert [entry["file"] for entry in document["rankings"]] == [str(path) for path in files]
    first = document["classes"]["@a"]
    assert document["w"] == first["w"] and document["classes"]["b"] == {"w": None, "silent": [], "others": []}
    assert first["others"][0] == {"class": "c", "mean_rank": 1.5, "spread": 1.5, "tiers": [2, 1, 1], "tier": 1}
    assert load(out).rankings["@a"] == Listing((Tier(("c",)), Tier(("b",)), Tier(("d",))))
    before = report.read_text(), out.read_text()
    code, _, err = rank(*arguments)
    assert code == 3 and "is there already" in err and (report.read_text(), out.read_text()) == before
    assert rank(*arguments, "--force")[0] == 0


def test_the_targets_are_looked_at_before_anything_is_written(rank, files, tmp_path):
    out, report = tmp_path / "out.json", tmp_path / "report.json"
    out.write_text("mine")
    code, _, err = rank("merge", *files, "--report", report, "--out", out)
    assert code == 3 and f"{out} is there already" in err and not report.exists()
    link = tmp_path / "link.json"
    link.symlink_to(out)
    for same in (out, tmp_path / "." / "out.json", link):
        code, _, err = rank("merge", *files, "--report", same, "--out", out, "--force")
        assert code == 2 and "name the same file" in err and out.read_text() == "mine"


def test_the_verb_tells_who_says_nothing_and_sorts_what_has_no_w(rank, tmp_path):
    paths = [tmp_path / f"p{i}.json" for i in range(3)]
    rows = {name: Listing((Tier(tuple(other for other in "abc" if other != name)),)) for name in "abc"}
    paths[0].write_text(write(Ranking(tuple("abc"), rankings=rows)))
    paths[1].write_text(write(Ranking(tuple("abc"), rankings=dict.fromkeys("ab", Listing(())))))
    paths[2].write_text(write(Ranking(tuple("abc"), rankings={"b": Listing((Tier(("c",)), Tier(("a",))))})))
    code, out, err = rank("merge", *paths, "--report", tmp_path / "report.json")
    assert code == 0 and '"c": [["a", "b"]]' in out
    classes = json.loads((tmp_path / "report.json").read_text())["classes"]
    assert classes["a"]["silent"] == [str(paths[2])] and classes["c"]["silent"] == list(map(str, paths[1:]))
    w = kendalls_w([[(0, 1)], [], [(0,), (1,)]], 2)
    assert err.splitlines()[1:] == [
        f"agreement of 3 rankings: Kendall's W {w:.3f} on average over the classes",
        "    W  class  furthest apart (its tier in each ranking, – where not listed, ? where it says nothing)",
        f"{w:.3f}  b      c 1 – 1, a 1 – 2",
        "    –  a      b 1 – ?, c 1 – ?",
        f"{paths[1]} says nothing on 'c'",
        f"{paths[2]} says nothing on 'a' and 'c'",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cifar10"], 2, "two rankings or more"),
        (["-", "-"], 2, "one of the rankings, not several"),
        (["cifar10", "cifar10", "--report", "-"], 2, "give --report a path"),
        (["cifar10", "cifar10", "--keep", "some"], 2, "keep is one of majority, any, all"),
        (["cifar10", "cifar10", "--within", "nan"], 2, "0 or more apart"),
        (["cifar10", "digits"], 3, "digits lacks 'airplane'"),
        (["cifar10", "nowhere.json"], 3, "there is no ranking file"),
    ],
)
def test_refusals_of_the_verb(rank, arguments, code, message):
    found = rank("merge", *arguments)
    assert found[:2] == (code, "") and message in found[2]


def test_of_many_classes_those_of_least_agreement_are_noted(rank, tmp_path):
    names = [f"c{i}" for i in range(30)]
    ring = {name: Listing((Tier((names[i - 1],)),)) for i, name in enumerate(names)}
    far = {name: Listing((Tier((names[i - 2],)),)) for i, name in enumerate(names)}
    two = [Ranking(tuple(names), rankings=rows) for rows in (ring, {**far, "c0": ring["c0"]})]
    (tmp_path / "ring.json").write_text(write(two[0]))
    code, _, err = rank("merge", "-", tmp_path / "ring.json", stdin=write(two[1]))
    lines = err.splitlines()
    assert code == 0 and len(lines) == 24
    assert lines[-2:] == ["and 9 more classes on which they differ less", "the same tiers in all of them: 1 class"]
