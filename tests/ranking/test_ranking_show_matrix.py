"""``rank show --matrix``: the heat map as text, in pipes, on terminals, with and without colour."""

import json
import re

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.files import to_json
from rankcon_cli.ranking import Listing, Ranking, Tier, compile_ranking, load, to_json_dict, write

CIFAR10 = """\
                                1
              1 2 3 4 5 6 7 8 9 0
 1 automobile 0 1 2 2 . . . . . .
 2 truck      1 0 2 2 . . . . . .
 3 ship       2 2 0 1 . . . . . .
 4 airplane   3 3 2 0 1 . . . . .
 5 bird       . . . 1 0 2 3 3 3 3
 6 frog       . . . . 1 0 2 2 2 2
 7 horse      . . . . 3 3 0 1 2 2
 8 deer       . . . . 3 3 1 0 2 2
 9 dog        . . . . 3 3 2 2 0 1
10 cat        . . . . 3 3 2 2 1 0
"""


@pytest.fixture
def show(capsys):
    def run(*arguments):
        console.quiet = False
        capsys.readouterr()
        code = main(["rank", "show", *map(str, arguments)])
        return int(code), *capsys.readouterr()

    return run


@pytest.fixture
def terminal(monkeypatch):
    def of(columns):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", "24")
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLORTERM", "truecolor")
        monkeypatch.setattr(console, "color", True)

    return of


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def tree(tmp_path):
    """A ranking of n classes in groups of ten."""

    def make(n):
        names = tuple(f"class {i:05}" for i in range(n))
        groups = {f"g{i}": Tier(names[i * 10 : i * 10 + 10]) for i in range(n // 10)}
        path = tmp_path / f"tree{n}.json"
        path.write_text(write(Ranking(names, groups=groups)))
        return path

    return make


def test_a_pipe_gets_plain_text_a_class_a_line(show):
    assert show("cifar10", "--matrix") == (0, CIFAR10, "")
    assert show("cifar10", "--as", "matrix") == (0, CIFAR10, "")


def test_label_order(show):
    lines = show("cifar10", "--matrix", "--order", "label")[1].splitlines()
    assert [line.split()[1] for line in lines[2:]] == list(load("cifar10").classes)
    assert lines[2] == " 1 airplane   0 3 1 . . . . . 2 3"


def test_some_classes_by_what_they_list_and_a_key_to_the_rest(show):
    code, out, _ = show("cifar10", "ship", "airplane", "ship", "--matrix")
    assert code == 0 and out.splitlines() == [
        "           1 2 3 4 5",
        "3 ship     2 2 0 1 .",
        "4 airplane 3 3 2 0 1",
        "",
        "columns that are no rows:",
        "1 automobile",
        "2 truck",
        "5 bird",
    ]


def test_tiers_past_nine_are_a_plus(show, tmp_path):
    names = tuple("abcdefghijklm")
    path = tmp_path / "deep.json"
    path.write_text(write(Ranking(names, rankings={"a": Listing(tuple(Tier((b,)) for b in names[1:]))})))
    line = show(path, "--matrix", "--order", "label")[1].splitlines()[2]
    assert line == " 1 a 0 1 2 3 4 5 6 7 8 9 + + +"


def test_a_pipe_cuts_no_name_and_blocks_no_column(show, tmp_path):
    long = "long " * 40 + "name"
    path = tmp_path / "long.json"
    path.write_text(write(Ranking((long, "[bold]b[/bold]", "猫"), rankings={long: Listing((Tier(("猫",)),))})))
    out = show(path, "--matrix")[1]
    assert f"{long} " in out and "[bold]b[/bold]" in out
    rows = [row[-5:] for row in out.splitlines()[1:]]
    assert sorted("".join(sorted(row)) for row in rows) == ["  ..0", "  ..0", "  .01"]


def test_colours_on_a_terminal_and_the_same_text(show, terminal):
    terminal(80)
    code, out, _ = show("cifar10", "--matrix")
    assert code == 0 and "\x1b[" in out and "48;2;" in out
    assert [line.rstrip() for line in plain(out).splitlines()] == CIFAR10.splitlines()


def test_no_color(show, terminal):
    terminal(80)
    assert show("cifar10", "--matrix", "--no-color")[1] == CIFAR10


def test_a_narrow_terminal_gets_blocks_of_columns(show, terminal, tree):
    terminal(40)
    lines = plain(show(tree(50), "--matrix")[1]).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines.count("") == 4  # between five blocks
    assert len([line for line in lines if line.startswith(" 1 class 00000 ")]) == 5


def test_a_thousand_classes_on_a_terminal_are_drawn_together(show, terminal, tree):
    terminal(80)
    code, out, err = show(tree(1000), "--matrix")
    lines = plain(out).splitlines()
    assert code == 0 and len(lines) < 40 and max(map(len, lines)) <= 80
    assert "each cell stands for neighbouring classes" in err and "rank plot" in err
    cells = [line.split()[3:] for line in lines[3:]]
    assert all(row[i] == "1" for i, row in enumerate(cells))


def test_a_thousand_classes_are_complete_in_a_pipe(show, tree):
    code, out, err = show(tree(1000), "--matrix")
    rows = out.splitlines()[4:]
    assert (code, err, len(rows)) == (0, "", 1000)
    assert all(row.count(" 1") >= 9 and len(row.split()) == 1003 for row in rows)


def test_a_terminal_gets_long_tiers_cut_and_a_pipe_whole(show, terminal, tmp_path):
    names = tuple(f"c{i}" for i in range(100))
    path = tmp_path / "flat.json"
    path.write_text(write(Ranking(names, groups={"all": Tier(names)})))
    assert ", c99\n" in show(path, "c0")[1]
    terminal(80)
    assert show(path, "c0")[1].endswith(", c40 and 59 more\n")


def test_a_huge_table_is_refused(show, monkeypatch):
    monkeypatch.setattr("rankcon_cli.cli.rank.show._MOST_IN_TABLE", 5)
    code, out, err = show("cifar10", "--as", "table")
    assert (code, out) == (3, "") and "name some classes" in err
    assert show("cifar10", "cat", "--as", "table")[0] == 0


@pytest.mark.parametrize("names", [[], ["cat", "frog", "cat"]])
def test_json_is_written_class_by_class_as_a_whole_document(show, names):
    out = show("cifar10", *names, "--json")[1]
    expected = to_json_dict(compile_ranking(load("cifar10")), names or None)
    assert out == to_json(expected) + "\n" and json.loads(out) == expected


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--matrix", "--json"], "one form"),
        (["--matrix", "--as", "tree"], "one form"),
        (["--as", "pie"], "--as takes"),
        (["--matrix", "--order", "colour"], "--order takes"),
        (["--order", "label"], "--order is for --matrix"),
    ],
)
def test_what_is_refused_as_usage(show, arguments, words):
    code, out, err = show("cifar10", *arguments)
    assert (code, out) == (2, "") and words in err


@pytest.mark.parametrize("form", ["tree", "table", "matrix", "json"])
def test_an_unknown_class_and_a_group_are_named(show, tmp_path, form):
    path = tmp_path / "grouped.json"
    path.write_text(write(Ranking(("dog", "a, b", "cat"), groups={"canine": Tier(("dog", "a, b"))})))
    code, out, err = show("cifar10", "brid", "--as", form)
    assert (code, out) == (3, "") and "did you mean 'bird'" in err
    for name in ("canine", "@canine"):
        code, out, err = show(path, name, "--as", form)
        assert (code, out) == (3, "") and "'canine' is a group, not a class; it holds 'dog' and 'a, b'" in err


def test_names_with_commas_and_the_like_stand_in_quotes(show, tmp_path):
    names = ("salt, pepper", "a > b", "x (3)", "plain", "[bold]b[/bold]")
    path = tmp_path / "quotes.json"
    path.write_text(write(Ranking(names, groups={"all": Tier(names, 0.5)})))
    assert show(path, "plain")[1] == 'plain\n└── 1 "salt, pepper", "a > b", "x (3)", [bold]b[/bold] (0.5)\n'
    assert '"salt, pepper", "a > b", "x (3)", [bold]b[/bold] (0.5)' in show(path, "plain", "--as", "table")[1]
    assert show(path, "salt, pepper")[1].startswith("salt, pepper\n")
