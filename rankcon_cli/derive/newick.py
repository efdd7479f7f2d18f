"""Trees in Newick's form, as phylogenetics and SciPy's dendrograms write them: ``((cat,dog)pet:1,'a bird');``."""

import logging
import re

from rankcon_cli.derive.reading import Source, text_of
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import quoted

log = logging.getLogger("rankcon")

_TOKEN = re.compile(r"'((?:[^']|'')*+)'|([(),:;])|([^()\[\]':;,]+)")
_BRACKET = re.compile(r"[\[\]]")
_QUOTED_OR_BRACKET = re.compile(r"'(?:[^']|'')*+'|[\[\]]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_newick(source: Source) -> Hierarchy:
    """The tree of a Newick file, one tree a file; RankconError with line and column where it is none.

    Quoted names and ``[comments]``, nested ones too, are read; branch lengths are passed over, which is logged.
    Underscores stay, since class names have them. A number at an inner node is its support, no name.
    """
    text = _without_comments(text_of(source), source.name)
    children: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    open_nodes: list[str] = []
    node, before = _add(names), ""  # the node whose label may come next
    with_lengths = False
    for kind, label, at in _tokens(text, source.name):
        if before == ";":
            raise _fault("there is more after the end of the tree; one tree a file", text, at, source.name)
        if kind == "(" and before in ("", "(", ","):
            children[node] = []
            open_nodes.append(node)
            node = _add(names)
            children[open_nodes[-1]].append(node)
        elif kind == "," and open_nodes:
            node = _add(names)
            children[open_nodes[-1]].append(node)
        elif kind == ")" and open_nodes:
            node = open_nodes.pop()
        elif kind == "label" and before == ":":
            if not _NUMBER.fullmatch(label):
                raise _fault(f"a branch length is a number, not {quoted(label)}", text, at, source.name)
            kind, with_lengths = "length", True
        elif kind == "label" and before in ("", "(", ",", ")"):
            names[node] = "" if before == ")" and _NUMBER.fullmatch(label) else label
        elif not ((kind == ":" and before in ("(", ",", ")", "label")) or (kind == ";" and not open_nodes and before)):
            raise _fault(f"{quoted(label)} is not expected here", text, at, source.name)
        before = kind
    if open_nodes or not children:
        what = "the tree ends too early: a bracket is not closed" if open_nodes else "there is no tree"
        raise _fault(what, text, len(text), source.name)
    if with_lengths:
        log.info("%s: edge lengths are not used: a hierarchy is who stands below whom", source.name)
    return Hierarchy({node: tuple(below) for node, below in children.items()}, names, file=source.name)


def _add(names: dict[str, str]) -> str:
    """A new node, so far without a name; its id is nothing that a name can be."""
    node = f"\0{len(names)}"
    names[node] = ""
    return node


def _tokens(text: str, file: str) -> list[tuple[str, str, int]]:
    """Kind (``label`` or the sign itself), text and place of each token; blanks between them say nothing."""
    found, at = [], 0
    for match in _TOKEN.finditer(text):
        if match.start() != at:
            raise _fault("a quote or bracket is not closed", text, at, file)
        at = match.end()
        quote, sign, bare = match.groups()
        if sign:
            found.append((sign, sign, match.start()))
        elif quote is not None:
            found.append(("label", quote.replace("''", "'"), match.start()))
        elif bare.strip():
            found.append(("label", " ".join(bare.split()), match.start()))
    if at != len(text):
        raise _fault("a quote or bracket is not closed", text, at, file)
    return found


def _without_comments(text: str, file: str) -> str:
    """The text with every ``[comment]`` outside quotes blanked, so that places stay."""
    pieces, depth, start, at = [], 0, 0, 0
    while match := (_BRACKET if depth else _QUOTED_OR_BRACKET).search(text, at):
        at = match.end()
        if match[0] == "[":
            if depth == 0:
                pieces.append(text[start : match.start()])
                start = match.start()
            depth += 1
        elif match[0] == "]" and depth:
            depth -= 1
            if depth == 0:
                pieces.append(re.sub(r"[^\n]", " ", text[start:at]))
                start = at
    if depth:
        raise _fault("a comment is not closed", text, start, file)
    return "".join([*pieces, text[start:]])


def _fault(message: str, text: str, at: int, file: str) -> RankconError:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return RankconError(f"{file}:{line}:{column}: {message}", hint="Newick looks like this: ((cat,dog)pet,bird)animal;")
