"""The kinds of files that a ranking is derived from: what reads each, and which one a file plainly is."""

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from rankcon_cli.derive.categories import LEVELS, read_coco, read_inaturalist, read_lvis
from rankcon_cli.derive.edges import read_edges, read_superclasses
from rankcon_cli.derive.nested import read_nested, read_open_images
from rankcon_cli.derive.networks import read_gml, read_graphml, read_node_link
from rankcon_cli.derive.newick import read_newick
from rankcon_cli.derive.reading import Source, json_of, keys_of, looks_like_json, part_of, text_of
from rankcon_cli.derive.records import Record, records
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking.hierarchy import Hierarchy

if TYPE_CHECKING:
    from rankcon_cli.derive.similarity import Similarities

_SUFFIXES = {".graphml": "graphml", ".gml": "gml"} | dict.fromkeys((".nwk", ".newick", ".tre", ".tree"), "newick")
_GML = re.compile(r"(\s|#[^\n]*\n|(Creator|Version)[^\n]*\n)*graph\s*\[")


def read(kind: str, source: Source, *, parts: bool = False, distance: bool | None = None) -> "Hierarchy | Similarities":
    """What a file of a kind says.

    Args:
        kind: a key of ``KINDS``.
        parts: of Open Images, take parts for kinds too.
        distance: the numbers of a matrix or table are distances (True) or similarities (False). None: as its header says.

    Raises:
        RankconError: the file is of another kind, or broken: what, where, and what was expected.
        UsageError: a matrix without ``distance``.
    """
    numbers = {"distance": distance}
    options = {"openimages": {"parts": parts}, "matrix": numbers, "table": numbers}.get(kind, {})
    return KINDS[kind](source, **options)


def guess(source: Source) -> str:
    """The kind that a file plainly is, by its suffix or its content; RankconError with all kinds where it is not plain."""
    kind = _SUFFIXES.get(PurePath(source.name).suffix.lower())
    if kind is None:
        kind = _guess_json(source) if looks_like_json(source) else _guess_text(source)
    if kind is None:
        raise RankconError(
            f"it is not plain of what kind {source.name} is", hint=f"say so: --from {' | '.join((*KINDS, *PLACES))}"
        )
    return kind


def _read_matrix(source: Source, *, distance: bool | None) -> "Similarities":
    from rankcon_cli.derive.tables import read_matrix

    if distance is None:
        raise UsageError(
            f"are the numbers of {source.name} similarities or distances?", hint="say --similarity or --distance"
        )
    return read_matrix(text_of(source), source.name, distance=distance)


def _read_table(source: Source, *, distance: bool | None) -> "Hierarchy | Similarities":
    from rankcon_cli.derive.tables import read_table

    return read_table(text_of(source), source.name, distance=distance)


def _guess_json(source: Source) -> str | None:
    keys = keys_of(source)
    if "format" in keys and "classes" in keys:
        hint = "to change it see rankcon rank edit, subset and convert"
        raise RankconError(f"{source.name} is a ranking already", hint=hint)
    for key, kind in {"nodes": "node-link", "LabelName": "openimages", "superclasses": "cifar100"}.items():
        if key in keys:
            return kind
    if "children" in keys:
        return "d3"
    rows = part_of(source, "categories") if "categories" in keys else None if keys else json_of(source)
    first = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(first, dict) or not {"id", "name"} <= first.keys():
        return None
    return "inaturalist" if any(level in first for level in LEVELS) else "lvis" if "synset" in first else "coco"


def _guess_text(source: Source) -> str | None:
    text = text_of(source).lstrip()
    if text.startswith("<"):
        return "graphml"
    if text.startswith(("(", "[&")):
        return "newick"
    if _GML.match(text):
        return "gml"
    if re.search(r"is_?a\b", PurePath(source.name).stem.lower()) or source.name.endswith((".edges", ".edgelist")):
        return "edges"
    rows = records(text, source.name)
    return _guess_table(next(rows, None), next(rows, None))


def _guess_table(header: Record | None, row: Record | None) -> str | None:
    """The kind of table by its first two records."""
    from rankcon_cli.derive.pairs import is_pair_list

    if header is None or row is None:
        return None
    columns = {cell.casefold() for cell in header.cells}
    if columns == {"parent", "child"}:
        return "edges"
    if columns == {"class", "superclass"}:
        return "cifar100"
    if {"parent", "child"} <= columns or {"class", "similar"} <= columns or is_pair_list(header):
        return "table"
    numbers = row.cells[1:]
    square = len(header.cells) > 2 and len(row.cells) in (len(header.cells), len(header.cells) + 1)
    return "matrix" if square and all(_is_number(cell) for cell in numbers) else None


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


#: Kind -> what reads a file of it.
KINDS: dict[str, Callable[..., "Hierarchy | Similarities"]] = {
    "node-link": read_node_link,
    "graphml": read_graphml,
    "gml": read_gml,
    "edges": read_edges,
    "newick": read_newick,
    "d3": read_nested,
    "openimages": read_open_images,
    "coco": read_coco,
    "lvis": read_lvis,
    "inaturalist": read_inaturalist,
    "cifar100": read_superclasses,
    "matrix": _read_matrix,
    "table": _read_table,
}

#: Kinds that are no file but a folder.
PLACES = ("folders", "run")
