"""Where the editor meets the terminal: it draws a view and hands it the keys, and asks single questions."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from unicodedata import normalize

import questionary
from prompt_toolkit.application import Application, get_app_session
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from rankcon_cli.columns import Fragment, Line, wrapped

STYLE = Style.from_dict(
    {
        "title": "bold",
        "at": "bold",
        "pointer": "ansicyan bold",
        "key": "ansicyan",
        "quiet": "dim",
        "group": "ansimagenta",
        "tier": "ansicyan bold",
        "score": "ansiyellow",
        "mark": "ansigreen bold",
        "error": "ansired bold",
        "warning": "ansiyellow",
        "good": "ansigreen",
        "said": "ansigreen",
        "query": "bold",
        "removed": "ansired",
        "added": "ansigreen",
        "qmark": "ansicyan bold",
        "question": "bold",
        "instruction": "dim",
        "highlighted": "bold",
        "answer": "",
    }
)

#: Short names of keys where prompt_toolkit's differ.
_KEY_NAMES = {"c-m": "enter", "c-j": "enter", "c-i": "tab", "c-h": "backspace"}

#: The key that a view without a text field is handed for pasted text: its letters are not meant as keys.
PASTED = Keys.BracketedPaste.value

#: Seconds until an Escape is taken for one, and not for the start of an arrow key over a slow line.
_ESCAPE_WAIT = 0.1


class Leave(NamedTuple):
    """What a view or an act returns to leave its screen, with what comes of it."""

    result: Any = None


#: Work that needs the terminal for itself (a question, another screen). By returning a ``Leave`` it leaves the screen
#: that it was begun from.
Act = Callable[[], Any]


class View(Protocol):
    """A screen: it draws itself and takes keys.

    Attributes:
        typing: whether letters are text, so that pasted ones are taken too.
    """

    typing: bool

    def lines(self, width: int, height: int) -> list[Line]:
        """At most ``height`` lines of at most ``width`` columns."""

    def press(self, key: str) -> Leave | Act | None:
        """Take a key (a letter, or a name such as ``enter`` or ``c-s``); None stays on the screen."""


@dataclass(frozen=True)
class Terminal:
    """The user's terminal. It is drawn on where prompt_toolkit's current session says (see ``on_stderr``)."""

    color: bool = True

    @property
    def _depth(self) -> ColorDepth | None:
        return None if self.color else ColorDepth.DEPTH_1_BIT

    def show(self, view: View) -> Any:
        """Show a view until it is left; returns what comes of it. KeyboardInterrupt on Ctrl-C and Ctrl-D."""
        while True:
            left = self._application(view).run()
            if not isinstance(left, Leave):
                left = left()
            if isinstance(left, Leave):
                return left.result

    def _application(self, view: View) -> Application:
        def content() -> list[Fragment]:
            size = app.output.get_size()
            lines = view.lines(size.columns - 1, max(6, size.rows - 1))
            return [fragment for line in lines for fragment in (*line, ("", "\n"))][:-1]

        control = FormattedTextControl(content, show_cursor=False)
        window = Window(control, dont_extend_height=True, always_hide_cursor=True)
        app: Application = Application(
            Layout(window),
            key_bindings=_hand_keys_to(view),
            style=STYLE,
            color_depth=self._depth,
            erase_when_done=True,
        )
        app.ttimeoutlen = app.timeoutlen = _ESCAPE_WAIT
        return app

    def choose(self, question: str, choices: Sequence[tuple[str, Any]]) -> Any:
        """One of several answers, each with its value; None where the user presses Escape."""
        options = [questionary.Choice(title, i) for i, (title, _) in enumerate(choices)]  # a value of None is not kept
        # The instruction is a blank: arrows and Enter explain themselves.
        chosen = self._asked(questionary.select(_wrapped(question), options, instruction=" ", **self._look))
        return None if chosen is None else choices[chosen][1]

    def tick(self, question: str, choices: Sequence[tuple[str, Any]]) -> list[Any] | None:
        """Some of several values, all to begin with; None where the user presses Escape."""
        options = [questionary.Choice(title, value, checked=True) for title, value in choices]
        instruction = "(Space ticks, Enter ends)"
        return self._asked(questionary.checkbox(_wrapped(question), options, instruction=instruction, **self._look))

    def text(
        self,
        question: str,
        default: str = "",
        fault: Callable[[str], str | None] = lambda text: None,
        *,
        about: str = "",
    ) -> str | None:
        """A line of text, in the Unicode form NFC; None where the user presses Escape.

        Args:
            question: what is asked.
            default: what can be changed or taken as it is.
            fault: what is wrong with an answer; it is told, and the question asked again with that answer.
            about: a line above the question.
        """
        wrong = None
        while True:
            lines = [about, *([f"✗ {wrong}"] if wrong else []), question]
            answer = self._asked(questionary.text(_wrapped(*filter(None, lines)) + ":", default, **self._look))
            if answer is None:
                return None
            default = normalize("NFC", answer)
            wrong = fault(default)
            if wrong is None:
                return default

    @property
    def _look(self) -> dict[str, Any]:
        """What all questions have in common."""
        return {"style": STYLE, "qmark": "?", "color_depth": self._depth}

    def _asked(self, asked: questionary.Question) -> Any:
        app = asked.application
        bindings = KeyBindings()
        bindings.add(Keys.Escape, eager=True)(lambda event: event.app.exit(result=None))
        bindings.add(Keys.ControlD, eager=True)(_interrupt)
        app.key_bindings = merge_key_bindings([app.key_bindings, bindings] if app.key_bindings else [bindings])
        app.ttimeoutlen = app.timeoutlen = _ESCAPE_WAIT
        app.erase_when_done = True
        return asked.unsafe_ask()


def _hand_keys_to(view: View) -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add(Keys.Any)
    def _(event: KeyPressEvent) -> None:
        press = event.key_sequence[0]
        name = press.key.value if isinstance(press.key, Keys) else press.key
        _hand(event, _KEY_NAMES.get(name, name))

    @bindings.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        for key in filter(str.isprintable, event.data) if view.typing else [PASTED]:
            if not event.app.is_done:
                _hand(event, key)

    def _hand(event: KeyPressEvent, key: str) -> None:
        try:
            left = view.press(key)
        except Exception as error:  # raised from ``show``; prompt_toolkit's event loop would only print it
            event.app.exit(exception=error)
            return
        if left is not None:
            event.app.exit(result=left)

    for key in (Keys.ControlC, Keys.ControlD, Keys.SIGINT):
        bindings.add(key, eager=True)(_interrupt)
    return bindings


def _interrupt(event: KeyPressEvent) -> None:
    event.app.exit(exception=KeyboardInterrupt, style="class:aborting")


def _wrapped(*texts: str) -> str:
    """Texts for a question, broken between words where the terminal is narrow."""
    width = get_app_session().output.get_size().columns - 4
    lines = [line for text in texts for line in wrapped(text, width, most=4)]
    return "\n  ".join("".join(text for _, text in line) for line in lines)


def say(line: str) -> None:
    """A plain line on stderr, below what was drawn."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
