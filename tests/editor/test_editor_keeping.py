"""Edits are kept: drafts and files that cannot be written, an end from outside, two sessions on one file."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rankcon_cli.editor import draft
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.editing import edit
from rankcon_cli.editor.lock import sole_session
from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.ranking import parse, write
from tests.editor.conftest import Stopped, changed_by_another, noted

DeskOf = Callable[..., Desk]


def test_keeping_a_draft_that_cannot_be_written_stays(desk: DeskOf):
    one = desk("keep")
    one.place.draft.mkdir()
    noted(one, "a")
    assert one.leave()() is None
    assert "no draft can be kept, so this is still open: cannot write" in one.said[0][1]


def test_interrupting_writes_the_draft_again(desk: DeskOf):
    one = desk()
    noted(one, "a")
    one.place.draft.unlink()
    told = one.interrupted()
    assert json.loads(one.place.draft.read_text())["text"] == write(one.ranking)
    assert told.hint == f"the edits are kept in {one.place.draft}: 'rankcon rank edit my.json' offers them"


def test_interrupting_without_a_draft_keeps_the_edits_elsewhere(desk: DeskOf):
    one = desk()
    one.place.draft.mkdir()
    noted(one, "a")
    hint = one.interrupted().hint
    assert "since no draft can be written beside my.json" in hint
    aside = Path(hint.split("kept in ")[1].split(",")[0])
    assert parse(aside.read_text(), "").notes == {"cat": "a"}
    aside.unlink()


def test_interrupting_after_saving_as_another_file_tells_of_that(desk: DeskOf, tmp_path: Path):
    first = desk().place
    other = tmp_path / "other.json"
    script = Stopped("n", "mine", "w", "m", str(other), "n", "more")
    text = script.text

    def meanwhile(*arguments: object, **more: object) -> object:
        first.path.write_text(first.path.read_text().replace('"version": 1', '"version": 1, "name": "theirs"'))
        return text(*arguments, **more)

    script.text = meanwhile
    with pytest.raises(Interrupted) as stopped:
        edit(first, None, script)
    assert stopped.value.message == f"interrupted; {other} is as it was last saved"
    assert ".other.json.draft.json" in stopped.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.json.draft.json", "my.json", "other.json"]


def read_only(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Deny writing, as the system would (though not to root)."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in paths)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_read_only_is_saved_under_another_name(desk: DeskOf, monkeypatch: pytest.MonkeyPatch, what: str):
    one = desk(None)
    noted(one, "a")
    text = one.place.path.read_text()
    read_only(monkeypatch, one.place.path if what == "file" else one.place.path.parent)
    one.press("w")()
    assert one.session.unsaved and one.place.path.read_text() == text
    assert draft.unwritable(one.place) == (
        "my.json is read-only" if what == "file" else "the folder of my.json is read-only"
    )
    other = one.place.path.with_name("other.json")
    one.terminal.script = [str(other)]
    one.press("w")()
    assert parse(other.read_text(), "").notes == {"cat": "a"}
    assert one.place.path == other and one.place.path.with_name("my.json").read_text() == text


def test_a_folder_that_is_gone_is_not_made_again(desk: DeskOf, tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    one = desk(None)
    one.place = draft.place_of(one.place.path.rename(folder / "my.json"), "my.json")
    folder.rename(tmp_path / "elsewhere")
    noted(one, "a")
    assert "no draft is kept: the folder of my.json is gone" in one.said[-1][1]
    one.press("w")()
    assert one.said[0][1] == "not saved"
    assert not folder.exists() and one.session.unsaved


@pytest.mark.parametrize("answer", ["", " ", "a\0b", ".", "my.json", "held.json"])
def test_names_that_are_none_or_taken_are_asked_again(desk: DeskOf, monkeypatch: pytest.MonkeyPatch, answer: str):
    one = desk("m", answer)
    monkeypatch.chdir(one.place.path.parent)
    Path(".held.json.draft.json").write_text("a draft of another session")
    noted(one, "mine")
    changed_by_another(one)
    with pytest.raises(AssertionError):  # the script's way to say that the question is asked again
        one.press("w")()


# -- two sessions --------------------------------------------------------------------------------------


def test_a_second_session_is_refused_and_names_the_first(desk: DeskOf):
    one = desk("q")
    noted(one, "a")
    with sole_session(one.place):
        with pytest.raises(RankconError, match=rf"another session is editing my\.json \(process {os.getpid()}\)"):
            edit(one.place, None, one.terminal)
        assert one.place.draft.exists()
    assert not list(one.place.path.parent.glob("*.session"))


def test_a_session_that_was_killed_hinders_nobody(desk: DeskOf):
    one = desk("q")
    left = one.place.path.with_name(".my.json.session")
    left.write_text("4194304\n")
    assert edit(one.place, None, one.terminal) == "my.json: left as it was"
    assert not left.exists()


def test_no_lock_is_no_hindrance(desk: DeskOf):
    one = desk("q")
    one.place.path.with_name(".my.json.session").mkdir()
    assert edit(one.place, None, one.terminal) == "my.json: left as it was"


def test_the_lock_follows_no_link(desk: DeskOf, tmp_path: Path):
    one = desk("q")
    (tmp_path / "victim").write_text("precious")
    one.place.path.with_name(".my.json.session").symlink_to(tmp_path / "victim")
    edit(one.place, None, one.terminal)
    assert (tmp_path / "victim").read_text() == "precious"
