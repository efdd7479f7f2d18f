"""What every edit asks: is the ranking sound, are the names known, did the edit bring an error."""

from collections import deque
from collections.abc import Iterable

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import Expansion, expand
from rankcon_cli.ranking.table import Members, TierTable
from rankcon_cli.wording import did_you_mean, quoted

#: The ranking that was expanded last. An editor asks many things of one ranking, and rankings do not change; only one
#: is kept, since the tiers of 10,000 classes may take a gigabyte.
_last: deque[tuple[Ranking, Expansion]] = deque(maxlen=1)


def expanded(ranking: Ranking) -> Expansion:
    """``expand(ranking)``, made once for a ranking that is asked about again."""
    if not _last or _last[0][0] is not ranking:
        _last.clear()
        _last.append((ranking, expand(ranking)))
    return _last[0][1]


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
    was = expanded(before) if after.symmetric else None
    expansion = expanded(after)
    if expansion.issues:
        first = expansion.issues[0]
        hint = f"'rankcon rank validate {before.file}' lists all that is wrong with it as it is"
        if first.code == "E109":
            hint = "take it out of one group first, or give it a list of its own"
        raise RankconError(f"this would leave the ranking with an error: {first.code} {first.message}", hint=hint)
    pair = None if was is None else _brought_one_sided(was.table, expansion.table)
    if pair is not None:
        a, b = (quoted(after.classes[c]) for c in pair)
        raise RankconError(
            f"this would have {a} list {b} and not the other way round, and the ranking claims to be symmetric",
            hint='take the key "symmetric" out of the file where that is not meant',
        )
    return after


def label_of(ranking: Ranking, name: str) -> int:
    """The label of a class; RankconError for a name that the ranking lacks."""
    try:
        return ranking.classes.index(name)
    except ValueError:
        message = f"{ranking.file} has no class {quoted(name)}{did_you_mean(name, ranking.classes)}"
        hint = "'rankcon rank show FILE' lists the classes"
        if name.removeprefix("@") in ranking.groups:
            message = f"{quoted(name)} is a group of {ranking.file}, and a class is wanted"
            hint = "groups stand in the TIERS of 'rank set', and 'rank group' changes them"
        raise RankconError(message, hint=hint) from None


def labels_of(ranking: Ranking, names: Iterable[str]) -> frozenset[int]:
    """The labels of classes, at least one; RankconError for a name that the ranking lacks."""
    known = {name: c for c, name in enumerate(ranking.classes)}
    labels = frozenset(known[name] if name in known else label_of(ranking, name) for name in names)
    if not labels:
        raise RankconError("no class was named", hint="name the classes to put, move or take away")
    return labels


def _brought_one_sided(before: TierTable, after: TierTable) -> tuple[int, int] | None:
    """Labels (a, b) where a lists b, b does not list a, and that was otherwise before; None where there are none.

    Only rows that differ are looked into. Rows share their tuples, so that most are told apart at a glance.
    """
    same: dict[tuple[int, int], bool] = {}

    def is_same(old: Members, new: Members) -> bool:
        pair = (id(old), id(new))
        if pair not in same:
            same[pair] = old == new
        return same[pair]

    for a, (old, new) in enumerate(zip(before.tiers, after.tiers, strict=True)):
        if len(old) == len(new) and all(map(is_same, old, new)):
            continue
        had, has = frozenset().union(*old), frozenset().union(*new)
        for b in sorted(has - had):
            if not any(a in members for members in after.tiers[b]):
                return a, b
        for b in sorted(had - has):
            if any(a in members for members in after.tiers[b]):
                return b, a
    return None
