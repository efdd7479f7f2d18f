"""Circles of answers: found as they close, shortest, in words; and taken back or kept."""

import itertools
import random

import pytest
from hypothesis import given, settings, strategies

from rankcon_cli.elicit.answers import Book
from rankcon_cli.elicit.contradictions import Contradictions
from rankcon_cli.elicit.conversation import BACK, DONE, KEEP, STOP, converse, is_settled
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict, in_words
from rankcon_cli.ranking import check

CIRCLE = (  # ab > ac, ac > bc, bc > ab
    Answer(Question("a", "b", "c"), Verdict.LEFT),
    Answer(Question("c", "b", "a"), Verdict.RIGHT),
    Answer(Question("b", "c", "a"), Verdict.LEFT),
)


def added(answers, assume="none", classes="abcdef"):
    found = Contradictions(Settings(tuple(classes), assume=assume))
    return [found.add(answer) for answer in answers]


@pytest.mark.parametrize("answers", list(itertools.permutations(CIRCLE)))
def test_the_last_answer_closes_the_circle_in_any_order(answers):
    first, second, circle = added(answers)
    assert first == second == ()
    assert circle[0] == answers[2] and set(circle) == set(CIRCLE)


def test_a_kept_answer_takes_no_further_part():
    kept = CIRCLE[2]._replace(kept=True)
    assert added([*CIRCLE[:2], kept, Answer(Question("b", "c", "d"), Verdict.LEFT)]) == [()] * 4


def test_the_shortest_of_two_chains_is_shown():
    long = [
        Answer(Question("a", "b", "d"), Verdict.LEFT),  # ab > ad > de > ce > ac
        Answer(Question("d", "a", "e"), Verdict.LEFT),
        Answer(Question("e", "d", "c"), Verdict.LEFT),
        Answer(Question("c", "e", "a"), Verdict.LEFT),
    ]
    against = Answer(Question("a", "c", "b"), Verdict.LEFT)
    assert added([*long, against])[-1] == (against, *long)
    short = [Answer(Question("b", "a", "c"), Verdict.LEFT), Answer(Question("c", "b", "a"), Verdict.LEFT)]
    assert added([*long, *short, against])[-1] == (against, *short)


def test_ties_count_only_where_likeness_is_said_to_be_symmetric():
    tie = CIRCLE[2]._replace(verdict=Verdict.EITHER)
    assert added([*CIRCLE[:2], tie])[-1] == ()
    assert set(added([*CIRCLE[:2], tie], "symmetric")[-1]) == {*CIRCLE[:2], tie}
    assert set(added([tie, *CIRCLE[:2]], "symmetric")[-1]) == {*CIRCLE[:2], tie}
    all_ties = [answer._replace(verdict=Verdict.EITHER) for answer in CIRCLE]
    assert added(all_ties, "symmetric") == [()] * 3


def test_what_demands_nothing_contradicts_nothing():
    for verdict in (Verdict.NEITHER, Verdict.CANNOT_SAY):
        assert added([*CIRCLE[:2], CIRCLE[2]._replace(verdict=verdict)], "symmetric") == [()] * 3


@settings(max_examples=50, deadline=None)
@given(strategies.integers(0, 10**6))
def test_a_similarity_contradicts_itself_never(users, seed):
    draw = random.Random(seed)
    classes = users.names(6)
    user = users.consistent(users.symmetric_similarity(classes, draw, 6))
    answers = [Answer(q, user(q)) for q in (Question(*draw.sample(classes, 3)) for _ in range(60))]
    assert not any(added(answers, "symmetric", classes))


@settings(max_examples=50, deadline=None)
@given(strategies.integers(0, 10**6))
def test_a_circle_is_one_and_without_it_and_w203_there_is_none(users, seed):
    """Each answer's lower pair is the next one's upper pair; the finished ranking has W203 only where one was kept."""
    draw = random.Random(seed)
    classes = users.names(5)
    user = users.consistent({pair: draw.random() for pair in itertools.permutations(classes, 2)})
    circles = []

    class Asker:
        def ask(self, question, standing):
            return user(question)

        def resolve(self, circle):
            circles.append(circle)
            return KEEP

        def close(self, standing):
            return DONE

    outcome = converse(Book(Settings(classes, 4)), Asker(), lambda book: None)
    for circle in circles:
        demands = []
        for answer in circle:
            (anchor, left, right), verdict = answer.question, answer.verdict
            more, less = (left, right) if verdict is Verdict.LEFT else (right, left)
            demands.append(({anchor, more}, {anchor, less}))
        assert all(lower == upper for (_, lower), (upper, _) in itertools.pairwise([*demands, demands[0]]))
    assert bool(circles) == ("W203" in {issue.code for issue in check(outcome.interview.ranking())})


class Script:
    """An asker that plays back what it was given, and remembers what it saw."""

    def __init__(self, said, resolved=(), closed=()):
        self.said, self.resolved, self.closed = iter(said), iter(resolved), iter(closed)
        self.asked, self.circles, self.standings = [], [], []

    def ask(self, question, standing):
        self.asked.append(question)
        self.standings.append(standing)
        return next(self.said, STOP)

    def resolve(self, circle):
        self.circles.append(circle)
        return next(self.resolved, STOP)

    def close(self, standing):
        self.standings.append(standing)
        return next(self.closed, DONE)


def test_every_answer_is_saved_before_the_next_question():
    saved = []
    asker = Script(["left", "neither"])
    outcome = converse(Book(Settings(tuple("abcd"))), asker, saved.append)
    assert [len(book.answers) for book in saved] == [1, 2]
    assert saved[-1] == outcome.book
    assert [standing.answered for standing in asker.standings] == [0, 1, 2]
    assert asker.standings[0].last is None and asker.standings[1].last == outcome.book.answers[0]


def test_back_takes_back_one_answer_at_a_time():
    saved = []
    asker = Script(["left", "right", BACK, BACK, BACK, "either"])
    converse(Book(Settings(tuple("abcd"))), asker, saved.append)
    first, second, third = asker.asked[:3]
    assert asker.asked[:6] == [first, second, third, second, first, first]
    assert [len(book.answers) for book in saved] == [1, 2, 1, 0, 0, 1]


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_an_answer_of_a_circle_is_taken_back(taken):
    asker = Script([], [taken])
    outcome = converse(Book(Settings(tuple("abc")), CIRCLE), asker, lambda book: None)
    (circle,) = asker.circles
    assert set(CIRCLE) - set(outcome.book.answers) == {circle[taken]}
    assert not is_settled(outcome.book)


def test_a_circle_that_is_kept_is_shown_once():
    asker = Script([], [KEEP])
    outcome = converse(Book(Settings(tuple("abc")), CIRCLE), asker, lambda book: None)
    assert outcome.interview.question is None and is_settled(outcome.book)
    assert [answer.kept for answer in outcome.book.answers] == [False, False, True]
    assert converse(outcome.book, Script([]), lambda book: None).interview.ranking() == outcome.interview.ranking()


def test_stopping_over_a_circle_leaves_the_answers_alone():
    outcome = converse(Book(Settings(tuple("abc")), CIRCLE), Script([]), lambda book: None)
    assert outcome.book.answers == CIRCLE and set(outcome.circle) == set(CIRCLE)


def test_the_last_answer_is_taken_back_at_the_end():
    saved = []
    asker = Script(["left", "left", "right", "left"], closed=[BACK])
    outcome = converse(Book(Settings(tuple("abc"))), asker, saved.append)
    assert [len(book.answers) for book in saved] == [1, 2, 3, 2, 3]
    assert asker.asked[2] == asker.asked[3] == outcome.book.answers[-1].question
    assert outcome.book.answers[-1].verdict is Verdict.LEFT and outcome.circle == ()
    assert asker.standings[-1].last == outcome.book.answers[-1] and asker.standings[-1].at_most == 0


def test_answers_in_words():
    question = Question("bird", "airplane", "[bold]\u202e")
    assert [in_words(Answer(question, verdict)) for verdict in Verdict] == [
        "bird is more like airplane than like [bold]\\u202e",
        "bird is more like [bold]\\u202e than like airplane",
        "bird is as like airplane as it is like [bold]\\u202e",
        "bird is like neither airplane nor [bold]\\u202e",
        "whether bird is more like airplane or [bold]\\u202e cannot be said",
    ]
