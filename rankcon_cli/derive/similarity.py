"""From how similar classes are to a ranking: by cuts, by the most similar few, or at the largest gaps."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, name_fault
from rankcon_cli.wording import counted, listed, quoted

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("rankcon")

#: Most classes: the matrix of so many takes 800 MB.
MAX_CLASSES = 10_000
#: The most similar classes of each that are listed where nobody says how tiers are to be made.
DEFAULT_TOP_K = 3
#: Most classes that the tiers list together: what a ranking file of the longest that is read has room for.
MAX_LISTED = 5_000_000

_TIE = 1e-9  # values nearer to each other than this share of themselves differ by rounding, and are tied

#: From the values [n] around one class, and whether others are given as not similar at all, to its tiers: positions among
#: the values, most similar first. None where nothing can be told.
Rule = Callable[["np.ndarray", bool], "list[np.ndarray] | None"]


@dataclass(frozen=True)
class Similarities:
    """How similar each class finds each other class. What is given is kept as it is: nothing is made symmetric.

    Attributes:
        classes: C names in label order.
        matrix: float64 [C, C]; row c is what class c finds similar, and larger is more similar. NaN: not given;
            -inf: given as not similar. The diagonal is ignored.
        distances: the values are distances with a minus sign, and cuts are given as distances.
        declared: the values of a row stand for tiers that somebody made, and are not measurements.

    Raises RankconError for names that a ranking cannot have, fewer than two classes or more than ``MAX_CLASSES``.
    """

    classes: tuple[str, ...]
    matrix: "np.ndarray"
    distances: bool = False
    declared: bool = False

    def __post_init__(self) -> None:
        check_classes(self.classes)
        if self.matrix.shape != (len(self.classes),) * 2:
            raise RankconError(f"{counted(len(self.classes), 'class')} and a matrix of shape {self.matrix.shape}")


def check_classes(names: Sequence[str]) -> None:
    """RankconError where ``names`` cannot be the classes of a matrix of similarities."""
    if len(names) < 2:
        raise RankconError(f"a ranking needs two classes or more, and here {len(names)} can be found")
    if len(names) > MAX_CLASSES:
        raise RankconError(
            f"{len(names):,} classes are more than {MAX_CLASSES:,}, the most that similarities are read of"
        )
    seen: set[str] = set()
    for name in names:
        fault = name_fault(name)
        if fault or name in seen:
            raise RankconError(f"{quoted(name)} cannot name a class: {fault or 'another class has that name'}")
        seen.add(name)


def to_ranking(
    similarities: Similarities,
    *,
    cuts: Sequence[float] | None = None,
    top_k: int | None = None,
    gaps: int | None = None,
    scores: bool = True,
    name: str | None = None,
    source: str | None = None,
) -> Ranking:
    """A ranking with a list for each class that has values; the others are left for people to rank.

    Of ``cuts``, ``top_k`` and ``gaps`` at most one is given. Without any, the tiers are those that were declared or
    else as with ``top_k=DEFAULT_TOP_K``. Values that differ by rounding alone (1e-9 of themselves) are tied.

    Args:
        cuts: falling thresholds (of distances: rising ones). Tier k holds the values from ``cuts[k - 1]`` on that are in
            no earlier tier; tiers without a class close up.
        top_k: the most similar classes that are listed, one tier each. Ties share a tier and are never cut in two.
        gaps: split the sorted values of a class where they fall most, in so many places or as many as there are.
            What stands above the last of these is listed, in as many tiers; what stands below is not. The way down to
            classes that are not similar at all is the widest gap; where there is none, a class is left to be ranked.
        scores: give each tier the mean of its values as its score, in the classes where all means lie in (0, 1) and
            fall. No class gets scores where any value lies outside [-1, 1], as then the scale is another.
        name, source: for the ranking's keys of that name.

    Raises:
        UsageError: two rules were given, or one that makes no sense.
        RankconError: a similarity is infinite, or the tiers list more than ``MAX_LISTED`` classes together.
    """
    rule = _rule(similarities, cuts, top_k, gaps)
    comparable = scores and (similarities.declared or _within_one(similarities.matrix))
    rankings: dict[str, Listing] = {}
    unscored = n_listed = 0
    for c, class_name in enumerate(similarities.classes):
        tiers = _tiers(similarities, c, rule)
        if tiers is None:
            continue
        n_listed += sum(map(len, tiers))
        if n_listed > MAX_LISTED:
            raise RankconError(
                f"the tiers would list more than {MAX_LISTED:,} classes together", hint="list fewer, with top-k say"
            )
        means = _means([similarities.matrix[c, members] for members in tiers]) if comparable else None
        unscored += means is None and bool(tiers)
        written = [tuple(as_member(similarities.classes[b]) for b in members) for members in tiers]
        rankings[class_name] = Listing(tuple(map(Tier, written, means or [None] * len(tiers))))
    if scores and unscored and not similarities.distances and not similarities.declared:
        log.info("%s without scores: those lie between 0 and 1, and these values do not", counted(unscored, "class"))
    ranking = Ranking(similarities.classes, rankings=rankings, name=name, source=source)
    _tell_what_is_not_ranked(ranking, cuts, gaps, similarities.distances)
    return ranking


def _tell_what_is_not_ranked(ranking: Ranking, cuts: Sequence[float] | None, gaps: int | None, distances: bool) -> None:
    """Log which classes have no list for want of a gap, or an empty one as no value reaches the last cut; warn of all."""
    rankings = ranking.rankings
    left = [name for name in ranking.classes if name not in rankings]
    if not rankings:
        why = "no values are given" if gaps is None else "no class has a gap between its values"
        log.warning("nothing is ranked: %s", why)
    elif gaps is not None and left:
        log.info("left for you to rank, as there is no gap between their values: %s", listed(left))
    empty = [name for name, listing in rankings.items() if not listing.tiers] if cuts is not None else []
    if empty:
        reach = f"no {'distance is as small as' if distances else 'value reaches'} {cuts[-1]:g}"
        if len(empty) == len(rankings):
            log.warning("%s: nothing is ranked", reach)
        else:
            log.info("%s for %s: nothing is similar to %s", reach, counted(len(empty), "class"), listed(empty))


def _tiers(similarities: Similarities, c: int, rule: Rule) -> "list[np.ndarray] | None":
    """The tiers of class ``c`` as ascending labels; None where nothing is given for it or can be told."""
    import numpy as np

    row = similarities.matrix[c]
    given = np.flatnonzero(~np.isnan(row))
    given = given[given != c]
    if not len(given):
        return None
    others = given[row[given] > -np.inf]
    if np.isinf(row[others]).any():
        raise RankconError(f"{quoted(similarities.classes[c])} has a similarity that is infinite")
    tiers = rule(row[others], len(others) < len(given))
    return None if tiers is None else [np.sort(others[positions]) for positions in tiers]


def _rule(similarities: Similarities, cuts: Sequence[float] | None, top_k: int | None, gaps: int | None) -> Rule:
    given = [flag for flag, value in (("cuts", cuts), ("top-k", top_k), ("gaps", gaps)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"tiers are made in one way: {' or '.join(given)}, not both")
    for flag, number in (("top-k", top_k), ("gaps", gaps)):
        if number is not None and number < 1:
            raise UsageError(f"{flag} is a number from 1 on, not {number}")
    if cuts is not None:
        return _cutter(cuts, similarities.distances)
    if gaps is not None:
        return lambda values, bottom: _at_gaps(values, gaps, bottom)
    if top_k is None and similarities.declared:
        return lambda values, bottom: _levels(values, tie=0.0)
    if top_k is None:
        log.info("tiers are made of the %d most similar classes of each", DEFAULT_TOP_K)
    return lambda values, bottom: _nearest(values, top_k or DEFAULT_TOP_K)


def _cutter(cuts: Sequence[float], distances: bool) -> Rule:
    import numpy as np

    thresholds = np.array(cuts, dtype=np.float64) * (-1.0 if distances else 1.0)
    if not len(cuts) or not np.isfinite(thresholds).all() or (np.diff(thresholds) >= 0).any():
        way = "rise, as small distances come first" if distances else "fall, as the most similar come first"
        raise UsageError(f"cuts are numbers that {way}, not {', '.join(f'{cut:g}' for cut in cuts) or 'none'}")

    with np.errstate(over="ignore"):  # a value that misses a cut by rounding alone does not miss it
        floors = np.maximum(thresholds - _TIE * np.abs(thresholds), np.finfo(np.float64).min)

    def cut(values: np.ndarray, bottom: bool) -> list[np.ndarray]:
        tier = np.searchsorted(-floors, -values)  # how many of them lie above a value
        found = (np.flatnonzero(tier == k) for k in range(len(cuts)))
        return [positions for positions in found if len(positions)]

    return cut


def _nearest(values: "np.ndarray", k: int) -> list["np.ndarray"]:
    import numpy as np

    if k >= len(values):
        return _levels(values)
    last = np.partition(values, -k)[-k]
    kept = np.flatnonzero(values >= last - _TIE * abs(last))
    return [kept[level] for level in _levels(values[kept])]


def _at_gaps(values: "np.ndarray", n: int, bottom: bool) -> list["np.ndarray"] | None:
    import numpy as np

    if not len(values):
        return []
    order, falls = _sorted(values)
    wide = np.argsort(-falls, kind="stable")[: n - bottom]  # of equal gaps the one among the more similar classes
    borders = np.sort(wide[falls[wide] > 0])
    tiers = np.split(order, borders + 1)
    return tiers if bottom else tiers[:-1] or None


def _levels(values: "np.ndarray", tie: float = _TIE) -> list["np.ndarray"]:
    """Positions by value, largest first; equal values together."""
    import numpy as np

    order, falls = _sorted(values, tie)
    return np.split(order, np.flatnonzero(falls) + 1) if len(order) else []


def _sorted(values: "np.ndarray", tie: float = _TIE) -> "tuple[np.ndarray, np.ndarray]":
    """Positions [n] by value, largest first, and how far each value falls to the next [n - 1], 0 within a tie."""
    import numpy as np

    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    with np.errstate(over="ignore"):  # from 1e308 to -1e308 is infinitely far, as a gap
        falls = ordered[:-1] - ordered[1:]
    size = np.maximum(abs(ordered[:-1]), abs(ordered[1:]))
    return order, np.where(falls > tie * size, falls, 0.0)


def _means(tiers: list["np.ndarray"]) -> list[float] | None:
    """The score of each tier: its value, or the mean of its values to six digits; None where they are no scores."""
    means = [float(v[0]) if (v == v[0]).all() else float(f"{v.mean():.6g}") for v in tiers]
    falling = all(a > b for a, b in pairwise(means))
    return means if falling and all(0 < mean < 1 for mean in means) else None


def _within_one(matrix: "np.ndarray") -> bool:
    """Whether all values that are given, but for the diagonal, lie in [-1, 1]."""
    import numpy as np

    for c, row in enumerate(matrix):
        large = np.flatnonzero((row > 1) | ((row < -1) & (row > -np.inf)))
        if (large != c).any():
            return False
    return True
