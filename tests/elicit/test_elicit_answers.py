"""The answers file: round trip, readable, and one clear message for whatever else it may hold."""

import json

import pytest
from hypothesis import given, settings, strategies

from rankcon_cli.elicit.answers import Book, path_beside, read_book, to_text
from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict
from rankcon_cli.errors import RankconError

CLASSES = ("@home", 'a "b", c', "<b>\u202e", "飞机🛩️")
BOOK = Book(
    Settings(CLASSES, 2, "symmetric"),
    tuple(Answer(Question(*CLASSES[:3]), verdict, kept=verdict is Verdict.LEFT) for verdict in Verdict),
    "sha256:abc",
)


@pytest.mark.parametrize("book", [BOOK, Book(Settings(CLASSES)), Book(Settings(CLASSES), BOOK.answers[:1])])
def test_round_trip(tmp_path, book):
    path = tmp_path / "x.answers.json"
    path.write_text(to_text(book), encoding="utf-8")
    assert read_book(path) == book
    text = path.read_text(encoding="utf-8")
    path.write_text(to_text(read_book(path)), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
    assert json.loads(text)["format"] == "rankcon/answers"


def test_one_answer_a_line_and_nothing_of_the_session(tmp_path):
    path = tmp_path / "x.answers.json"
    path.write_text(
        to_text(Book(Settings(("a", "b", "c"), only=("b",)), (Answer(Question("a", "b", "c"), Verdict.LEFT),))),
        encoding="utf-8",
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    assert '    {"anchor": "a", "left": "b", "right": "c", "answer": "left"}' in lines
    assert not any("only" in line for line in lines)


@pytest.mark.parametrize(
    ("out", "beside"),
    [("my.json", "my.answers.json"), ("a/my", "a/my.answers.json"), ("v1.2.json", "v1.2.answers.json")],
)
def test_where_the_answers_lie(tmp_path, out, beside):
    assert path_beside(tmp_path / out) == tmp_path / beside


def document(**changes):
    answer = {"anchor": "a", "left": "b", "right": "c", "answer": "left"}
    return {"format": "rankcon/answers", "version": 1, "classes": ["a", "b", "c"], "answers": [answer], **changes}


def test_the_shortest_file_there_can_be(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({k: v for k, v in document().items() if k != "answers"}))
    assert read_book(path) == Book(Settings(("a", "b", "c")))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"format": "rankcon/ranking"}, "no answers file"),
        ({"version": 2}, "version '2'"),
        ({"version": True}, "version 'True'"),
        ({"tpo": 3}, "did you mean 'top'"),
        ({"classes": ["a", "a", "b"]}, "listed twice"),
        ({"classes": ["a", "b"]}, "three classes"),
        ({"classes": ["a", "b", "c\n"]}, "cannot name a class"),
        ({"classes": ["a", "b", 3]}, "class names"),
        ({"classes": None}, "class names"),
        ({"top": 0}, "1 or more"),
        ({"top": "3"}, "number"),
        ({"top": True}, "number"),
        ({"assume": "all"}, "none or symmetric"),
        ({"assume": []}, "text"),
        ({"answers": {}}, "list"),
        ({"answers": [3]}, "answer 1"),
        ({"answers": [{"anchor": "a", "left": "b", "right": "c"}]}, "answer 1"),
        ({"answers": [{"anchor": "a", "left": "b", "right": "d", "answer": "left"}]}, "no class 'd'"),
        ({"answers": [{"anchor": [], "left": "b", "right": "c", "answer": "left"}]}, "no class"),
        ({"answers": [{"anchor": "a", "left": "b", "right": "a", "answer": "left"}]}, "three different"),
        ({"answers": [{"anchor": "a", "left": "b", "right": "c", "answer": "both"}]}, "one of left"),
        ({"answers": [{"anchor": "a", "left": "b", "right": "c", "answer": {}}]}, "one of left"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, changes, word):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document(**changes)))
    with pytest.raises(RankconError) as caught:
        read_book(path)
    assert word in caught.value.message and "x.json" in caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe{}",
        b'{"format": "rankcon/answers"',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"format": "rankcon/answers", "version": 1, "classes": ["\\ud800", "b", "c"]}',
        b'{"version": NaN}',
        b"\0",
    ],
)
def test_hostile_bytes(tmp_path, data):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(RankconError):
        read_book(path)


@settings(max_examples=50, deadline=None)
@given(cut=strategies.integers(0, 500))
def test_a_cut_file_is_refused_and_never_half_read(tmp_path_factory, cut):
    path = tmp_path_factory.getbasetemp() / "cut.answers.json"
    path.write_text(to_text(BOOK), encoding="utf-8")
    data = path.read_bytes()
    path.write_bytes(data[: min(cut, len(data) - 3)])
    with pytest.raises(RankconError):
        read_book(path)
