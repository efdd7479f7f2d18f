"""The text in an editor of the user's own: how it is opened, and what comes back."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rankcon_cli.editor import draft
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.editing import edit
from rankcon_cli.editor.external import edit_text, edit_until_sound, editor_command, opened_at
from rankcon_cli.editor.opening import start
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import parse
from tests.editor.conftest import ANIMALS

DeskOf = Callable[..., Desk]
#: A stand-in for an editor: writes the next of several texts, and notes how it was called.
FAKE = """
import pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:-1]) + "\\n")
texts = sorted(here.glob("text-*"))
codes = here / "codes"
if texts:
    file = pathlib.Path(sys.argv[-1])
    text = texts[0].read_text()
    file.write_text(file.read_text().replace(*text.split("|")) if "|" in text else text)
    texts[0].unlink()
if codes.exists():
    code, *left = codes.read_text().split()
    codes.write_text(" ".join(left) or "0")
    sys.exit(int(code))
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """fake("first text", "from|to") -> the folder of an editor that writes these texts, one a call."""

    def make(*texts: str) -> Path:
        folder = tmp_path / "an editor"
        folder.mkdir()
        script = folder / "vim"
        script.write_text(f"#!{sys.executable}{FAKE}")
        script.chmod(0o755)
        for i, text in enumerate(texts):
            (folder / f"text-{i}").write_text(text)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"'{script}' -n")
        return folder

    return make


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("vim", ["vim", "+7", "f"]),
        ("/usr/bin/nano", ["/usr/bin/nano", "+7", "f"]),
        ("emacs", ["emacs", "+7", "f"]),
        ("code", ["code", "--wait", "--goto", "f:7"]),
        ("hx", ["hx", "f:7"]),
        ("ed", ["ed", "f"]),
    ],
)
def test_editors_are_told_the_line_in_their_way(command: str, expected: list[str]):
    assert opened_at([command], "f", 7) == expected


def test_without_a_line_the_file_alone_is_opened():
    assert opened_at(["vim", "-n"], "f", None) == ["vim", "-n", "f"]
    assert opened_at(["code", "-w"], "f", None) == ["code", "-w", "--goto", "f:1"]


def test_the_editor_comes_from_visual_then_editor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EDITOR", "nano -w")
    monkeypatch.setenv("VISUAL", "'my editor' --flag")
    assert editor_command() == ["my editor", "--flag"]
    monkeypatch.setenv("VISUAL", " ")
    assert editor_command() == ["nano", "-w"]
    monkeypatch.setenv("EDITOR", "'unclosed")
    with pytest.raises(RankconError, match="EDITOR is no command"):
        editor_command()
    monkeypatch.delenv("EDITOR")
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(RankconError, match="no editor"):
        editor_command()


def test_an_editor_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VISUAL", "no-such-editor")
    with pytest.raises(RankconError, match="cannot run the editor 'no-such-editor'"):
        edit_text("text", "my.json")


def test_the_sound_text_is_written_canonically(desk: DeskOf, fake: Callable[..., Path]):
    one = desk()
    folder = fake('"rankings": {|"notes": {"cat": "typed"},   "rankings": {')
    assert edit(one.place, None, one.terminal, as_text=True) == "my.json: saved"
    assert parse(one.place.path.read_text(), "").notes == {"cat": "typed"}
    assert calls(folder) == ["-n"]
    assert not one.place.draft.exists()


def test_nothing_changed_writes_nothing(desk: DeskOf, fake: Callable[..., Path]):
    one = desk()
    fake()
    before = one.place.path.stat()
    assert edit(one.place, None, one.terminal, as_text=True) == "my.json: nothing was changed"
    assert one.place.path.stat() == before


def test_an_error_comes_back_to_its_line(desk: DeskOf, fake: Callable[..., Path], capsys: pytest.CaptureFixture):
    one = desk("again")
    folder = fake('["cat"], ["dog", "horse"]|["cot"], ["dog", "horse"]', '["cot"], ["dog", "horse"]|["horse"]')
    assert edit(one.place, None, one.terminal, as_text=True) == "my.json: saved"
    assert calls(folder) == ["-n", "-n +10"]
    assert "my.json:10:15: E102 unknown-class unknown class 'cot'" in capsys.readouterr().err
    assert [tier.of for tier in parse(one.place.path.read_text(), "").rankings["bird"].tiers] == [("horse",)]


def test_what_was_typed_is_kept_on_giving_up_and_offered(desk: DeskOf, fake: Callable[..., Path]):
    one = desk(None)
    text = one.place.path.read_text()
    fake("{ not JSON at all")
    line = edit(one.place, None, one.terminal, as_text=True)
    assert line == "my.json: left as it was; the next 'rankcon rank edit' offers the draft"
    assert one.place.path.read_text() == text
    assert draft.kept(one.place).text == "{ not JSON at all"


def test_a_draft_that_is_no_ranking_is_mended_in_the_editor(desk: DeskOf, fake: Callable[..., Path]):
    one = desk("take", True)
    draft.keep(one.place, one.place.path.read_text().replace('"cat", ', '"cat" ', 1))
    folder = fake('"cat" |"cat", ')
    opened = start(one.place, None, one.terminal)
    assert calls(folder) == ["-n +4"]
    assert opened.session.ranking == one.ranking


def test_a_faulty_file_is_opened_at_its_line(desk: DeskOf, fake: Callable[..., Path]):
    one = desk(True)
    faulty = one.place.path.read_text().replace('[["cat"]', '[["cot"]')
    one.place.path.write_text(faulty)
    folder = fake("cot|cat")
    opened = start(draft.place_of(one.place.path, "my.json"), None, one.terminal)
    assert calls(folder) == ["-n +10"]
    assert opened.session.ranking == one.ranking
    assert opened.session.unsaved and one.place.path.read_text() == faulty


def test_a_faulty_file_can_be_left_alone(desk: DeskOf):
    one = desk(False)
    one.place.path.write_text("{")
    assert start(draft.place_of(one.place.path, "my.json"), None, one.terminal) is None


TYPED = '"rankings": {|"notes": {"cat": "typed"},   "rankings": {'


@pytest.mark.parametrize(("answer", "notes"), [("take", {"cat": "typed"}), ("again", {"cat": "typed"}), (None, None)])
def test_an_editor_that_fails_saves_nothing_unasked(
    desk: DeskOf, fake: Callable[..., Path], answer: str | None, notes: dict | None
):
    one = desk(answer)
    (fake(TYPED) / "codes").write_text("1")
    line = edit(one.place, None, one.terminal, as_text=True)
    assert one.terminal.asked == ["the editor ended with code 1"]
    assert parse(one.place.path.read_text(), "").notes == notes
    assert ("offers the draft" in line) == one.place.draft.exists() == (answer is None)


def test_a_new_file_is_not_written_by_an_editor_that_fails(desk: DeskOf, fake: Callable[..., Path], tmp_path: Path):
    (fake() / "codes").write_text("1")
    place = draft.place_of(tmp_path / "new.json", "new.json")
    terminal = desk(None).terminal
    assert edit(place, ANIMALS, terminal, as_text=True) == "new.json: left as it was"
    assert not place.path.exists() and not place.draft.exists()


def test_what_was_typed_outlives_a_draft_that_cannot_be_written(
    desk: DeskOf, fake: Callable[..., Path], capsys: pytest.CaptureFixture
):
    one = desk(None)
    fake("{ not JSON at all")
    one.place.draft.mkdir()  # in the way of the draft, for any user
    place = one.place
    with pytest.raises(RankconError):  # the folder is no draft
        edit(place, None, one.terminal, as_text=True)
    assert edit_until_sound(place.path.read_text(), place, one.terminal) is None
    said = capsys.readouterr().err
    assert "no draft can be written beside my.json" in said
    aside = Path(said.split("kept in ")[1].splitlines()[0])
    assert aside.read_text() == "{ not JSON at all"
    aside.unlink()
