"""What the library logs, passed on to the console. Imported by the commands whose work may log, as logging takes time."""

import logging

from rankcon_cli.cli.console import console


class LogHandler(logging.Handler):
    """Warnings of ``logging.getLogger("rankcon")`` become the console's warnings, the rest its notes."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            console.warn(record.getMessage())
        else:
            console.note(record.getMessage())


def listen_to_the_library() -> None:
    """Attach the handler, once."""
    log = logging.getLogger("rankcon")
    if not any(isinstance(handler, LogHandler) for handler in log.handlers):
        log.addHandler(LogHandler())
        log.setLevel(logging.INFO)
        log.propagate = False
