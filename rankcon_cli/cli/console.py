"""The one object that owns stdout and stderr: results and JSON on stdout, everything else on stderr.

Data goes out by plain writes (Rich would wrap it at 80 columns and read ``[name]`` as markup);
Rich draws tables and progress, with every name of the user's escaped.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rankcon_cli.files import to_json
from rankcon_cli.progress import Progress, silent

T = TypeVar("T")


class Console:
    """Where a command's words go. ``quiet`` silences notes and progress, never results, warnings or errors."""

    def __init__(self) -> None:
        self.quiet = False
        self.color = "NO_COLOR" not in os.environ

    # -- results, on stdout ---------------------------------------------------------------------

    def out(self, text: str) -> None:
        """One result, as it is, with a final newline."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

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
            self._err(text)

    def warn(self, text: str) -> None:
        self._err(self._styled("warning:", "33") + f" {text}")

    def error(self, text: str, hint: str | None = None) -> None:
        self._err(self._styled("error:", "1;31") + f" {text}")
        if hint:
            self._err(self._styled("hint:", "36") + f" {hint}")

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
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


console = Console()
