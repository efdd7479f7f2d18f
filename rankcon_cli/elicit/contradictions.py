"""Answers that contradict each other: circles of pairs, each more similar than the next (cf. W203)."""

from collections.abc import Sequence

from rankcon_cli.elicit.knowledge import ALIKE, LESS, MORE, Knowledge
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict

Pair = tuple[str, str]

#: Answers that contradict each other, the latest first, each about a pair that the one before is about.
Circle = tuple[Answer, ...]

_SIGN = {Verdict.LEFT: MORE, Verdict.RIGHT: LESS, Verdict.EITHER: ALIKE}


class Contradictions:
    """Finds the answer that closes a circle, as it comes.

    An answer "a is more like b than like c" says that the pair {a, b} is more similar than {a, c}. Answers that no
    symmetric similarity can meet form a circle of such demands. "Equally alike" counts only where similarity was said
    to be symmetric: taken as exact in a ranking that need not be, it would find fault with every rounding, and W203
    does not count ties either. Answers that close a circle and are ``kept`` take no further part.
    """

    def __init__(self, settings: Settings):
        self._ties = settings.assume == "symmetric"
        self._order = Knowledge(symmetric=True)
        self._demands: dict[Pair, list[tuple[Pair, Answer]]] = {}  # pair -> what is not more similar, and who says so

    def add(self, answer: Answer) -> Circle:
        """Take in an answer; the shortest circle that it closes, itself first, unless it is kept; else empty."""
        sign = _SIGN.get(answer.verdict)
        if sign is None or (sign == ALIKE and not self._ties):
            return ()
        if self._order.concluded(*answer.question) not in (None, sign):
            return () if answer.kept else (answer, *self._opposed(answer.question, sign))
        self._order.learn(answer)
        more, less = _pairs(answer.question, sign)
        self._demands.setdefault(more, []).append((less, answer))
        if sign == ALIKE:
            self._demands.setdefault(less, []).append((more, answer))
        return ()

    def _opposed(self, question: Question, sign: int) -> Sequence[Answer]:
        """The fewest answers that say the opposite when chained."""
        more, less = _pairs(question, sign)
        if sign != ALIKE:
            return self._chain(less, more)
        return self._chain(more, less, strict=True) or self._chain(less, more, strict=True)

    def _chain(self, start: Pair, end: Pair, *, strict: bool = False) -> Sequence[Answer]:
        """The shortest chain of demands from a pair down to another; strict: not of ties alone. Empty: none."""
        came: dict[tuple[Pair, bool], tuple[tuple[Pair, bool], Answer]] = {}
        queue = [(start, not strict)]
        for place in queue:
            pair, is_strict = place
            for lower, answer in self._demands.get(pair, ()):
                reached = (lower, is_strict or answer.verdict is not Verdict.EITHER)
                if reached not in came and reached != queue[0]:
                    came[reached] = (place, answer)
                    queue.append(reached)
        chain, place = [], (end, True)
        while place in came:
            place, answer = came[place]
            chain.append(answer)
        return chain[::-1]


def _pairs(question: Question, sign: int) -> tuple[Pair, Pair]:
    """The pair that the answer calls more similar (at least as similar), and the other."""
    left, right = sorted((question.anchor, question.left)), sorted((question.anchor, question.right))
    more, less = (right, left) if sign == LESS else (left, right)
    return tuple(more), tuple(less)
