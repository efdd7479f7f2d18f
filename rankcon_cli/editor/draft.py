"""The file under edit and the draft beside it: nothing typed is lost, nothing on disk is overwritten unseen."""

import difflib
import hashlib
import itertools
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.files import read_bounded, to_json, write_atomic
from rankcon_cli.ranking import Ranking, compile_ranking, parse
from rankcon_cli.ranking.sources import MAX_BYTES
from rankcon_cli.ranking.syntax import decode

FORMAT = "rankcon/draft"
#: A draft spells every quote and line break of a ranking as two characters.
_MOST_DRAFT_BYTES = 4 * MAX_BYTES


@dataclass(frozen=True)
class Place:
    """A file under edit.

    Attributes:
        path: where it is saved, with links followed.
        name: what messages call it: the path as the user gave it.
        base: hash of the bytes it held when it was read or written last; None while there is no such file.
    """

    path: Path
    name: str
    base: str | None = None

    @property
    def draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.draft.json")


@dataclass(frozen=True)
class Draft:
    """What was kept: the text (whether or not it is a ranking), and the ``base`` of the file it was made from."""

    text: str
    base: str | None


def place_of(path: Path, name: str | None = None) -> Place:
    """The place of a file; its base is what the file holds now."""
    path = path.resolve()
    data = on_disk(path)
    return Place(path, str(path) if name is None else name, None if data is None else hash_of(data))


def hash_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def on_disk(path: Path) -> bytes | None:
    """The bytes of the file, or None where there is none."""
    return read_bounded(path, MAX_BYTES, "ranking file") if os.path.exists(path) else None


def ranking_in(data: bytes, name: str) -> Ranking:
    """The ranking that a file's bytes hold.

    Raises RankingError where they hold none or one with errors, and RankconError where they hold a class graph.
    """
    ranking = parse(decode(data, name), name)
    if ranking.text is None:
        raise RankconError(
            f"{name} is a class graph, and the editor edits ranking files",
            hint=f"make a ranking file of it first: rankcon rank convert {name} --out my.json",
        )
    compile_ranking(ranking)
    return ranking


def changed(place: Place) -> bytes | None:
    """What the file holds now, where another program has changed it since; None where it is as it was, or gone."""
    data = on_disk(place.path)
    return data if data is not None and hash_of(data) != place.base else None


def unwritable(place: Place) -> str | None:
    """Why the file must not be written, in words, or None. (A file of no permission could be replaced all the same.)"""
    folder = place.path.parent
    if not os.path.isdir(folder):
        return f"the folder of {place.name} is gone" if place.base is not None else None
    if os.path.exists(place.path) and not os.access(place.path, os.W_OK):
        return f"{place.name} is read-only"
    return None if os.access(folder, os.W_OK) else f"the folder of {place.name} is read-only"


def write(place: Place, text: str) -> Place:
    """Write the file, all or nothing, drop the draft, and return the place with its new base."""
    write_atomic(place.path, text)
    discard(place)
    return replace(place, base=hash_of(text.encode()))


def keep(place: Place, text: str) -> None:
    """Write the draft, all or nothing; RankconError where it cannot be written, or the file's folder is gone."""
    if place.base is not None and not os.path.isdir(place.path.parent):
        raise RankconError(f"the folder of {place.name} is gone")
    value = {"format": FORMAT, "version": 1, "base": place.base, "text": text}
    write_atomic(place.draft, to_json(value) + "\n")


def keep_somewhere(place: Place, text: str) -> Path:
    """Write the draft, or, where it cannot be written, the text alone to a temporary file that stays; which it was."""
    try:
        keep(place, text)
        return place.draft
    except RankconError:
        pass
    try:
        handle, path = tempfile.mkstemp(prefix="rankcon-", suffix=".json")
        with open(handle, "wb") as stream:
            stream.write(text.encode(errors="surrogateescape"))
    except OSError as error:
        raise RankconError(
            f"what was edited can be kept neither beside {place.name} nor in {tempfile.gettempdir()}: {error.strerror}"
        ) from error
    return Path(path)


def discard(place: Place) -> None:
    """Remove the draft, if there is one."""
    try:
        place.draft.unlink(missing_ok=True)
    except OSError as error:
        raise RankconError(f"cannot remove the draft {place.draft}: {error.strerror or error}") from error


def kept(place: Place) -> Draft | None:
    """The draft, or None where there is none; RankconError where the file of its name holds something else."""
    if not os.path.exists(place.draft):
        return None
    data = read_bounded(place.draft, _MOST_DRAFT_BYTES, "draft")
    try:
        value = json.loads(data.decode())
        if value["format"] != FORMAT or value["version"] != 1:
            raise ValueError
        text, base = value["text"], value["base"]
        if not isinstance(text, str) or not isinstance(base, str | None):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RankconError(
            f"{place.draft} should hold the draft of {place.name} and does not",
            hint="look what it holds, and move it away",
        ) from error
    return Draft(text, base)


def interrupted(place: Place, at: Path | None = None) -> Interrupted:
    """What to say where the editor was ended from outside: how the file stands, and the edits ``at``, where there are."""
    gone = "is not written" if place.base is None else "is gone"
    how = "is as it was last saved" if os.path.exists(place.path) else gone
    hint = None if at is None else f"the edits are kept in {at}"
    if at == place.draft:
        hint = f"{hint}: 'rankcon rank edit {place.name}' offers them"
    elif at is not None:
        hint = f"{hint}, since no draft can be written beside {place.name}"
    return Interrupted(f"interrupted; {place.name} {how}", hint=hint)


def difference(old: str, new: str, old_name: str, new_name: str) -> list[str]:
    """The unified diff of two texts, without line ends; empty where they are equal."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, n=1, lineterm="")
    return list(itertools.islice(lines, 10_000))


def text_of(data: bytes | None) -> str:
    """Bytes as a text for showing a difference, whatever they are."""
    return "" if data is None else data.decode(errors="replace")
