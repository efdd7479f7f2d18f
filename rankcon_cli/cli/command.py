"""How a command joins the app: ``@command(app)`` adds the flags that every command has."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rankcon_cli.cli.console import console

#: ``--json`` of every command that reports.
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]

_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress on stderr.")]
_NoColor = Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")]
_COMMON = {"quiet": _Quiet, "no_color": _NoColor}


def command(
    app: typer.Typer, name: str | None = None, *, logs: bool = True, **settings: Any
) -> Callable[[Callable], Callable]:
    """Like ``app.command(name)``, with ``--quiet`` and ``--no-color`` added and applied to the console.

    logs: pass on what the library logs; a command that must start fast says no, and listens where it comes to log.
    """

    def register(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args: Any, quiet: bool = False, no_color: bool = False, **kwargs: Any) -> Any:
            console.quiet = console.quiet or quiet
            console.color = console.color and not no_color
            if logs:
                from rankcon_cli.cli.logs import listen_to_the_library

                listen_to_the_library()
            return function(*args, **kwargs)

        signature = inspect.signature(function)
        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
            for key, annotation in _COMMON.items()
        ]
        run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *common])
        run.__annotations__ = {**function.__annotations__, **_COMMON}
        app.command(name, **settings)(run)
        return function

    return register
