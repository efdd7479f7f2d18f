"""What people write where a ranking file wants JSON, and what to tell them."""

import json
import re

from rankcon_cli.wording import quoted

_QUOTES = "'\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2032\u2033\u0060\u00b4\uff02\uff07"
_LITERALS = {"True": "true", "False": "false", "None": "null", "nil": "null", "undefined": "null"}
_LOOKS_LIKE = {
    "GML": r"(?:(?:Creator|Version|#).*\n|\s)*graph\s*\[",
    "Newick": r"\([^\n]*[,)]",
    "YAML": r"---\s|(?:#.*\n\s*)*[A-Za-z_$][\w$-]*[ \t]*:(?:\s|$)",
}
_BINARY = {b"\x1f\x8b": "gzip", b"PK": "a zip archive", b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image"}


def explained(error: json.JSONDecodeError) -> str:
    """The parser's message in words that help who takes something else for JSON."""
    message = error.msg[0].lower() + error.msg[1:]
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos : error.pos + 100].lstrip()
    if not error.doc.strip():
        return "the file is empty"
    if not before:
        return _not_json(error.doc) or _slip(after) or "this is no JSON; a ranking file begins with {"
    if before.endswith(",") and after[:1] in ("]", "}"):
        return f"{message}: a comma after the last item"
    if not after:
        return f"{message}: the file ends too early"
    if error.msg.startswith("Invalid control character") and error.doc[error.pos] in "\r\n":
        return 'invalid control character: a line break inside a text (is a " missing?)'
    if error.msg.startswith(("Invalid", "Unterminated")):
        return message
    if "',' delimiter" in error.msg and after[0] in '"[{':
        return "a comma is missing before this"
    if "',' delimiter" in error.msg and error.doc[error.pos - 1].isdigit() and after[0] not in "/#":
        return f"{message}: no number as JSON writes it"
    if error.msg == "Extra data":
        message = "extra data: the text goes on after the end of its value"
    return _slip(after) or message


def _slip(after: str) -> str | None:
    """What people write where JSON has it otherwise, at the beginning of ``after``."""
    if after.startswith(("//", "/*", "#")):
        return 'JSON has no comments; "description" and "notes" are there for words'
    if after[:1] in _QUOTES:
        return f'JSON quotes names with ", not with {after[0]}'
    word = re.match(r"[^\W\d][\w.$-]*", after)
    if word and word[0] in _LITERALS:
        return f"JSON writes {_LITERALS[word[0]]}, not {word[0]}"
    return f'JSON quotes names and texts with ": write "{quoted(word[0])[1:-1]}"' if word else None


def _not_json(text: str) -> str | None:
    """What a text that begins like no JSON may be instead."""
    start = text.lstrip("\ufeff \t\r\n")[:1000]
    for name, pattern in _LOOKS_LIKE.items():
        if re.match(pattern, start):
            kind = name.lower()
            advice = "write it as JSON" if kind == "yaml" else f"try 'rankcon rank derive --from {kind} FILE'"
            return f"this looks like {name}, and a ranking file is JSON; {advice}"
    return None


def encoding(data: bytes) -> str:
    """What bytes that are no UTF-8 look like, and what to do."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "it looks like UTF-32; save the file as UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it looks like UTF-16; save the file as UTF-8"
    kind = next((kind for mark, kind in _BINARY.items() if data.startswith(mark)), None)
    return f"it looks like {kind}" if kind else "save the file as UTF-8"
