"""A ranking as a Newick tree, where it is one: b is the more similar to a, the deeper the least branch that holds both."""

import itertools
import logging
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import xor

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.groups import resolve_groups
from rankcon_cli.ranking.issues import Findings
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import quoted

log = logging.getLogger("rankcon")


def to_newick(ranking: Ranking) -> str:
    """Newick text: classes are leaves, branches are called like the group that holds the same classes, if there is one.

    Classes without tiers hang on the root. Newick has no place for scores.

    Raises:
        RankconError: the ranking has errors, or no tree gives its tiers (it is not ultrametric).
    """
    table = compile_ranking(ranking)
    groups = resolve_groups(ranking, {name: c for c, name in enumerate(table.classes)}, Findings())
    draw = random.Random(0)
    marks = [draw.getrandbits(128) for _ in table.classes]
    balls = _balls(table, marks)
    _require_tree(ranking, table, balls)
    everything = reduce(xor, marks)
    names: dict[int, str] = {}
    for group in ranking.groups:
        names.setdefault(reduce(xor, (marks[c] for c in groups.members[group]), 0), group)
    _tell_losses(table, any(chain and chain[-1] == everything for chain in balls))
    return _text(_children(balls, everything), table.classes, names, everything)


def _balls(table: TierTable, marks: Sequence[int]) -> list[list[int]]:
    """For each class what its tiers up to the first, the second, ... hold, itself included, as the XOR of their marks."""
    of_tier: dict[int, int] = {}  # by identity: classes derived from one group share its tuples
    known: dict[int, int] = {}  # so that equal ones are one object
    chains = []
    for c, tiers in enumerate(table.tiers):
        chain, ball = [], marks[c]
        for members in tiers:
            if id(members) not in of_tier:
                of_tier[id(members)] = reduce(xor, (marks[b] for b in members))
            ball ^= of_tier[id(members)]
            chain.append(known.setdefault(ball, ball))
        chains.append(chain)
    return chains


def _require_tree(ranking: Ranking, table: TierTable, balls: list[list[int]]) -> None:
    """A tree gives the ranking exactly where what is around a class is also around each class in it."""
    around = Counter(itertools.chain.from_iterable(balls))
    for c, chain in enumerate(balls):
        size = 1
        for k, (ball, members) in enumerate(zip(chain, table.tiers[c], strict=True)):
            size += len(members)
            if around[ball] == size:
                continue
            within = itertools.chain.from_iterable(table.tiers[c][: k + 1])
            other = next(b for b in within if ball not in balls[b])
            tiers = f"tiers 1 to {k + 1}" if k else "tier 1"
            raise RankconError(
                f"{ranking.file} is not a tree: there {quoted(table.classes[c])} and its {tiers} would be a branch, "
                f"but {quoted(table.classes[other])}, which is in it, has other classes around it",
                hint="graphml, node-link and csv hold any ranking",
            )


def _tell_losses(table: TierTable, rest_is_ranked: bool) -> None:
    if any(table.scores):
        log.info("Newick has no place for the scores: they are left out")
    if rest_is_ranked:
        log.info("the root is a tier of everything else here; rankcon reads trees without such a tier")


def _children(balls: list[list[int]], everything: int) -> dict[int, list[int]]:
    """Mark of a branch -> what hangs on it: labels of classes, as -1 - label, and marks of branches."""
    children: dict[int, list[int]] = {}
    for c, chain in enumerate(balls):
        child = -1 - c
        for ball in chain if chain and chain[-1] == everything else [*chain, everything]:
            known = ball in children
            children.setdefault(ball, []).append(child)
            child = ball
            if known:
                break
    return children


def _text(children: Mapping[int, list[int]], classes: Sequence[str], names: Mapping[int, str], root: int) -> str:
    parts: list[str] = []
    waiting: list[int | str] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
        elif item < 0:
            parts.append(_label(classes[-1 - item]))
        else:
            waiting.append(")" + (_label(names[item]) if item in names else ""))
            for child in reversed(children[item]):
                waiting += [child, ","]
            waiting[-1] = "("
    return "".join(parts) + ";\n"


def _label(name: str) -> str:
    """A label, quoted unless it is a plain word: unquoted ``_`` stands for a blank, and brackets for structure."""
    return name if re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) else "'" + name.replace("'", "''") + "'"
