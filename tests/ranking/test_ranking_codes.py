"""Every code has a ranking that triggers it, and only what should trigger it does."""

import json
from pathlib import Path

import pytest

from rankcon_cli.ranking import (
    CODES,
    RankingError,
    check,
    check_against,
    check_batch,
    compile_ranking,
    consistency,
    expansion,
    parse,
)

ABCD = ["a", "b", "c", "d"]


def file(classes=ABCD, **keys):
    return json.dumps({"format": "rankcon/ranking", "version": 1, "classes": classes, **keys})


def ranked(classes=ABCD, **rankings):
    return file(classes, rankings=rankings)


def tiers(*names):
    return [[name] for name in names]


def found(text):
    """Codes and places of all that parsing and checking find."""
    try:
        issues = check(parse(text, "r.json"))
    except RankingError as error:
        issues = error.issues
    return {(issue.code, issue.where) for issue in issues}


CASES = {
    "cut": ("E001", "", '{"format": "rankcon/ranking", "version": 1, "classes": ["a", '),
    "duplicate key": ("E001", "classes", '{"format": "rankcon/ranking", "version": 1, "classes": [], "classes": []}'),
    "no format": ("E002", "", '{"classes": ["a", "b"]}'),
    "other format": ("E002", "format", '{"format": "other", "version": 1}'),
    "no version": ("E002", "version", '{"format": "rankcon/ranking"}'),
    "newer version": ("E002", "version", '{"format": "rankcon/ranking", "version": 2}'),
    "a list": ("E002", "", "[]"),
    "unknown key": ("E003", "rankngs", file(rankngs={})),
    "unknown key of a tier": ("E003", "rankings.a[0].scroe", ranked(a=[{"of": ["b"], "score": 0.5, "scroe": 1}])),
    "no classes": ("E004", "classes", '{"format": "rankcon/ranking", "version": 1}'),
    "one class": ("E004", "classes", file(["a"])),
    "class is a number": ("E004", "classes[1]", file(["a", 1])),
    "flat list": ("E004", "rankings.a[0]", ranked(a=["b"])),
    "score is missing": ("E004", "rankings.a[0]", ranked(a=[{"of": ["b"]}])),
    "score is a text": ("E004", "groups.g.score", file(groups={"g": {"of": ["a", "b"], "score": "1"}})),
    "rest of groups first": ("E004", "rankings.a[0]", ranked(a=["@groups", ["b"]])),
    "symmetric": ("E004", "symmetric", file(symmetric="yes")),
    "name": ("E004", "name", file(name=None)),
    "note": ("E004", "notes.a", file(notes={"a": 1})),
    "rankings is a list": ("E004", "rankings", file(rankings=[])),
    "member is a number": ("E004", "rankings.a[0][1]", ranked(a=[["b", 3]])),
    "class begins with @": ("E005", "classes[0]", file(["@a", "b"])),
    "class is blank": ("E005", "classes[0]", file(["", "b"])),
    "class ends with a blank": ("E005", "classes[1]", file(["a", "b "])),
    "class with a line break": ("E005", "classes[0]", file(["a\nb", "b"])),
    "class with an escape": ("E005", "classes[0]", file(["\x1b[31m", "b"])),
    "group begins with @": ("E005", 'groups["@g"]'.replace('"', "'"), file(groups={"@g": ["a", "b"]})),
    "graph without ranks": ("E006", "", '{"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b"}]}'),
    "class twice": ("E101", "classes[2]", file(["a", "b", "a"])),
    "unknown class": ("E102", "rankings.a[0][0]", ranked(a=tiers("aa"))),
    "unknown class in a scored tier": ("E102", "rankings.a[0].of[0]", ranked(a=[{"of": ["x"], "score": 0.5}])),
    "unknown class ranked": ("E102", "rankings.x", ranked(x=tiers("a"))),
    "unknown class in a group": ("E102", "groups.g[1]", file(groups={"g": ["a", "x"]})),
    "unknown group": ("E103", "rankings.a[0][0]", ranked(a=tiers("@g"))),
    "group named like a class": ("E104", "groups.a", file(groups={"a": ["b", "c"]})),
    "group cycle": ("E105", "groups.h", file(groups={"g": ["@h", "a"], "h": ["@g", "b"]})),
    "group in itself": ("E105", "groups.g", file(groups={"g": ["@g", "a"]})),
    "own tier": ("E106", "rankings.a[0][1]", ranked(a=[["b", "a"]])),
    "two tiers": ("E107", "rankings.a[1][0]", ranked(a=tiers("b", "b"))),
    "twice in one tier": ("E107", "rankings.a[0][1]", ranked(a=[["b", "b"]])),
    "named after its group": ("E107", "rankings.a[1][0]", file(groups={"g": ["b", "c"]}, rankings={"a": tiers("@g", "b")})),
    "score is one": ("E108", "rankings.a[0]", ranked(a=[{"of": ["b"], "score": 1}])),
    "score is zero": ("E108", "groups.g", file(groups={"g": {"of": ["a", "b"], "score": 0}})),
    "scores rise": ("E108", "rankings.a[1]", ranked(a=[{"of": ["b"], "score": 0.3}, {"of": ["c"], "score": 0.6}])),
    "scores are level": ("E108", "rankings.a[1]", ranked(a=[{"of": ["b"], "score": 0.3}, {"of": ["c"], "score": 0.3}])),
    "one score": ("E108", "rankings.a[1]", ranked(a=[{"of": ["b"], "score": 0.3}, ["c"]])),
    "scores of groups rise": (
        "E108",
        "groups.h",
        file(groups={"g": {"of": ["a", "b"], "score": 0.3}, "h": {"of": ["@g", "c"], "score": 0.4}}),
    ),
    "crossing groups": ("E109", "groups.h", file(groups={"g": ["a", "b"], "h": ["b", "c"]})),
    "one-sided": ("W201", "classes[1]", ranked(a=tiers("b"))),
    "unequal tiers": (
        "W202",
        "rankings.a",
        ranked(a=tiers("b", "c", "d"), b=tiers("d", "c", "a"), c=tiers("a", "b"), d=tiers("a", "b")),
    ),
    "contradiction": ("W203", "rankings.a", ranked(a=tiers("b", "c"), b=tiers("c", "a"), c=tiers("a", "b"))),
    "not a tree": ("W204", "", ranked(a=tiers("b"), b=tiers("a", "c"), c=tiers("b"))),
    "unranked": ("W205", "classes[2]", file(groups={"g": ["a", "b"]})),
    "empty tier": ("W206", "rankings.a[1]", ranked(a=[["b"], []])),
    "groups of a class in none": ("W206", "rankings.a[1]", ranked(a=[["b"], "@groups"])),
    "ranking of a group": ("E102", "rankings['@g']", file(groups={"g": ["a", "b"]}, rankings={"@g": tiers("c")})),
    "object of scores": ("E004", "rankings.a", ranked(a={"b": 0.8, "c": 0.2})),
    "object of scores as a tier": ("E004", "rankings.a[0]", ranked(a=[{"b": 0.8}])),
    "nothing left of a tier": ("W206", "rankings.a[1]", file(groups={"g": ["a", "b"]}, rankings={"a": tiers("b", "@g")})),
    "singleton": ("W207", "groups.g", file(groups={"g": ["a"]})),
    "unused": ("W208", "groups.g", file(groups={"g": ["a", "b"]}, rankings={"a": tiers("b"), "b": tiers("a")})),
    "flat": ("W209", "", file(groups={"g": ABCD})),
    "uneven": ("W210", "", ranked(a=tiers("b", "c", "d"), b=tiers("a"), c=tiers("a"), d=tiers("a"))),
    "similar names": ("W212", "classes[1]", file(["traffic_light", "Traffic lights", "a"])),
    "hidden": ("W213", "rankings.a", file(groups={"g": ["a", "b", "c"]}, rankings={"a": tiers("b")})),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_code_is_found_where_the_fault_is(case):
    code, where, text = CASES[case]
    assert (code, where) in found(text)


def test_every_code_has_a_case():
    elsewhere = {"E110", "E111", "W211", "W214"}  # the tests below
    assert {code for code, _, _ in CASES.values()} | elsewhere == set(CODES)


def test_a_sound_ranking_has_no_findings():
    groups = {"g": ["a", "b"], "h": ["c", "d"], "all": ["@g", "@h"]}
    assert found(file(groups=groups)) == set()
    assert found(file(groups=groups, rankings={"a": [["b"], "@groups"]})) == set()


def test_all_errors_are_found_in_one_run_and_in_file_order():
    text = json.dumps(
        {
            "format": "rankcon/ranking",
            "version": 1,
            "colour": 1,
            "classes": ABCD,
            "rankings": {"a": [["x"], ["a"]], "b": [["c"], "d"], "c": [["@g"]]},
        },
        indent=1,
    )
    with pytest.raises(RankingError) as caught:
        parse(text, "r.json")
    issues = caught.value.issues
    assert [issue.code for issue in issues] == ["E003", "E102", "E106", "E004", "E103"]
    assert [issue.line for issue in issues] == sorted(issue.line for issue in issues)
    assert "r.json:4:2: E003 unknown-key unknown key 'colour' (and 4 more)" in str(caught.value)


def test_places_are_those_in_the_text():
    text = file(groups={"g": ["a", "b"]}, rankings={"a": [["b"], {"of": ["c", "nope"], "score": 0.5}]})
    (issue,) = (issue for issue in check(parse(text, "r.json")) if issue.code == "E102")
    assert (issue.line, issue.column) == (1, text.index('"nope"') + 1)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        (file(rankigns={}), "did you mean 'rankings'?"),
        (ranked(["cat", "horse"], cat=tiers("hrose")), "did you mean 'horse'?"),
        (ranked(["Cat", "horse"], horse=tiers("cat")), "did you mean 'Cat'?"),
        (file(groups={"animal": ["a", "b"]}, rankings={"c": tiers("@animals")}), "did you mean '@animal'?"),
        (file(groups={"animal": ["a", "b"]}, rankings={"c": tiers("animal")}), "is written '@animal'"),
        (ranked(a=[["b", "@groups"]]), "stands beside the tiers"),
        (ranked(a=["b"]), 'write ["b"]'),
        (
            file(groups={"pet": ["a", "b"]}, rankings={"pet": tiers("c")}),
            "it is a group, and only classes have rankings",
        ),
        (file(groups={"pet": ["a", "b"]}, rankings={"@pet": tiers("c")}), "'@pet' is a group, and only classes have"),
        (ranked(a={"b": 0.8}), 'or with scores [{"of": ["b"], "score": 0.8}]'),
        (ranked(a=[{"b": 0.8}]), 'a tier with a score is written {"of": ["b"], "score": 0.8}'),
        (ranked(a=[{"off": ["b"], "score": 0.8}]), "did you mean 'of'?"),
        (ranked(a=[{"of": ["b"]}]), 'a "score" too, a number between 0 and 1; without one it is written ["a", "b"]'),
        (ranked(a=[{"of": ["b"], "score": "0.5"}]), "a number between 0 and 1 without quotes, not the text '0.5'"),
        (ranked(a=[["b"], "@groups"]), "\"@groups\" adds nothing: 'a' is in no group"),
    ],
)
def test_messages_say_what_was_meant(text, suggestion):
    try:
        issues = check(parse(text, "r.json"))
    except RankingError as error:
        issues = error.issues
    assert any(suggestion in issue.message for issue in issues)


def test_a_class_that_is_named_often_is_one_finding():
    (issue,) = check(parse(ranked(a=[["b"], ["b", "c"], ["b"]], b=tiers("c"), c=tiers("b")), "r"))
    assert issue.code == "E107" and issue.where == "rankings.a[1][0]"


def test_information_is_called_a_note():
    text = ranked(a=tiers("b"), b=tiers("a", "c"), c=tiers("b"), d=[])
    (issue,) = (issue for issue in check(parse(text, "r.json")) if issue.severity == "information")
    assert issue.text("r.json").startswith("r.json: W204 not-a-tree note: no tree of classes gives this ranking")
    assert issue.to_json_dict()["message"].startswith("no tree")


def test_a_cycle_of_groups_is_printed_as_a_path():
    issues = check(parse(file(groups={"g": ["@h"], "h": ["@i"], "i": ["@h", "a"]}), "r.json"))
    assert [issue.message for issue in issues if issue.code == "E105"] == ["h -> i -> h"]


def test_one_sided_is_an_error_under_symmetric():
    (issue,) = (i for i in check(parse(file(rankings={"a": [["b"]]}, symmetric=True), "r")) if i.code == "W201")
    assert issue.severity == "error"
    (issue,) = (i for i in check(parse(file(rankings={"a": [["b"]]}), "r")) if i.code == "W201")
    assert issue.severity == "warning"


def test_deliberately_nothing_similar_hides_no_one_and_is_ranked():
    codes = {code for code, _ in found(file(groups={"g": ["a", "b"]}, rankings={"a": [], "c": [], "d": []}))}
    assert not codes & {"W205", "W206", "W213"}


def test_classes_of_the_data_match_by_name_in_any_order():
    ranking = parse(file(["cat", "dog", "fox"]), "r.json")
    assert check_against(ranking, ["fox", "cat", "dog"], named=True) == ()
    missing, extra = check_against(ranking, ["cat", "dgo", "fox"], named=True)[::-1]
    assert missing.code == extra.code == "E110"
    messages = missing.message + extra.message
    assert "the data has no class 'dog' (did you mean 'dgo'?)" in messages
    assert "the ranking lacks the class 'dgo' of the data" in messages


def test_classes_of_data_without_names_match_by_number():
    ranking = parse(file(["cat", "dog", "fox"]), "r.json")
    assert check_against(ranking, ["0", "1", "2"], named=False) == ()
    (issue,) = check_against(ranking, ["0", "1"], named=False)
    assert issue.code == "E110" and "3 classes" in issue.message and "2 classes" in issue.message


def test_tiers_that_a_batch_hardly_holds():
    table = compile_ranking(parse(ranked(a=[["b"], ["c", "d"]]), "r.json"))
    (issue,) = check_batch(table, 3)  # 0.75 of tier 1, 1.5 of tier 2
    assert issue.code == "W211" and "0.75 of tier 1 of 'a'" in issue.message and "tier 2" not in issue.message
    assert check_batch(table, 4) == ()
    assert check_batch(table, 3, ranks=1) == ()


def test_more_than_can_be_held_is_an_error(monkeypatch):
    monkeypatch.setattr(expansion, "MAX_CLASSES", 3)
    assert ("E111", "classes") in found(file())
    monkeypatch.setattr(expansion, "MAX_ENTRIES", 3)
    assert ("E111", "rankings") in found(ranked(["a", "b", "c"], a=[["b", "c"]], b=[["a", "c"]]))


def test_a_check_that_is_too_dear_says_that_it_was_not_made(monkeypatch):
    monkeypatch.setattr(consistency, "MAX_PAIRS", 5)
    text = ranked(a=tiers("b", "c"), b=tiers("c", "a"), c=tiers("a", "b"))
    (issue,) = (issue for issue in check(parse(text, "r")) if issue.code != "W205")
    assert issue.code == "W214" and issue.severity == "information" and "not checked" in issue.message


def test_a_file_of_faults_is_cut_short():
    issues = check(parse(ranked(a=[[f"x{i}" for i in range(3000)]]), "r"))
    assert len(issues) == 1001 and issues[-1].code == "W214"


def test_the_reference_lists_every_code():
    page = (Path(__file__).parents[2] / "docs" / "ranking-file.md").read_text(encoding="utf-8")
    for code, entry in CODES.items():
        assert f"| {code} | `{entry.name}` | {entry.severity} |" in page
