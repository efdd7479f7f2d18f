"""Undo and redo are exact, whatever the edits were."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.editor.session import Session, edited, redone, stored, undone
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Ranking, Tier, check, write
from rankcon_cli.ranking import edit as change

NAMES = ("cat", "dog", "horse", "@home", "bird")
START = Ranking(NAMES, groups={"pet": Tier(("cat", "dog")), "mammal": Tier(("@pet", "horse"))})

names = st.sampled_from(NAMES)
tiers = st.integers(1, 4)
Edit = Callable[[Ranking], Ranking]


def _edits() -> st.SearchStrategy[Edit]:
    def of(function: Callable, *arguments: st.SearchStrategy) -> st.SearchStrategy[Edit]:
        return st.tuples(*arguments).map(lambda values: lambda ranking: function(ranking, *values))

    others = st.lists(names, min_size=1, max_size=2)
    members = st.lists(st.sampled_from(["cat", "dog", "@@home", "@pet"]), max_size=3)
    return st.one_of(
        of(change.add, names, others),
        of(change.add, names, others, tiers),
        of(change.remove, names, others),
        of(change.move, names, others, tiers),
        of(change.merge_tiers, names, tiers),
        of(change.split_tier, names, tiers, others),
        of(change.set_scores, names, st.sampled_from([None, [0.5], [0.6, 0.3]])),
        of(change.use_groups, names),
        of(change.set_group, st.sampled_from(["pet", "new"]), members),
        of(change.set_note, names, st.sampled_from(["a note", None])),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_edits(), max_size=12))
def test_undoing_all_gives_the_start_and_redoing_all_the_end(edits: list[Edit]):
    session = Session(START, saved=START)
    states = [START]
    for edit in edits:
        try:
            session = edited(session, edit(session.ranking), "edit")
        except RankconError:
            continue
        if session.ranking is not states[-1]:
            states.append(session.ranking)
        assert not [issue for issue in check(session.ranking) if issue.severity == "error"]
    end = session
    for state in states[-2::-1]:
        session = undone(session)
        assert session.ranking is state
    assert write(session.ranking) == write(START)
    assert not session.past and not session.unsaved
    assert undone(session) is session
    for state in states[1:]:
        session = redone(session)
        assert session.ranking is state
    assert session == end
    assert redone(session) is session


def test_an_edit_after_undo_drops_what_was_undone():
    session = edited(Session(START, START), change.set_note(START, "cat", "a"), "note a")
    session = edited(undone(session), change.set_note(START, "cat", "b"), "note b")
    assert session.ranking.notes == {"cat": "b"}
    assert not session.future
    assert [step.what for step in session.past] == ["note b"]


def test_an_edit_that_changes_nothing_is_no_step():
    session = Session(START, START)
    assert edited(session, change.set_group(START, "pet", ["cat", "dog"]), "nothing") is session


@pytest.mark.parametrize("saved", [None, START])
def test_unsaved_says_whether_saving_would_change_the_file(saved: Ranking | None):
    session = Session(START, saved)
    assert session.unsaved == (saved is None)
    session = edited(session, change.set_note(START, "cat", "a"), "note")
    assert session.unsaved
    assert not stored(session).unsaved
    assert undone(stored(session)).unsaved
