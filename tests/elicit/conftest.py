"""Simulated users: what they find similar, and how they answer."""

import random
from collections.abc import Callable, Mapping

import pytest

from rankcon_cli.elicit.interview import Interview
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict

Similarity = Mapping[tuple[str, str], float]
User = Callable[[Question], Verdict]


def names(count: int) -> tuple[str, ...]:
    return tuple(f"c{i}" for i in range(count))


def symmetric_similarity(classes: tuple[str, ...], draw: random.Random, levels: int = 10**9) -> Similarity:
    """A similarity of every pair, one of ``levels`` values (few levels: many ties)."""
    values = {}
    for i, a in enumerate(classes):
        for b in classes[:i]:
            values[a, b] = values[b, a] = draw.randrange(levels) / levels
    return values


def consistent(similarity: Similarity, unlike_below: float = 0.0) -> User:
    """A user who answers by a similarity, and says neither where both lie below a threshold."""

    def answer(question: Question) -> Verdict:
        left, right = (similarity[question.anchor, name] for name in question[1:])
        if max(left, right) < unlike_below:
            return Verdict.NEITHER
        return Verdict.EITHER if left == right else Verdict.LEFT if left > right else Verdict.RIGHT

    return answer


def interview_with(settings: Settings, user: User) -> tuple[Interview, list[Answer]]:
    """The finished interview and the answers given. The bound falls with each question and is never passed."""
    interview, answers = Interview(settings), []
    bound, _ = interview.remaining()
    before = bound + 1
    while interview.question is not None:
        at_most, about = interview.remaining()
        assert 1 <= about <= at_most < before
        before = at_most
        answers.append(Answer(interview.question, user(interview.question)))
        interview.add(answers[-1])
    assert interview.remaining() == (0, 0)
    assert len(answers) <= bound
    return interview, answers


@pytest.fixture(scope="session")
def users():
    """The functions above, for tests that cannot import this file."""
    import sys

    return sys.modules[__name__]
