"""Categories of COCO, LVIS and iNaturalist annotations. Only ``categories`` is read, of files of any length."""

from typing import Any

from rankcon_cli.derive.reading import Source, json_of, keys_of, looks_like_json, part_of
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy

LEVELS = ("kingdom", "phylum", "class", "order", "family", "genus")

#: What annotation tools write for "no supercategory".
_NONE = (None, "", "none", "None", "null")


def read_coco(source: Source) -> Hierarchy:
    """Categories, in the order of their ids, and their ``supercategory``, which may have one itself."""
    return _by_supercategory(_rows(source), source.name)


def read_lvis(source: Source) -> Hierarchy:
    """As ``read_coco``; the categories of LVIS as it is published have no supercategory, and that is said."""
    rows = _rows(source)
    if all(_above(row) is None for row in rows):
        hint = (
            "write the hypernyms of its synsets as an edge list, and take --from edges with --order for the categories"
        )
        raise RankconError(
            f"{source.name}: the categories of LVIS name WordNet synsets and hold no hierarchy of their own", hint=hint
        )
    return _by_supercategory(rows, source.name)


def read_inaturalist(source: Source) -> Hierarchy:
    """Species under the six levels from kingdom to genus, in the order of their ids; levels that are missing are skipped."""
    rows = _rows(source)
    if not any(row.get(level) for row in rows for level in LEVELS):
        hint = "with a supercategory alone it can be read by --from coco"
        raise RankconError(f"{source.name}: no category has any of {', '.join(LEVELS)}", hint=hint)
    children: dict[str, dict[str, None]] = {}
    names = {}
    for row in rows:
        path = "\0"
        for level in LEVELS:
            taxon = row.get(level)
            if not isinstance(taxon, str | None):
                raise RankconError(f"{source.name}: the {level} of category {row['id']} is no text")
            if taxon:
                parent, path = path, f"{path}\0{taxon}"
                children.setdefault(parent, {})[path] = None
                names[path] = taxon
        children.setdefault(path, {})[str(row["id"])] = None
        names[str(row["id"])] = row["name"]
    names["\0"] = ""
    below = {node: tuple(found) for node, found in children.items()}
    return Hierarchy(below, names, tuple(str(row["id"]) for row in rows), source.name)


def _rows(source: Source) -> list[dict[str, Any]]:
    """The categories by id, each with a whole number ``id`` of its own and a ``name``."""
    rows = None
    if looks_like_json(source):
        rows = part_of(source, "categories") if keys_of(source) else json_of(source)
    if not isinstance(rows, list) or not rows:
        hint = 'expected {"categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, ...]}, or the list alone'
        raise RankconError(f"{source.name} has no categories", hint=hint)
    seen = set()
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or type(row.get("id")) is not int or not isinstance(row.get("name"), str):
            raise RankconError(f"{source.name}: category {i + 1} has no whole number as id, or no name")
        if not isinstance(row.get("supercategory"), str | None):
            raise RankconError(f"{source.name}: the supercategory of category {i + 1} is no text")
        if row["id"] in seen:
            raise RankconError(f"{source.name}: two categories have the id {row['id']}")
        seen.add(row["id"])
    return sorted(rows, key=lambda row: row["id"])


def _above(row: dict[str, Any]) -> str | None:
    """The supercategory of a row, or None."""
    above = row.get("supercategory")
    return above if above not in _NONE else None


def _by_supercategory(rows: list[dict[str, Any]], file: str) -> Hierarchy:
    """A node a category and one a supercategory; a category of the latter's name is one of those that it holds."""
    supers = {name: f"\0{name}" for row in rows if (name := _above(row))}
    children: dict[str, dict[str, None]] = {node: {} for node in supers.values()}
    for row in rows:
        name, above = row["name"], _above(row)
        holder = supers.get(name, supers.get(above))
        if holder is not None:
            children[holder][str(row["id"])] = None
        if name in supers and above not in (None, name):
            children[supers[above]][supers[name]] = None
    names = {node: name for name, node in supers.items()} | {str(row["id"]): row["name"] for row in rows}
    classes = tuple(str(row["id"]) for row in rows)
    return Hierarchy({node: tuple(below) for node, below in children.items()}, names, classes, file)
