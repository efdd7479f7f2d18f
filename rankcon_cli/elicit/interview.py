"""The questions that are left after some answers, and the ranking that the answers make."""

from collections.abc import Generator, Iterable, Iterator
from functools import partial

from rankcon_cli.elicit.knowledge import Knowledge
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict
from rankcon_cli.elicit.schemes import Comparison, Tiers, View, bound, expected, scheme
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member

#: The share of the last class's questions that the answers about all others settle where similarity is symmetric: a
#: rule of thumb. Where no two are equally alike, the sums that it gives lie within 7 % of what benchmarks/elicit.py
#: measures (111 for 10 classes and the top 3, where it measures 111.4); a tree takes fewer.
_SETTLED = 0.2


class Interview:
    """One class after the other, the candidates of each compared by ``scheme``; what follows is not asked.

    Where it stands is a function of the settings and the answers in their order. Any answers may be given, also to
    questions that were not asked: they are used where they serve.

    Attributes:
        question: the next question; None where there is none left.
        tiers: the classes that are done, each with its tiers of names, most similar first.
    """

    def __init__(self, settings: Settings, answers: Iterable[Answer] = ()):
        self.settings = settings
        self.tiers: dict[str, Tiers] = {}
        self._knowledge = Knowledge(symmetric=settings.assume == "symmetric")
        self._asked = self._asked_of_done = 0
        self._met: dict[str, set[str]] = {}  # class -> those it was compared with
        self._unsaid: set[str] = set()  # classes of which it could not be said what is more like them
        self._questions = self._all_questions()
        self._go_on()
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        """Take in an answer and go on to the next question that does not follow from the answers."""
        self._knowledge.learn(answer)
        self._meet(answer.question)
        if answer.verdict is Verdict.CANNOT_SAY:
            self._unsaid.add(answer.question.anchor)
        self._asked += answer.question == self.question
        self._go_on()

    def remaining(self) -> tuple[int, int]:
        """How many questions are left: at most, and about.

        The first is a bound: whatever is answered, it falls by one or more with each question. The second is what
        random orders take, times the share of it that the classes done have taken.
        """
        if self.question is None:
            return 0, 0
        n, done = len(self.settings.classes) - 1, len(self.tiers)
        others = len(self.settings.anchors) - done - 1
        usual = [self._usual(place) for place in range(len(self.settings.anchors))]
        pace = self._asked_of_done / sum(usual[:done]) if done else 1.0
        at_most = self._step.at_most + others * bound(n, self.settings.top)
        return at_most, max(1, min(at_most, round(self._step.about + sum(usual[done + 1 :]) * pace)))

    def _usual(self, place: int) -> float:
        """About how many questions the class takes that comes after ``place`` others."""
        settles = _SETTLED * place / (len(self.settings.classes) - 1) if self.settings.assume == "symmetric" else 0
        return expected(len(self.settings.classes) - 1, self.settings.top) * (1 - settles)

    def ranking(self) -> Ranking:
        """The ranking of all classes whose order the answers settle; others, and ``unknown`` ones, have no list."""
        listings = {}
        for anchor, tiers in self._done():
            if not self._is_unknown(anchor, tiers):
                listings[anchor] = Listing(tuple(Tier(tuple(map(as_member, members))) for members in tiers))
        return Ranking(self.settings.classes, rankings=listings, source="answers given to rankcon rank elicit")

    def unknown(self) -> list[str]:
        """The classes that are done and not listed: all others would share one tier, for want of an answer."""
        return [anchor for anchor, tiers in self._done() if self._is_unknown(anchor, tiers)]

    def _is_unknown(self, anchor: str, tiers: Tiers) -> bool:
        return anchor in self._unsaid and [len(tier) for tier in tiers] == [len(self.settings.classes) - 1]

    def _done(self) -> Iterator[tuple[str, Tiers]]:
        """The classes whose order the answers settle, asked about or not, and their tiers."""
        for anchor in self.settings.classes:
            tiers = self.tiers.get(anchor)
            if tiers is None and len(self._met.get(anchor, ())) == len(self.settings.classes) - 1:
                tiers = self._settled(anchor)
            if tiers is not None:
                yield anchor, tiers

    def _settled(self, anchor: str) -> Tiers | None:
        """The tiers of a class about which nothing need be asked; None for any other."""
        try:
            next(self._questions_about(anchor))
        except StopIteration as end:
            return end.value
        return None

    def _meet(self, question: Question) -> None:
        anchor, *others = question
        self._met.setdefault(anchor, set()).update(others)
        if self.settings.assume == "symmetric":
            for name in others:
                self._met.setdefault(name, set()).add(anchor)

    def _go_on(self) -> None:
        self.question, self._step = next(self._questions, (None, None))

    def _all_questions(self) -> Iterator[tuple[Question, Comparison]]:
        for anchor in self.settings.anchors:
            self.tiers[anchor] = yield from self._questions_about(anchor)
            self._asked_of_done = self._asked

    def _questions_about(self, anchor: str) -> Generator[tuple[Question, Comparison], None, Tiers]:
        """The comparisons of one class that must be asked, each until its answer is known; returns the tiers."""
        known = self._knowledge
        candidates = [name for name in self.settings.classes if name != anchor]
        view = View(partial(known.is_unlike, anchor), partial(known.known_pair, anchor))
        comparisons = scheme(candidates, self.settings.top, view)
        sign = None
        while True:
            try:
                step = comparisons.send(sign)
            except StopIteration as end:
                return end.value
            while (sign := known.compare(anchor, step.left, step.right)) is None:
                yield Question(anchor, step.left, step.right), step
