"""The one object that owns stdout and stderr: results and JSON on stdout, everything else on stderr.

Data goes out by plain writes (Rich would wrap it at 80 columns and read ``[name]`` as markup);
Rich draws tables and progress, with every name of the user's escaped.
"""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rankcon_cli.errors import RankconError
from rankcon_cli.files import to_json
from rankcon_cli.progress import Progress, silent

T = TypeVar("T")


class Console:
    """Where a command's words go. ``quiet`` silences notes and progress, never results, warnings or errors."""

    def __init__(self) -> None:
        self.quiet = False
        self.follows = ""  #: which process this is, where another one speaks for the job
        self.color = "NO_COLOR" not in os.environ

    # -- results, on stdout ---------------------------------------------------------------------

    def out(self, text: str) -> None:
        """One result, as it is, with a final newline. RankconError where stdout is closed or full."""
        if self.follows:
            return
        with _told_of_stdout():
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def flush(self) -> None:
        """Hand on what was written to stdout."""
        with _told_of_stdout():
            if sys.stdout is not None:
                sys.stdout.flush()

    def json(self, value: Any) -> None:
        """One JSON document."""
        self.out(to_json(value))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
        """A table for people. Columns but the first are right-aligned; nothing is cut when stdout is a pipe."""
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title) if title else None, box=None, pad_edge=False, title_justify="left")
        for i, name in enumerate(header):
            table.add_column(Text(name, style="bold"), justify="left" if i == 0 else "right", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        terminal = sys.stdout.isatty()
        rich = RichConsole(
            file=sys.stdout, no_color=not self.color, highlight=False, width=None if terminal else 10_000
        )
        with rich.capture() as capture:
            rich.print(table)
        self.out("".join(line.rstrip() + "\n" for line in capture.get().splitlines()))

    # -- everything else, on stderr -------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something worth knowing; silenced by ``--quiet``."""
        if not self.quiet:
            self._err(_harmless(text))

    def remark(self, text: str) -> None:
        """A line that is no error of its own, which ``--quiet`` does not silence."""
        if not self.follows:
            self._err(_harmless(text))

    def warn(self, text: str) -> None:
        if not self.follows:
            self._err(self._styled("warning:", "33") + f" {_harmless(text)}")

    def error(self, text: str, hint: str | None = None) -> None:
        who = f"{self.follows}: " if self.follows else ""
        self._err(self._styled("error:", "1;31") + f" {who}{_harmless(text)}")
        if hint:
            self._err(self._styled("hint:", "36") + f" {_harmless(hint)}")

    def follow(self, name: str) -> None:
        """Leave results, notes and warnings to another process; of errors say that they are those of ``name``."""
        self.quiet, self.follows = True, name

    def progress(self) -> Progress:
        """Bars on stderr where that is a terminal; otherwise nothing."""
        if self.quiet or not sys.stderr.isatty():
            return silent
        return self._bar

    def _bar(self, items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
        from rich.console import Console as RichConsole
        from rich.markup import escape
        from rich.progress import track

        rich = RichConsole(stderr=True, no_color=not self.color)
        yield from track(items, escape(description), total=total, console=rich, transient=True)

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and sys.stderr.isatty() else text

    def _err(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody reads the words; the exit code still tells
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def _harmless(text: str) -> str:
    """The text with control characters, which a terminal would obey, as escapes: a file name may hold them."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


@contextlib.contextmanager
def _told_of_stdout() -> Iterator[None]:
    """Trouble with stdout in words; a pipe that is not read any more is none, and left to ``main``."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RankconError(f"cannot write to standard output: {error.strerror or error}") from error


console = Console()
