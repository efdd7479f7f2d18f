"""``rankcon rank``: what goes where, and the exit codes."""

import json
import os
import subprocess
import sys

import networkx as nx
import pytest
from typer.testing import CliRunner

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank import build_app
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking import compile_ranking, load

HEAD = '"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]'
SOUND = """\
{
  "format": "rankcon/ranking",
  "version": 1,
  "classes": ["a", "b"],
  "groups": {
    "g": ["a", "b"]
  },
  "rankings": {
    "a": [],
    "b": []
  }
}
"""


@pytest.fixture(autouse=True)
def own_console(monkeypatch):
    monkeypatch.setattr(console, "quiet", False)


@pytest.fixture
def rank():
    return lambda *arguments, stdin=None: CliRunner().invoke(build_app(), [str(a) for a in arguments], input=stdin)


@pytest.fixture
def write(tmp_path):
    def write(text, name="r.json"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_validate_prints_findings_and_fails_on_errors(rank, write):
    path = write(f'{{{HEAD},\n"rankings": {{"a": [["c"], ["a"]]}}}}')
    result = rank("validate", path)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{path}:2:21: E102 unknown-class unknown class 'c'",
        f"{path}:2:28: E106 own-tier 'a' stands in a tier of its own",
    ]
    assert result.stderr == f"{path} (2 classes): 2 errors\n"


def test_warnings_pass_unless_strict_and_information_always_does(rank, write):
    warned = write(f'{{{HEAD}, "rankings": {{"a": [["b"]]}}}}')
    assert rank("validate", warned).exit_code == 0
    assert "W201 one-sided" in rank("validate", warned).stdout
    assert rank("validate", warned, "--strict").exit_code == 1
    informed = rank("validate", "cifar10", "--strict")
    assert informed.exit_code == 0 and "W204" in informed.stdout
    assert rank("validate", "digits").exit_code == 0 and rank("validate", "digits", "--strict").exit_code == 1


def test_validate_json(rank, write):
    document = json.loads(rank("validate", "cifar10", "--json").stdout)
    assert (document["format"], document["version"], document["valid"]) == ("rankcon/validation", 1, True)
    assert document["classes"] == 10 and document["hash"] == compile_ranking(load("cifar10")).digest()
    result = rank("validate", write('{"format": 1,'), "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["valid"], document["classes"], document["hash"]) == (False, None, None)
    (issue,) = document["issues"]
    assert set(issue) == {"code", "name", "severity", "message", "where", "line", "column"}
    assert (issue["code"], issue["name"], issue["line"]) == ("E001", "syntax", 1)


def test_validate_reads_standard_input(rank):
    result = rank("validate", "-", stdin=f"{{{HEAD}, ]}}")
    assert result.exit_code == 1 and result.stdout.startswith("<stdin>:1:")


def test_validate_with_a_batch_size(rank, write):
    path = write(f'{{{HEAD}, "rankings": {{"a": [["b"]], "b": [["a"]]}}}}')
    assert "W211" in rank("validate", path, "--batch-size", 1).stdout
    assert "W211" not in rank("validate", path, "--batch-size", 2).stdout


def test_validate_against_a_data_set(rank):
    assert rank("validate", "digits", "--data", "digits").exit_code == 0
    result = rank("validate", "cifar10", "--data", "digits")
    assert result.exit_code == 1 and "E110 classes-differ" in result.stdout


def test_validate_without_the_data_is_a_fault(rank, tmp_path):
    result = rank("validate", "digits", "--data", f"folder:{tmp_path / 'nowhere'}")
    assert isinstance(result.exception, RankconError) and result.exception.exit_code == 3


def test_what_cannot_be_read_is_a_fault(rank, tmp_path):
    for command in ("validate", "fmt", "show"):
        result = rank(command, tmp_path / "nothing.json")
        assert isinstance(result.exception, RankconError) and result.exception.exit_code == 3


def test_fmt_rewrites_only_what_changes(rank, write):
    path = write(json.dumps(json.loads(SOUND)))
    assert rank("fmt", path).exit_code == 0
    assert path.read_text() == SOUND
    before = path.stat().st_mtime_ns, path.stat().st_ino
    result = rank("fmt", path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before and result.output == ""


def test_fmt_check_writes_nothing(rank, write):
    path = write("\ufeff" + SOUND)
    result = rank("fmt", path, "--check")
    assert (result.exit_code, result.stdout) == (1, f"{path}\n")
    assert path.read_text() == "\ufeff" + SOUND
    assert rank("fmt", path).exit_code == 0 and rank("fmt", path, "--check").exit_code == 0


@pytest.mark.parametrize("name", ["digits", "cifar10", "cifar10-paper"])
def test_shipped_rankings_are_canonical(rank, name):
    assert rank("fmt", name, "--check").exit_code == 0


def test_fmt_is_a_filter(rank):
    result = rank("fmt", "-", stdin=json.dumps(json.loads(SOUND)))
    assert (result.exit_code, result.stdout) == (0, SOUND)
    assert rank("fmt", "-", "--check", stdin=json.dumps(json.loads(SOUND))).exit_code == 1


def test_fmt_follows_a_link_and_leaves_it(rank, write, tmp_path):
    path = write(json.dumps(json.loads(SOUND)))
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert rank("fmt", link).exit_code == 0
    assert link.is_symlink() and path.read_text() == SOUND


def test_fmt_refuses_a_graph(rank, write):
    graph = nx.DiGraph([("r", "g"), ("g", "a"), ("g", "b"), ("r", "c")])
    path = write(json.dumps(nx.node_link_data(graph, edges="edges")))
    before = path.read_text()
    result = rank("fmt", path)
    assert isinstance(result.exception, RankconError) and "class graph" in result.exception.message
    assert path.read_text() == before
    assert rank("show", path, "a").stdout == "a\n└── 1 b\n"


def test_show_as_a_tree(rank, write):
    scored = f'{{{HEAD}, "rankings": {{"a": [{{"of": ["b"], "score": 0.25}}], "b": []}}}}'
    assert rank("show", write(scored)).stdout == "a\n└── 1 b (0.25)\nb\n└── (no similar classes)\n"
    assert rank("show", "cifar10", "airplane", "ship").stdout == (
        "airplane\n├── 1 bird\n├── 2 ship\n└── 3 automobile, truck\nship\n├── 1 airplane\n└── 2 automobile, truck\n"
    )


def test_show_as_a_table(rank):
    lines = rank("show", "digits", "--as", "table").stdout.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["class", "tier", "1", "tier", "2", "tier", "3"],
        ["0", "6", "9", "8"],
    ]
    assert len(lines) == 11


def test_show_as_json(rank):
    document = json.loads(rank("show", "digits", "3", "--json").stdout)
    assert list(document["tiers"]) == ["3"] and document["format"] == "rankcon/tiers"
    assert rank("show", "digits", "3", "--as", "json").stdout == rank("show", "digits", "3", "--json").stdout


def test_show_refuses_what_it_does_not_know(rank, write):
    result = rank("show", "cifar10", "brid")
    assert type(result.exception) is RankconError and "did you mean 'bird'" in result.exception.message
    assert isinstance(rank("show", "cifar10", "--as", "xml").exception, UsageError)
    faulty = rank("show", write(f'{{{HEAD}, "rankings": {{"a": [["c"]]}}}}'))
    assert isinstance(faulty.exception, RankconError) and "E102" in faulty.exception.message


def program(*arguments, stdin=None):
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "rankcon_cli", "rank", *map(str, arguments)],
        input=stdin, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120,
    )  # fmt: skip


def test_exit_codes_of_the_program(write):
    warned = f'{{{HEAD}, "rankings": {{"a": [["b"]]}}}}'
    assert program("validate", "-", stdin=warned).returncode == 0
    assert program("validate", "-", "--strict", stdin=warned).returncode == 1
    assert program("show", "digits", "11").returncode == 3
    missing = program("validate", "nothing.json")
    assert missing.returncode == 3 and missing.stdout == "" and "there is no ranking file" in missing.stderr
    faulty = program("fmt", write("[" * 100_000))
    assert faulty.returncode == 3 and "nested deeper" in faulty.stderr and "Traceback" not in faulty.stderr


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from rankcon_cli.cli import rank; from rankcon_cli.ranking import check, load; check(load('cifar10'));"
        "print(sorted({'numpy', 'torch', 'networkx', 'sklearn', 'matplotlib'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
