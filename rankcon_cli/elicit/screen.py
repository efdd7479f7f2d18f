"""Asking on a terminal: one screen a question, one key an answer."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from rankcon_cli.elicit.contradictions import Circle
from rankcon_cli.elicit.conversation import BACK, DONE, KEEP, STOP, Standing
from rankcon_cli.elicit.layout import Choice, Page, laid_out
from rankcon_cli.elicit.questions import Question, Verdict, in_words, shown
from rankcon_cli.wording import counted

_KEEP_ALL = "keep all"
_LETTERS = "abcdfghij"  # keys that take back an answer of a contradiction: none that answers a question, by haste

_STYLE = Style.from_dict({"key": "bold ansicyan", "name": "bold", "soft": "ansibrightblack"})

_STOP = Choice("q", "stop; all answers are kept")
_BACK = Choice("u", "back: take back the last answer")


class Screen:
    """An ``Asker`` on the terminal of the current prompt_toolkit session (see ``prompting.on_stderr``).

    Ctrl-C raises KeyboardInterrupt, the end of the input EOFError.
    """

    def __init__(self, *, color: bool = True):
        self._depth = None if color else ColorDepth.DEPTH_1_BIT
        self._keep_all = False

    def ask(self, question: Question, standing: Standing) -> Verdict | str:
        """See ``Asker``. Back is offered where there is an answer to take back."""
        choices = [
            Choice("← 1", shown(question.left), "class:name"),
            Choice("→ 2", shown(question.right), "class:name"),
        ]
        others = [
            Choice("e", "either: equally like it"),
            Choice("n", "neither is like it at all"),
            Choice("?", "cannot say"),
            _STOP,
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
            others.insert(-1, _BACK)
            keys |= {"u": BACK, "backspace": BACK}
        asides = [_progress(standing), *_last(standing)]
        return self._choose(Page(asides, f"Which is more like {shown(question.anchor)}?", choices, others), keys)

    def resolve(self, circle: Circle) -> int | str:
        """See ``Asker``. Once the user keeps all, nothing is asked any more."""
        if self._keep_all:
            return KEEP
        choices = [Choice(key, in_words(answer), "class:name") for key, answer in zip(_LETTERS, circle, strict=False)]
        if len(circle) > len(choices):
            choices.append(Choice("", f"and {len(circle) - len(choices)} more", "class:soft"))
        others = [
            Choice("k", "keep them all: a ranking may contradict itself"),
            Choice("s", "keep these, and show no more contradictions"),
            _STOP,
        ]
        keys = {key: i for i, key in enumerate(_LETTERS[: len(circle)])} | {"k": KEEP, "s": _KEEP_ALL, "q": STOP}
        title = "These answers contradict each other if likeness is mutual. Take one back, by its letter?"
        said = self._choose(Page([], title, choices, others), keys)
        self._keep_all = said == _KEEP_ALL
        return KEEP if self._keep_all else said

    def close(self, standing: Standing) -> str:
        """See ``Asker``. To stop is to be done here."""
        title = f"All done: {counted(standing.classes, 'class')}, {counted(standing.answered, 'answer')}."
        others, keys = [Choice("Enter", "write the ranking")], {"enter": DONE, "q": DONE}
        if standing.answered:
            others.insert(0, _BACK)
            keys |= {"u": BACK, "backspace": BACK}
        return self._choose(Page(_last(standing), title, [], others), keys)

    def _choose(self, page: Page, keys: Mapping[str, Any]) -> Any:
        """Show a page; the value of the key that is pressed."""
        bindings = KeyBindings()
        for key, value in keys.items():
            bindings.add(key)(partial(_leave, result=value))
        bindings.add("c-c")(partial(_leave, exception=KeyboardInterrupt()))
        bindings.add("c-d")(partial(_leave, exception=EOFError()))

        def content() -> StyleAndTextTuples:
            size = app.output.get_size()
            lines = laid_out(page, size.columns, size.rows)
            return [fragment for line in lines for fragment in (*line, ("", "\n"))][:-1]

        window = Window(FormattedTextControl(content, show_cursor=False), dont_extend_height=True)
        app: Application[Any] = Application(
            Layout(window), style=_STYLE, key_bindings=bindings, color_depth=self._depth, erase_when_done=True
        )
        return app.run()


def _leave(event: KeyPressEvent, **outcome: Any) -> None:
    """End the screen, unless a key that came in the same moment ended it already."""
    if not event.app.is_done:
        event.app.exit(**outcome)


def _last(standing: Standing) -> list[str]:
    return [] if standing.last is None else [f"Last: {in_words(standing.last)}."]


def _progress(standing: Standing) -> str:
    """``Class 2 of 10. 14 answers; at most 126 questions more, about 111.``"""
    left = f"at most {counted(standing.at_most, 'question')} more, about {standing.about:,}"
    return f"Class {standing.place:,} of {standing.classes:,}. {counted(standing.answered, 'answer')}; {left}."
