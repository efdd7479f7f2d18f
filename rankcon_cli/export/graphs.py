"""A ranking as a class graph, in which every tier survives: an edge from a class to each that it lists, with its rank.

What ``ranking.load`` reads back has the same tiers and scores; groups, notes and the like are not in a graph.
"""

import json
from xml.sax.saxutils import quoteattr

from rankcon_cli.errors import RankconError
from rankcon_cli.export.pairs import Pair, compile_for_pairs, listed_pairs
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import quoted

_GRAPHML_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="rank" for="edge" attr.name="rank" attr.type="long"/>
<key id="score" for="edge" attr.name="score" attr.type="double"/>
<graph edgedefault="directed">
"""

#: Of the characters that names may hold, those that no XML 1.0 document can.
_NOT_IN_XML = "\ufffe\uffff"


def to_node_link(ranking: Ranking) -> str:
    """Node-link JSON, as ``networkx.node_link_data`` makes it: nodes are class names, edges have ``rank`` and ``score``."""
    table = _compile(ranking)
    nodes = ",\n".join(f"    {_json({'id': name})}" for name in table.classes)
    edges = ",\n".join(f"    {_json(_edge(table, pair))}" for pair in listed_pairs(table))
    return f"""\
{{
  "directed": true,
  "multigraph": false,
  "graph": {{}},
  "nodes": [
{nodes}
  ],
  "edges": [
{edges}
  ]
}}
"""


def to_graphml(ranking: Ranking) -> str:
    """GraphML: node ids are class names, edges have ``rank`` and ``score``. RankconError for names that XML cannot hold."""
    table = _compile(ranking)
    for name in table.classes:
        if any(letter in name for letter in _NOT_IN_XML):
            raise RankconError(
                f"{quoted(name)} holds a character that XML has no way to write",
                hint="rename the class, or use node-link",
            )
    nodes = [quoteattr(name) for name in table.classes]
    lines = [f"<node id={node}/>\n" for node in nodes]
    for a, b, tier, score in listed_pairs(table):
        scored = "" if score is None else f'<data key="score">{score!r}</data>'
        lines.append(f'<edge source={nodes[a]} target={nodes[b]}><data key="rank">{tier}</data>{scored}</edge>\n')
    return f"{_GRAPHML_HEAD}{''.join(lines)}</graph>\n</graphml>\n"


def _compile(ranking: Ranking) -> TierTable:
    table = compile_for_pairs(ranking)
    if not table.depth:
        raise RankconError(f"{ranking.file} lists nothing: a graph of it would have no edges, and say nothing")
    return table


def _edge(table: TierTable, pair: Pair) -> dict[str, str | int | float]:
    scored = {} if pair.score is None else {"score": pair.score}
    return {"source": table.classes[pair.a], "target": table.classes[pair.b], "rank": pair.tier, **scored}


def _json(value: dict[str, str | int | float]) -> str:
    return json.dumps(value, ensure_ascii=False)
