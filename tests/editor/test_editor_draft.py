"""The draft beside the file, and whether the file was changed meanwhile."""

import json
from pathlib import Path

import pytest

from rankcon_cli.editor import draft
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import RankingError

TEXT = '{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]}'


@pytest.fixture
def place(tmp_path: Path) -> draft.Place:
    (tmp_path / "my.json").write_text(TEXT)
    return draft.place_of(tmp_path / "my.json", "my.json")


@pytest.mark.parametrize("text", [TEXT, 'no JSON at all \\ "quoted"\r\n\tname 🐦 \u202e', "", "not UTF-8: \udcff"])
def test_what_is_kept_comes_back(place: draft.Place, text: str):
    assert draft.kept(place) is None
    draft.keep(place, text)
    assert place.draft.name == ".my.json.draft.json"
    assert draft.kept(place) == draft.Draft(text, place.base)
    draft.discard(place)
    assert draft.kept(place) is None
    draft.discard(place)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"format": "rankcon/draft", "version": 1}', TEXT, "[" * 10**5]
)
def test_a_draft_that_is_none_is_told_and_left_alone(place: draft.Place, content: str):
    place.draft.write_text(content)
    with pytest.raises(RankconError, match=r"should hold the draft of my\.json"):
        draft.kept(place)
    assert place.draft.read_text() == content


def test_a_file_changed_by_another_program_is_seen(place: draft.Place):
    assert draft.changed(place) is None
    place.path.write_text(TEXT + "\n")
    assert draft.changed(place) == (TEXT + "\n").encode()
    place.path.unlink()
    assert draft.changed(place) is None  # nothing is there that could be overwritten


def test_writing_drops_the_draft_and_is_no_change_by_another(place: draft.Place):
    draft.keep(place, "typed")
    written = draft.write(place, "new text")
    assert place.path.read_text() == "new text"
    assert not place.draft.exists()
    assert draft.changed(written) is None
    assert draft.changed(place) == b"new text"


def test_a_new_file_that_appeared_meanwhile_is_a_change(tmp_path: Path):
    place = draft.place_of(tmp_path / "new.json")
    assert place.base is None
    (tmp_path / "new.json").write_text(TEXT)
    assert draft.changed(place) == TEXT.encode()


def test_links_are_followed(tmp_path: Path, place: draft.Place):
    link = tmp_path / "elsewhere"
    link.symlink_to(place.path)
    draft.write(draft.place_of(link), "through the link")
    assert link.is_symlink()
    assert place.path.read_text() == "through the link"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", RankingError),
        (TEXT.replace("]}", '], "rankings": {"a": [["c"]]}}'), RankingError),
        ('{"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b", "rank": 1}]}', RankconError),
    ],
)
def test_only_a_sound_ranking_file_is_edited(text: str, error: type[RankconError]):
    with pytest.raises(error):
        draft.ranking_in(text.encode(), "my.json")


def test_the_difference_is_a_unified_diff():
    lines = draft.difference("a\nb\nc\n", "a\nB\nc\n", "old", "new")
    assert lines == ["--- old", "+++ new", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]
    assert draft.difference("a", "a", "old", "new") == []


def test_the_draft_is_strict_json(place: draft.Place):
    draft.keep(place, TEXT)
    assert json.loads(place.draft.read_text())["text"] == TEXT
