"""From a matrix of similarities to tiers and scores."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rankcon_cli.derive.similarity import MAX_CLASSES, Similarities, to_ranking
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking import check, compile_ranking

NAN, INF = float("nan"), float("inf")


def given_rows(*rows, **kinds):
    return Similarities(tuple("abcdefgh"[: len(rows)]), np.array(rows, dtype=np.float64), **kinds)


def tiers(similarities, **rule):
    """The tiers of the first class, as words: 'b cd' is b, then c and d."""
    table = compile_ranking(to_ranking(similarities, **rule))
    return " ".join("".join(table.classes[b] for b in members) for members in table.tiers[0])


def first_row(*values, **kinds):
    """A matrix whose first row holds 1 and the values, and that says nothing else."""
    matrix = np.full((len(values) + 1,) * 2, NAN)
    matrix[0, 1:] = values
    return Similarities(tuple("abcdefgh"[: len(matrix)]), matrix, **kinds)


@pytest.mark.parametrize(
    "values, k, expected",
    [
        ((0.2, 0.9, 0.5, 0.1), 2, "c d"),
        ((0.2, 0.9, 0.5, 0.1), 9, "c d b e"),
        ((0.5, 0.9, 0.5, 0.1), 3, "c bd"),  # a tie is one tier ...
        ((0.5, 0.9, 0.5, 0.5), 2, "c bde"),  # ... and is not cut in two
        ((0.5, 0.9, 0.5 + 1e-15, 0.1), 2, "c bd"),  # equal up to rounding
        ((0.5, 0.9, 0.5 - 1e-15, 0.1), 2, "c bd"),
        ((0.5, 0.5, 0.5, 0.5), 1, "bcde"),
        ((NAN, 0.9, -INF, -0.5), 3, "c e"),  # not given, and given as not similar
        ((-3.0, 7.0, 0.0, 2e300), 4, "e c d b"),
        ((1e308, -1e308, 0.0, 0.0), 4, "b de c"),
    ],
)
def test_the_most_similar(values, k, expected):
    assert tiers(first_row(*values), top_k=k) == expected


def test_three_of_each_where_nothing_is_said(caplog):
    caplog.set_level("INFO", "rankcon")
    assert tiers(first_row(0.1, 0.2, 0.3, 0.4)) == "e d c"
    assert "3 most similar" in caplog.text


@pytest.mark.parametrize(
    "values, cuts, expected",
    [
        ((0.2, 0.9, 0.5, 0.1), (0.5,), "cd"),  # a cut belongs to the tier above it
        ((0.2, 0.9, 0.5, 0.1), (0.8, 0.6, 0.15), "c bd"),  # an empty tier closes up
        ((0.2, 0.9, 0.5, 0.1), (0.95,), ""),
        ((NAN, 0.9, -INF, 0.1), (0.05,), "ce"),
    ],
)
def test_cuts(values, cuts, expected):
    assert tiers(first_row(*values), cuts=cuts) == expected


def test_cuts_of_distances_are_distances():
    near = first_row(-0.2, -3.0, -0.5, -INF, distances=True)
    assert tiers(near, cuts=(0.2, 1, 5)) == "b d c"
    with pytest.raises(UsageError, match=r"rise.* not 5, 1"):
        to_ranking(near, cuts=(5, 1))


@pytest.mark.parametrize(
    "values, n, expected",
    [
        ((0.9, 0.85, 0.5, 0.1), 1, "bcd"),  # .5 to .1 is the largest fall
        ((0.9, 0.85, 0.5, 0.1), 2, "bc d"),
        ((0.9, 0.8, 0.1, 0.0), 1, "bc"),
        ((3, 2, 1, 0), 1, "b"),  # of equal gaps the one among the more similar
        ((3, 2, 1, 0), 9, "b c d"),  # as many as there are; the last class stays below
        ((2, 2, 2, 2), 3, ""),  # no gap at all
        ((2, 2, 2 - 1e-12, 1), 2, "bcd"),  # rounding is no gap
        ((NAN, NAN, 1, NAN), 1, ""),
        ((-INF, 3, 2, 2.5), 1, "cde"),  # down to what is not similar is the widest gap
        ((-INF, 3, 1, 2.5), 2, "ce d"),
        ((-INF, 3, NAN, NAN), 5, "c"),
    ],
)
def test_gaps(values, n, expected):
    assert tiers(first_row(*values), gaps=n) == expected


def test_without_a_gap_a_class_is_left_to_rank():
    ranking = to_ranking(given_rows((1, 2, 2), (3, 1, NAN), (-INF, -INF, 1)), gaps=1)
    assert {name: listing.tiers for name, listing in ranking.rankings.items()} == {"c": ()}


def test_what_is_not_ranked_is_said(caplog):
    caplog.set_level("INFO", "rankcon")

    def said(similarities, **rule):
        caplog.clear()
        to_ranking(similarities, scores=False, **rule)
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    some = given_rows((1, 0.9, 0.2), (0.9, 1, 0.9), (0.2, 0.1, 1))
    assert said(some, cuts=(2,)) == [("WARNING", "no value reaches 2: nothing is ranked")]
    assert said(some, cuts=(0.8, 0.5)) == [
        ("INFO", "no value reaches 0.5 for 1 class: nothing is similar to 'c'"),
    ]
    far = given_rows((0, -3), (-3, 0), distances=True)
    assert said(far, cuts=(0.5,)) == [("WARNING", "no distance is as small as 0.5: nothing is ranked")]
    assert said(some, gaps=1) == [("INFO", "left for you to rank, as there is no gap between their values: 'b'")]
    assert said(far, gaps=1) == [("WARNING", "nothing is ranked: no class has a gap between its values")]
    assert said(first_row(NAN), top_k=1) == [("WARNING", "nothing is ranked: no values are given")]
    assert said(some, top_k=1) == said(some, cuts=(0.8, 0.1)) == []


def test_declared_tiers_are_kept_as_they_are_unless_asked():
    declared = first_row(-1.0, -2.0, -2.0 - 1e-12, -7.0, declared=True)
    assert tiers(declared) == "b c d e"
    assert tiers(declared, top_k=1) == "b"


def test_the_diagonal_is_ignored_and_rows_are_read_as_they_are():
    ranking = to_ranking(given_rows((INF, 0.2, 0.3), (0.9, NAN, 0.1), (0.3000001, 0.1, -5)), top_k=1)
    table = compile_ranking(ranking)
    assert table.tiers == (((2,),), ((0,),), ((0,),))
    assert table.scores == ((0.3,), (0.9,), (0.3000001,))


def test_a_class_without_values_is_left_to_rank_and_one_with_nothing_similar_is_not():
    ranking = to_ranking(given_rows((1, NAN, NAN), (-INF, 1, NAN), (0.5, 0.4, 1)))
    assert list(ranking.rankings) == ["b", "c"] and not ranking.rankings["b"].tiers
    assert "W205" in {issue.code for issue in check(ranking)}


def test_scores_are_the_means_of_tiers():
    table = compile_ranking(to_ranking(first_row(0.9, 0.8, 0.2, 0.15), cuts=(0.5, 0.1)))
    assert table.scores[0] == (0.85, 0.175)
    exact = 0.1234567890123
    assert compile_ranking(to_ranking(first_row(exact, exact), top_k=1)).scores[0] == (exact,)


def test_scores_are_left_out_where_they_are_none(caplog):
    caplog.set_level("INFO", "rankcon")
    for values in ((0.9, -0.1), (1.0, 0.5), (0.5, 0.0)):  # means outside (0, 1)
        assert to_ranking(first_row(*values)).rankings["a"].tiers[0].score is None
    assert "1 class without scores" in caplog.text
    other_scale = given_rows((1, 0.5, 0.2), (30, 1, 20), (30, 20, 1))
    assert not any(compile_ranking(to_ranking(other_scale)).scores)
    assert compile_ranking(to_ranking(given_rows((9, 0.5), (0.5, 9)))).scores == ((0.5,), (0.5,))
    assert not any(compile_ranking(to_ranking(first_row(0.5, 0.2), scores=False)).scores)
    assert not any(compile_ranking(to_ranking(first_row(-0.5, -0.2, distances=True))).scores)


def test_names_metadata_and_members_are_written_as_a_ranking_file_does():
    similarities = Similarities(("@x", "b"), np.array([[1, 0.5], [0.5, 1]]))
    ranking = to_ranking(similarities, name="n", source="s")
    assert ranking.rankings["b"].tiers[0].of == ("@@x",) and (ranking.name, ranking.source) == ("n", "s")
    assert compile_ranking(ranking).tiers == (((1,),), ((0,),))


@pytest.mark.parametrize(
    "rule",
    [
        {"cuts": (0.5,), "top_k": 1},
        {"gaps": 1, "top_k": 1},
        {"top_k": 0},
        {"gaps": -1},
        {"cuts": ()},
        {"cuts": (0.1, 0.5)},
        {"cuts": (0.5, 0.5)},
        {"cuts": (NAN,)},
        {"cuts": (INF, 0.1)},
    ],
)
def test_rules_that_make_no_sense(rule):
    with pytest.raises(UsageError):
        to_ranking(first_row(0.5, 0.1), **rule)


def test_matrices_that_make_no_sense():
    with pytest.raises(RankconError, match="'a' has a similarity that is infinite"):
        to_ranking(first_row(0.5, INF))
    for classes in ((), ("a",), ("a", "a"), ("a", "b\n"), ("a", " b")):
        with pytest.raises(RankconError):
            Similarities(classes, np.zeros((len(classes),) * 2))
    with pytest.raises(RankconError, match="shape"):
        Similarities(("a", "b"), np.zeros((3, 3)))
    with pytest.raises(RankconError, match="10,001 classes"):
        Similarities(tuple(map(str, range(MAX_CLASSES + 1))), np.zeros((1, 1)))


def test_more_than_a_file_has_room_for_is_refused(monkeypatch):
    monkeypatch.setattr("rankcon_cli.derive.similarity.MAX_LISTED", 5)
    similarities = given_rows(*np.ones((3, 3)))
    with pytest.raises(RankconError, match="list more than 5 classes") as caught:
        to_ranking(similarities, cuts=(0.5,))
    assert "top-k" in caught.value.hint


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 7).flatmap(
        lambda n: arrays(np.float64, (n, n), elements=st.floats(allow_infinity=False) | st.just(-INF))
    ),
    st.one_of(
        st.builds(lambda k: {"top_k": k}, st.integers(1, 8)),
        st.builds(lambda k: {"gaps": k}, st.integers(1, 8)),
        st.builds(
            lambda cuts: {"cuts": sorted(cuts, reverse=True)},
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4, unique=True),
        ),
    ),
)
def test_any_matrix_gives_a_sound_ranking_that_follows_it(matrix, rule):
    similarities = Similarities(tuple(map(str, range(len(matrix)))), matrix)
    table = compile_ranking(to_ranking(similarities, **rule))  # raises for scores that do not fall, and the like
    for c, row in enumerate(table.tiers):
        values = [matrix[c, list(members)] for members in row]
        assert all(above.min() > below.max() for above, below in pairwise(values))
        listed = {b for members in row for b in members}
        left = [matrix[c, b] for b in range(len(matrix)) if b not in listed | {c} and matrix[c, b] > -INF]
        assert not left or not listed or min(v.min() for v in values) > max(left)
