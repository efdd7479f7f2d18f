"""What is asked and what can be answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.wording import did_you_mean, quoted

#: What ``Settings.assume`` may say, and what it means.
ASSUMPTIONS = {
    "none": "each class is asked about on its own",
    "symmetric": "a is as like b as b is like a: answers about one class, chained, settle questions about others",
}


class Verdict(StrEnum):
    """An answer to "which is more like the anchor: left or right?", as it stands in the answers file."""

    LEFT = "left"
    RIGHT = "right"
    EITHER = "either"  #: equally alike: one tier
    NEITHER = "neither"  #: not like the anchor at all, either of them: not listed, nor is what is less alike
    CANNOT_SAY = "cannot say"  #: not asked again; the two share a tier where nothing else tells them apart


class Question(NamedTuple):
    """Which is more like ``anchor``: ``left`` or ``right``? Three different class names."""

    anchor: str
    left: str
    right: str


class Answer(NamedTuple):
    """A question and its verdict; ``kept``: the user knows that it contradicts earlier answers and keeps it so."""

    question: Question
    verdict: Verdict
    kept: bool = False


@dataclass(frozen=True)
class Settings:
    """What the questions are to find out.

    Attributes:
        classes: class names in label order.
        top: how many most similar classes are looked for; a list ends with the tier that reaches this number.
        assume: a key of ``ASSUMPTIONS``.
        only: the classes that this session asks about, in this order; empty: all.

    Raises:
        RankconError: a name of ``only`` is no class, or a number or assumption makes no sense.
    """

    classes: tuple[str, ...]
    top: int = 3
    assume: str = "none"
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.assume not in ASSUMPTIONS:
            known = " or ".join(ASSUMPTIONS)
            raise RankconError(f"what to assume is {known}, not {quoted(self.assume)}")
        if self.top < 1:
            raise RankconError(f"{self.top} most similar classes cannot be looked for; it takes 1 or more")
        known = set(self.classes)
        for name in self.only:
            if name not in known:
                raise RankconError(f"there is no class {quoted(name)}{did_you_mean(name, self.classes)}")

    @property
    def anchors(self) -> tuple[str, ...]:
        """The classes that are asked about, each once, in order."""
        return tuple(dict.fromkeys(self.only)) or self.classes


def in_words(answer: Answer) -> str:
    """``bird is more like airplane than like frog``, the names bare."""
    (anchor, left, right), verdict = answer.question, answer.verdict
    if verdict is Verdict.RIGHT:
        left, right = right, left
    sentences = {
        Verdict.EITHER: "{0} is as like {1} as it is like {2}",
        Verdict.NEITHER: "{0} is like neither {1} nor {2}",
        Verdict.CANNOT_SAY: "whether {0} is more like {1} or {2} cannot be said",
    }
    return sentences.get(verdict, "{0} is more like {1} than like {2}").format(*map(shown, (anchor, left, right)))


def shown(name: str) -> str:
    """A class name as it is safe on a terminal: ``quoted`` without its quotes."""
    return quoted(name)[1:-1]


def size_in_words(settings: Settings) -> str:
    """``the 3 most similar for each of 10 classes``, ``the most similar for bird``."""
    top, others, anchors = settings.top, len(settings.classes) - 1, settings.anchors
    most = "the order of all others" if top >= others else "the most similar" if top == 1 else f"the {top} most similar"
    return f"{most} for " + (shown(anchors[0]) if len(anchors) == 1 else f"each of {len(anchors):,} classes")


def check_classes(names: Sequence[str], place: str) -> tuple[str, ...]:
    """``names`` where they can be the classes of a ranking: three or more, each once; RankconError else.

    With two there is nothing to ask: each can only be like the other.
    """
    from rankcon_cli.ranking.document import name_fault

    seen = set()
    for name in names:
        fault = name_fault(name)
        if fault:
            raise RankconError(f"{place}: {quoted(name)} cannot name a class: {fault}")
        if name in seen:
            raise RankconError(f"{place}: the class {quoted(name)} is listed twice")
        seen.add(name)
    if len(names) < 3:
        raise RankconError(f"{place}: questions need three classes or more, and there are {len(names)}")
    return tuple(names)
