"""Strict JSON, and where in its text a value stands.

The standard parser is fast but keeps the last of two equal keys and knows no positions. It reads the
text; only where something is wrong does a second, slower pass over the tokens find the place.
"""

import bisect
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from rankcon_cli.ranking.issues import MOST_ISSUES, Issue, Path, RankingError, in_file_order, make_issue
from rankcon_cli.wording import quoted

#: Deepest nesting of objects and lists that is read.
MAX_DEPTH = 64
_LONGEST_INTEGER = 100

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]|[^\s\[\]{},:"]+', re.DOTALL)
_GAP = re.compile(r"[\s,:\ufeff]*")
_DECODER = json.JSONDecoder()
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_LONE = re.compile(r"[\ud800-\udfff]")


class _Refused(ValueError):
    """A literal that JSON allows and a ranking file does not: the message, and the literal."""


def decode(data: bytes, file: str) -> str:
    """UTF-8 (a byte order mark may lead) to text in the Unicode form NFC; RankingError with the place of what is none.

    A Mac may spell the same class name in another form than the user typed it; data's names are brought to NFC too.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        from rankcon_cli.ranking.slips import encoding

        before = data[: error.start].decode()
        raise _syntax_error(f"not UTF-8 text: {encoding(data)}", before, len(before), file) from error
    if "\0" in text:
        raise _syntax_error("a NUL character: this is no text file", text, text.index("\0"), file)
    return unicodedata.normalize("NFC", text)


def read_json(text: str, file: str) -> Any:
    """The value of a JSON text; RankingError (E001) with line and column where it is none.

    Refused beside what JSON refuses: equal keys in one object, NaN and infinities, numbers out of range,
    half a surrogate pair. Nesting is bounded by the parser here and by ``refuse_depth`` where the shape is free.
    """
    duplicated = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal duplicated
        value = dict(items)
        duplicated |= len(value) < len(items)
        return value

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        from rankcon_cli.ranking.slips import explained

        raise _syntax_error(explained(error), text, error.pos, file) from error
    except _Refused as error:
        message, literal = error.args
        raise _syntax_error(message, text, _offset_of(text, literal), file) from error
    except RecursionError as error:
        raise _too_deep(text, file) from error
    if duplicated:
        raise RankingError(itertools.islice(_duplicates(text), MOST_ISSUES), file)
    if ("\\u" in text or not text.isascii()) and _SURROGATE.search(text):
        _refuse_surrogates(text, file)
    if "\\u" not in text:
        return value
    try:
        return _composed(value)
    except _Refused as error:
        raise _syntax_error(error.args[0], text, _offset_of(text, error.args[1]), file) from error
    except RecursionError as error:
        raise _too_deep(text, file) from error


def _composed(value: Any) -> Any:
    """The value with its texts in the form NFC, as ``decode`` brings a file to it: an escape can write another."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_composed(item) for item in value]
    if isinstance(value, dict):
        composed = {unicodedata.normalize("NFC", key): _composed(item) for key, item in value.items()}
        if len(composed) < len(value):
            raise _Refused("two keys of one object are one name in different Unicode forms", "{")
        return composed
    return value


def refuse_depth(value: Any, text: str, file: str) -> None:
    """E001 where a value is nested deeper than ``MAX_DEPTH``."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        items = (item for holder in level for item in (holder.values() if isinstance(holder, dict) else holder))
        level = [item for item in items if isinstance(item, dict | list)]
    if level:
        raise _too_deep(text, file)


def locate(text: str | None, issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """The issues with line and column, in file order; a place that the text lacks falls back to what holds it."""
    issues = list(issues)
    if text is None or not issues:
        return tuple(issues)
    wanted = {issue.path[:n] for issue in issues for n in range(1, len(issue.path) + 1)}
    inner = {path[:-1] for path in wanted}
    found: dict[Path, int] = {}
    for path, offset in _walk(text, into=inner.__contains__):
        if path in wanted:
            found.setdefault(path, offset)
            if len(found) == len(wanted):
                break
    placed, starts = [], _line_starts(text)
    for issue in issues:
        path = issue.path
        while path and path not in found:
            path = path[:-1]
        if path:
            issue = _placed(issue, starts, found[path])
        placed.append(issue)
    return in_file_order(placed)


def _walk(
    text: str, into: Callable[[Path], bool], start: int | None = None, path: Path = ()
) -> Generator[tuple[Path, int], None, int]:
    """Every key and list item of a valid JSON text with its offset; the place of ``a.b`` is that of its key.

    Only values at paths that ``into`` admits are entered; the standard parser leaps over the others. Returns the
    offset after the value at ``start``.
    """
    position = _GAP.match(text).end() if start is None else start
    if text[position] not in "[{" or not into(path):
        return _DECODER.raw_decode(text, position)[1]
    in_object, n = text[position] == "{", 0
    position = _GAP.match(text, position + 1).end()
    while text[position] not in "]}":
        value = position
        if in_object:
            key, value = _DECODER.raw_decode(text, position)
            value = _GAP.match(text, value).end()
        inner = (*path, key if in_object else n)
        yield inner, position
        position = _GAP.match(text, (yield from _walk(text, into, value, inner))).end()
        n += 1
    return position + 1


def _duplicates(text: str) -> Iterator[Issue]:
    first: dict[Path, int] = {}
    again: set[Path] = set()
    starts = _line_starts(text)
    for path, offset in _walk(text, into=lambda path: True):
        if path not in first:
            first[path] = offset
        elif not any(path[:n] in again for n in range(1, len(path))):
            again.add(path)
            line = bisect.bisect(starts, first[path])
            message = f"the key {quoted(str(path[-1]))} stands twice in one object, first on line {line}"
            yield _placed(make_issue("E001", message, *path), starts, offset)


def _constant(literal: str) -> float:
    raise _Refused(f"{literal} is no number that a ranking file can hold", literal)


def _float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise _Refused("a number out of range", literal)
    return value


def _integer(literal: str) -> int:
    if len(literal) > _LONGEST_INTEGER:
        raise _Refused(f"a number of {len(literal):,} digits", literal)
    return int(literal)


def _offset_of(text: str, literal: str) -> int:
    return next((match.start() for match in _TOKEN.finditer(text) if match[0] == literal), 0)


def _too_deep(text: str, file: str) -> RankingError:
    depth = 0
    for match in _TOKEN.finditer(text):
        depth += (match[0] in ("[", "{")) - (match[0] in ("]", "}"))
        if depth > MAX_DEPTH:
            break
    return _syntax_error(f"nested deeper than {MAX_DEPTH} levels", text, match.start(), file)


def _refuse_surrogates(text: str, file: str) -> None:
    for match in _TOKEN.finditer(text):
        if _SURROGATE.search(match[0]) and _LONE.search(json.loads(match[0])):
            raise _syntax_error("half a surrogate pair is no character", text, match.start(), file)


def _syntax_error(message: str, text: str, offset: int, file: str) -> RankingError:
    return RankingError([_placed(make_issue("E001", message), _line_starts(text), offset)], file)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _placed(issue: Issue, starts: list[int], offset: int) -> Issue:
    line = bisect.bisect(starts, offset)
    return replace(issue, line=line, column=offset - starts[line - 1] + 1)
