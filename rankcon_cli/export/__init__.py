"""A ranking written in the formats of others: one function a kind, from a ranking to a text."""

from rankcon_cli.export.dot import to_dot
from rankcon_cli.export.graphs import to_graphml, to_node_link
from rankcon_cli.export.newick import to_newick
from rankcon_cli.export.pairs import to_csv
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

__all__ = ["EXPORTS", "SUFFIXES", "to_csv", "to_dot", "to_graphml", "to_newick", "to_node_link", "write"]
