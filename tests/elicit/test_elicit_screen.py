"""The screen: its keys by pipe input, its look, and the real program on a real terminal."""

import contextlib
import json
import os
import signal
import sys
import time

import pexpect
import pyte
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from rankcon_cli.elicit.conversation import BACK, DONE, KEEP, STOP, Standing
from rankcon_cli.elicit.questions import Answer, Question, Verdict
from rankcon_cli.elicit.screen import Screen

QUESTION = Question("bird", "airplane", "frog")
CIRCLE = tuple(Answer(QUESTION, Verdict.LEFT) for _ in range(12))


def standing(answered=3):
    return Standing(answered, Answer(QUESTION, Verdict.RIGHT) if answered else None, 137, 120, 2, 10)


@contextlib.contextmanager
def typing(keys):
    """An app session into which ``keys`` are typed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys)
        yield


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("1", Verdict.LEFT),
        ("\x1b[D", Verdict.LEFT),
        ("2", Verdict.RIGHT),
        ("\x1b[C", Verdict.RIGHT),
        ("e", Verdict.EITHER),
        ("n", Verdict.NEITHER),
        ("?", Verdict.CANNOT_SAY),
        ("u", BACK),
        ("\x7f", BACK),
        ("q", STOP),
        ("x\r \tz1", Verdict.LEFT),  # other keys do nothing
    ],
)
def test_one_key_is_an_answer(key, said):
    with typing(key):
        assert Screen().ask(QUESTION, standing()) == said


def test_back_is_not_there_before_the_first_answer():
    with typing("u2"):
        assert Screen().ask(QUESTION, standing(0)) is Verdict.RIGHT


@pytest.mark.parametrize(("key", "error"), [("\x03", KeyboardInterrupt), ("\x04", EOFError)])
def test_leaving(key, error):
    with typing(key), pytest.raises(error):
        Screen(color=False).ask(QUESTION, standing())


def test_keys_typed_ahead_answer_the_next_questions():
    screen = Screen()
    with typing("12e"):
        said = [screen.ask(QUESTION, standing()) for _ in range(3)]
    assert said == [Verdict.LEFT, Verdict.RIGHT, Verdict.EITHER]


@pytest.mark.parametrize(("key", "said"), [("a", 0), ("c", 2), ("12nec", 2), ("j", 8), ("k", KEEP), ("q", STOP)])
def test_resolving(key, said):
    with typing(key):
        assert Screen().resolve(CIRCLE) == said


def test_a_letter_that_is_not_there_does_nothing():
    with typing("da"):
        assert Screen().resolve(CIRCLE[:3]) == 0


def test_whoever_keeps_all_is_not_asked_again():
    screen = Screen()
    with typing("s"):
        assert screen.resolve(CIRCLE) == KEEP
    assert screen.resolve(CIRCLE) == KEEP


@pytest.mark.parametrize(("key", "said"), [("\r", DONE), ("q", DONE), ("u", BACK), ("\x7f", BACK), ("1e\r", DONE)])
def test_closing(key, said):
    with typing(key):
        assert Screen().close(standing()) == said


class Terminal:
    """The program on a pseudo-terminal, and what is seen there."""

    def __init__(self, folder, *arguments, rows=24, columns=80):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "rankcon_cli", "rank", "elicit", *arguments],
            cwd=str(folder),
            env={**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            dimensions=(rows, columns),
        )

    def wait_for(self, text, seconds=30):
        """Read until ``text`` (blanks and line breaks aside) is on the screen."""
        wanted, end = "".join(text.split()), time.monotonic() + seconds
        while wanted not in "".join("".join(self.screen.display).split()):
            assert time.monotonic() < end, "\n".join(self.screen.display)
            with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
                self.stream.feed(self.process.read_nonblocking(65536, 0.2))

    def press(self, keys):
        self.process.send(keys)

    def exit_code(self):
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus


def test_a_session_on_a_terminal(tmp_path):
    """A first answer, back, a hang-up by Ctrl-C, going on at 40 columns, a contradiction, the ranking."""
    (tmp_path / "names.txt").write_text("bird\nairplane\n[bold]frog[/bold]\n", encoding="utf-8")
    first = Terminal(tmp_path, "my.json", "--classes", "names.txt")
    first.wait_for("Which is more like bird? ← 1 airplane → 2 [bold]frog[/bold]")
    first.press("1")
    first.wait_for("Last: bird is more like airplane than like [bold]frog[/bold].")
    first.press("u")
    first.wait_for("0 answers; at most 3 questions more")
    first.press("\x1b[D")
    first.wait_for("Which is more like airplane?")
    first.press("\x03")
    first.wait_for("go on with: rankcon rank elicit my.json")
    assert first.exit_code() == 130
    assert not (tmp_path / "my.json").exists()

    second = Terminal(tmp_path, "my.json", columns=40)
    second.wait_for("Which is more like airplane? ← 1 bird")
    second.press("2")
    second.wait_for("Which is more like [bold]frog[/bold]?")
    second.press("1")
    second.wait_for("These answers contradict each other")
    second.press("a")
    second.wait_for("2 answers; at most 1 question more")
    second.press("2")
    second.wait_for("Last: [bold]frog[/bold] is more like airplane than like bird. All done: 3 classes, 3 answers.")
    second.press("u")
    second.wait_for("2 answers; at most 1 question more")
    second.press("2")
    second.wait_for("All done: 3 classes, 3 answers.")
    second.press("\r")
    second.wait_for("3 of 3 classes done")
    assert second.exit_code() == 0
    assert json.loads((tmp_path / "my.json").read_text())["rankings"] == {
        "bird": [["airplane"], ["[bold]frog[/bold]"]],
        "airplane": [["[bold]frog[/bold]"], ["bird"]],
        "[bold]frog[/bold]": [["airplane"], ["bird"]],
    }


def test_terminated_with_every_answer_kept(tmp_path):
    terminal = Terminal(tmp_path, "my.json", "--from", "cifar10", "--assume", "symmetric")
    terminal.wait_for("Which is more like airplane?")
    terminal.press("1")
    terminal.wait_for("1 answer;")
    terminal.process.kill(signal.SIGTERM)
    terminal.wait_for("every answer is kept in my.answers.json")
    assert terminal.exit_code() == 130
    assert len(json.loads((tmp_path / "my.answers.json").read_text())["answers"]) == 1


@pytest.mark.parametrize(("columns", "rows"), [(40, 10), (20, 5)])
def test_a_small_window_shows_the_question_and_what_it_is_between(tmp_path, columns, rows):
    (tmp_path / "names.txt").write_text("bird\nairplane\n大きな飛行機\nfrog\n", encoding="utf-8")
    terminal = Terminal(tmp_path, "my.json", "--classes", "names.txt", rows=rows, columns=columns)
    terminal.wait_for("Which is more like bird? ← 1 airplane → 2 大きな飛行機")
    terminal.press("1")
    terminal.wait_for("Which is more like bird? ← 1 frog → 2 airplane")
    terminal.press("q")
    assert terminal.exit_code() == 0
    assert len(json.loads((tmp_path / "my.answers.json").read_text())["answers"]) == 1
