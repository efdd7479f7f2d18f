"""The editor on prompt_toolkit: keys and questions by pipe input, then the whole program in a pseudo-terminal."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from rankcon_cli.editor.lists import searchable
from rankcon_cli.editor.picker import Picker
from rankcon_cli.editor.terminal import PASTED, Leave, Terminal
from rankcon_cli.ranking import Ranking, parse, shipped, write
from rankcon_cli.ranking.edit import class_tiers

Start = Callable[..., "TerminalDriver"]  # noqa: F821 (of conftest.py)


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def unwrapped(rankcon: "TerminalDriver") -> str:  # noqa: F821
    """The screen without white space: where its lines break depends on the length of the folder's name."""
    return "".join(rankcon.text.split())


def picker() -> Picker:
    rows = [searchable(name, name) for name in ("cat", "dog", "éclair")]
    return Picker("pick", rows, lambda name, width: [("", name)], marks=())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("\r", ["cat"]),
        ("\x1b[B\r", ["dog"]),
        ("d\t\x15\x1b[A\t\r", ["dog", "éclair"]),
        ("é\r", ["éclair"]),
        ("\x1b[200~do\ng\x1b[201~\r", ["dog"]),
        ("zzz\x1b\r", ["cat"]),
    ],
)
def test_keys_reach_a_view(keys: PipeInput, typed: str, expected: list[str]):
    keys.send_text(typed)
    assert Terminal().show(picker()) == expected


def test_pasted_letters_are_no_keys(keys: PipeInput):
    class Heard:
        typing = False

        def __init__(self) -> None:
            self.keys: list[str] = []

        def lines(self, width: int, height: int) -> list:
            return []

        def press(self, key: str) -> Leave | None:
            self.keys.append(key)
            return Leave(self.keys) if key == "q" else None

    keys.send_text("\x1b[200~xxq\x1b[201~q")
    assert Terminal().show(Heard()) == [PASTED, "q"]


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_interrupt_views_and_questions(keys: PipeInput, key: str):
    terminal = Terminal()
    for ask in (
        lambda: terminal.show(picker()),
        lambda: terminal.text("name", "typed"),
        lambda: terminal.choose("which", [("a", 1)]),
        lambda: terminal.tick("which", [("a", 1)]),
    ):
        keys.send_text(key)
        with pytest.raises((KeyboardInterrupt, EOFError)):
            ask()


def test_escape_leaves_questions_unanswered(keys: PipeInput):
    terminal = Terminal(color=False)
    for ask in (
        lambda: terminal.show(picker()),
        lambda: terminal.text("name", "typed"),
        lambda: terminal.choose("which", [("a", 1)]),
        lambda: terminal.tick("which", [("a", 1)]),
    ):
        keys.send_text("\x1b")
        assert ask() is None


def test_questions_are_answered(keys: PipeInput):
    terminal = Terminal()
    keys.send_text("\x1b[B\r")
    assert terminal.choose("which of many words that are longer than a line?" * 3, [("a", 1), ("b", 2)]) == 2
    keys.send_text("\x1b[B\r")
    assert terminal.choose("which", [("yes", 1), ("no", None)]) is None
    keys.send_text("\x1b[B \r")
    assert terminal.tick("which", [("[bold]a", 1), ("b", 2), ("c", 3)]) == [1, 3]
    keys.send_text("e\u0301\r")
    assert terminal.text("name", "caf") == "café"
    keys.send_text("x\r\x7fy\r")
    assert terminal.text("name", "", lambda text: None if text == "y" else "y, please") == "y"


def test_a_fault_in_a_view_is_raised_and_not_printed(keys: PipeInput):
    class Broken:
        def lines(self, width: int, height: int) -> list:
            return [[("", "text")]]

        def press(self, key: str) -> None:
            raise ZeroDivisionError

    keys.send_text("x")
    with pytest.raises(ZeroDivisionError):
        Terminal().show(Broken())


# -- the whole program ---------------------------------------------------------------------------------


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    path = tmp_path / "my.json"
    path.write_bytes(shipped()["cifar10-paper"].read_bytes())
    return path


@pytest.mark.parametrize("columns", [80, 40])
def test_a_first_ranking_of_ten_classes(terminal: Start, tmp_path: Path, columns: int):
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (tmp_path / "names.txt").write_text("\n".join(names))
    file = tmp_path / "new.json"
    rankcon = terminal("rank", "edit", file, "--new", "--classes", tmp_path / "names.txt", columns=columns)
    rankcon.wait("10 not ranked", "all keys")
    for i, name in enumerate(names):
        rankcon.press("enter" if i == 0 else "tab")
        rankcon.wait(f" {name}", "not ranked yet", "0 nothing is similar")
        first, second = names[i - 1], names[i - 2]
        rankcon.press("a", first, "enter", second, "enter")
        rankcon.wait(f"so far: {first} > {second}")
        rankcon.press("esc")
        rankcon.wait("yes, to all")
        rankcon.press("down", "down", "enter")
        rankcon.wait(f"{second} added to {name}", "all keys")
    rankcon.press("esc")
    rankcon.wait("10 classes: 10 listed")
    rankcon.press("w")
    rankcon.wait("saved", gone="not saved")
    rankcon.press("q")
    assert rankcon.end() == 0
    ranking = parse(file.read_text(), "new.json")
    assert [tier.names for tier in class_tiers(ranking, "cat")] == [("bird",), ("automobile",)]
    assert file.read_text() == write(ranking)
    assert rankcon.stdout == ""


def test_undo_and_redo_on_the_screen(terminal: Start, cifar10: Path):
    text = cifar10.read_text()
    rankcon = terminal("rank", "edit", cifar10)
    rankcon.wait("10 classes: 10 listed")
    rankcon.press("enter")
    rankcon.wait("4 tiers by a list", "1   bird")
    rankcon.press("x")
    rankcon.wait("bird removed from airplane", "not saved")
    rankcon.press("u")
    rankcon.wait("undone: bird removed", "1   bird", gone="not saved")
    rankcon.press("\x19")
    rankcon.wait("redone: bird removed", "not saved")
    rankcon.press("esc")
    rankcon.wait("q quit")
    rankcon.press("u", "u")
    rankcon.wait("nothing to undo")
    rankcon.press("q")
    assert rankcon.end() == 0
    assert cifar10.read_text() == text
    assert rankcon.stdout == ""


def test_a_killed_session_leaves_a_draft_that_is_offered(terminal: Start, cifar10: Path):
    rankcon = terminal("rank", "edit", cifar10)
    rankcon.wait("all keys")
    rankcon.press("enter")
    rankcon.wait("1   bird")
    rankcon.press("x")
    rankcon.wait("removed")
    rankcon.child.kill(signal.SIGKILL)
    assert rankcon.end() == -signal.SIGKILL
    again = terminal("rank", "edit", cifar10)
    again.wait("an earlier session left edits of my.json")
    again.press("down", "enter")
    again.wait('-    "airplane": [["bird"]')
    again.press("esc")
    again.wait("go on with them")
    again.press("enter")
    again.wait("not saved")
    cifar10.write_text(cifar10.read_text().replace('"name": "', '"name": "their '))
    again.press("w")
    again.wait("changed by another program", '-  "name": "their cifar10-paper"')
    again.press("o")
    again.wait("my.json · saved")
    again.press("q")
    assert again.end() == 0
    assert "their" not in cifar10.read_text()
    assert not list(cifar10.parent.glob(".my.json*"))


@pytest.mark.parametrize("how", ["ctrl-c", "ctrl-d", "SIGTERM", "SIGHUP"])
def test_what_ends_the_editor_leaves_the_file_and_keeps_the_draft(terminal: Start, cifar10: Path, how: str):
    text = cifar10.read_text()
    rankcon = terminal("rank", "edit", cifar10)
    rankcon.wait("all keys")
    rankcon.press("enter")
    rankcon.wait("1   bird")
    rankcon.press("x")
    rankcon.wait("removed")
    if how.startswith("SIG"):
        rankcon.child.kill(getattr(signal, how))
    else:
        rankcon.press({"ctrl-c": "\x03", "ctrl-d": "\x04"}[how])
    assert rankcon.end() == 130
    assert "asitwaslastsaved" in unwrapped(rankcon)
    assert "Traceback" not in rankcon.text
    assert cifar10.read_text() == text
    assert (cifar10.parent / ".my.json.draft.json").exists()


def test_a_thousand_classes_are_searched(terminal: Start, tmp_path: Path):
    names = tuple(f"class {i}" for i in range(1000))
    file = tmp_path / "many.json"
    file.write_text(write(Ranking(names)))
    rankcon = terminal("rank", "edit", file)
    rankcon.wait("1,000 classes", "↓ ")
    rankcon.press("/", "9", "9", "7")
    rankcon.wait("find: 997", "1 of 1,000")
    rankcon.press("enter")
    rankcon.wait("class 997", "not ranked yet")
    rankcon.press("a", "123")
    rankcon.wait("find: 123", "1 of 999")
    rankcon.press("enter")
    rankcon.wait("so far: class 123")
    rankcon.press("\x03")
    assert rankcon.end() == 130


def test_the_editor_of_the_user_and_back_to_the_fault(terminal: Start, cifar10: Path, tmp_path: Path):
    script = tmp_path / "vi"
    # The first call breaks the text and the second, which is told the line, mends it.
    script.write_text("""#!/bin/sh
case "$1" in
  +*) sed -i 's/burd/frog/' "$2" ;;
  *) sed -i 's/"airplane": .."bird"/"airplane": [["burd"/' "$1" ;;
esac
""")
    script.chmod(0o755)
    rankcon = terminal("rank", "edit", cifar10, "--editor", EDITOR=str(script), VISUAL="")
    rankcon.wait("edit again at line 9")
    assert "E102unknown-classunknownclass'burd'" in unwrapped(rankcon)
    rankcon.press("enter")
    assert rankcon.end() == 0
    assert "my.json: saved" in rankcon.text
    ranking = parse(cifar10.read_text(), "my.json")
    assert class_tiers(ranking, "airplane")[0].names == ("frog",)
    assert rankcon.stdout == ""


def test_without_a_terminal_the_other_verbs_are_named(cifar10: Path):
    command = [sys.executable, "-m", "rankcon_cli", "rank", "edit", str(cifar10)]
    ended = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert "needs a terminal" in ended.stderr and "rank set|add|remove|move|score|group|note" in ended.stderr
    assert ended.stdout == ""
