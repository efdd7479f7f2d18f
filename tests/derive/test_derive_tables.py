"""Matrices, tables of pairs and lists of distances, as people have them."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.derive.similarity import to_ranking
from rankcon_cli.derive.tables import read_matrix, read_table
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import compile_ranking

NAN = float("nan")
THREE = {("a", "b"): 0.9, ("a", "c"): 0.1, ("b", "a"): 0.9, ("b", "c"): 0.2, ("c", "a"): 0.1, ("c", "b"): 0.2}


def values(similarities):
    """(class, other) -> value, for all that are given."""
    n = range(len(similarities.classes))
    return {
        (similarities.classes[a], similarities.classes[b]): similarities.matrix[a, b].item()
        for a in n
        for b in n
        if a != b and not np.isnan(similarities.matrix[a, b])
    }


@pytest.mark.parametrize(
    "text",
    [
        ",a,b,c\na,1,.9,.1\nb,.9,1,.2\nc,.1,.2,1\n",  # as pandas writes it
        "class,a,b,c\r\na,1,.9,.1\r\nb,.9,1,.2\r\nc,.1,.2,1",
        "\ufeff;a;b;c\na;1;.9;.1\n\nb;.9;1;.2\nc;.1;.2;1\n",
        "a\tb\tc\na\t1\t.9\t.1\nb\t.9\t1\t.2\nc\t.1\t.2\t1\n",  # as R writes it: no corner
        "a,b,c\n1,.9,.1\n.9,1,.2\n.1,.2,1\n",  # rows without names
        'x,a,b,c\n"c", 1e-1,"0.2",\n"a",-,.9,.1\n b ,9E-1,inf,+.2\n',  # rows in another order; anything on the diagonal
        "a b c\n1 .9 .1\n.9 1 .2\n.1 .2 1\n",
    ],
)
def test_the_shapes_of_a_matrix(text):
    similarities = read_matrix(text, "m", distance=False)
    assert similarities.classes == ("a", "b", "c") and values(similarities) == THREE


def test_digits_may_be_the_names():
    for corner, names in ((",", ("0,", "1,", "2,")), ("", ("", "", ""))):
        rows = ("0,2,3", "2,0,1", "1,1,0")
        text = "\n".join([f"{corner}0,1,2", *(name + row for name, row in zip(names, rows, strict=True))])
        similarities = read_matrix(text, "m", distance=True)
        assert (
            similarities.classes == ("0", "1", "2") and values(similarities)["2", "0"] == -1 and similarities.distances
        )


@pytest.mark.parametrize(
    "text",
    [
        "1.0 0.5 0.1\n0.5 1.0 0.2\n0.1 0.2 1.0\n",
        "1.000000000000000000e+00,5.0e-01,1.0e-01\n5.0e-01,1.0e+00,2.0e-01\n1.0e-01,2.0e-01,1.0e+00\n",  # np.savetxt
        "0,1,2,3\n1,0,2,3\n2,2,0,1\n3,3,1,0\n",  # its first row and column are the same, as names would be
        "nan,0.5,0.1\n0.5,nan,0.2\n0.1,0.2,nan\n",
        ",0.5,0.1\n0.5,,0.2\n0.1,0.2,\n",
    ],
)
def test_numbers_are_no_names_unless_a_list_gives_some(text):
    with pytest.raises(RankconError, match="m: no class names: the first row and column are numbers") as caught:
        read_matrix(text, "m", distance=False)
    assert "a header row of names" in caught.value.hint
    names = list("abcd")[: text.count("\n")]
    similarities = read_matrix(text, "m", distance=False, classes=names)
    assert similarities.classes == tuple(names) and len(values(similarities)) == len(names) * (len(names) - 1)
    with pytest.raises(RankconError, match=f"m has {len(names)} rows of numbers without names, and the list names 2"):
        read_matrix(text, "m", distance=False, classes=["a", "b"])


@pytest.mark.parametrize("corner", ["", "class"])
def test_digits_in_a_header_are_names(corner):
    text = f"{corner},0,1,2\n0,1,.9,.1\n1,.9,1,.2\n2,.1,.2,1\n"
    assert read_matrix(text, "m", distance=False, classes=["x", "y", "z"]).classes == ("0", "1", "2")
    fractions = f"{corner},0.5,1.5\n0.5,1,.9\n1.5,.9,1\n"
    assert read_matrix(fractions, "m", distance=False).classes == ("0.5", "1.5")


def test_the_header_that_numpy_writes_begins_with_a_sign_that_is_no_name():
    assert read_matrix("# a b\n1 2\n2 1\n", "m", distance=False).classes == ("a", "b")


def test_missing_values_are_counted(caplog):
    caplog.set_level("INFO", "rankcon")
    read_matrix(",a,b,c\na,,1,nan\nb,1,,inf\nc,2,,\n", "m", distance=True)
    assert caplog.messages == ["m: 2 of 6 values are missing"]


def test_empty_cells_say_nothing_and_infinite_distances_are_not_similar():
    similarities = read_matrix(",a,b,c\na,0,,NaN\nb,inf,0,n/a\nc,1,Infinity,0\n", "m", distance=True)
    assert values(similarities) == {("b", "a"): -np.inf, ("c", "a"): -1, ("c", "b"): -np.inf}
    assert compile_ranking(to_ranking(similarities)).tiers == ((), (), ((0,),))


def test_rounding_is_kept_as_it_is():
    similarities = read_matrix(",a,b\na,1,0.3333\nb,0.33333333,1\n", "m", distance=False)
    assert values(similarities) == {("a", "b"): 0.3333, ("b", "a"): 0.33333333}


@pytest.mark.parametrize("distance, corner", [(False, 0), (True, 9)])
def test_a_diagonal_that_speaks_for_the_other_kind_is_warned_of(caplog, distance, corner):
    text = f",a,b\na,{corner},1\nb,1,{corner}\n"
    read_matrix(text, "m", distance=distance)
    assert "farthest from itself" in caplog.text
    caplog.clear()
    read_matrix(text, "m", distance=not distance)
    assert not caplog.text


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not a square matrix"),
        ("a,b,c\n", "not a square matrix: 3 cells in the first row and 0 rows below it"),
        (",a,b\na,1,2\n", "not a square matrix: 3 cells in the first row and 1 row below it"),
        (",a,b\na,1,2\nb,2,1\nc,2,1\nd,1,1\n", "not a square matrix"),
        ("a,b,c\n1,2\n2,1\n", "m:2: 2 cells, where 3 cells should be"),
        (",a,b\na,1,2\nb,1\n", "m:3: 2 cells, where 3 cells should be"),
        (",a,b\na,1,2\na,2,1\n", "m:3: 'a' has a row already, on line 2"),
        (",cat,dog\ncat,1,2\ndgo,2,1\n", r"m:3: a row of 'dgo', which names no column \(did you mean 'dog'\?\)"),
        (",a,a\na,1,2\nb,2,1\n", "m:1: two columns are called 'a'"),
        (",a,b\na,1,two\nb,2,1\n", "m:2: 'two' in the column 'b' is not a number"),
        (",a,b\na,1,1e999\nb,2,1\n", "m:2: '1e999' in the column 'b' is not a number"),
        (",a,b\na,1,1_0\nb,2,1\n", "m:2: '1_0'"),
        (",a,b\na,1,inf\nb,2,1\n", "m:2: inf in the column 'b' is no similarity: it is infinite"),
        (',a,"b\nc"\na,1,2\nb,2,1\n', r"m:1: 'b\\nc' cannot name a class"),
        (',a,"b\na,1,2\nb,2,1\n', "m:1: the table cannot be read from here on"),
        (',a,b\na,1,"2"x\nb,2,1\n', "m:2: the table cannot be read from here on"),
        (",a\na,1\n", "two classes or more"),
        (f',a,"{"x" * 200_000}"\na,1,1\nb,1,1\n', "m:1: the table cannot be read from here on: field larger"),
        (",a,\x1b[31m\na,1,1\nb,1,1\n", r"m:1: '\\x1b\[31m' cannot name a class"),
    ],
)
def test_what_is_no_matrix_is_refused_with_its_line(text, message):
    with pytest.raises(RankconError, match=message):
        read_matrix(text, "m", distance=False)


def test_no_distance_is_negative():
    with pytest.raises(RankconError, match="m:3: -2 in the column 'a' is no distance"):
        read_matrix(",a,b\na,0,2\nb,-2,0\n", "m", distance=True)


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(lambda s: s == s.strip())


@settings(max_examples=50, deadline=None)
@given(
    st.lists(NAMES, min_size=2, max_size=5, unique=True),
    st.sampled_from(",;\t"),
    st.floats(allow_infinity=False, allow_nan=False),
    st.randoms(use_true_random=False),
)
def test_a_matrix_of_any_names_reads_back(names, delimiter, value, random):
    matrix = np.array([[value * (a - b) for b in range(len(names))] for a in range(len(names))])
    rows = [[name, *map(repr, row.tolist())] for name, row in zip(names, matrix, strict=True)]
    random.shuffle(rows)
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["", *names], *rows])
    if not np.isfinite(matrix).all():
        return
    similarities = read_matrix(stream.getvalue(), "m", distance=False)
    assert similarities.classes == tuple(names)
    off = ~np.eye(len(names), dtype=bool)
    assert (similarities.matrix[off] == matrix[off]).all()


@pytest.mark.parametrize(
    "header, factor", [("class,similar,score", 1), ("Similar,note,CLASS,Weight", 1), ("class,similar,distance", -1)]
)
def test_pairs_by_similarity_or_distance(header, factor):
    cells = {"class": "ab", "similar": "bc", "note": "?!"}
    rows = [",".join(cells.get(key, "23")[i] for key in header.casefold().split(",")) for i in (0, 1)]
    similarities = read_table("\n".join([header, *rows]), "t", distance=None)
    assert values(similarities) == {("a", "b"): 2 * factor, ("b", "c"): 3 * factor}
    assert similarities.distances is (factor == -1) and not similarities.declared


def test_labels_follow_the_rows_then_what_is_only_similar():
    similarities = read_table("class,similar,score\nb,z,1\na,b,1\nb,c,1\n", "t", distance=None)
    assert similarities.classes == ("b", "a", "z", "c")


def test_a_row_without_a_similar_class_closes_a_list():
    ranking = to_ranking(read_table("class,similar,tier\na,b,1\nb,,\nc,a,2\nc,,\n", "t", distance=None))
    assert list(ranking.rankings) == ["a", "b", "c"] and ranking.rankings["b"].tiers == ()


def test_tiers_keep_their_scores_class_by_class():
    text = "class,similar,rank,score\na,b,7,.5\na,c,7,.5\na,d,9,.25\nb,a,2,\nb,c,1,\n"
    table = compile_ranking(to_ranking(read_table(text, "t", distance=None)))
    assert table.classes == ("a", "b", "c", "d")
    assert table.tiers == (((1, 2), (3,)), ((2,), (0,)), (), ())
    assert table.scores == ((0.5, 0.25), None, None, None)


def test_a_weight_may_be_said_to_be_a_distance():
    assert read_table("class,similar,weight\na,b,1\n", "t", distance=True).distances
    for column, distance in (("score", True), ("distance", False)):
        with pytest.raises(RankconError, match=f"the column '{column}' was said to hold"):
            read_table(f"class,similar,{column}\na,b,1\n", "t", distance=distance)


def test_lists_of_distances_drop_inner_nodes_and_count_both_ways(caplog):
    caplog.set_level("INFO", "rankcon")
    text = "cat cat 0\ncat dog 1\ncat car 2\ndog dog 0\ncar car 0\ndog car 2\npet cat 1\npet pet 1\npet car 2\n"
    similarities = read_table(text, "t", distance=None)
    assert similarities.classes == ("cat", "dog", "car") and similarities.distances
    assert compile_ranking(to_ranking(similarities)).tiers == (((1,), (2,)), ((0,), (2,)), ((0, 1),))
    assert "1 inner node" in caplog.text
    commas = read_table(text.replace(" ", ","), "t", distance=True)
    assert values(commas) == values(similarities)


def test_a_list_may_say_both_ways_and_may_hold_similarities():
    similarities = read_table("a b 1\nb a 2\n", "t", distance=False)
    assert values(similarities) == {("a", "b"): 1, ("b", "a"): 2} and not similarities.distances


@pytest.mark.parametrize("column, factor", [("distance", -1), ("similarity", 1), ("Score", 1)])
def test_a_header_of_two_names_and_a_value_is_a_list_of_pairs(column, factor):
    text = f"first,second,{column}\na,b,1\na,c,2\n"
    similarities = read_table(text, "t", distance=None)
    pairs = {("a", "b"): 1, ("b", "a"): 1, ("a", "c"): 2, ("c", "a"): 2}
    assert values(similarities) == {pair: factor * value for pair, value in pairs.items()}
    assert similarities.distances is (factor == -1)
    with pytest.raises(RankconError, match="was said to hold"):
        read_table(text, "t", distance=factor == 1)


def test_parents_and_children_are_a_hierarchy(caplog):
    caplog.set_level("INFO", "rankcon")
    text = "parent,child,weight\n,thing,\nthing,pet,1\npet,cat,2\npet,dog,2\nthing,car,1\n,rock,\n"
    hierarchy = read_table(text, "t", distance=None)
    children = {"thing": ("pet", "car"), "pet": ("cat", "dog"), "rock": ()}
    assert dict(hierarchy.children) == children and hierarchy.classes is None
    assert "weights are not used" in caplog.text


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "the table is empty"),
        ("hello\n", "t:1: a table that begins with 'hello' is of no kind"),
        ("a b\nc d\n", "t:1: a table that begins with 'a' and 'b'"),
        ("source,target,weight\na,b,1\n", "is of no kind that is known"),
        ("class,simliar,score\na,b,1\n", "is of no kind that is known"),  # is it one way or both ways?
        ("class,similar\na,b\n", "is missing"),
        ("class,similar,scroe\na,b,1\n", "is missing"),
        ("class,similar,score,distance\na,b,1,2\n", "not one but 2: 'score' and 'distance'"),
        ("class,similar,tier,rank\na,b,1,2\n", "not one but 2: 'tier' and 'rank'"),
        ("class,similar,score\na,b\n", "t:2: 2 cells, where 3 cells should be"),
        ("class,similar,score\n,b,1\n", "t:2: '' cannot name a class: it is empty"),
        ("class,similar,score\na,b,1\nb,a,1\na,b,2\n", "t:4: 'a' and 'b' stand on line 2 already"),
        ("class,similar,score\na,b,x\n", "t:2: 'x' in the column 'score' is not a number"),
        ("class,similar,score\na,a,1\n", "two classes or more"),
        ("class,similar,score\n", "two classes or more"),
        ("class,similar,tier\na,b,\n", "t:2: the tier is a number, 1 for the most similar, not ''"),
        ("class,similar,tier\na,b,inf\n", "t:2: the tier is a number"),
        ("class,similar,tier\na,b,1\na,a,2\n", "t:3: a class stands in no tier of its own"),
        ("class,similar,tier,score\na,b,1,.5\na,c,2,.5\n", "t:3: the score 0.5 does not lie between 0 and 0.5"),
        ("class,similar,tier,score\na,b,1,1\n", "t:2: the score 1 does not lie between 0 and 1"),
        ("class,similar,tier,score\na,b,1,.5\na,c,1,.4\n", "t:3: another score for the same tier stands on line 2"),
        ("class,similar,tier,score\na,b,1,.5\na,c,2,\n", "t:3: all tiers of a class have a score, or none"),
        ("class,similar,tier,score\na,b,1,\na,c,2,.5\n", "t:3: all tiers of a class have a score, or none"),
        ("parent,child\n", "no rows follow the header"),
        ("parent,child\nx,a\nx,b\nx,a\n", "t:4: 'a' stands below 'x' already, on line 2"),
        ("parent,child\nx,\n", "t:2: '' cannot name a class"),
        ('parent,child\n"x\ny",a\n', r"t:2: 'x\\ny' cannot name a class"),
        ("a b 1\nb c\n", "t:2: 2 cells, where 3 cells should be"),
        ("a b 1\nb c 1e999\n", "t:2: '1e999' in the column '3' is not a number"),
        ("a b 1\nb c -1\n", "t:2: -1 in the column '3' is no distance"),
        ("a a 1\nb b 2\na b 2\n", "two classes or more"),
        ("\n".join(f"c{i} c{i + 1} 1" for i in range(10_000)), "10,001 classes are more than 10,000"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(text, message):
    with pytest.raises(RankconError, match=message):
        read_table(text, "t", distance=None)
