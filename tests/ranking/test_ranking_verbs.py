"""The verbs that change one thing, and query: what goes where, what is refused, and what completion offers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.ranking import load, shipped, write


@pytest.fixture
def rank(capsys, monkeypatch):
    """rank("set", ...) -> exit code, stdout, stderr; ``stdin`` stands for a pipe."""

    def run(*arguments, stdin=None):
        console.quiet = False
        capsys.readouterr()
        if stdin is not None:
            read, end = os.pipe()
            os.write(end, stdin.encode())
            os.close(end)
            monkeypatch.setattr(sys, "stdin", os.fdopen(read))
        code = main(["rank", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def mine(tmp_path):
    return Path(shutil.copy(shipped()["cifar10"], tmp_path / "mine.json"))


def lists(file):
    return json.loads(file.read_text())["rankings"]


def test_each_verb_rewrites_the_file(rank, mine):
    for arguments, expected in (
        (("set", mine, "bird", "airplane > frog, deer > @groups"), [["airplane"], ["frog", "deer"], "@groups"]),
        (("add", mine, "bird", "ship"), [["airplane"], ["frog", "deer"], ["cat", "dog", "horse"], ["ship"]]),
        (
            ("move", mine, "bird", "ship", "--tier", 1),
            [["airplane", "ship"], ["frog", "deer"], ["cat", "dog", "horse"]],
        ),
        (("remove", mine, "bird", "ship", "frog"), [["airplane"], ["deer"], ["cat", "dog", "horse"]]),
        (("set", mine, "bird", ""), []),
    ):
        code, out, err = rank(*arguments)
        assert (code, out) == (0, "") and f"{mine}: written\nbird: " in err
        assert lists(mine)["bird"] == expected
    assert rank("set", mine, "bird", "--groups")[0] == 0
    assert "bird" not in lists(mine)


def test_scores_groups_and_notes(rank, mine):
    assert rank("score", mine, "airplane", 0.9, 0.5, 0.25)[0] == 0
    assert rank("score", mine, "airplane", "--tier", 2, 0.6)[0] == 0
    assert lists(mine)["airplane"][1] == {"of": ["ship"], "score": 0.6}
    assert rank("score", mine, "airplane", "--none")[0] == 0
    assert rank("group", mine, "road", "automobile, truck, ship")[0] == 0
    assert json.loads(mine.read_text())["groups"]["road"] == ["automobile", "truck", "ship"]
    assert rank("group", mine, "road", "--remove", "ship")[0] == 0
    assert rank("group", mine, "road", "--rename", "wheeled")[0] == 0
    assert rank("group", mine, "pet", "--delete")[0] == 0
    assert rank("note", mine, "truck", "[bold] a trailer")[0] == 0
    document = json.loads(mine.read_text())
    assert document["groups"]["wheeled"] == ["automobile", "truck"] and "pet" not in document["groups"]
    assert document["notes"]["truck"] == "[bold] a trailer"


def test_symmetric_edits_say_what_else_changed(rank, mine):
    _, _, err = rank("add", mine, "cat", "ship")
    assert "symmetric" in err and "'ship'" in err


def test_a_dash_is_a_filter(rank, mine):
    before = mine.read_text()
    code, out, _ = rank("set", "-", "dog", "cat", stdin=before)
    assert code == 0 and json.loads(out)["rankings"]["dog"] == [["cat"]]
    code, out, _ = rank("set", mine, "dog", "cat", "--out", "-")
    assert code == 0 and json.loads(out)["rankings"]["dog"] == [["cat"]]
    assert mine.read_text() == before


def test_out_is_not_overwritten(rank, mine, tmp_path):
    other = tmp_path / "other.json"
    other.write_text("precious")
    code, _, err = rank("note", mine, "cat", "x", "--out", other)
    assert code == 3 and "is there already" in err and other.read_text() == "precious"
    assert rank("note", mine, "cat", "x", "--out", other, "--force")[0] == 0
    assert load(other).notes["cat"] == "x"


def test_nothing_to_change_writes_nothing(rank, mine):
    stamp = mine.stat().st_mtime_ns
    code, _, err = rank("set", mine, "ship", "airplane > @groups")
    assert code == 0 and "nothing to change" in err and mine.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("set", "{mine}", "brid", "cat"), 3, "did you mean 'bird'"),
        (("add", "{mine}", "bird", "@road"), 3, "'@road' is a group"),
        (("add", "{mine}", "bird", "bird"), 3, "tier of its own"),
        (("group", "{mine}", "new", ""), 3, "no members"),
        (("group", "{mine}", "groups", "cat, dog"), 3, "a meaning of its own"),
        (("set", "{mine}", "bird", "brid"), 3, "unknown class 'brid'"),
        (("set", "{mine}", "bird"), 2, "either TIERS or --groups"),
        (("set", "digits", "0", "1"), 3, "ships with rankcon"),
        (("set", "{graph}", "a", "b"), 3, "class graph"),
        (("set", "nowhere.json", "a", "b"), 3, "no ranking file"),
        (("score", "{mine}", "cat", "--none", "0.5"), 2, "--none"),
        (("score", "{mine}", "cat", "0.5"), 3, "3 tiers"),
        (("group", "{mine}", "pet"), 2, "MEMBERS"),
        (("group", "{mine}", "pet", "--delete", "--rename", "x"), 2, "MEMBERS"),
        (("note", "{mine}", "cat"), 2, "TEXT or --delete"),
        (("query", "{mine}", "brid"), 3, "did you mean 'bird'"),
        (("query", "a", "b", "c"), 2, "one CLASS"),
    ],
)
def test_refusals(rank, mine, tmp_path, arguments, code, message):
    graph = tmp_path / "graph.json"
    graph.write_text(
        '{"directed": true, "nodes": [{"id": "r"}, {"id": "a"}], "edges": [{"source": "r", "target": "a", "rank": 1}]}'
    )
    before = mine.read_text()
    words = [word.format(mine=mine, graph=graph) for word in arguments]
    got, out, err = rank(*words)
    assert (got, out) == (code, "") and message in err and "Traceback" not in err
    assert mine.read_text() == before


def test_query(rank, mine):
    assert rank("query", mine, "airplane", "--tier", 1)[:2] == (0, "bird\n")
    assert rank("query", mine, "airplane")[1].splitlines()[:2] == ["1\tbird", "2\tship"]
    code, out, _ = rank("query", "airplane", "--tier", 3, "--json", stdin=mine.read_text())
    assert code == 0 and json.loads(out) == {
        "format": "rankcon/query",
        "version": 1,
        "class": "airplane",
        "tiers": [{"tier": 3, "classes": ["automobile", "truck"], "score": None}],
    }
    assert rank("query", mine, "airplane", "--tier", 9)[:2] == (1, "")


def complete(line):
    environment = os.environ | {
        "_RANKCON_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - (not line.endswith(" "))),
    }
    result = subprocess.run(
        [shutil.which("rankcon", path=os.path.dirname(sys.executable)) or "rankcon"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stderr == ""
    return result.stdout.split("\n")


def test_completion_offers_verbs_flags_files_and_class_names(mine):
    assert {"validate", "set", "query"} <= set(complete("rankcon rank "))
    assert {"--tier", "--mutual"} <= set(complete(f"rankcon rank add {mine} --"))
    assert complete(f"rankcon rank add {mine} b")[0] == "bird"
    assert complete(f"rankcon rank add {mine} cat a")[:2] == ["airplane", "automobile"]
    assert complete(f"rankcon rank group {mine} h")[0] == "hoofed"
    assert complete(f"rankcon rank set {str(mine)[:-3]}")[0] == str(mine)
    assert complete("rankcon rank add nowhere.json b")[0] == ""


def test_a_verb_without_its_group_is_suggested(capsys):
    assert main(["validate", "x.json"]) == 2
    assert "did you mean 'rankcon rank validate'?" in capsys.readouterr().err


def test_a_file_on_its_own_terms(rank, mine):
    """Emoji, markup and quotes in names pass through set, query and the file unharmed."""
    names = ["[bold]x[/bold]", "a, b", 'say "hi"', "猫🐈", "a > b", "../etc"]
    document = {"format": "rankcon/ranking", "version": 1, "classes": names}
    mine.write_text(json.dumps(document))
    assert rank("set", mine, "../etc", '"a, b" > [bold]x[/bold], "say \\"hi\\"" > "a > b" > 猫🐈')[0] == 0
    assert rank("query", mine, "../etc")[1] == "".join(
        f"{k}\t{name}\n" for k, name in ((1, "a, b"), (2, "[bold]x[/bold]"), (2, 'say "hi"'), (3, "a > b"), (4, "猫🐈"))
    )
    assert write(load(mine)) == mine.read_text()


def test_a_group_keeps_its_score_until_told(rank, tmp_path):
    file = tmp_path / "r.json"
    file.write_text(
        '{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b", "c"], "groups": {"g": ["a", "b"]}}'
    )

    def group():
        return json.loads(file.read_text())["groups"]["g"]

    assert rank("group", file, "g", "--score", 0.5)[0] == 0 and group() == {"of": ["a", "b"], "score": 0.5}
    assert rank("group", file, "g", "a, b, c")[0] == 0 and group() == {"of": ["a", "b", "c"], "score": 0.5}
    assert rank("group", file, "g", "--no-score")[0] == 0 and group() == ["a", "b", "c"]
    assert rank("group", file, "g", "a, b", "--score", 0.2)[0] == 0 and group() == {"of": ["a", "b"], "score": 0.2}


def test_an_edit_tells_what_the_class_has_now(rank, mine):
    assert rank("set", mine, "cat", 'dog > "horse"')[2].splitlines()[1] == "cat: dog > horse"
    assert "'cat' has a list of its own now" in rank("set", shutil.copy(shipped()["cifar10"], mine), "cat", "dog")[2]
    assert "neither class nor group (did you mean 'cat'?)" in rank("note", mine, "cta", "x")[2]


def test_a_shipped_ranking_and_a_graph_are_edited_into_another_file(rank, tmp_path):
    graph = tmp_path / "graph.json"
    graph.write_text(
        '{"directed": true, "nodes": [{"id": "r"}, {"id": "a"}], "edges": [{"source": "r", "target": "a", "rank": 1}]}'
    )
    for source, name in (("cifar10", "cat"), (graph, "a")):
        code, out, _ = rank("set", source, name, "", "--out", "-")
        assert code == 0 and json.loads(out)["rankings"][name] == []


def test_a_link_a_pipe_and_a_read_only_file(rank, mine, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(mine)
    assert rank("note", mine, "cat", "x", "--out", link, "--force")[0] == 0
    assert link.is_symlink() and load(mine).notes["cat"] == "x"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert rank("note", mine, "cat", "x", "--out", fifo)[0] == 0
    assert os.read(reader, 100).startswith(b"{") and not fifo.is_file()
    os.close(reader)
    mine.chmod(0o444)
    if not os.access(mine, os.W_OK):  # root may write to anything
        assert "read-only" in rank("note", mine, "cat", "y")[2]


def test_edits_at_the_same_time_are_all_kept(mine):
    command = [sys.executable, "-m", "rankcon_cli", "rank", "note", str(mine)]
    running = [subprocess.Popen([*command, f"k{i}", "x", "-q"], stderr=subprocess.DEVNULL) for i in range(6)]
    assert [process.wait(timeout=60) for process in running] == [0] * 6
    assert {f"k{i}" for i in range(6)} <= set(load(mine).notes)
