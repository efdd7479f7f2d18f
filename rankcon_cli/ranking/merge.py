"""Several people's rankings of the same classes made one, by mean rank, and how far they agree (Kendall's W)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking.consistency import MAX_PAIRS
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, from_member, is_group
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.table import Members, TierTable
from rankcon_cli.wording import listed


class Keep(NamedTuple):
    """Which classes the merged ranking lists.

    Attributes:
        holds: (how many rankings list the class, how many there are) -> list it.
        words: which those are: "the classes that ...".
    """

    holds: Callable[[int, int], bool]
    words: str


KEEP = {
    "majority": Keep(lambda times, rankings: 2 * times > rankings, "most of them list"),
    "any": Keep(lambda times, rankings: times > 0, "any of them lists"),
    "all": Keep(lambda times, rankings: times == rankings, "all of them list"),
}


class Standing(NamedTuple):
    """Where the rankings put one class around another.

    Attributes:
        name: the class.
        mean_rank: the mean of its mid-ranks among the C - 1 other classes, 1 being the most similar.
        spread: its highest less its lowest mid-rank.
        tiers: its tier in each of the rankings, from 1; None where it is not listed.
        tier: its tier in the merged ranking, likewise.
    """

    name: str
    mean_rank: float
    spread: float
    tiers: tuple[int | None, ...]
    tier: int | None


@dataclass(frozen=True)
class Agreement:
    """How far the rankings agree on one class.

    Attributes:
        name: the class.
        w: Kendall's W from 0 (no agreement) to 1 (the same tiers) of the rankings that rank the class; None where
            fewer than two do, and where each of them ties all others.
        standings: the classes that any of the rankings lists, by mean rank over those that rank the class.
        silent: which of the rankings, from 0, say nothing on the class: it has neither a list nor a group there.
    """

    name: str
    w: float | None
    standings: tuple[Standing, ...]
    silent: tuple[int, ...] = ()

    @property
    def disagreements(self) -> list[Standing]:
        """The classes that do not stand in the same tier of all that rank this one, furthest apart first."""

        def is_apart(standing: Standing) -> bool:
            return len({tier for i, tier in enumerate(standing.tiers) if i not in self.silent}) > 1

        return sorted(filter(is_apart, self.standings), key=lambda standing: -standing.spread)


@dataclass(frozen=True)
class Merged:
    """The merged ranking and, in label order, the agreement on every class."""

    ranking: Ranking
    agreement: tuple[Agreement, ...]

    @property
    def w(self) -> float | None:
        """Kendall's W, averaged over the classes that have one."""
        values = [found.w for found in self.agreement if found.w is not None]
        return sum(values) / len(values) if values else None


class _MidRanks(NamedTuple):
    """What one ranking says of one class, as ranks of the others; twice the ranks, so that all are integers.

    ranks: of the listed classes; unlisted: that of all the others, which are tied below them; ties: the sum of
    t^3 - t over groups of t tied classes.
    """

    ranks: dict[int, int]
    unlisted: int
    ties: int


def merge(rankings: Sequence[Ranking], *, keep: str = "majority", within: float = 0.0) -> Merged:
    """Merge rankings of the same classes.

    Around every class each ranking ranks all others: tied classes share the mean of their ranks, and classes that
    it does not list are tied below those that it does. The merged ranking lists, by their mean rank, the classes that
    most rankings list; classes of one mean rank share a tier. It has explicit lists only and no scores, which
    different people do not give on one scale. It claims to be ``symmetric`` where all of them do and it is.

    A ranking in which a class has neither a list nor a group has no vote on it; an empty list is a vote, that nothing
    is similar. A class on which none has a vote stays unranked.

    Args:
        rankings: two or more, with the same class names. Label order is that of the first.
        keep: which classes are listed, a key of ``KEEP``.
        within: classes whose mean rank is at most this far from the first of their tier share it.

    Raises:
        RankingError: a ranking has errors.
        RankconError: they have different classes, or list too many to be merged.
    """
    if len(rankings) < 2:
        raise UsageError("it takes two rankings or more to merge")
    if keep not in KEEP:
        raise UsageError(f"keep is one of {', '.join(KEEP)}, not {keep!r}")
    if not within >= 0:
        raise UsageError(f"mean ranks lie 0 or more apart, and {within} is less")
    tables = _comparable(rankings)
    unranked = list(map(_unranked, rankings))
    agreement = tuple(
        _agreement(tables, c, tuple(i for i, names in enumerate(unranked) if name in names), KEEP[keep], within)
        for c, name in enumerate(tables[0].classes)
    )
    merged = Ranking(
        tables[0].classes,
        rankings={found.name: _listing(found) for found in agreement if len(found.silent) < len(rankings)},
        symmetric=all(ranking.symmetric for ranking in rankings) and _mutual(agreement),
        description=f"{len(rankings)} rankings merged: the classes that {KEEP[keep].words}, by mean rank.",
        source=f"Merged from {listed((Path(ranking.file).name for ranking in rankings), len(rankings))}.",
    )
    return Merged(merged, agreement)


def kendalls_w(lists: Sequence[Sequence[Members]], n_items: int) -> float | None:
    """Kendall's coefficient of concordance, corrected for ties.

    W = (12 sum R_i^2 - 3 m^2 n (n + 1)^2) / (m^2 n (n^2 - 1) - m sum T_j), with R_i the rank sum of item i over the
    m judges and T_j the sum of t^3 - t over the tied groups of judge j (Kendall and Babington Smith, "The problem of
    m rankings", Annals of Mathematical Statistics 10, 1939; Siegel, Nonparametric Statistics, 1956).

    Args:
        lists: for each judge, groups of tied items in order; items that a judge leaves out are tied below them.
        n_items: how many items there are, those included that no judge lists.

    Returns:
        0 to 1, exactly 1 where all judges say the same; None where all judges tie all items.
    """
    return _w([_mid_ranks(tiers, n_items) for tiers in lists], n_items)


def to_json_dict(merged: Merged, rankings: Sequence[Ranking]) -> dict[str, Any]:
    """The agreement as ``rank merge --report`` writes it."""
    return {
        "format": "rankcon/agreement",
        "version": 1,
        "rankings": [{"file": ranking.file, "hash": compile_ranking(ranking).digest()} for ranking in rankings],
        "w": merged.w,
        "classes": {
            found.name: {
                "w": found.w,
                "silent": [rankings[i].file for i in found.silent],
                "others": [
                    {
                        "class": standing.name,
                        "mean_rank": standing.mean_rank,
                        "spread": standing.spread,
                        "tiers": list(standing.tiers),
                        "tier": standing.tier,
                    }
                    for standing in found.standings
                ],
            }
            for found in merged.agreement
        },
    }


def _comparable(rankings: Sequence[Ranking]) -> list[TierTable]:
    """The tables of the rankings, all in the label order of the first."""
    first = rankings[0]
    for other in rankings[1:]:
        for one, two in ((first, other), (other, first)):
            known = set(two.classes)
            missing = [name for name in one.classes if name not in known]
            if missing:
                raise RankconError(
                    f"{two.file} lacks {listed(missing)} of {one.file}, and only rankings of the same classes merge",
                    hint="'rankcon rank subset' leaves classes out, 'rankcon rank rename' gives them other names",
                )
    tables = [compile_ranking(ranking).reorder(first.classes) for ranking in rankings]
    pairs = sum(len(members) for table in tables for tiers in table.tiers for members in tiers)
    if pairs > MAX_PAIRS:
        raise RankconError(
            f"the rankings list {pairs:,} pairs of classes together, and more than {MAX_PAIRS:,} are not merged",
            hint="merge parts of them: 'rankcon rank subset' takes some of the classes",
        )
    return tables


def _unranked(ranking: Ranking) -> frozenset[str]:
    """The classes with neither a list nor a group (W205)."""
    grouped = {from_member(m) for group in ranking.groups.values() for m in group.of if not is_group(m)}
    return frozenset(ranking.classes).difference(ranking.rankings, grouped)


def _agreement(tables: Sequence[TierTable], c: int, silent: tuple[int, ...], keep: Keep, within: float) -> Agreement:
    classes = tables[0].classes
    judges = [_mid_ranks(table.tiers[c], len(classes) - 1) for i, table in enumerate(tables) if i not in silent]
    m = len(judges)
    places = [{b: k for k, members in enumerate(table.tiers[c], 1) for b in members} for table in tables]
    ranks = {b: [judge.ranks.get(b, judge.unlisted) for judge in judges] for b in set().union(*places)}
    order = sorted(ranks, key=lambda b: (sum(ranks[b]), b))
    kept = [b for b in order if keep.holds(sum(b in place for place in places), m)]
    tier = _tiers([(b, sum(ranks[b]) / (2 * m)) for b in kept], within)
    standings = tuple(
        Standing(
            classes[b],
            sum(ranks[b]) / (2 * m),
            (max(ranks[b]) - min(ranks[b])) / 2,
            tuple(place.get(b) for place in places),
            tier.get(b),
        )
        for b in order
    )
    return Agreement(classes[c], _w(judges, len(classes) - 1) if m > 1 else None, standings, silent)


def _mid_ranks(tiers: Sequence[Members], n: int) -> _MidRanks:
    ranks: dict[int, int] = {}
    sizes = []
    for members in tiers:
        ranks.update(dict.fromkeys(members, 2 * len(ranks) + len(members) + 1))
        sizes.append(len(members))
    sizes.append(n - len(ranks))
    return _MidRanks(ranks, 2 * len(ranks) + sizes[-1] + 1, sum(size**3 - size for size in sizes))


def _w(judges: Sequence[_MidRanks], n: int) -> float | None:
    """See ``kendalls_w``; in integers up to the division."""
    m = len(judges)
    anywhere = set().union(*(judge.ranks for judge in judges))
    squares = sum(sum(judge.ranks.get(b, judge.unlisted) for judge in judges) ** 2 for b in anywhere)
    squares += (n - len(anywhere)) * sum(judge.unlisted for judge in judges) ** 2
    spread = m**2 * n * (n**2 - 1) - m * sum(judge.ties for judge in judges)
    return 3 * (squares - m**2 * n * (n + 1) ** 2) / spread if spread else None


def _tiers(ranked: Sequence[tuple[int, float]], within: float) -> dict[int, int]:
    """The tier of each class, from (class, mean rank) by rising mean rank."""
    tier: dict[int, int] = {}
    first, k = 0.0, 0
    for b, rank in ranked:
        if k == 0 or rank - first > within:
            first, k = rank, k + 1
        tier[b] = k
    return tier


def _mutual(agreement: Sequence[Agreement]) -> bool:
    """Whether every class that one lists in the merged ranking lists it back."""
    lists = {found.name: {other.name for other in found.standings if other.tier} for found in agreement}
    return all(name in lists[other] for name, others in lists.items() for other in others)


def _listing(found: Agreement) -> Listing:
    tiers: dict[int, list[str]] = {}
    for standing in found.standings:
        if standing.tier is not None:
            tiers.setdefault(standing.tier, []).append(as_member(standing.name))
    return Listing(tuple(Tier(tuple(names)) for names in tiers.values()))
