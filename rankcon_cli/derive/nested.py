"""Trees as nested JSON: d3's ``{"name", "children"}``, networkx's tree data, plain lists in objects, Open Images."""

import itertools
from typing import Any

from rankcon_cli.derive.reading import Source, json_of
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import quoted

_NAMES = ("name", "label", "id")
_NESTED = '{"name": ..., "children": [...]}'
_PLAIN = '{"pet": ["cat", "dog"], "vehicle": {"road": ["car"]}}'


def read_nested(source: Source) -> Hierarchy:
    """A tree as d3 reads it, ``{"name": ..., "children": [...]}``; ``label`` or ``id`` will do for a name.

    Or the plainest nesting there is, ``{"pet": ["cat", "dog"], "vehicle": {"road": ["car"]}}``: see ``plain_hierarchy``.
    """
    document = json_of(source)
    if isinstance(document, dict) and not document.keys() & {"children", *_NAMES}:
        return plain_hierarchy(document, source.name)
    return nested_hierarchy(document, source.name)


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


def plain_hierarchy(document: Any, file: str) -> Hierarchy:
    """The hierarchy of lists in objects, whose keys are inner nodes and whose texts are classes.

    What holds nothing (an empty object or list, null) is a class, too. A class is one node, however often it stands, so
    it may have several parents; an inner node of its name is another. RankconError for any other value.
    """
    children: dict[str, dict[str, None]] = {}
    names: dict[str, str] = {"\0": ""}
    waiting: list[tuple[Any, str]] = [(document, "\0")]
    while waiting:
        value, parent = waiting.pop()
        children[parent] = {}
        inner = []
        for item in value if isinstance(value, list) else [value if isinstance(value, dict) else None]:
            if not isinstance(item, dict | str):
                where = f"below {quoted(names[parent])}" if names[parent] else "at the top"
                hint = f"expected names in lists in objects, {_PLAIN}; or {_NESTED}"
                raise RankconError(f"{file}: neither a list nor an object {where}", hint=hint)
            for name, below in item.items() if isinstance(item, dict) else [(item, None)]:
                node = name
                if below not in (None, [], {}):
                    node = f"\0{len(names)}"
                    names[node] = name
                    inner.append((below, node))
                children[parent][node] = None
        waiting += reversed(inner)
    return Hierarchy({node: tuple(found) for node, found in children.items()}, names, file=file)


def is_plain(document: Any) -> bool:
    """Whether ``plain_hierarchy`` plainly says what a document means: no name is that of a class and of what holds some."""
    try:
        hierarchy = plain_hierarchy(document, "")
    except RankconError:
        return False
    inner = {hierarchy.names[node] for node in hierarchy.children}
    return inner != {""} and inner.isdisjoint(itertools.chain.from_iterable(hierarchy.children.values()))


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
