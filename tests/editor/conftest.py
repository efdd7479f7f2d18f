"""Two terminals for the editor: one that plays a script of keys, and a real one, read by pyte."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from rankcon_cli.columns import columns
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.draft import place_of
from rankcon_cli.editor.session import Session
from rankcon_cli.editor.terminal import Leave
from rankcon_cli.ranking import Listing, Ranking, Tier, parse, write
from rankcon_cli.ranking import edit as change

#: How long to wait for the screen: long enough for a busy machine, never reached where all is well.
PATIENCE_S = 40

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "esc": "\x1b",
    "tab": "\t",
    "enter": "\r",
}


class Script:
    """A terminal without a screen: views are pressed the keys of the script, questions are given its answers.

    Every view is drawn after every key, at 80x24 and at 40 columns, and no line may be too wide.
    """

    def __init__(self, *script: object):
        self.script = list(script)
        self.asked: list[str] = []

    def show(self, view: Any) -> Any:
        while True:
            for width, height in ((79, 23), (39, 23), (39, 9)):
                lines = view.lines(width, height)
                assert len(lines) <= height
                assert all(columns(line) <= width for line in lines)
            left = view.press(self.script.pop(0))
            if left is not None and not isinstance(left, Leave):
                left = left()
            if isinstance(left, Leave):
                return left.result

    def choose(self, question: str, choices: Sequence[tuple[str, Any]]) -> Any:
        self.asked.append(question)
        answer = self.script.pop(0)
        assert answer in [value for _, value in choices]
        return answer

    def tick(self, question: str, choices: Sequence[tuple[str, Any]]) -> Any:
        self.asked.append(question)
        return self.script.pop(0)

    def text(self, question: str, default: str = "", fault: Callable = lambda text: None, *, about: str = "") -> Any:
        self.asked.append(question)
        answer = self.script.pop(0)
        assert answer is None or fault(answer) is None
        return answer


class Stopped(Script):
    """A terminal at which Ctrl-C is pressed where the script ends."""

    def show(self, view: object) -> object:
        try:
            return super().show(view)
        except IndexError:
            raise KeyboardInterrupt from None


ANIMALS = Ranking(
    ("cat", "dog", "horse", "bird", "car"),
    groups={"pet": Tier(("cat", "dog")), "mammal": Tier(("@pet", "horse"))},
    rankings={"bird": Listing((Tier(("cat",)), Tier(("dog", "horse"))))},
)


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    """desk(*script, ranking=...) -> a desk with that ranking saved in a file, and a terminal that plays the script."""

    def lay(*script: object, ranking: Ranking = ANIMALS) -> Desk:
        path = tmp_path / "my.json"
        path.write_text(write(ranking))
        ranking = parse(path.read_text(), "my.json")
        return Desk(Session(ranking, saved=ranking), place_of(path, "my.json"), Script(*script))

    return lay


def noted(desk: Desk, text: str) -> None:
    assert desk.edit(lambda ranking: change.set_note(ranking, "cat", text), f"note {text}")


def on_disk(desk: Desk) -> Ranking:
    return parse(desk.place.path.read_text(), "my.json")


def changed_by_another(desk: Desk) -> Ranking:
    theirs = change.set_note(on_disk(desk), "dog", "theirs")
    desk.place.path.write_text(write(theirs))
    return theirs


class TerminalDriver:
    """``rankcon`` in a pseudo-terminal of a given size. Its stdout goes to a file, so that what it prints there shows."""

    screen_class = pyte.Screen

    def __init__(self, arguments: list[str], stdout: Path, columns: int = 80, rows: int = 24, **variables: str):
        command = f'exec "$0" -m rankcon_cli "$@" > {stdout}'
        environment = {**os.environ, "TERM": "xterm-256color", **variables}
        self.child = pexpect.spawn(
            "sh", ["-c", command, sys.executable, *arguments], dimensions=(rows, columns), env=environment, timeout=5
        )
        self.child.delaybeforesend = None
        self.screen = self.screen_class(columns, rows)
        self.screen.write_process_input = lambda text: self.child.send(text)  # prompt_toolkit asks for the cursor
        self._stream = pyte.ByteStream(self.screen)
        self._stdout = stdout

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    def wait(self, *wanted: str, gone: str | None = None) -> str:
        """The screen once it holds all of ``wanted`` and not ``gone``; AssertionError with the screen if it never does."""
        end = time.monotonic() + PATIENCE_S
        while not all(part in self.text for part in wanted) or (gone is not None and gone in self.text):
            assert time.monotonic() < end, f"waited for {wanted} (without {gone!r}) in vain:\n{self.text}"
            self._read()
        return self.text

    def press(self, *keys: str) -> None:
        """Keys by name, or texts as they are."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def end(self) -> int:
        """Wait for the end of the program and return its exit code (or minus the signal that killed it)."""
        end = time.monotonic() + PATIENCE_S
        while self.child.isalive():
            assert time.monotonic() < end, f"still running:\n{self.text}"
            self._read()
        self._read()
        return self.child.exitstatus if self.child.signalstatus is None else -self.child.signalstatus

    def _read(self) -> None:
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._stream.feed(self.child.read_nonblocking(65536, timeout=0.1))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., TerminalDriver]]:
    """terminal("rank", "edit", file, columns=40) -> the program on a terminal, in an empty folder."""
    drivers: list[TerminalDriver] = []

    def start(*arguments: object, **settings: object) -> TerminalDriver:
        drivers.append(TerminalDriver([str(a) for a in arguments], tmp_path / f"stdout-{len(drivers)}", **settings))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.child.close(force=True)
