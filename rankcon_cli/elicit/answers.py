"""The answers file: settings and answers as JSON, one answer a line, rewritten whole after each answer.

    {
      "format": "rankcon/answers",
      "version": 1,
      "top": 3,
      "assume": "none",
      "written": null,
      "classes": ["airplane", "bird", "frog"],
      "answers": [
        {"anchor": "bird", "left": "airplane", "right": "frog", "answer": "left"}
      ]
    }

``answer`` is a ``Verdict``; ``"kept": true`` marks an answer that contradicts earlier ones knowingly. ``written`` is
the SHA-256 of the ranking file as it was last written from these answers, so that one that was edited since is not
written over. Names stand as they are, without the ``@@`` of ranking files. ``Settings.only`` is not kept: it says
what a session asks about, not what the answers mean.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rankcon_cli.elicit.questions import Answer, Question, Settings, Verdict, check_classes
from rankcon_cli.errors import RankconError
from rankcon_cli.files import read_bounded
from rankcon_cli.wording import did_you_mean, quoted

FORMAT = "rankcon/answers"
VERSION = 1
MAX_BYTES = 64 * 2**20

_KEYS = {"format", "version", "top", "assume", "written", "classes", "answers"}


@dataclass(frozen=True)
class Book:
    """What an answers file holds.

    Attributes:
        settings: what is asked.
        answers: the answers so far, in the order in which they were given.
        written: the SHA-256 of the ranking file that was last written from them; None where none was.
    """

    settings: Settings
    answers: tuple[Answer, ...] = ()
    written: str | None = None

    def without(self, answer: Answer) -> "Book":
        """The book with an answer taken back, the latest of equal ones."""
        last = len(self.answers) - 1 - self.answers[::-1].index(answer)
        return replace(self, answers=self.answers[:last] + self.answers[last + 1 :])

    def keeping(self, answer: Answer) -> "Book":
        """The book with an answer marked as kept although it contradicts others."""
        return replace(self, answers=tuple(a._replace(kept=True) if a == answer else a for a in self.answers))


def path_beside(out: Path) -> Path:
    """Where the answers of the ranking file ``out`` are kept."""
    return out.with_suffix(".answers.json")


def digest(text: bytes) -> str:
    """What ``Book.written`` records of a ranking file."""
    return "sha256:" + hashlib.sha256(text).hexdigest()


def to_text(book: Book) -> str:
    """The answers file of ``book``."""
    settings = book.settings
    head = {
        "format": FORMAT,
        "version": VERSION,
        "top": settings.top,
        "assume": settings.assume,
        "written": book.written,
        "classes": settings.classes,
    }
    lines = [f"  {_text(key)}: {_text(value)},\n" for key, value in head.items()]
    answers = ",".join(f"\n    {_text(_to_json(answer))}" for answer in book.answers)
    ending = "\n  ]" if answers else "]"
    return "{\n" + "".join(lines) + f'  "answers": [{answers}{ending}\n}}\n'


def read_book(path: Path) -> Book:
    """Read an answers file; RankconError, naming the file and the answer, for what is none."""
    from rankcon_cli.ranking.syntax import decode, read_json

    document = read_json(decode(read_bounded(path, MAX_BYTES, "answers file"), str(path)), str(path))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise RankconError(
            f'{path} is no answers file: there is no "format": "{FORMAT}"',
            hint="move it away, or choose another name for the ranking",
        )
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise RankconError(f"{path}: version {quoted(str(document.get('version')))} cannot be read, only {VERSION}")
    for key in document:
        if key not in _KEYS:
            raise RankconError(f"{path}: unknown key {quoted(key)}{did_you_mean(key, _KEYS)}")
    classes = check_classes(_names(document.get("classes"), path), str(path))
    settings = _settings(document, classes, path)
    answers = document.get("answers", [])
    if not isinstance(answers, list):
        raise RankconError(f"{path}: answers is a list")
    known = frozenset(classes)
    written = document.get("written")
    return Book(
        settings,
        tuple(_answer(entry, known, f"{path}: answer {n}") for n, entry in enumerate(answers, 1)),
        written if isinstance(written, str) else None,
    )


def _settings(document: Mapping[str, Any], classes: tuple[str, ...], path: Path) -> Settings:
    top, assume = document.get("top", 3), document.get("assume", "none")
    if type(top) is not int or not isinstance(assume, str):
        raise RankconError(f"{path}: top is a number and assume is a text")
    try:
        return Settings(classes, top, assume)
    except RankconError as error:
        raise RankconError(f"{path}: {error.message}", hint=error.hint) from error


def _names(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RankconError(f"{path}: classes is a list of class names")
    return value


def _answer(entry: Any, classes: frozenset[str], where: str) -> Answer:
    if not isinstance(entry, dict) or not {"anchor", "left", "right", "answer"} <= entry.keys():
        raise RankconError(f'{where} is not of the form {{"anchor": ..., "left": ..., "right": ..., "answer": ...}}')
    question = Question(entry["anchor"], entry["left"], entry["right"])
    for name in question:
        if not isinstance(name, str) or name not in classes:
            raise RankconError(f"{where}: there is no class {quoted(str(name))}{did_you_mean(str(name), classes)}")
    if len(set(question)) < 3:
        raise RankconError(f"{where}: anchor, left and right are three different classes")
    if entry["answer"] not in list(Verdict):
        raise RankconError(f"{where}: the answer is one of {', '.join(Verdict)}, not {quoted(str(entry['answer']))}")
    return Answer(question, Verdict(entry["answer"]), entry.get("kept") is True)


def _to_json(answer: Answer) -> dict[str, Any]:
    entry = {**answer.question._asdict(), "answer": str(answer.verdict)}
    return {**entry, "kept": True} if answer.kept else entry


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
