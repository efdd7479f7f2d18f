"""A ranking pair by pair: which class lists which, in what tier; and as CSV."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.sources import MAX_BYTES
from rankcon_cli.ranking.table import TierTable, scores_of

_BYTES_A_PAIR = 40  # what a format puts around two names, at the least


class Pair(NamedTuple):
    """Class ``a`` has class ``b`` in its tier ``tier`` (from 1), whose score is None where it has none."""

    a: int
    b: int
    tier: int
    score: float | None


def compile_for_pairs(ranking: Ranking) -> TierTable:
    """The table of a ranking that is to be written pair by pair.

    Raises:
        RankconError: the ranking has errors, or the text would be longer than ``MAX_BYTES``, which nothing would read.
    """
    table = compile_ranking(ranking)
    lengths = [len(name.encode()) for name in table.classes]
    within: dict[int, int] = {}  # by identity: classes derived from one group share its tuples
    n_pairs = n_bytes = 0
    for c, tiers in enumerate(table.tiers):
        for members in tiers:
            if id(members) not in within:
                within[id(members)] = sum(lengths[b] for b in members)
            n_pairs += len(members)
            n_bytes += within[id(members)] + len(members) * (lengths[c] + _BYTES_A_PAIR)
    if n_bytes > MAX_BYTES:
        raise RankconError(
            f"{ranking.file} lists {n_pairs:,} pairs of classes, which take about {n_bytes / 2**20:,.0f} MiB one by one; "
            f"{MAX_BYTES // 2**20} MiB are the most that is written and read",
            hint="its groups say the same in little room: keep it as json, or, if it is a tree, write newick",
        )
    return table


def listed_pairs(table: TierTable) -> Iterator[Pair]:
    """All pairs, by class, then tier, then label."""
    for a, tiers in enumerate(table.tiers):
        for k, (members, score) in enumerate(zip(tiers, scores_of(table, a), strict=True), 1):
            for b in members:
                yield Pair(a, b, k, score)


def to_csv(ranking: Ranking) -> str:
    """Rows ``class,similar,tier,score``, the classes in label order. A class that lists none has one row, of its name alone."""
    table = compile_for_pairs(ranking)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["class", "similar", "tier", "score"])
    pairs = listed_pairs(table)
    for a, name in enumerate(table.classes):
        for pair in (next(pairs) for _ in range(sum(map(len, table.tiers[a])))):
            writer.writerow([name, table.classes[pair.b], pair.tier, "" if pair.score is None else repr(pair.score)])
        if not table.tiers[a]:
            writer.writerow([name, "", "", ""])
    return stream.getvalue()
