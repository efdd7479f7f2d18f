"""One session a file: a second one would overwrite the draft of the first."""

import contextlib
import os
from collections.abc import Iterator

from rankcon_cli.editor.draft import Place
from rankcon_cli.errors import RankconError


@contextlib.contextmanager
def sole_session(place: Place) -> Iterator[None]:
    """Keep other sessions from the file meanwhile, where the system and the folder allow it.

    The lock is on a file beside it, which holds the number of this process and is removed at the end. It goes with
    the process: what a killed one leaves behind hinders nobody. Raises RankconError where another session holds it.
    """
    path = place.path.with_name(f".{place.path.name}.session")
    handle = _locked(path, place.name)
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(handle)


def _locked(path: os.PathLike[str], name: str) -> int | None:
    """The open and locked file at ``path``; None where nothing can be locked."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                os.ftruncate(handle, 0)
                os.pwrite(handle, b"%d\n" % os.getpid(), 0)
                return handle
        except BlockingIOError:
            number = os.pread(handle, 20, 0).strip()
            os.close(handle)
            who = f" (process {number.decode()})" if number.isdigit() else ""
            raise RankconError(
                f"another session is editing {name}{who}", hint="go on there, or end it and try again"
            ) from None
        except OSError:  # some network file systems know no locks
            os.close(handle)
            return None
        os.close(handle)


def _is_at(handle: int, path: os.PathLike[str]) -> bool:
    """Whether the file is still the one at ``path``: a session that ended just now has removed it."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
