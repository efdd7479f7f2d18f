"""The canonical text."""

import json
from pathlib import Path

import pytest

from rankcon_cli.ranking import check, compile_ranking, load, parse, shipped, write

CANONICAL = """\
{
  "$schema": "https://example.org/ranking.json",
  "format": "rankcon/ranking",
  "version": 1,
  "name": "Größe",
  "description": "",
  "source": "me",
  "symmetric": true,
  "classes": ["b", "a", "@@home"],
  "groups": {
    "z": ["a", "b"],
    "y": {"of": ["@z", "@@home"], "score": 0.25}
  },
  "rankings": {
    "b": [["a"], "@groups"],
    "a": [{"of": ["b"], "score": 0.5}, ["@@home"]],
    "@@home": []
  },
  "notes": {
    "b": "one"
  },
  "x-b": {"deep": [1, {"a": null}]},
  "x-a": 1.5
}
"""


def test_canonical_text_stays_as_it_is():
    assert write(parse(CANONICAL, "r")) == CANONICAL


def test_only_layout_changes():
    document = json.loads(CANONICAL)
    shuffled = {key: document[key] for key in sorted(document, reverse=True)}
    shuffled["rankings"] = dict(sorted(document["rankings"].items()))
    ugly = json.dumps(shuffled, indent=7).replace("\n", "\r\n")
    text = write(parse(ugly, "r"))
    assert json.loads(text) == document
    assert parse(text, "r") == parse(ugly, "r")
    assert text == CANONICAL


def test_keys_that_say_nothing_are_left_out():
    text = '{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"], "groups": {}, "rankings": {}, "symmetric": false}'
    assert list(json.loads(write(parse(text, "r")))) == ["format", "version", "classes"]


@pytest.mark.parametrize("n", [2, 10, 40])
def test_classes_stand_in_one_line_while_that_is_readable(n):
    names = [f"class{i}" for i in range(n)]
    text = write(parse(json.dumps({"format": "rankcon/ranking", "version": 1, "classes": names}), "r"))
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) == (5 if n <= 10 else 6 + n)
    assert write(parse(text, "r")) == text


def test_a_ranking_with_faulty_names_can_still_be_written():
    text = (
        '{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"], "rankings": {"x": [["y"]], "a": [["a"]]}}'
    )
    assert list(json.loads(write(parse(text, "r")))["rankings"]) == ["a", "x"]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_rankings_are_canonical_sourced_and_sound(name):
    ranking = load(name)
    assert write(ranking) == ranking.text
    assert ranking.source and ranking.description and ranking.name == name
    assert not [issue for issue in check(ranking) if issue.severity == "error"]


def test_what_the_shipped_rankings_warn_of_is_known():
    found = {name: {issue.code for issue in check(load(name))} for name in ("digits", "cifar10", "cifar10-paper")}
    assert found["cifar10"] == {"W204"}  # information only: an airplane is like a bird
    assert found["digits"] == {"W201", "W202", "W204"}
    assert found["cifar10-paper"] == {"W201", "W202", "W203", "W204"}


def test_digits_are_ranked_as_calibrated():
    table = compile_ranking(load("digits"))
    order = ["698", "742", "378", "895", "971", "936", "085", "194", "396", "834"]
    assert [["".join(table.classes[c] for c in tier) for tier in row] for row in table.tiers] == [
        list(o) for o in order
    ]


def test_the_paper_lists_four_classes_each():
    table = compile_ranking(load("cifar10-paper"))
    assert {len(row) for row in table.tiers} == {4} and {len(tier) for row in table.tiers for tier in row} == {1}


def test_the_example_of_the_reference_is_canonical_and_sound():
    page = (Path(__file__).parents[2] / "docs" / "ranking-file.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    ranking = parse(example, "reference")
    assert write(ranking) == example
    assert all(issue.severity != "error" for issue in check(ranking))


def test_formatting_keeps_the_files_permissions(tmp_path):
    from rankcon_cli.files import write_atomic

    path = tmp_path / "private.json"
    path.write_text("{}")
    path.chmod(0o600)
    write_atomic(path, "{ }")
    assert path.read_text() == "{ }" and path.stat().st_mode & 0o777 == 0o600
