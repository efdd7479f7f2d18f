"""What every edit asks: is the ranking sound, are the names known, did the edit bring an error."""

from collections import deque
from collections.abc import Iterable

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import Expansion, expand
from rankcon_cli.wording import did_you_mean, quoted

#: The rankings that were expanded last. An editor asks many things of one ranking, and rankings do not change.
_recent: deque[tuple[Ranking, Expansion]] = deque(maxlen=3)


def expanded(ranking: Ranking) -> Expansion:
    """``expand(ranking)``, made once for a ranking that is asked about again."""
    for known, expansion in _recent:
        if known is ranking:
            return expansion
    _recent.append((ranking, expand(ranking)))
    return _recent[-1][1]


def sound(ranking: Ranking) -> Expansion:
    """The expansion of a ranking without errors; RankconError for one that has some."""
    expansion = expanded(ranking)
    if expansion.issues:
        first = expansion.issues[0]
        raise RankconError(
            f"{ranking.file} has errors, and only a sound ranking can be edited: {first.code} {first.message}",
            hint=f"'rankcon rank validate {ranking.file}' lists all; 'rankcon rank edit --editor' opens the text",
        )
    return expansion


def refuse_faults(before: Ranking, after: Ranking) -> Ranking:
    """``after``, if the edit brought no error; RankconError with the first otherwise."""
    expansion = expanded(after)
    if expansion.issues:
        first = expansion.issues[0]
        hint = "take it out of one group first, or give it a list of its own" if first.code == "E109" else None
        raise RankconError(f"this would leave the ranking with an error: {first.message}", hint=hint)
    if after.symmetric:
        table = expansion.table
        brought = _one_sided(expansion) - (_one_sided(expanded(before)) if before.symmetric else set())
        if brought:
            a, b = min(brought)
            raise RankconError(
                f"this would have {quoted(table.classes[a])} list {quoted(table.classes[b])} and not the other way "
                "round, and the ranking claims to be symmetric",
            )
    return after


def label_of(ranking: Ranking, name: str) -> int:
    """The label of a class; RankconError for a name that the ranking lacks."""
    try:
        return ranking.classes.index(name)
    except ValueError:
        message = f"{ranking.file} has no class {quoted(name)}{did_you_mean(name, ranking.classes)}"
        raise RankconError(message, hint="'rankcon rank show FILE' lists the classes") from None


def labels_of(ranking: Ranking, names: Iterable[str]) -> frozenset[int]:
    """The labels of classes, at least one; RankconError for a name that the ranking lacks."""
    labels = frozenset(label_of(ranking, name) for name in names)
    if not labels:
        raise RankconError("no class was named", hint="name the classes to put, move or take away")
    return labels


def _one_sided(expansion: Expansion) -> set[tuple[int, int]]:
    pairs = {(a, b) for a, tiers in enumerate(expansion.table.tiers) for members in tiers for b in members}
    return {(a, b) for a, b in pairs if (b, a) not in pairs}
