"""Hostile and odd input: one clear error each, or the right names."""

import io
import json
import sys

import pytest

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import RankingError, check, compile_ranking, load, parse, shipped, sources

HEAD = '"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]'

HOSTILE = {
    "empty": ("", 1, "the file is empty"),
    "blank": (" \n\n", 3, "the file is empty"),
    "nested lists": ("[" * 100_000, 1, "nested deeper than 64"),
    "nested objects": ('{"a":' * 100_000, 1, "nested deeper than 64"),
    "nested extras": (f'{{{HEAD}, "x-deep": {"[" * 200}{"]" * 200}}}', 1, "nested deeper than 64"),
    "huge integer": (f'{{{HEAD},\n"x-n": {"9" * 5000}}}', 2, "a number of 5,000 digits"),
    "huge float": (f'{{{HEAD},\n"x-n": 1e999}}', 2, "out of range"),
    "NaN": (f'{{{HEAD},\n\n"x-n": NaN}}', 3, "NaN is no number"),
    "minus infinity": (f'{{{HEAD}, "x-n": -Infinity}}', 1, "-Infinity is no number"),
    "lone surrogate": ('{"format": "rankcon/ranking", "version": 1,\n"classes": ["\\ud800", "b"]}', 2, "surrogate"),
    "raw surrogate": ('{"format": "rankcon/ranking", "version": 1,\n"classes": ["\ud800", "b"]}', 2, "surrogate"),
    "trailing comma": (f"{{{HEAD},}}", 1, "comma"),
    "single quotes": ("{'format': 1}", 1, "JSON quotes names"),
    "two documents": (f"{{{HEAD}}}\n{{}}", 2, "extra data"),
    "line break in a text": ('{"format": "rank\ncon"}', 1, "invalid control character"),
    "duplicate": (f'{{{HEAD},\n"groups": {{"g": ["a"],\n"g": ["b"]}}}}', 3, "first on line 2"),
    "half XML": ("<graphml><graph>", 1, "not well-formed XML"),
    "entity bomb": ('<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "b">]><graphml/>', None, "DOCTYPE or ENTITY"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_one_clear_error(case):
    text, line, message = HOSTILE[case]
    with pytest.raises(RankingError, match=message) as caught:
        parse(text, "r.json")
    (issue,) = caught.value.issues
    assert issue.line == line and issue.code in ("E001", "E006")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"format":\n"\xff"}', r"r.json:2:2: E001 syntax not UTF-8 text"),
        ('{"format": 1}'.encode("utf-16"), "it looks like UTF-16"),
        (b'{"a": 1}\0', r"r.json:1:9: E001 syntax a NUL character"),
        (b"\xef\xbb", "not UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_named(tmp_path, data, message):
    path = tmp_path / "r.json"
    path.write_bytes(data)
    with pytest.raises(RankingError, match=message):
        load(path)


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(b"\xef\xbb\xbf" + f'{{{HEAD},\n"rankings": {{"a": [["x"]]}}}}'.encode())
    ranking = load(path)
    assert ranking.classes == ("a", "b")
    (issue,) = check(ranking)
    assert (issue.code, issue.line, issue.column) == ("E102", 2, 21)


def test_a_group_of_groups_of_groups_costs_no_recursion():
    depth = 3000
    groups = {f"g{i}": [f"@g{i + 1}"] for i in range(depth)} | {f"g{depth}": ["a", "b"]}
    text = json.dumps({"format": "rankcon/ranking", "version": 1, "classes": ["a", "b", "c"], "groups": groups})
    assert compile_ranking(parse(text, "r")).tiers == (((1,),), ((0,),), ())


def test_doubling_groups_stay_small():
    groups = {f"g{i}": [f"@g{i + 1}"] * 2 for i in range(100)} | {"g100": ["a", "b"]}
    text = json.dumps({"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"], "groups": groups})
    assert compile_ranking(parse(text, "r")).tiers == (((1,),), ((0,),))


NAMES = [
    "@home",
    "@@x",
    "[bold]",
    "a,b",
    'say "hi"',
    "emoji \U0001f40e",
    "\u202eright",
    "a/b",
    "..",
    "groups",
    "<script>",
]


def test_odd_names_are_names():
    written = ["@" + name if name.startswith("@") else name for name in NAMES]
    rankings = {name: [[other for other in written if other != name]] for name in written}
    text = json.dumps({"format": "rankcon/ranking", "version": 1, "classes": written, "rankings": rankings})
    ranking = parse(text, "r")
    assert ranking.classes == tuple(NAMES)
    assert [len(row[0]) for row in compile_ranking(ranking).tiers] == [len(NAMES) - 1] * len(NAMES)


def test_what_a_terminal_would_obey_is_escaped_in_messages():
    name = "\\u001b[31m\\u202e" + "x" * 500
    text = f'{{{HEAD}, "rankings": {{"a": [["{name}"]]}}}}'
    (issue,) = check(parse(text, "r"))
    assert "\x1b" not in issue.message and "\u202e" not in issue.message and len(issue.message) < 200


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{{{HEAD}}}".encode())))
    ranking = load("-")
    assert ranking.classes == ("a", "b") and ranking.file == "<stdin>"


def test_what_is_too_long_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "MAX_BYTES", 10)
    (tmp_path / "r.json").write_text(f"{{{HEAD}}}")
    with pytest.raises(RankconError, match="larger than 10 bytes"):
        load(tmp_path / "r.json")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" " * 11)))
    with pytest.raises(RankconError, match="longer than 10 bytes"):
        load("-")


def test_shipped_names_and_a_file_that_has_one(monkeypatch, tmp_path):
    assert {"digits", "cifar10", "cifar10-paper"} <= set(shipped())
    assert load("digits").classes == tuple("0123456789")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").write_text(f"{{{HEAD}}}")
    assert load("digits").classes == ("a", "b")


def test_a_name_that_is_nowhere_says_what_there_is(tmp_path):
    with pytest.raises(RankconError, match="did you mean 'digits'") as caught:
        load("digit")
    assert "cifar10" in caught.value.hint
    with pytest.raises(RankconError, match="cannot read"):
        load(tmp_path)
