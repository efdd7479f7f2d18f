"""The file that a ranking is derived from: opened with a bound, as text, as JSON, or as a part of a huge JSON file."""

import contextlib
import functools
import mmap
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from rankcon_cli.errors import NothingPiped, RankconError
from rankcon_cli.ranking.issues import RankingError
from rankcon_cli.ranking.sources import MAX_BYTES
from rankcon_cli.ranking.syntax import decode, read_json

#: Longest JSON file of which a part is read; the annotations of COCO take half a gigabyte.
MAX_ANNOTATIONS = 2 * 2**30

_NOTHING = "nothing came in on standard input: the command before it failed or printed nothing"

# What is passed over stands in front, which is twice as fast; a text that is not closed runs to the end, in linear time.
_TOKEN = re.compile(rb'[^"\[\]{}]*+(?:("(?:[^"\\]++|\\.)*+"?)|([\[{])|[\]}])', re.DOTALL)
_COLON = re.compile(rb"\s*:\s*")


@dataclass(frozen=True, eq=False)
class Source:
    """An opened file: what messages call it, and its bytes, which are mapped rather than read where they are many."""

    name: str
    data: bytes | mmap.mmap

    @functools.cached_property
    def places(self) -> list[tuple[str, int, int]]:
        """Key, start and end of each value of the object that the file is; only brackets and texts are looked at.

        Empty where it is no object. RankconError where it ends before its brackets close.
        """
        keys, end = _keys(self)
        ends = [start for _, start, _ in keys[1:]] + [end]
        found = []
        for (key, _, start), stop in zip(keys, ends, strict=False):
            while stop > start and self.data[stop - 1] in b", \t\r\n":
                stop -= 1
            found.append((key, start, stop))
        return found


@contextlib.contextmanager
def opened(file: str) -> Iterator[Source]:
    """The file, or standard input for ``-``.

    Raises:
        NothingPiped: standard input is closed, or was at its end.
        RankconError: the file is empty, cannot be read, or exceeds ``MAX_ANNOTATIONS``.
    """
    name = "<stdin>" if file == "-" else file
    if file == "-" and sys.stdin is None:  # closed by the shell: rankcon ... <&-
        raise NothingPiped(_NOTHING)
    with contextlib.ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(open(file, "rb"))
            piped = file == "-" or not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            data = stream.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                data = _mapped(stack.enter_context(_spooled(data, stream)) if piped else stream, name)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise RankconError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error
        if not data:
            raise NothingPiped(_NOTHING) if file == "-" else RankconError(f"{name}: the file is empty")
        yield Source(name, data)


def text_of(source: Source) -> str:
    """The text, UTF-8 in the form NFC; RankconError for what is none, and past ``MAX_BYTES``."""
    if source.data[:1] == b"\x80":
        raise RankconError(
            f"{source.name} looks like a Python pickle, and reading one runs the code in it: it is left alone",
            hint="write what it holds as text; the superclasses of CIFAR-100 are in the shipped ranking cifar100",
        )
    if len(source.data) > MAX_BYTES:
        hint = "of a larger file only the categories are read: --from coco, lvis or inaturalist"
        raise RankconError(f"{source.name} is larger than {MAX_BYTES:,} bytes, the most that is read", hint=hint)
    return decode(bytes(source.data), source.name).removeprefix("\ufeff")


def json_of(source: Source) -> Any:
    """The value of a JSON file; RankingError (E001) with the place where it is none, RankconError where too deep."""
    return _value(text_of(source), source.name)


def part_of(source: Source, key: str) -> Any:
    """The value of one key of the object that a JSON file is, however long the rest, which is passed over unread.

    None where there is no such key. RankconError where the brackets do not close or the key stands twice.
    """
    places = [(start, end) for name, start, end in source.places if name == key]
    if len(places) > 1:
        raise RankconError(f"{source.name}: the key {key!r} stands twice in one object")
    if not places:
        return None
    start, end = places[0]
    name = f"{source.name} (its {key})"
    return _value(text_of(Source(name, source.data[start:end])), name)


def keys_of(source: Source) -> set[str]:
    """The keys of the object that a JSON file is."""
    return {name for name, _, _ in source.places}


def looks_like_json(source: Source) -> bool:
    """Whether the first character is that of an object or a list (``[&R]`` begins a Newick tree)."""
    head = bytes(source.data[:1000]).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] in (b"{", b"[") and head[:2] != b"[&"


def _spooled(head: bytes, stream: BinaryIO) -> BinaryIO:
    """What a pipe holds, in a file without a name that vanishes when it is closed."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    spool.write(head)
    while (piece := stream.read(2**20)) and spool.tell() <= MAX_ANNOTATIONS:
        spool.write(piece)
    spool.flush()
    return spool


def _mapped(stream: BinaryIO, name: str) -> bytes | mmap.mmap:
    size = os.fstat(stream.fileno()).st_size
    if size > MAX_ANNOTATIONS:
        raise RankconError(f"{name} is larger than {MAX_ANNOTATIONS:,} bytes, the most that is read")
    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""  # unmapped with its last user


def _value(text: str, name: str) -> Any:
    try:
        return read_json(text, name)
    except RankingError as error:
        if not isinstance(error.__cause__, RecursionError):
            raise
        hint = "write so deep a tree as an edge list (parent child, a line each) or in Newick's form"
        raise RankconError(f"{name} is nested deeper than JSON can be read", hint=hint) from error


def _keys(source: Source) -> tuple[list[tuple[str, int, int]], int]:
    """Each key of the object that is the file, with its start and that of its value; and where the last value ends."""
    depth, end = 0, 0
    keys = []
    for token in _TOKEN.finditer(source.data):
        which = token.lastindex
        if which == 2:
            depth += 1
        elif which is None:
            depth, end = depth - 1, token.end() - 1
        elif depth == 1 and (colon := _COLON.match(source.data, token.end())):
            keys.append((token[1][1:-1].decode(errors="replace"), token.start(1), colon.end()))
    if depth > 0:
        raise RankconError(f"{source.name} ends too early: it is no whole JSON file", hint="fetch or write it again")
    return keys, end
