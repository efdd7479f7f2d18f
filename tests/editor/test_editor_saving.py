"""Saving, leaving, and what a session begins with: drafts, conflicts, faulty files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rankcon_cli.editor import draft
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.editing import edit
from rankcon_cli.editor.opening import start
from rankcon_cli.errors import ExitCode, Interrupted, RankconError
from rankcon_cli.ranking import Ranking, parse, write
from rankcon_cli.ranking import edit as change
from tests.editor.conftest import Stopped, changed_by_another, noted, on_disk

DeskOf = Callable[..., Desk]


def test_every_edit_goes_to_the_draft_and_undoing_all_removes_it(desk: DeskOf):
    one = desk()
    noted(one, "a")
    assert json.loads(one.place.draft.read_text())["text"] == write(one.ranking)
    noted(one, "b")
    assert json.loads(one.place.draft.read_text())["text"] == write(one.ranking)
    one.press("u")
    one.press("c-z")
    assert not one.place.draft.exists()
    one.press("U")
    assert '"a\\\\"' in one.place.draft.read_text() or '\\"a\\"' in one.place.draft.read_text()


def test_a_draft_that_cannot_be_kept_is_told_and_the_edit_stands(desk: DeskOf, monkeypatch: pytest.MonkeyPatch):
    one = desk()

    def full(*arguments: object) -> None:
        raise RankconError("cannot write: no space left on device")

    monkeypatch.setattr(draft, "keep", full)
    noted(one, "a")
    assert one.ranking.notes == {"cat": "a"}
    assert "no draft is kept: cannot write" in one.said[-1][1]


@pytest.mark.parametrize(
    ("answers", "disk", "here", "unsaved"),
    [
        (["o"], {"cat": "mine"}, {"cat": "mine"}, False),
        (["t"], {"dog": "theirs"}, {"dog": "theirs"}, False),
        (["escape"], {"dog": "theirs"}, {"cat": "mine"}, True),
        (["m", None], {"dog": "theirs"}, {"cat": "mine"}, True),
    ],
)
def test_a_file_changed_meanwhile_is_shown_and_not_overwritten(
    desk: DeskOf, answers: list[object], disk: dict, here: dict, unsaved: bool
):
    one = desk(*answers)
    noted(one, "mine")
    changed_by_another(one)
    act = one.press("w")
    assert callable(act)
    act()
    assert on_disk(one).notes == disk
    assert one.ranking.notes == here
    assert one.session.unsaved == unsaved
    assert one.place.draft.exists() == unsaved


def test_taking_theirs_can_be_undone_and_then_mine_is_kept(desk: DeskOf):
    one = desk("t")
    noted(one, "mine")
    changed_by_another(one)
    one.press("w")()
    one.press("u")
    assert one.ranking.notes == {"cat": "mine"}
    assert one.place.draft.exists()
    assert one.press("w") is True  # their change was seen, so mine may take its place
    assert on_disk(one).notes == {"cat": "mine"}


def test_mine_can_be_kept_as_another_file(desk: DeskOf):
    one = desk("m")
    noted(one, "mine")
    changed_by_another(one)
    other = one.place.path.with_name("mine.json")
    one.terminal.script.append(str(other))
    first = one.place
    one.press("w")()
    assert parse(other.read_text(), "mine.json").notes == {"cat": "mine"}
    assert parse(first.path.read_text(), "my.json").notes == {"dog": "theirs"}
    assert not first.draft.exists()
    assert one.place.path == other and not one.session.unsaved


def test_what_another_program_broke_cannot_be_taken(desk: DeskOf):
    one = desk("t", "o")
    noted(one, "mine")
    one.place.path.write_text("{broken")
    one.press("w")()
    assert on_disk(one).notes == {"cat": "mine"}
    assert not one.terminal.script


@pytest.mark.parametrize(
    ("choice", "line", "kept"),
    [
        ("save", "my.json: saved", False),
        ("keep", "my.json: left as it was; the next 'rankcon rank edit' offers the draft", True),
        ("drop", "my.json: left as it was", False),
    ],
)
def test_leaving_with_edits_asks(desk: DeskOf, choice: str, line: str, kept: bool):
    one = desk(choice)
    noted(one, "a")
    assert one.leave()().result == line
    assert one.place.draft.exists() == kept


def test_going_back_stays(desk: DeskOf):
    one = desk(None)
    noted(one, "a")
    assert one.leave()() is None


# -- beginnings ----------------------------------------------------------------------------------------


def crashed(desk: Desk) -> Desk:
    noted(desk, "a")
    return desk


@pytest.mark.parametrize(
    ("answers", "notes", "kept"),
    [(["take"], {"cat": "a"}, True), (["see", "escape", "take"], {"cat": "a"}, True), (["drop"], None, False)],
)
def test_a_draft_is_offered(desk: DeskOf, answers: list[object], notes: dict | None, kept: bool):
    before = crashed(desk(*answers))
    opened = start(draft.place_of(before.place.path, "my.json"), None, before.terminal)
    assert opened.session.ranking.notes == notes
    assert opened.session.unsaved == kept
    assert before.place.draft.exists() == kept
    assert "an earlier session left edits of my.json" in before.terminal.asked[0]


def test_a_draft_of_a_file_that_changed_since_does_not_overwrite_it(desk: DeskOf):
    before = crashed(desk("take", "escape"))
    changed_by_another(before)
    opened = start(draft.place_of(before.place.path, "my.json"), None, before.terminal)
    assert "was changed since" in before.terminal.asked[0]
    after = Desk(opened.session, opened.place, before.terminal)
    after.press("w")()
    assert on_disk(after).notes == {"dog": "theirs"}


def test_quitting_the_offer_leaves_file_and_draft(desk: DeskOf):
    before = crashed(desk(None))
    line = edit(draft.place_of(before.place.path, "my.json"), None, before.terminal)
    assert line == "my.json: left as it was; the next 'rankcon rank edit' offers the draft"
    assert before.place.draft.exists()


def test_saving_as_a_name_that_no_file_can_have_is_refused(desk: DeskOf):
    one = desk("m", "n" * 300 + ".json")
    noted(one, "mine")
    changed_by_another(one)
    one.press("w")()
    assert "File name too long" in one.said[0][1]
    assert one.session.unsaved and one.place.draft.exists()


def test_a_draft_that_the_file_holds_already_is_not_offered(desk: DeskOf):
    before = desk()
    draft.keep(before.place, before.place.path.read_text())
    assert not start(before.place, None, before.terminal).session.unsaved
    assert not before.place.draft.exists()


def test_a_new_file_and_the_draft_of_one_that_never_was_saved(tmp_path: Path, desk: DeskOf):
    fresh = Ranking(("a", "b"))
    place = draft.place_of(tmp_path / "new.json", "new.json")
    terminal = desk("take").terminal
    new = Desk(start(place, fresh, terminal).session, place, terminal)
    assert new.session.unsaved
    new.edit(lambda ranking: change.add(ranking, "a", ["b"]), "b added")
    assert not place.path.exists()
    opened = start(place, None, terminal)
    assert [tier.names for tier in change.class_tiers(opened.session.ranking, "a")] == [("b",)]


def test_a_missing_file_says_how_to_begin_one(tmp_path: Path, desk: DeskOf):
    with pytest.raises(RankconError, match=r"no ranking file none\.json") as refused:
        start(draft.place_of(tmp_path / "none.json", "none.json"), None, desk().terminal)
    assert "--new --data SPEC" in refused.value.hint


def test_interrupted_leaves_the_file_and_names_the_draft(desk: DeskOf):
    one = desk()
    text = one.place.path.read_text()
    with pytest.raises(Interrupted, match=r"my\.json is as it was last saved") as stopped:
        edit(one.place, None, Stopped("n", "a"))
    assert stopped.value.exit_code == ExitCode.INTERRUPTED
    assert "rank edit my.json" in stopped.value.hint
    assert one.place.path.read_text() == text
