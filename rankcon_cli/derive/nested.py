"""Trees as nested JSON objects: d3's ``{"name", "children"}``, networkx's tree data, and Open Images' hierarchy."""

from typing import Any

from rankcon_cli.derive.reading import Source, json_of
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import quoted

_NAMES = ("name", "label", "id")
_NESTED = '{"name": ..., "children": [...]}'


def read_nested(source: Source) -> Hierarchy:
    """A tree as d3 reads it, ``{"name": ..., "children": [...]}``; ``label`` or ``id`` will do for a name."""
    return nested_hierarchy(json_of(source), source.name)


def nested_hierarchy(document: Any, file: str) -> Hierarchy:
    """``read_nested`` of a JSON value. Nodes of one name are different nodes."""
    children: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    waiting: list[tuple[Any, str | None]] = [(document, None)]
    while waiting:
        item, parent = waiting.pop()
        below = item.get("children") if isinstance(item, dict) else ()
        if not isinstance(below, list | None):
            what = f"the children of {quoted(names[parent])}" if parent else "the tree"
            raise RankconError(f"{file}: {what} must be as {_NESTED}", hint="see --from for other kinds of trees")
        node = f"\0{len(names)}"
        names[node] = next((_text(item[key]) for key in _NAMES if key in item), "")
        if parent is not None:
            children[parent].append(node)
        children[node] = []
        waiting += [(child, node) for child in reversed(below or [])]
    return Hierarchy({node: tuple(found) for node, found in children.items()}, names, file=file)


def read_open_images(source: Source, *, parts: bool = False) -> Hierarchy:
    """The hierarchy of Open Images: ``LabelName`` and ``Subcategory``, lists of the same, to any depth.

    A label is one node, however often it stands, so it may have several parents. ``Part`` (a wheel of a car) is no kind
    of what it is a part of, and passed over unless ``parts``.
    """
    keys = ("Subcategory", "Part") if parts else ("Subcategory",)
    children: dict[str, dict[str, None]] = {}
    waiting: list[tuple[Any, str | None]] = [(json_of(source), None)]
    while waiting:
        item, parent = waiting.pop()
        label = item.get("LabelName") if isinstance(item, dict) else None
        if not isinstance(label, str):
            where = f"under {quoted(parent)}" if parent else "at the top"
            hint = 'a node is {"LabelName": "/m/...", "Subcategory": [...], "Part": [...]}'
            raise RankconError(f'{source.name}: no "LabelName" {where}', hint=hint)
        children.setdefault(label, {})
        if parent is not None:
            children[parent][label] = None
        for key in reversed(keys):
            below = item.get(key, [])
            if not isinstance(below, list):
                raise RankconError(f"{source.name}: {key} of {quoted(label)} is no list")
            waiting += [(child, label) for child in reversed(below)]
    return Hierarchy({label: tuple(below) for label, below in children.items()}, file=source.name)


def _text(value: Any) -> str:
    """A name as text: numbers are names too, anything else is none."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
