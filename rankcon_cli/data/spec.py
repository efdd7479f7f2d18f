"""The one way to name data on every command line: ``digits``, ``cifar10``, ``folder:PATH#train``, ..."""

import difflib
import os
from dataclasses import dataclass

from rankcon_cli.data.public_sets import PUBLIC_SETS
from rankcon_cli.errors import UsageError

#: Sources that read a place on disk, and what they expect there.
PLACED = {
    "folder": "a folder of class folders (ImageFolder)",
    "tree": "nested folders, each folder with images a class",
    "npz": "a NumPy archive in the MedMNIST layout",
}


#: Sources that a word names.
def without_split(text: str) -> str:
    """``text`` without the split that it insists on, if it does."""
    split = parse_spec(text).split
    return text.removesuffix(f"#{split}") if split else text


NAMED = ("digits", *PUBLIC_SETS)
_ENDINGS = ("#train", "#val", "#test", "#all")


@dataclass(frozen=True)
class Spec:
    """A parsed spec: the source's name, the place it reads (or ``""``), and the split that the spec insists on."""

    source: str
    place: str
    split: str | None


def parse_spec(text: str) -> Spec:
    """Take ``text`` apart; UsageError with a suggestion where it names no source."""
    body, split = text, None
    for ending in _ENDINGS:
        if text.endswith(ending):
            body, split = text.removesuffix(ending), ending[1:]
    kind, colon, place = body.partition(":")
    if colon and kind in PLACED:
        if not place:
            raise UsageError(f"'{text}' names no place", hint=f"write {kind}:PATH ({PLACED[kind]})")
        return Spec(kind, os.path.expanduser(place), split)
    if body in NAMED:
        return Spec(body, "", split)
    raise _unknown(text, body, split)


def absolute_spec(text: str) -> str:
    """``text`` with the place it reads as an absolute path, so that it means the same from any working directory."""
    spec = parse_spec(text)
    if not spec.place:
        return text
    return f"{spec.source}:{os.path.abspath(spec.place)}" + (f"#{spec.split}" if spec.split else "")


def _unknown(text: str, body: str, split: str | None) -> UsageError:
    ending = f"#{split}" if split else ""
    message = f"'{text}' names no data set"
    if os.path.isdir(body):
        return UsageError(message, hint=f"for the images in that folder write folder:{body}{ending} (or tree:)")
    if body.lower().endswith(".npz"):
        return UsageError(message, hint=f"for that archive write npz:{body}{ending}")
    kind, colon, place = body.partition(":")
    if colon:
        near = difflib.get_close_matches(kind.lower(), PLACED, n=1, cutoff=0.5)
        return UsageError(message, hint=f"did you mean {near[0]}:{place}{ending}?" if near else _known())
    near = difflib.get_close_matches(body.lower(), NAMED, n=1, cutoff=0.7)
    return UsageError(message, hint=f"did you mean {near[0]}{ending}?" if near else _known())


def _known() -> str:
    return f"data is {', '.join(NAMED)}, {', '.join(f'{kind}:PATH' for kind in PLACED)}"
