"""Asking on a terminal: whether there is one, and prompts that draw on stderr so that stdout stays data."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from rankcon_cli.errors import Interrupted, RankconError


def require_terminal(what: str, instead: str) -> None:
    """RankconError (exit 3) that names what to use ``instead``, where stdin or stderr is no terminal, or a dumb one."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()):
        raise RankconError(f"{what} asks questions and needs a terminal", hint=instead)
    if os.environ.get("TERM") == "dumb":
        raise RankconError(f"{what} needs a terminal that it can draw on, and TERM says dumb", hint=instead)


@contextlib.contextmanager
def on_stderr() -> Iterator[None]:
    """Let questionary and prompt_toolkit draw on stderr. (Their tests open an app session of their own instead.)"""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.output import create_output

    with create_app_session(output=create_output(stdout=sys.stderr)):
        yield


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a closed terminal, end a prompt as Ctrl-C does, with the terminal put right."""

    from prompt_toolkit.application import get_app_or_none

    def stop(number: int, frame: object) -> None:
        ending = Interrupted(signal.Signals(number).name)
        app = get_app_or_none()
        if app is None or not app.is_running:
            raise ending
        if not app.is_done:
            app.loop.call_soon_threadsafe(lambda: app.is_done or app.exit(exception=ending))

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
