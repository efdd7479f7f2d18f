"""A ranking as a drawing of Graphviz: DOT."""

from rankcon_cli.export.pairs import compile_for_pairs, listed_pairs
from rankcon_cli.ranking.document import Ranking


def to_dot(ranking: Ranking) -> str:
    """DOT text: a node for each class; an edge, labelled with tier and score, from a class to each that it lists.

    Two classes that list each other alike share one edge with two heads. Nodes are numbered ``n0`` on, in label order, and
    names are labels: DOT cannot spell every name as an id (a backslash before the closing quote, say).
    """
    table = compile_for_pairs(ranking)
    lines = ["digraph {", *(f"  n{c} [label={_quoted(name)}];" for c, name in enumerate(table.classes))]
    labels = {(a, b): _label(tier, score) for a, b, tier, score in listed_pairs(table)}
    for (a, b), label in labels.items():
        if labels.get((b, a)) != label:
            lines.append(f"  n{a} -> n{b} [label={_quoted(label)}];")
        elif a < b:
            lines.append(f"  n{a} -> n{b} [label={_quoted(label)}, dir=both];")
    return "\n".join([*lines, "}", ""])


def _label(tier: int, score: float | None) -> str:
    return f"{tier}" if score is None else f"{tier} ({score:g})"


def _quoted(text: str) -> str:
    r"""A quoted string that Graphviz shows as ``text``: in labels it obeys backslashes (``\n``, ``\N``) and ``&amp;`` alike."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") + '"'
