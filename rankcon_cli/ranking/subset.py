"""Rankings of fewer classes, and of classes called otherwise: subset and rename."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, is_group, name_fault
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.groups import Groups, resolve_groups
from rankcon_cli.ranking.issues import Findings
from rankcon_cli.wording import counted, did_you_mean, listed, quoted


def subset(ranking: Ranking, names: Iterable[str]) -> Ranking:
    """The ranking of these classes alone.

    It compiles to what ``compile_ranking(ranking)`` gives once all other classes are withheld. Groups, lists and
    notes stay as they were written as far as they can: dropped classes leave them, a group of which fewer than two
    classes are left or which has become the same as an inner one goes (what referred to it refers to what it still
    holds), tiers left empty close up, and a list of which only ``"@groups"`` is left goes.

    Args:
        ranking: the ranking.
        names: the classes to keep. Their order becomes the label order.

    Raises:
        RankingError: the ranking has errors.
        RankconError: a name that the ranking lacks or that is given twice, or fewer than two names.
    """
    names = tuple(names)
    compile_ranking(ranking)  # which refuses one with errors
    _check_selection(ranking, names)
    label = {name: c for c, name in enumerate(ranking.classes)}
    kept = frozenset(label[name] for name in names)
    if len(kept) == len(ranking.classes):
        return replace(ranking, classes=names, text=None)
    selection = _Selection(ranking, resolve_groups(ranking, label, Findings()), kept)
    groups = {
        name: Tier(selection.members(group.of), group.score)
        for name, group in ranking.groups.items()
        if selection.becomes[name] == (f"@{name}",)
    }
    rankings = {}
    for name in (name for name in names if name in ranking.rankings):
        listing = ranking.rankings[name]
        tiers = selection.tiers(name, listing.tiers)
        if tiers or not (listing.tiers and listing.rest_of_groups):
            rankings[name] = Listing(tiers, listing.rest_of_groups and label[name] in selection.grouped)
    gone = {*ranking.classes, *ranking.groups} - {*names, *groups}
    notes = _notes(ranking, dict.fromkeys(gone))
    return replace(ranking, classes=names, groups=groups, rankings=rankings, notes=notes, text=None)


def rename(ranking: Ranking, new_names: Mapping[str, str]) -> Ranking:
    """The ranking with classes renamed wherever they are named; label order and meaning stay.

    Args:
        ranking: the ranking.
        new_names: old name -> new name, taken all at once: two classes may swap their names.

    Raises:
        RankingError: the ranking has errors.
        RankconError: an old name that the ranking lacks, or a new one that cannot name a class or is taken (a note
            under it counts, since that of the renamed class would take its place).
    """
    compile_ranking(ranking)  # which refuses one with errors
    _refuse_unknown(ranking, new_names, f"'rankcon rank group {ranking.file} GROUP --rename NEW' renames a group")
    for name in new_names.values():
        _check_new(ranking, name)
    classes = tuple(new_names.get(name, name) for name in ranking.classes)
    name, times = Counter(classes).most_common(1)[0]
    if times > 1:
        raise RankconError(f"{counted(times, 'class')} would be called {quoted(name)}", hint="a class name stands once")
    _refuse_noted(ranking, new_names)
    written = {as_member(old): as_member(new) for old, new in new_names.items()}

    def renamed(tier: Tier) -> Tier:
        return Tier(tuple(written.get(member, member) for member in tier.of), tier.score)

    return replace(
        ranking,
        classes=classes,
        groups={name: renamed(group) for name, group in ranking.groups.items()},
        rankings={
            new_names.get(name, name): Listing(tuple(map(renamed, listing.tiers)), listing.rest_of_groups)
            for name, listing in ranking.rankings.items()
        },
        notes=_notes(ranking, new_names),
        text=None,
    )


class _Selection:
    """What becomes of groups and tiers where only the classes ``kept`` are left.

    Attributes:
        becomes: group name -> what a reference to it becomes: itself, the group it has become the same as, its one
            class, or nothing.
        grouped: the classes that a group still holds.
    """

    def __init__(self, ranking: Ranking, groups: Groups, kept: frozenset[int]):
        self._kept = kept
        self._label = {as_member(name): c for c, name in enumerate(ranking.classes)}
        self._left = {name: members & kept for name, members in groups.members.items()}
        self.becomes: dict[str, tuple[str, ...]] = {}
        self.grouped = frozenset().union(*(left for left in self._left.values() if len(left) > 1))
        # Of groups that have become the same, the innermost made the tier, and has the score, of derived classes.
        same: dict[frozenset[int], str] = {}
        for name in sorted(groups.members, key=lambda name: len(groups.members[name])):
            left = self._left[name]
            if len(left) > 1:
                self.becomes[name] = (f"@{same.setdefault(left, name)}",)
            else:
                self.becomes[name] = tuple(as_member(ranking.classes[c]) for c in left)

    def members(self, of: Sequence[str], placed: Collection[int] = ()) -> tuple[str, ...]:
        """Members as written, each once; a class that stands for its group goes where it is ``placed`` already."""
        found: list[str] = []
        for member in of:
            if is_group(member):
                found += [m for m in self.becomes[member[1:]] if is_group(m) or self._label[m] not in placed]
            elif self._label[member] in self._kept:
                found.append(member)
        return tuple(dict.fromkeys(found))

    def tiers(self, name: str, tiers: Sequence[Tier]) -> tuple[Tier, ...]:
        """The tiers that the class ``name`` lists, without those of which nothing is left."""
        placed = {self._label[as_member(name)]}
        found = []
        for tier in tiers:
            of = self.members(tier.of, placed)
            brought = set().union(*(self._left[m[1:]] if is_group(m) else {self._label[m]} for m in of)) - placed
            if brought:
                found.append(Tier(of, tier.score))
                placed |= brought
        return tuple(found)


def _check_selection(ranking: Ranking, names: Sequence[str]) -> None:
    _refuse_unknown(ranking, names, "a subset is made of classes: name those of the group")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise RankconError(
            f"{listed(twice)} {'is' if len(twice) == 1 else 'are'} named twice", hint="name a class once"
        )
    if len(names) < 2:
        raise RankconError(f"{counted(len(names), 'class')} cannot be ranked; a ranking needs two")


def _refuse_unknown(ranking: Ranking, names: Iterable[str], advice: str) -> None:
    """RankconError with the names that the ranking lacks; the first few get a suggestion, groups the ``advice``."""
    known = set(ranking.classes)
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if not unknown:
        return
    groups = {name for name in unknown[:5] if name.removeprefix("@") in ranking.groups}
    told = ", ".join(
        quoted(name) + (" (it is a group)" if name in groups else did_you_mean(name, ranking.classes))
        for name in unknown[:5]
    )
    noun = "class" if len(unknown) == 1 else "classes"
    more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
    hint = advice if groups else f"'rankcon rank show {ranking.file}' lists its classes"
    raise RankconError(f"{ranking.file} has no {noun} {told}{more}", hint=hint)


def _check_new(ranking: Ranking, name: str) -> None:
    fault = name_fault(name)
    if fault:
        raise RankconError(f"{quoted(name)} cannot name a class: {fault}")
    if name in ranking.groups:
        raise RankconError(f"{quoted(name)} is the name of a group", hint="rename the group first, or choose another")


def _refuse_noted(ranking: Ranking, new_names: Mapping[str, str]) -> None:
    """RankconError where a renamed class has a note and its new name another, one of which would be lost."""
    notes = ranking.notes if isinstance(ranking.notes, Mapping) else {}
    for old, new in new_names.items():
        if old in notes and new in notes and new not in ranking.classes:
            raise RankconError(
                f"there are notes on {quoted(old)} and on {quoted(new)}", hint="remove one of them first"
            )


def _notes(ranking: Ranking, new_keys: Mapping[str, str | None]) -> str | dict[str, str] | None:
    """The notes under their new keys; those that get None go, and those without a new one stay."""
    if ranking.notes is None or isinstance(ranking.notes, str):
        return ranking.notes
    notes = {new_keys.get(key, key): note for key, note in ranking.notes.items()}
    notes.pop(None, None)
    return notes or None
