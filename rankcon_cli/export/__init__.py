"""A ranking written in the formats of others: one function a kind, from a ranking to a text."""

from rankcon_cli.export.dot import to_dot
from rankcon_cli.export.graphs import to_graphml, to_node_link
from rankcon_cli.export.newick import to_newick
from rankcon_cli.export.pairs import to_csv
from rankcon_cli.ranking.diff import METADATA
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.writer import write

#: Kind -> what writes it. All raise RankconError for a ranking that they cannot hold.
EXPORTS = {
    "json": write,
    "node-link": to_node_link,
    "graphml": to_graphml,
    "csv": to_csv,
    "dot": to_dot,
    "newick": to_newick,
}

#: How a file name ends -> the kind that it asks for.
SUFFIXES = {
    ".json": "json",
    ".graphml": "graphml",
    ".csv": "csv",
    ".dot": "dot",
    ".gv": "dot",
    ".newick": "newick",
    ".nwk": "newick",
    ".tree": "newick",
}

#: Kind -> the metadata that it has a place for: branches of a tree are called like groups.
_KEPT = {"json": METADATA, "newick": ("groups",)}


def left_out(ranking: Ranking, kind: str) -> tuple[str, ...]:
    """The keys of the ranking file, beside classes and lists, that are given and that ``kind`` has no place for."""
    lost = [key for key in METADATA if getattr(ranking, key) and key not in _KEPT.get(kind, ())]
    own = [key for key in ranking.extras if key.startswith("x-")] if kind != "json" else []
    return (*lost, *own)


__all__ = ["EXPORTS", "SUFFIXES", "left_out", "to_csv", "to_dot", "to_graphml", "to_newick", "to_node_link", "write"]
