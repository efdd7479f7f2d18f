"""Asking on a terminal: one screen a question, one key an answer."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from rankcon_cli.elicit.contradictions import Circle
from rankcon_cli.elicit.conversation import BACK, KEEP, STOP, Standing
from rankcon_cli.elicit.questions import Question, Verdict, in_words, shown
from rankcon_cli.wording import counted

_KEEP_ALL = "keep all"
_LETTERS = "abcdfghij"  # keys that take back an answer of a contradiction: none that answers a question, by haste

_STYLE = Style.from_dict({"key": "bold ansicyan", "name": "bold", "soft": "ansibrightblack"})

Line = tuple[str, str, str]  # keys, text, style of the text


class Screen:
    """An ``Asker`` on the terminal of the current prompt_toolkit session (see ``cli.prompts.on_stderr``).

    Ctrl-C raises KeyboardInterrupt, the end of the input EOFError.
    """

    def __init__(self, *, color: bool = True):
        self._depth = None if color else ColorDepth.DEPTH_1_BIT
        self._keep_all = False

    def ask(self, question: Question, standing: Standing) -> Verdict | str:
        """See ``Asker``. Back is offered where there is an answer to take back."""
        lines = [
            ("← 1", shown(question.left), "class:name"),
            ("→ 2", shown(question.right), "class:name"),
            ("e", "either: equally like it", ""),
            ("n", "neither is like it at all", ""),
            ("?", "cannot say", ""),
            ("q", "stop; all answers are kept", ""),
        ]
        keys: dict[str, Verdict | str] = {
            **dict.fromkeys(("left", "1"), Verdict.LEFT),
            **dict.fromkeys(("right", "2"), Verdict.RIGHT),
            "e": Verdict.EITHER,
            "n": Verdict.NEITHER,
            "?": Verdict.CANNOT_SAY,
            "q": STOP,
        }
        if standing.answered:
            lines.insert(-1, ("u", "back: take back the last answer", ""))
            keys |= {"u": BACK, "backspace": BACK}
        heading = [(_progress(standing), "class:soft"), ("", "")]
        if standing.last is not None:
            heading.insert(1, (f"Last: {in_words(standing.last)}.", "class:soft"))
        return self._choose([*heading, (f"Which is more like {shown(question.anchor)}?", "class:name")], lines, keys)

    def resolve(self, circle: Circle) -> int | str:
        """See ``Asker``. Once the user keeps all, nothing is asked any more."""
        if self._keep_all:
            return KEEP
        lines = [(key, in_words(answer), "class:name") for key, answer in zip(_LETTERS, circle, strict=False)]
        if len(circle) > len(lines):
            lines.append(("", f"and {len(circle) - len(lines)} more", "class:soft"))
        lines += [
            ("k", "keep them all: a ranking may contradict itself", ""),
            ("s", "keep these, and show no more contradictions", ""),
            ("q", "stop; all answers are kept", ""),
        ]
        keys = {key: i for i, key in enumerate(_LETTERS[: len(circle)])} | {"k": KEEP, "s": _KEEP_ALL, "q": STOP}
        heading = "These answers contradict each other if likeness is mutual. Take one back, by its letter?"
        said = self._choose([(heading, "")], lines, keys)
        self._keep_all = said == _KEEP_ALL
        return KEEP if self._keep_all else said

    def _choose(self, heading: Sequence[tuple[str, str]], lines: Sequence[Line], keys: Mapping[str, Any]) -> Any:
        """Show paragraphs, each with its style, and what each key does; the value of the key that is pressed."""
        bindings = KeyBindings()
        for key, value in keys.items():
            bindings.add(key)(partial(_leave, result=value))
        bindings.add("c-c")(partial(_leave, exception=KeyboardInterrupt()))
        bindings.add("c-d")(partial(_leave, exception=EOFError()))

        def content() -> StyleAndTextTuples:
            return _laid_out(heading, lines, app.output.get_size().columns)

        window = Window(FormattedTextControl(content, show_cursor=False), wrap_lines=True, dont_extend_height=True)
        app: Application[Any] = Application(
            Layout(window), style=_STYLE, key_bindings=bindings, color_depth=self._depth, erase_when_done=True
        )
        return app.run()


def _leave(event: KeyPressEvent, **outcome: Any) -> None:
    """End the screen, unless a key that came in the same moment ended it already."""
    if not event.app.is_done:
        event.app.exit(**outcome)


def _laid_out(heading: Sequence[tuple[str, str]], lines: Sequence[Line], width: int) -> StyleAndTextTuples:
    """The screen, wrapped at blanks."""
    fragments: StyleAndTextTuples = [(style, textwrap.fill(text, width - 1) + "\n") for text, style in heading]
    fragments.append(("", "\n"))
    indent = max(len(keys) for keys, _, _ in lines) + 4
    for keys, text, style in lines:
        wrapped = textwrap.fill(text, width - 1, initial_indent=" " * indent, subsequent_indent=" " * indent)
        fragments += [("class:key", f"{keys:>{indent - 2}}  "), (style, wrapped[indent:] + "\n")]
    return fragments


def _progress(standing: Standing) -> str:
    """``Class 2 of 10. 14 answers; at most 126 questions more, about 111.``"""
    left = f"at most {counted(standing.at_most, 'question')} more, about {standing.about:,}"
    return f"Class {standing.place:,} of {standing.classes:,}. {counted(standing.answered, 'answer')}; {left}."
