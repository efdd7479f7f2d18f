"""Two columns of names: edge lists (``parent child``) and classes with their superclasses, CIFAR-100's among them."""

from collections.abc import Iterable

from rankcon_cli.derive.reading import Source, json_of, looks_like_json, text_of
from rankcon_cli.derive.records import records
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import counted, quoted

#: Headers of the two columns, in lower case, and whether they stand the other way round.
_EDGE_HEADERS = {("parent", "child"): False, ("source", "target"): False, ("child", "parent"): True}
_CLASS_HEADERS = dict.fromkeys((a, b) for a in ("class", "name", "fine") for b in ("superclass", "group", "coarse"))


def read_edges(source: Source) -> Hierarchy:
    """A list of edges, ``parent child`` a line, as ``wordnet.is_a.txt`` is; ``#`` begins a comment line.

    Cells are separated by blanks, tabs or commas. A header (parent,child or child,parent) may lead.
    """
    pairs = _pairs(source, "parent child")
    flipped = _EDGE_HEADERS.get((pairs[0][0].lower(), pairs[0][1].lower()))
    if flipped is not None:
        pairs = [(b, a) if flipped else (a, b) for a, b in pairs[1:]]
    return _from_pairs(pairs, source.name)


def read_superclasses(source: Source) -> Hierarchy:
    """Classes and their superclasses: ``class,superclass`` a line; or JSON, ``{"superclasses": {"fish": ["ray", ...]}}``.

    Labels follow the order of the lines; in JSON that of ``classes``, where the file has it. An object of lists alone
    will do too. The pickles of CIFAR-100 are refused unread.
    """
    if looks_like_json(source):
        return _from_json(json_of(source), source.name)
    pairs = _pairs(source, "class superclass")
    if (pairs[0][0].lower(), pairs[0][1].lower()) in _CLASS_HEADERS:
        pairs = pairs[1:]
    classes = tuple(dict.fromkeys(name for name, _ in pairs))
    return _superclasses(((group, name) for name, group in pairs), classes, source.name)


def _pairs(source: Source, form: str) -> list[tuple[str, str]]:
    lines = (
        "" if line.lstrip().startswith("#") else line for line in text_of(source).replace("\r\n", "\n").split("\n")
    )
    pairs = []
    for line, cells in records("\n".join(lines), source.name):
        if len(cells) != 2:
            hint = f"a line is {form!r}; three columns, with a score or distance, are read by --from table"
            raise RankconError(f"{source.name}:{line}: {counted(len(cells), 'column')} and not two", hint=hint)
        if not all(cells):
            raise RankconError(f"{source.name}:{line}: a name is missing", hint=f"a line is {form!r}")
        pairs.append((cells[0], cells[1]))
    if not pairs:
        raise RankconError(f"{source.name} is empty", hint=f"a line is {form!r}")
    return pairs


def _from_pairs(pairs: Iterable[tuple[str, str]], file: str) -> Hierarchy:
    children: dict[str, dict[str, None]] = {}
    for parent, child in pairs:
        children.setdefault(parent, {})[child] = None
    return Hierarchy({parent: tuple(below) for parent, below in children.items()}, file=file)


def _from_json(document: object, file: str) -> Hierarchy:
    groups = document.get("superclasses", document) if isinstance(document, dict) else None
    if not isinstance(groups, dict) or not groups:
        hint = 'an object such as {"superclasses": {"fish": ["ray", "shark"]}}; or lines of class,superclass'
        raise RankconError(f"{file} has no superclasses", hint=hint)
    for group, names in groups.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RankconError(f"{file}: the superclass {quoted(group)} is no list of class names")
    classes = document.get("classes") if groups is not document else None
    if classes is None:
        classes = list(dict.fromkeys(name for names in groups.values() for name in names))
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise RankconError(f"{file}: classes is no list of names")
    known = set(classes)
    stranger = next((name for names in groups.values() for name in names if name not in known), None)
    if stranger is not None:
        raise RankconError(f"{file}: {quoted(stranger)} has a superclass and is not among the classes")
    pairs = ((group, name) for group, names in groups.items() for name in names)
    return _superclasses(pairs, tuple(classes), file)


def _superclasses(pairs: Iterable[tuple[str, str]], classes: tuple[str, ...], file: str) -> Hierarchy:
    """Two levels, in which a superclass may have the name of a class."""
    children: dict[str, dict[str, None]] = {}
    names = {}
    for group, name in pairs:
        names[f"\0{group}"] = group
        children.setdefault(f"\0{group}", {})[name] = None
    return Hierarchy({group: tuple(below) for group, below in children.items()}, names, classes, file)
