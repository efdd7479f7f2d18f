"""The two files of a session, the ranking and the answers beside it: neither is written over what others wrote."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rankcon_cli.elicit.answers import MAX_BYTES, Book, digest, path_beside, to_text
from rankcon_cli.elicit.interview import Interview
from rankcon_cli.errors import RankconError
from rankcon_cli.files import locked, read_bounded, write_atomic
from rankcon_cli.ranking.sources import MAX_BYTES as MAX_RANKING_BYTES


class Guarded:
    """A file that is replaced only while it holds what was last read or written here, or is gone.

    No lock is held between two writes: a session takes as long as a person does, and file systems without locks and
    programs that know of none are met as well.
    """

    def __init__(self, path: Path, limit: int, what: str):
        """Take ``path``, of at most ``limit`` bytes, as it is now; RankconError where it cannot be read."""
        self.path, self._limit, self._what = path, limit, what
        self.known = self._now()

    def replace(self, data: bytes, changed: RankconError) -> None:
        """Write ``data``, all of it or nothing; raise ``changed`` where others wrote something else meanwhile."""
        with locked(Path(os.path.realpath(self.path))):
            if self._now() not in (None, self.known, digest(data)):
                raise changed
            write_atomic(self.path, data)
        self.known = digest(data)

    def _now(self) -> str | None:
        """The digest of the file; None where there is none."""
        return digest(read_bounded(self.path, self._limit, self._what)) if os.path.exists(self.path) else None


class Kept:
    """The files of a session as it found them; created before the answers are read.

    Attributes:
        out: the ranking file.
        answers: the answers file.
    """

    def __init__(self, out: Path, only: Sequence[str] = ()):
        """``only``: the classes that the session asks about, for the command that goes on with it."""
        self.out, self.answers = out, path_beside(out)
        self._only = only
        self._ranking = Guarded(out, MAX_RANKING_BYTES, "ranking file")
        self._book = Guarded(self.answers, MAX_BYTES, "answers file")

    def check(self, book: Book) -> None:
        """RankconError where the ranking file is not what the answers of ``book`` made last."""
        # The last where the machine stopped between the ranking and the note of it in the answers.
        if self._ranking.known not in (None, book.written, digest(ranking_text(book))):
            raise RankconError(
                f"{self.out} was changed since it was written from its answers, and would be written over",
                hint="move it away and go on; rank diff shows where the two differ then",
            )

    def save(self, book: Book) -> None:
        """Write the answers; RankconError where others wrote answers there meanwhile."""
        changed = RankconError(
            f"{self.answers} was changed meanwhile, perhaps by rank elicit in another window",
            hint=f"what it holds now is kept, without what was answered here last; {self.how_to_go_on()}",
        )
        self._book.replace(to_text(book).encode(), changed)

    def publish(self, book: Book) -> None:
        """Write the ranking that the answers make; RankconError where others wrote either file meanwhile."""
        self.save(book)
        data = ranking_text(book)
        changed = RankconError(
            f"{self.out} was changed while the questions were open, and is not written over",
            hint=f"the answers are kept in {self.answers}; move {self.out} away, then {self.how_to_go_on()}",
        )
        self._ranking.replace(data, changed)
        self.save(replace(book, written=digest(data)))

    def how_to_go_on(self) -> str:
        only = [word for name in self._only for word in ("--only", name)]
        return f"go on with: {shlex.join(['rankcon', 'rank', 'elicit', str(self.out), *only])}"


def ranking_text(book: Book) -> bytes:
    """The ranking file of the classes that are done."""
    from rankcon_cli.ranking import write

    return write(Interview(book.settings, book.answers).ranking()).encode()
