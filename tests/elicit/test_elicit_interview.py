"""Whole interviews with simulated users: the counts, the results, and where they go on."""

import random
import statistics

import pytest
from hypothesis import given, settings, strategies

from rankcon_cli.elicit.interview import Interview
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import check, compile_ranking, parse, write

ASSUMED = pytest.mark.parametrize("assume", ["none", "symmetric"])
thrifty = settings(max_examples=50, deadline=None)
seeds = strategies.integers(0, 10**6)


def true_tiers(similarity, classes, anchor, top, unlike_below=0.0):
    """What a consistent user means: tiers down to the one that reaches ``top``, without what is unlike."""
    tiers, count = [], 0
    for value in sorted({similarity[anchor, b] for b in classes if b != anchor}, reverse=True):
        if count < top and value >= unlike_below:
            tiers.append({b for b in classes if b != anchor and similarity[anchor, b] == value})
            count += len(tiers[-1])
    return tiers


def sets(tiers):
    return [set(tier) for tier in tiers]


def test_ten_classes_and_the_top_three_need_well_under_all_triples(users):
    """Bound: 10 classes of 9 candidates, 9 - 1 + (3 - 1)(4 - 1) = 14 each; asking all takes 10 * C(9, 2) = 360."""
    classes = users.names(10)
    counts = {}
    for assume in ("none", "symmetric"):
        counts[assume] = []
        for seed in range(30):
            similarity = users.symmetric_similarity(classes, random.Random(seed))
            user = users.consistent(similarity)
            interview, answers = users.interview_with(Settings(classes, assume=assume), user)
            assert Interview(Settings(classes, assume=assume)).remaining()[0] == 140
            counts[assume].append(len(answers))
            for anchor in classes:
                assert sets(interview.tiers[anchor]) == true_tiers(similarity, classes, anchor, 3)
    assert max(counts["none"]) <= 130 and statistics.mean(counts["none"]) <= 125
    assert max(counts["symmetric"]) <= 125 and statistics.mean(counts["symmetric"]) <= 113


@pytest.mark.parametrize(("assume", "about"), [("none", 123), ("symmetric", 111)])
def test_the_number_announced_is_about_the_number_asked(users, assume, about):
    """Cf. benchmarks/results/elicit.json: 123.0 and 111.4 on average for ten classes and the top 3."""
    assert Interview(Settings(users.names(10), assume=assume)).remaining() == (140, about)


@ASSUMED
@thrifty
@given(
    seed=seeds,
    count=strategies.integers(3, 9),
    top=strategies.integers(1, 9),
    levels=strategies.sampled_from([2, 4, 10**9]),
)
def test_a_consistent_user_gets_their_own_order(users, assume, seed, count, top, levels):
    classes = users.names(count)
    similarity = users.symmetric_similarity(classes, random.Random(seed), levels)
    interview, _ = users.interview_with(Settings(classes, top, assume), users.consistent(similarity))
    for anchor in classes:
        assert sets(interview.tiers[anchor]) == true_tiers(similarity, classes, anchor, top)


@ASSUMED
@thrifty
@given(seed=seeds, count=strategies.integers(3, 9), top=strategies.integers(1, 9), levels=strategies.integers(2, 40))
def test_a_user_who_says_neither_gets_nothing_unlike(users, assume, seed, count, top, levels):
    """Where "neither" was never said of a class, one unlike class may close the list: nobody asked about it alone."""
    classes = users.names(count)
    similarity = users.symmetric_similarity(classes, random.Random(seed), levels)
    interview, answers = users.interview_with(Settings(classes, top, assume), users.consistent(similarity, 0.5))
    said = {answer.question.anchor for answer in answers if answer.verdict is Verdict.NEITHER}
    for anchor in classes:
        found = sets(interview.tiers[anchor])
        alike = [tier for tier in found if all(similarity[anchor, b] >= 0.5 for b in tier)]
        assert alike == true_tiers(similarity, classes, anchor, top, 0.5)
        assert found[: len(alike)] == alike
        if anchor in said:
            assert found == alike


@ASSUMED
@thrifty
@given(seed=seeds, count=strategies.integers(3, 8), top=strategies.integers(1, 8))
def test_any_user_ends_within_the_bound_with_a_valid_ranking(users, assume, seed, count, top):
    draw = random.Random(seed)
    classes = ("@home", "a,b", "[bold]", *users.names(count - 3))
    interview, _ = users.interview_with(Settings(classes, top, assume), lambda question: draw.choice(list(Verdict)))
    ranking = interview.ranking()
    assert not [issue for issue in check(ranking) if issue.severity == "error"]
    assert compile_ranking(parse(write(ranking), "x")) == compile_ranking(ranking)
    assert {*ranking.rankings, *interview.unknown()} == set(classes)


@ASSUMED
@thrifty
@given(seed=seeds, count=strategies.integers(3, 8), left_out=strategies.integers(0, 100))
def test_answers_in_any_order_and_number_never_break_it(users, assume, seed, count, left_out):
    """Answers to questions that were not asked, contradicting each other, with some of them taken back."""
    draw = random.Random(seed)
    classes = users.names(count)
    answers = [Answer(Question(*draw.sample(classes, 3)), draw.choice(list(Verdict))) for _ in range(40)]
    interview = Interview(Settings(classes, 3, assume), answers)
    while interview.question is not None:
        answers.append(Answer(interview.question, draw.choice(list(Verdict))))
        interview.add(answers[-1])
    del answers[left_out % len(answers)]
    again = Interview(Settings(classes, 3, assume), answers)
    assert not [issue for issue in check(again.ranking()) if issue.severity == "error"]


@ASSUMED
@thrifty
@given(seed=seeds, cut=strategies.integers(0, 200))
def test_a_resumed_interview_goes_on_exactly(users, assume, seed, cut):
    draw = random.Random(seed)
    classes = users.names(7)
    arranged = Settings(classes, 3, assume)
    _, answers = users.interview_with(arranged, lambda question: draw.choice(list(Verdict)))
    resumed = Interview(arranged, answers[:cut])
    for answer in answers[cut:]:
        assert resumed.question == answer.question
        resumed.add(answer)
    assert resumed.question is None
    assert resumed.ranking() == Interview(arranged, answers).ranking()


def test_an_answer_that_follows_is_not_asked_for(users):
    """ab > ac (at a) and ac > bc (at c) give ab > bc: b is not asked whether a or c."""
    answers = [
        Answer(Question("a", "b", "c"), Verdict.LEFT),
        Answer(Question("c", "a", "b"), Verdict.LEFT),
    ]
    classes = ("a", "b", "c")
    assert Interview(Settings(classes, assume="symmetric"), answers).question is None
    assert Interview(Settings(classes, assume="none"), answers).question == ("b", "a", "c")
    assert Interview(Settings(classes, assume="symmetric"), answers).tiers["b"] == [["a"], ["c"]]


def test_neither_is_mutual_only_where_it_was_said_to_be():
    answers = [Answer(Question("a", "b", "c"), Verdict.NEITHER)]
    classes = ("a", "b", "c")
    apart = Interview(Settings(classes, assume="none"), answers)
    assert apart.tiers == {"a": []} and apart.question == ("b", "a", "c")
    mutual = Interview(Settings(classes, assume="symmetric"), answers)
    assert mutual.question == ("b", "c", "a")  # whether c earns its place against what is out


def test_cannot_say_is_not_asked_again_and_concludes_nothing():
    answers = [Answer(Question("a", "b", "c"), Verdict.CANNOT_SAY)]
    interview = Interview(Settings(("a", "b", "c"), assume="symmetric"), answers)
    assert sets(interview.tiers["a"]) == [{"b", "c"}]
    assert interview.question == ("b", "a", "c")
    settled = Interview(
        Settings(("a", "b", "c"), assume="symmetric"),
        [
            *answers,
            Answer(Question("b", "a", "c"), Verdict.LEFT),
            Answer(Question("c", "b", "a"), Verdict.LEFT),
        ],
    )
    assert settled.question is None


def test_a_class_is_unknown_only_where_all_others_would_share_a_tier():
    classes = tuple("abcd")
    unsaid = [Answer(Question("a", "b", other), Verdict.CANNOT_SAY) for other in "cd"]
    told_apart = [unsaid[0], Answer(Question("a", "b", "d"), Verdict.LEFT)]
    ties = [answer._replace(verdict=Verdict.EITHER) for answer in unsaid]
    for answers, unknown in ((unsaid, ["a"]), (told_apart, []), (ties, [])):
        interview = Interview(Settings(classes, only=("a",)), answers)
        while interview.question is not None:
            interview.add(Answer(interview.question, Verdict.CANNOT_SAY if unknown else Verdict.EITHER))
        assert interview.unknown() == unknown
        assert set(interview.ranking().rankings) == {"a"} - set(unknown)


def test_some_classes_first_and_the_others_later(users):
    classes = users.names(6)
    user = users.consistent(users.symmetric_similarity(classes, random.Random(0)))
    part, answers = users.interview_with(Settings(classes, only=("c4", "c2", "c4")), user)
    assert list(part.tiers) == ["c4", "c2"] == sorted(part.ranking().rankings, reverse=True)
    rest = Interview(Settings(classes, only=("c0",)), answers)
    assert rest.question.anchor == "c0"
    assert set(rest.ranking().rankings) == {"c2", "c4"}


def test_a_larger_top_uses_the_answers_there_are(users):
    classes = users.names(10)
    similarity = users.symmetric_similarity(classes, random.Random(1))
    user = users.consistent(similarity)
    _, answers = users.interview_with(Settings(classes, 2), user)
    interview, more = Interview(Settings(classes, 3), answers), 0
    while interview.question is not None:
        interview.add(Answer(interview.question, user(interview.question)))
        more += 1
    assert more <= 30
    assert sets(interview.tiers["c3"]) == true_tiers(similarity, classes, "c3", 3)


@pytest.mark.parametrize("wrong", [{"top": 0}, {"assume": "all"}, {"only": ("d",)}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(RankconError):
        Settings(("a", "b", "c"), **wrong)
