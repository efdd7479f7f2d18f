"""What can go wrong, and the exit code each kind of trouble has."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every ``rankcon`` command."""

    OK = 0
    CHECK_FAILED = 1  #: the check that was asked for said no
    USAGE = 2  #: the command line makes no sense
    FAULT = 3  #: a fault we understand: data missing, no device, mismatched ranking
    BUG = 70  #: our own mistake (EX_SOFTWARE of sysexits.h)
    INTERRUPTED = 130  #: Ctrl-C or SIGTERM


class RankconError(Exception):
    """A fault the user can mend: one message that says what, where and what to do next.

    Args:
        message: what is wrong and where, without a final newline.
        hint: what to do next; printed on a line of its own.
    """

    exit_code = ExitCode.FAULT

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint


class NothingPiped(RankconError):
    """Standard input was empty. In a pipe the command before has said why, so this is told as a note."""


class UsageError(RankconError):
    """The flags contradict each other or lack something."""

    exit_code = ExitCode.USAGE


class Interrupted(RankconError):
    """The user (Ctrl-C) or the system (SIGTERM) stopped the work; what was done is kept."""

    exit_code = ExitCode.INTERRUPTED
