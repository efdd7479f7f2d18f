"""Completion: names reach the command line as one literal word, whatever they hold, and little is built for it."""

import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rankcon_cli.cli import completion
from rankcon_cli.cli.completion import Line, bash_word, read_line
from rankcon_cli.cli.main import main
from rankcon_cli.ranking import Ranking, write

BASH = shutil.which("bash")
PROGRAM = shutil.which("rankcon", path=os.path.dirname(sys.executable))
HOSTILE = (
    "x`touch PWNED`", "a > b", "traffic light", "$HOME", "*", "it's", 'say "hi"', "wow!now", "colon:one", "colon:two",
    "at@home", "猫 犬", "back\\slash", "\\$(touch PWNED)", "~tilde", "{a,b}", "#hash", "k&b;c|d(e)", "plain",
)  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A ranking of hostile names in the working folder, beside a file that ``*`` and ``\\*`` would become."""
    (tmp_path / "my.json").write_text(write(Ranking((*HOSTILE, "--force"))), encoding="utf-8")
    (tmp_path / "*").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offered(monkeypatch, capsys):
    """offered("zsh", line) -> what the program prints for a TAB at the end of the line."""

    def complete(shell, line):
        monkeypatch.setenv(completion.INSTRUCTION, f"complete_{shell}")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        typed = read_line(line)
        last = line[max(line.rfind(mark) for mark in " '\":=@") + 1 :]
        for key, value in {"_RANKCON_LINE": line, "_RANKCON_WORD": last, "_TYPER_COMPLETE_ARGS": line}.items():
            monkeypatch.setenv(key, value)
        assert typed.words[0] == "rankcon"
        try:
            assert main() == 0
        except SystemExit as stop:
            assert not stop.code
        return capsys.readouterr().out.splitlines()

    return complete


def test_a_line_is_read_as_a_shell_reads_it():
    assert read_line("") == Line([""], "")
    assert read_line("a b ") == Line(["a", "b", ""], "")
    assert read_line(r"""a\ b 'c d'"e" '' "f\$\g 'h""") == Line(["a b", "c de", "", r"f$\g 'h"], '"')
    assert read_line(r"'it'\''s \n") == Line([r"it's \n"], "'")
    assert read_line("a\\") == Line(["a"], "")


@settings(max_examples=100, deadline=None)
@given(name=NAMES, cut=st.integers(0, 5), quote=st.sampled_from(["", "'", '"']))
@example(name="a!b", cut=0, quote='"')
@example(name="it's", cut=3, quote="'")
@example(name="a\\", cut=0, quote='"')
def test_what_is_typed_and_what_is_added_are_the_name(name, cut, quote):
    begun = bash_word(name[:cut], Line([""], quote)).removesuffix(quote) if name[:cut] else ""
    line = f"rankcon {quote}{begun}"
    whole = line + bash_word(name, read_line(line))
    if BASH and not (name.endswith("/") and quote):
        script = f"rankcon() {{ printf '%s\\0' \"$@\"; }}; {whole}"
        done = subprocess.run([BASH, "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
        assert (done.stdout.decode(), done.stderr) == (name + "\0", b"")
    assert read_line(whole) == Line(["rankcon", name], quote if name.endswith("/") else "")


def test_bash_names_nothing_that_does_not_go_on_from_what_is_typed():
    assert bash_word("cat", Line(["rankcon", "d"], "")) is None
    assert bash_word("label", Line(["rankcon", "--order="], "")) == "label"


def test_values_come_back_in_quotes_for_bash(offered, mine):
    assert offered("bash", "rankcon rank query my.json t") == ["traffic\\ light"]
    assert offered("bash", "rankcon rank query my.json 'traffic l") == ["light'"]
    assert offered("bash", "rankcon rank query my.json colon:") == ["one", "two"]
    assert "--force" not in offered("bash", "rankcon rank query my.json ")
    assert len(offered("bash", "rankcon rank query my.json ")) == len(HOSTILE)
    assert offered("bash", "rankcon rank query m") == ["my.json"]
    assert offered("bash", "rankcon rank query nowhere.json ") == []
    assert offered("bash", "rankcon rank show my.json --order=") == ["blocks", "label"]
    assert offered("bash", "rankcon rank show my.json --as t") == ["tree", "table"]
    assert offered("bash", "rankcon rank plot my.json --kind ") == ["heatmap", "graph"]


def test_zsh_is_not_offered_what_typer_would_have_it_run(offered, mine):
    out = "\n".join(offered("zsh", "rankcon rank query my.json "))
    assert '"traffic light"' in out and '"a > b"' in out and '"*"' in out
    assert "touch" not in out and "HOME" not in out and "it" not in out.split('"')


def test_fish_gets_names_as_they_are_and_powershell_plain_ones(offered, mine):
    assert offered("fish", "rankcon rank query my.json ") == list(HOSTILE)
    plain = [line.split(":::")[0] for line in offered("powershell", "rankcon rank query my.json ")]
    assert plain == ["colon:one", "colon:two", "back\\slash", "plain"]


@pytest.mark.parametrize(
    "line, words",
    [("rankcon rank show my.json ", ["rank", "show", "my.json"]), ("rankcon rank sh", ["rank"]), ("rankcon ra", [])],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_only_the_command_of_the_line_is_built(monkeypatch, line, words, shell):
    built = []
    monkeypatch.setenv(completion.INSTRUCTION, f"complete_{shell}")
    monkeypatch.setenv("_RANKCON_LINE", line)
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("COMP_WORDS", "")
    monkeypatch.setenv("COMP_CWORD", "")

    def build(words):
        built.append(words)
        return lambda **_: 0

    assert completion.answer(build) == 0 and built == [words]


@pytest.mark.skipif(not BASH or not PROGRAM, reason="no bash, or rankcon is not installed")
def test_a_real_bash_gets_one_literal_word(mine):
    pexpect = pytest.importorskip("pexpect")
    shown = subprocess.run(
        [PROGRAM, "--show-completion", "bash"],
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (mine / "script").write_text(shown.stdout)
    path = f"{os.path.dirname(PROGRAM)}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PS1": "$ ", "TERM": "dumb", "LC_ALL": "C.UTF-8", "HISTFILE": ""}
    shell = pexpect.spawn(
        BASH, ["--norc", "--noprofile", "-i"], env=environment, encoding="utf-8", dimensions=(50, 200), timeout=30
    )
    shell.sendline("set -H; . ./script; args() { printf 'GOT'; printf ' <%s>' \"${@:4}\"; echo; }; echo REA''DY")
    shell.expect("READY\r\n")
    typed = {
        "x": "x`touch PWNED`", "a\\ ": "a > b", "'tra": "traffic light", '"\\$H': "$HOME", "\\*": "*", "'it": "it's",
        '"wow': "wow!now", "colon:o": "colon:one", "at@": "at@home", "\\\\": "\\$(touch PWNED)", "k": "k&b;c|d(e)",
    }  # fmt: skip
    for begun, name in typed.items():
        # Complete, then have another command say what it was given: C-a goes home, M-d cuts a word.
        shell.send(f"rankcon rank query my.json {begun}\t\x01\x1bdargs\r")
        shell.expect("GOT ([^\r]*)\r\n")
        assert shell.match[1] == f"<{name}>"
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    assert not (mine / "PWNED").exists()
