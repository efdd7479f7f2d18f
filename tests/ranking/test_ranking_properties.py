"""What holds for every ranking: reading and writing, places, the tier table, trees."""

import dataclasses
import json
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_strategies import loose_rankings, sound_rankings

from rankcon_cli.ranking import RankingError, check, compile_ranking, parse, write
from rankcon_cli.ranking.consistency import is_ultrametric
from rankcon_cli.ranking.ordering import Ordering, contradiction

anything = sound_rankings() | loose_rankings()
many = settings(max_examples=50, deadline=None)


@given(anything)
@many
def test_what_is_written_is_read_again(ranking):
    text = write(ranking)
    assert parse(text, "r") == ranking
    assert write(parse(text, "r")) == text


@given(sound_rankings())
@many
def test_layout_means_nothing(ranking):
    text = write(ranking)
    document = json.loads(text)
    shuffled = json.dumps({key: document[key] for key in sorted(document)}, indent=3)
    table = compile_ranking(ranking)
    for again in (parse(text, "r"), parse(shuffled, "r")):
        assert compile_ranking(again) == table
        assert compile_ranking(again).digest() == table.digest()


@given(sound_rankings())
@many
def test_sound_rankings_have_no_errors_and_sound_tables(ranking):
    assert [issue for issue in check(ranking) if issue.severity == "error"] == []
    table = compile_ranking(ranking)
    for c, tiers in enumerate(table.tiers):
        placed = [c, *(b for members in tiers for b in members)]
        assert len(placed) == len(set(placed)) and set(placed) <= set(range(len(table.classes)))
        assert all(members and list(members) == sorted(members) for members in tiers)
        scores = table.scores[c]
        assert scores is None or (len(scores) == len(tiers) and list(scores) == sorted(scores, reverse=True))


@given(anything)
@many
def test_every_finding_with_a_path_has_its_place(ranking):
    """The place is that of the key, or of the list item, that the path ends with."""
    text = write(ranking)
    try:
        issues = check(parse(text, "r"))
    except RankingError as error:
        issues = error.issues
    lines = text.split("\n")
    for issue in issues:
        assert (issue.line is not None) == bool(issue.path)
        assert "\n" not in issue.text("r.json")
        if issue.path and isinstance(issue.path[-1], str):
            written = json.dumps(issue.path[-1], ensure_ascii=False)
            at = lines[issue.line - 1][issue.column - 1 :]
            assert at.startswith(written)


@given(sound_rankings(min_classes=5), st.data())
@many
def test_withholding_commutes(ranking, data):
    table = compile_ranking(ranking)
    some = data.draw(st.lists(st.sampled_from(table.classes), max_size=3, unique=True))
    first, second = some[:1], some[1:]
    at_once = table.withhold(some)
    assert table.withhold(first).withhold(second) == table.withhold(second).withhold(first) == at_once
    order = data.draw(st.permutations(at_once.classes))
    full = [*order, *some]
    assert at_once.reorder(order) == table.reorder(full).withhold(some)
    assert at_once.reorder(order).reorder(at_once.classes) == at_once


@given(sound_rankings())
@many
def test_groups_alone_make_a_tree(ranking):
    table = compile_ranking(dataclasses.replace(ranking, rankings={}))
    assert is_ultrametric(table)
    ranks = [{b: k for k, members in enumerate(row) for b in members} for row in table.tiers]
    assert contradiction(Ordering(table.tiers, ranks)) == []
    assert not {issue.code for issue in check(dataclasses.replace(ranking, rankings={}))} & {"W201", "W203", "W204"}


@given(anything, st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_text_is_a_ranking_or_an_error_with_its_place(ranking, data):
    text = write(ranking)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    scraps = st.sampled_from(
        ['"', "\\", "[", "]", "{", "}", ",", ":", "@", "\0", "\ud800", "\\ud800", "1e999", "//", "\u201c"]
    )
    damaged = text[:start] + data.draw(scraps | st.just("")) + text[end:]
    try:
        issues = check(parse(damaged, "r"))
    except RankingError as error:
        issues = error.issues
        assert issues
    for issue in issues:
        line = issue.text("r.json")
        assert not [letter for letter in line if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
        assert issue.line is None or 1 <= issue.line <= damaged.count("\n") + 1
