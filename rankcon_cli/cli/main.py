"""The app and its ``main``: the single place that turns exceptions into messages and exit codes."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from rankcon_cli import __version__
from rankcon_cli.cli.console import console
from rankcon_cli.errors import ExitCode, Interrupted, NothingPiped, RankconError, UsageError

#: Command -> the module of ``rankcon_cli.cli`` whose ``register(app)`` adds it, in the order of the help.
COMMANDS = {
    "rank": "rank",
    "data": "data",
    "train": "train",
    "evaluate": "evaluate",
    "ood-report": "ood_report",
    "compare": "compare",
    "score": "score",
    "embed": "embed",
    "export": "export",
    "demo": "demo",
    "doctor": "doctor",
}


def build_app(words: Sequence[str] = ()) -> typer.Typer:
    """The app, with the command that ``words`` begin with alone where there is one, else with all of them.

    Typer takes every parameter of every command apart at start-up; a command need not wait for the others', nor a
    verb of ``rank`` for the other verbs.
    """
    app = typer.Typer(
        name="rankcon", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, callback=_root
    )
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        module = importlib.import_module(f"rankcon_cli.cli.{COMMANDS[name]}")
        if name == "rank":
            module.register(app, *words[1:2])
        else:
            module.register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        console.out(f"rankcon {__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Rank your classes, train encoders that follow the ranking, and measure what it bought."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (``ExitCode``) and never raises."""
    signal.signal(signal.SIGTERM, _terminated)
    if sys.stderr is None:  # closed by the shell: rankcon ... 2>&-
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (lives as long as the process)
    # A class or file name may hold what the encoding lacks: it is shown as an escape, not as a traceback.
    sys.stderr.reconfigure(errors="backslashreplace")
    if sys.stdout is not None:
        # What goes into a pipe or a file is data: UTF-8 whatever the locale, as all who read it expect.
        encoding = None if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader has what it wanted (`rankcon ... | head`): no error
        _give_up_stdout()
        return ExitCode.OK


def _run(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0":
        console.follow(f"process {os.environ['RANK']}")  # torchrun started several, of which the first one speaks
    try:
        if "_RANKCON_COMPLETE" in os.environ:  # a shell asks what may come next
            from rankcon_cli.cli.completion import answer

            return answer(build_app)
        if "--install-completion" in words or "--show-completion" in words:
            from rankcon_cli.cli.completion import use_own_script

            use_own_script()
        app = build_app(words)
        result = app(args=arguments, standalone_mode=False, prog_name="rankcon")
        console.flush()
        return int(result) if isinstance(result, int) else ExitCode.OK
    except typer.Exit as stop:
        try:
            console.flush()
        except BrokenPipeError:
            _give_up_stdout()
        return stop.exit_code
    except NothingPiped as error:
        console.remark(f"{' '.join(words[:2])}: {error.message}")
        return error.exit_code
    except SystemExit as stop:  # how Typer ends where stdout is a pipe that nobody reads any more
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        raise
    except RankconError as error:
        if not (console.follows and isinstance(error, Interrupted | UsageError)):  # the same in all; one says so
            console.error(error.message, error.hint)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error, words)
    except (KeyboardInterrupt, typer.Abort):
        console.error("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        console.error(f"{place}{error.strerror or error}", hint="see that the place is there, readable and not full")
        return ExitCode.FAULT
    except Exception as error:
        _report_bug(error)
        return ExitCode.BUG


def _give_up_stdout() -> None:
    """Python would flush it again at exit, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminated(number: int, frame: object) -> None:
    raise Interrupted("terminated")


def _usage(error: "typer.TyperException", words: Sequence[str]) -> int:
    """A fault in the command line as Typer found it: its message and where the help is."""
    from rankcon_cli.cli.rank import VERBS

    if console.follows:  # the same in all processes; one says so
        return ExitCode.USAGE
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if text.startswith("Usage:"):  # no arguments at all: Typer's message is the whole help page
        console.out(text)
        return ExitCode.USAGE
    path = context.command_path if context is not None else "rankcon"
    if words and words[0] in VERBS and path == "rankcon":  # the most likely slip: the group was left out
        console.error(text, hint=f"did you mean 'rankcon rank {words[0]}'?")
    else:
        console.error(text, hint=f"try '{path} --help'")
    return ExitCode.USAGE


def _report_bug(error: Exception) -> None:
    """Say that the fault is ours and where the traceback lies; the terminal does not get it."""
    import platform
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="rankcon-bug-", suffix=".txt", delete=False, encoding="utf-8") as f:
        f.write(f"rankcon {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        f.write(f"arguments: {sys.argv[1:]}\n\n")
        traceback.print_exception(error, file=f)
    console.error(
        f"this is a bug in rankcon: {type(error).__name__}: {error}",
        hint=f"please open an issue and attach {f.name} (it holds the traceback and your arguments; look it through)",
    )
