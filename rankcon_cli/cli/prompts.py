"""Asking on a terminal: whether there is one, and prompts that draw on stderr so that stdout stays data."""

import contextlib
import sys
from collections.abc import Iterator

from rankcon_cli.errors import RankconError


def require_terminal(what: str, instead: str) -> None:
    """RankconError (exit 3) that names what to use ``instead``, where stdin or stderr is no terminal."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()):
        raise RankconError(f"{what} asks questions and needs a terminal", hint=instead)


@contextlib.contextmanager
def on_stderr() -> Iterator[None]:
    """Let questionary and prompt_toolkit draw on stderr. (Their tests open an app session of their own instead.)"""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.output import create_output

    with create_app_session(output=create_output(stdout=sys.stderr)):
        yield
