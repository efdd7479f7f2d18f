"""The course of a session: ask, save, take back, resolve contradictions, until nothing is left or the user stops.

No terminal here: what asks is handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from rankcon_cli.elicit.answers import Book
from rankcon_cli.elicit.contradictions import Circle, Contradictions
from rankcon_cli.elicit.interview import Interview
from rankcon_cli.elicit.questions import Answer, Question, Verdict

#: What can be said to a question besides a ``Verdict``, to a contradiction besides which answer to take back, and at
#: the end.
BACK, STOP, KEEP, DONE = "back", "stop", "keep", "done"


@dataclass(frozen=True)
class Standing:
    """Where a session stands.

    Attributes:
        answered: answers given.
        last: the latest of them; None where there is none.
        at_most, about: questions left.
        place: the class that is asked about, counted from 1 among ``classes`` of them; past them at the end.
    """

    answered: int
    last: Answer | None
    at_most: int
    about: int
    place: int
    classes: int


class Asker(Protocol):
    """Who is asked."""

    def ask(self, question: Question, standing: Standing) -> Verdict | str:
        """A verdict, ``BACK`` or ``STOP``."""

    def resolve(self, circle: Circle) -> int | str:
        """The place in the circle, from 0, of an answer to take back; or ``KEEP`` or ``STOP``."""

    def close(self, standing: Standing) -> str:
        """Nothing is left to ask: ``DONE``, or ``BACK`` to take back the last answer."""


class Outcome(NamedTuple):
    """How a session ended.

    ``interview.question`` is None where nothing is left to ask; ``circle``: the contradiction that it was stopped at.
    """

    book: Book
    interview: Interview
    circle: Circle = ()


def converse(book: Book, asker: Asker, save: Callable[[Book], None]) -> Outcome:
    """Ask until nothing is left or ``asker`` stops; ``save`` gets the book after every change, before what follows.

    A contradiction is shown as soon as an answer closes it, and before anything is asked where the book holds one. The
    last answer can be taken back like any other: the end is asked for too.
    """
    while True:
        found, circle = _checked(book)
        if circle:
            said = asker.resolve(circle)
            if said == STOP:
                return Outcome(book, Interview(book.settings, book.answers), circle)
            book = book.keeping(circle[0]) if said == KEEP else book.without(circle[said])
            save(book)
            continue
        interview = Interview(book.settings, book.answers)
        while True:
            said = _said(asker, book, interview)
            if said in (STOP, DONE):
                return Outcome(book, interview)
            if said == BACK:
                book = replace(book, answers=book.answers[:-1])
                save(book)
                break
            answer = Answer(interview.question, Verdict(said))
            book = replace(book, answers=(*book.answers, answer))
            save(book)
            if found.add(answer):
                break
            interview.add(answer)


def _said(asker: Asker, book: Book, interview: Interview) -> Verdict | str:
    """What is said to the next question, or at the end."""
    standing = _standing(book, interview)
    return asker.close(standing) if interview.question is None else asker.ask(interview.question, standing)


def is_settled(book: Book) -> bool:
    """Whether there is nothing to ask: neither a question nor which answer of a contradiction to take back."""
    return not _checked(book)[1] and Interview(book.settings, book.answers).question is None


def _checked(book: Book) -> tuple[Contradictions, Circle]:
    """What the answers demand together, up to the first circle among them that is not kept, and that circle."""
    found = Contradictions(book.settings)
    return found, next(filter(None, map(found.add, book.answers)), ())


def _standing(book: Book, interview: Interview) -> Standing:
    at_most, about = interview.remaining()
    last = book.answers[-1] if book.answers else None
    place, classes = len(interview.tiers) + 1, len(book.settings.anchors)
    return Standing(len(book.answers), last, at_most, about, place, classes)
