"""Which kind of file one plainly is, by its suffix or its content; and what to say where it is not plain."""

import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import PurePath
from typing import NoReturn

from rankcon_cli.derive.categories import LEVELS
from rankcon_cli.derive.nested import is_plain
from rankcon_cli.derive.reading import Source, json_of, keys_of, looks_like_json, part_of, text_of
from rankcon_cli.derive.records import Record, is_number, records
from rankcon_cli.derive.sources import KINDS, PLACES
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import FORMAT
from rankcon_cli.wording import listed, quoted

_SUFFIXES = {".graphml": "graphml", ".gml": "gml"} | dict.fromkeys((".nwk", ".newick", ".tre", ".tree"), "newick")
_GML = re.compile(r"(\s|#[^\n]*\n|(Creator|Version)[^\n]*\n)*graph\s*\[")

#: A key that only one kind of JSON has -> the kind.
_KEYS = {"nodes": "node-link", "LabelName": "openimages", "superclasses": "cifar100", "children": "d3"}

#: Records at the beginning of a table that are looked at: enough to tell a matrix of three classes from a list of pairs.
_LOOK = 4


def guess(source: Source) -> str:
    """The kind that a file plainly is; RankconError, with what it looks like or all kinds, where it is not plain."""
    kind = _SUFFIXES.get(PurePath(source.name).suffix.lower())
    if kind is None:
        kind = _guess_json(source) if looks_like_json(source) else _guess_text(source)
    if kind is None:
        _refuse(source, f"say so: --from {' | '.join((*KINDS, *PLACES))}")
    return kind


def _refuse(source: Source, hint: str) -> NoReturn:
    raise RankconError(f"it is not plain of what kind {source.name} is", hint=hint)


def _guess_json(source: Source) -> str | None:
    keys = keys_of(source)
    _refuse_own(source, keys)
    for key, kind in _KEYS.items():
        if key in keys:
            return kind
    if keys and "categories" not in keys:
        return "d3" if is_plain(json_of(source)) else None
    rows = part_of(source, "categories") if keys else json_of(source)
    first = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(first, dict) or not {"id", "name"} <= first.keys():
        return None
    return "inaturalist" if any(level in first for level in LEVELS) else "lvis" if "synset" in first else "coco"


def _refuse_own(source: Source, keys: set[str]) -> None:
    """RankconError for what rankcon writes itself, rankings first of all."""
    made = part_of(source, "format") if "format" in keys else None
    if made == "rankcon/run":
        place = quoted(os.path.dirname(source.name) or ".") if source.name != "<stdin>" else "RUN"
        raise RankconError(
            f"{source.name} is the record of a run", hint=f"name the directory of the run: rankcon rank derive {place}"
        )
    if made == FORMAT or ("classes" in keys and keys & {"rankings", "groups"}):
        hint = "to change it see rankcon rank edit, subset and convert"
        raise RankconError(f"{source.name} is a ranking already", hint=hint)
    if isinstance(made, str) and made.startswith("rankcon/"):
        raise RankconError(f"{source.name} is a {made} document, which holds no hierarchy and no similarities")


def _guess_text(source: Source) -> str | None:
    text = text_of(source).lstrip()
    if not text:
        raise RankconError(f"{source.name}: the file is empty")
    if text.startswith("<"):
        return "graphml"
    if text.startswith(("(", "[&")):
        return "newick"
    if _GML.match(text):
        return "gml"
    if re.search(r"is_?a\b", PurePath(source.name).stem.lower()) or source.name.endswith((".edges", ".edgelist")):
        return "edges"
    first = list(islice(records(text, source.name), _LOOK))
    kind = _guess_table(first)
    if kind is None:
        _refuse(source, _what_it_looks_like(first, source.name))
    return kind


def _guess_table(first: Sequence[Record]) -> str | None:
    """The kind of table by its first records."""
    from rankcon_cli.derive.pairs import is_pair_list, value_of_pairs

    if len(first) < 2 or _may_be_either(first):
        return None
    header, row = first[:2]
    columns = {cell.casefold() for cell in header.cells}
    if columns == {"parent", "child"}:
        return "edges"
    if columns == {"class", "superclass"}:
        return "cifar100"
    if {"parent", "child"} <= columns or {"class", "similar"} <= columns:
        return "table"
    if is_pair_list(header) or value_of_pairs(header.cells):
        return "table"
    square = len(header.cells) > 2 and len(row.cells) in (len(header.cells), len(header.cells) + 1)
    return "matrix" if square and all(map(is_number, row.cells[1:])) else None


def _may_be_either(first: Sequence[Record]) -> bool:
    """Whether this is three lines of three numbers: a matrix without names, or pairs of classes that numbers name."""
    return len(first) == 3 and all(len(row.cells) == 3 and all(map(is_number, row.cells)) for row in first)


def _what_it_looks_like(first: Sequence[Record], file: str) -> str:
    """What to do with a text that is of no plain kind."""
    if _may_be_either(first):
        return (
            "three lines of three numbers: --from table if a line is two classes and their distance; "
            "a matrix needs the names of its classes in a header row"
        )
    widths = {len(row.cells) for row in first}
    if widths == {1}:
        place = "names.txt" if file == "<stdin>" else quoted(file)
        return f"names alone are no hierarchy; begin by hand: rankcon rank edit my.json --new --classes {place}"
    if widths == {2}:
        return "lines of two words: --from edges if they are parent child, --from cifar100 if they are class superclass"
    begins = f"it begins with {listed(first[0].cells, 3)}; " if first else ""
    return (
        f"{begins}a table is known by its header: parent,child or class,similar,score or a,b,distance; "
        f"or say --from {' | '.join((*KINDS, *PLACES))}"
    )
