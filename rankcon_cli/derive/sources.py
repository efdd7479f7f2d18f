"""The kinds of files that a ranking is derived from, and what reads each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rankcon_cli.derive.categories import read_coco, read_inaturalist, read_lvis
from rankcon_cli.derive.edges import read_edges, read_superclasses
from rankcon_cli.derive.nested import read_nested, read_open_images
from rankcon_cli.derive.networks import read_gml, read_graphml, read_node_link
from rankcon_cli.derive.newick import read_newick
from rankcon_cli.derive.reading import Source, text_of
from rankcon_cli.errors import UsageError
from rankcon_cli.ranking.hierarchy import Hierarchy

if TYPE_CHECKING:
    from rankcon_cli.derive.similarity import Similarities


def read(
    kind: str,
    source: Source,
    *,
    parts: bool = False,
    distance: bool | None = None,
    names: Sequence[str] | None = None,
) -> "Hierarchy | Similarities":
    """What a file of a kind says.

    Args:
        kind: a key of ``KINDS``.
        parts: of Open Images, take parts for kinds too.
        distance: the numbers of a matrix or table are distances (True) or similarities (False). None: as its header says.
        names: the classes of a matrix of numbers alone.

    Raises:
        RankconError: the file is of another kind, or broken: what, where, and what was expected.
        UsageError: a matrix without ``distance``.
    """
    options = {
        "openimages": {"parts": parts},
        "matrix": {"distance": distance, "names": names},
        "table": {"distance": distance},
    }
    return KINDS[kind](source, **options.get(kind, {}))


def _read_matrix(source: Source, *, distance: bool | None, names: Sequence[str] | None) -> "Similarities":
    from rankcon_cli.derive.tables import read_matrix

    if distance is None:
        raise UsageError(
            f"are the numbers of {source.name} similarities or distances?", hint="say --similarity or --distance"
        )
    return read_matrix(text_of(source), source.name, distance=distance, classes=names)


def _read_table(source: Source, *, distance: bool | None) -> "Hierarchy | Similarities":
    from rankcon_cli.derive.tables import read_table

    return read_table(text_of(source), source.name, distance=distance)


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
