"""Reading with a bound and writing all or nothing."""

import contextlib
import errno
import json
import math
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rankcon_cli.errors import NothingPiped, RankconError


def read_bounded(path: Path, limit: int, what: str = "file") -> bytes:
    """The bytes of ``path``; RankconError where it is missing, unreadable or longer than ``limit`` bytes."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise RankconError(f"cannot read the {what} {path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise RankconError(f"the {what} {path} is larger than {limit:,} bytes, the most that is read")
    return data


def read_stdin(limit: int) -> bytes:
    """All of standard input; NothingPiped where it is empty or closed, RankconError past ``limit`` bytes."""
    data = b"" if sys.stdin is None else sys.stdin.buffer.read(limit + 1)
    if not data:
        raise NothingPiped("nothing came in on standard input: the command before it failed or printed nothing")
    if len(data) > limit:
        raise RankconError(f"standard input is longer than {limit:,} bytes, the most that is read")
    return data


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well, and vanishes otherwise.

    An earlier file at ``path`` stays whole until the new one is complete on disk.
    Raises RankconError, naming ``path``, on any OSError of the block (a full disk, no permission).
    """
    import tempfile

    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        advice = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see that it may be written to"
        raise RankconError(
            f"cannot write {path}: {error.strerror or error}",
            hint=f"whatever stood there before is unchanged; {advice} or choose another place, then try again",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content`` (text as UTF-8) to ``path``, all of it or nothing.

    What a link points to is written, not the link; a pipe or a device, which cannot be replaced, is written to.
    """
    data = content.encode() if isinstance(content, str) else content
    path = Path(os.path.realpath(path))
    # os.path: false, where Path raises, for a name that is too long for a file.
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        try:
            path.write_bytes(data)
        except OSError as error:
            raise RankconError(f"cannot write to {path}: {error.strerror or error}") from error
        return
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other rankcon processes from changing files beside ``path`` meanwhile, where the system can do that.

    The folder is locked rather than the file, since a new file takes the place of the old one.
    """
    try:
        import fcntl

        folder = os.open(path.parent, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextlib.contextmanager
def claimed(path: Path, refusal: str) -> Iterator[None]:
    """Be the only process to hold the lock file ``path`` meanwhile; RankconError with ``refusal`` where another holds it.

    The system lets go of the lock when its holder ends, however it ends. Where there are no locks it holds nobody off.
    """
    try:
        import fcntl  # noqa: F401 (whether there are locks)
    except ImportError:
        yield
        return
    handle = _claim(path, refusal)
    _claims.add(handle)
    try:
        yield
    finally:
        if handle in _claims:  # in a fork of the holder it is not
            _claims.discard(handle)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(handle)


def require_unclaimed(path: Path, refusal: str) -> None:
    """RankconError with ``refusal`` where a process holds the lock file ``path``, as ``claimed`` has it."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY)
    except (ImportError, OSError):
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _held(handle, refusal) from error
    except OSError:  # some network file systems know no locks
        return
    finally:
        os.close(handle)


#: Lock files that this process holds. One that is forked from it must not hold them for longer than it does.
_claims: set[int] = set()


def _let_go() -> None:
    for handle in _claims:
        os.close(handle)
    _claims.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _claim(path: Path, refusal: str) -> int:
    """The lock file ``path``, open and locked, with the name of this process in it."""
    import fcntl

    try:
        while True:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                with _knowing_no_locks():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _stands_at(handle, path):
                    break
                os.close(handle)  # the one before removed the file between the two: this is a lock on nothing
            except BlockingIOError as error:
                refused = _held(handle, refusal)
                os.close(handle)
                raise refused from error
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name in it
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {os.uname().nodename}\n".encode())
        return handle
    except OSError as error:
        raise RankconError(
            f"cannot write {path}: {error.strerror or error}",
            hint="see that its folder may be written to, or choose another place",
        ) from error


@contextlib.contextmanager
def _knowing_no_locks() -> Iterator[None]:
    """Some network file systems know no locks: there they hold nobody off."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO):
            raise


def _stands_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _held(handle: int, refusal: str) -> RankconError:
    holder = os.read(handle, 200).decode(errors="replace").strip()
    return RankconError(
        f"{refusal}{f': {holder}' if holder else ''}", hint="wait for it, stop it, or choose another --out"
    )


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """``value`` as strict JSON: UTF-8 unescaped, and null for a measure that has no value (NaN, infinity)."""
    value = _finite(value)
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    # A file name that is no UTF-8 holds lone surrogates, which JSON can only spell as escapes.
    lone = any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else False
    return json.dumps(value, indent=indent, allow_nan=False) if lone else text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
