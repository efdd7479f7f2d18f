"""``rankcon rank convert`` as a user types it."""

import io
import json
import sys
from pathlib import Path

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.export import EXPORTS
from rankcon_cli.ranking import compile_ranking, load, shipped


@pytest.fixture
def convert(capsys):
    """convert(arguments...) -> exit code, stdout, stderr."""

    def run(*arguments):
        console.quiet = False
        code = main(["rank", "convert", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_json_is_the_default_and_canonical(convert):
    code, out, _ = convert("cifar10")
    assert code == 0 and out == load("cifar10").text


@pytest.mark.parametrize("name", ["r.json", "r.graphml", "r.csv", "r.gv"])
def test_the_name_of_the_file_tells_the_kind(convert, tmp_path, name):
    path = tmp_path / name
    code, out, err = convert("digits", "--out", path)
    assert (code, out, err.splitlines()[0]) == (0, "", f"{path}: written")
    starts = {".json": "{\n", ".graphml": "<?xml", ".csv": "class,similar,tier,score\n", ".gv": "digraph {\n"}
    assert path.read_text(encoding="utf-8").startswith(starts[path.suffix])


def test_a_graph_becomes_a_ranking_file(convert, tmp_path):
    convert("cifar10-paper", "--out", tmp_path / "g.graphml")
    code, out, _ = convert(tmp_path / "g.graphml")
    assert code == 0 and json.loads(out)["format"] == "rankcon/ranking"
    (tmp_path / "back.json").write_text(out, encoding="utf-8")
    assert compile_ranking(load(tmp_path / "back.json")) == compile_ranking(load("cifar10-paper"))


def test_standard_input_is_read(convert, monkeypatch):
    text = Path(shipped()["digits"]).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, out, _ = convert("-", "--to", "csv")
    assert code == 0 and out.startswith("class,similar,tier,score\n0,6,1,")


def test_nothing_is_overwritten_without_a_word(convert, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    code, out, err = convert("digits", "--out", path)
    assert code == 3 and not out and "--force" in err and path.read_text() == "mine"
    assert convert("digits", "--out", path, "--force")[0] == 0 and path.read_text() != "mine"


def test_kinds_that_cannot_be_told_are_asked_for(convert, tmp_path):
    code, _, err = convert("digits", "--out", tmp_path / "r.txt")
    assert code == 2 and "--to" in err and not (tmp_path / "r.txt").exists()
    code, _, err = convert("digits", "--to", "grafml")
    assert code == 2 and "did you mean 'graphml'?" in err


def test_a_folder_is_called_one(convert, tmp_path):
    for arguments in ([], ["--to", "csv"], ["--to", "csv", "--force"]):
        code, _, err = convert("digits", "--out", tmp_path, *arguments)
        assert code == 2 and f"{tmp_path} is a folder" in err


def test_the_target_is_looked_at_first(convert, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    code, _, err = convert("nowhere.json", "--out", path)
    assert code == 3 and "is there already" in err


def test_the_help_names_every_kind(convert):
    text = convert("--help")[1]
    assert all(f" {kind} " in text for kind in EXPORTS) and "rank derive" in " ".join(text.split())


def test_rankings_with_errors_are_not_passed_on(convert, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"], "rankings": {"a": [["c"]]}}')
    for kind in ("json", "csv", "newick", "dot"):
        code, out, err = convert(path, "--to", kind)
        assert code == 3 and not out and "E102" in err


def test_what_newick_loses_is_said(convert, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(
        '{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b", "c"], '
        '"groups": {"g": {"of": ["a", "b"], "score": 0.5}}}'
    )
    code, out, err = convert(path, "--to", "newick")
    assert (code, out) == (0, "((a,b)g,c);\n") and "scores" in err
    code, out, err = convert("cifar10", "--to", "newick")
    assert code == 3 and not out and "not a tree" in err


def test_what_a_format_has_no_place_for_is_named(convert, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(
        '{"format": "rankcon/ranking", "version": 1, "name": "n", "classes": ["a", "b", "c"], '
        '"groups": {"g": ["a", "b"]}, "notes": {"a": "first"}, "x-by": 1}'
    )
    told = "left out, since {} has no place for them: {}\n"
    for kind in ("csv", "dot", "graphml", "node-link"):
        assert convert(path, "--to", kind)[2] == told.format(kind, "name, groups, notes, x-by")
    assert convert(path, "--to", "newick")[2] == told.format("newick", "name, notes, x-by")
    assert convert(path, "--to", "json")[2] == convert(path, "--to", "csv", "--quiet")[2] == ""
    path.write_text('{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"], "rankings": {"a": [["b"]]}}')
    assert convert(path, "--to", "csv")[2] == ""
