"""Edits of groups and notes."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, from_member, group_name_fault, is_group
from rankcon_cli.ranking.edit.guard import label_of, refuse_faults, sound
from rankcon_cli.wording import did_you_mean, listed, quoted


def set_group(ranking: Ranking, group: str, members: Sequence[str], score: float | None = None) -> Ranking:
    """Define a group, new or anew, by members as written: class names and ``@group``."""
    fault = group_name_fault(group)
    if fault:
        raise RankconError(f"{quoted(group)} cannot name a group: {fault}")
    tier = Tier(tuple(dict.fromkeys(members)), score)
    return refuse_faults(ranking, replace(ranking, groups={**ranking.groups, group: tier}, text=None))


def set_group_score(ranking: Ranking, group: str, score: float | None) -> Ranking:
    """Give the tiers that a group makes a score, or none."""
    return set_group(ranking, group, _group(ranking, group).of, score)


def add_to_group(ranking: Ranking, group: str, names: Iterable[str]) -> Ranking:
    """Let a group hold these classes too."""
    old = _group(ranking, group)
    members = [as_member(ranking.classes[label_of(ranking, name)]) for name in names]
    return set_group(ranking, group, (*old.of, *members), old.score)


def remove_from_group(ranking: Ranking, group: str, names: Iterable[str]) -> Ranking:
    """Take classes out of a group that names them; those that it holds through another group are refused."""
    old = _group(ranking, group)
    members = [as_member(ranking.classes[label_of(ranking, name)]) for name in names]
    missing = [from_member(member) for member in members if member not in old.of]
    if missing:
        inner = [member for member in old.of if is_group(member)]
        hint = f"it may hold them through {listed(inner)}: take them out there" if inner else None
        raise RankconError(f"the group {quoted(group)} does not name {listed(missing)}", hint=hint)
    return set_group(ranking, group, [member for member in old.of if member not in members], old.score)


def rename_group(ranking: Ranking, old: str, new: str) -> Ranking:
    """Call a group otherwise, wherever it is named."""
    _group(ranking, old)
    if new != old and new in ranking.groups:
        raise RankconError(f"there is a group {quoted(new)} already")

    def renamed(tier: Tier) -> Tier:
        return tier._replace(of=tuple("@" + new if member == "@" + old else member for member in tier.of))

    groups = {new if name == old else name: renamed(tier) for name, tier in ranking.groups.items()}
    rankings = {
        name: listing._replace(tiers=tuple(map(renamed, listing.tiers))) for name, listing in ranking.rankings.items()
    }
    notes = ranking.notes
    if isinstance(notes, Mapping) and old in notes and old not in ranking.classes:
        notes = {new if key == old else key: note for key, note in notes.items()}
    changed = replace(ranking, groups=groups, rankings=rankings, notes=notes, text=None)
    return set_group(changed, new, groups[new].of, groups[new].score)  # which looks at the name too


def remove_group(ranking: Ranking, group: str) -> Ranking:
    """Delete a group. Groups and tiers that name it name its members instead; the tier that it made is gone."""
    gone = _group(ranking, group)
    expansion = sound(ranking)
    groups = {
        name: tier._replace(of=_unfolded(tier.of, group, gone))
        for name, tier in ranking.groups.items()
        if name != group
    }
    rankings = {}
    for name, listing in ranking.rankings.items():
        placed = {as_member(name)}
        tiers = []
        for tier in listing.tiers:
            if "@" + group in tier.of:
                tier = tier._replace(of=tuple(m for m in _unfolded(tier.of, group, gone) if m not in placed))
            held = [expansion.groups.members[m[1:]] for m in tier.of if is_group(m)]
            placed.update(tier.of, (as_member(ranking.classes[b]) for members in held for b in members))
            tiers.append(tier)
        rankings[name] = Listing(tuple(tier for tier in tiers if tier.of), listing.rest_of_groups)
    notes = ranking.notes
    if isinstance(notes, Mapping) and group not in ranking.classes:
        notes = {key: note for key, note in notes.items() if key != group} or None
    return refuse_faults(ranking, replace(ranking, groups=groups, rankings=rankings, notes=notes, text=None))


def set_note(ranking: Ranking, key: str, text: str | None) -> Ranking:
    """Write a note on a class, a group or what you like; None or an empty text takes it away.

    A file whose notes are one text gets an object, with that text under ``ranking``.
    """
    old = {"ranking": ranking.notes} if isinstance(ranking.notes, str) else dict(ranking.notes or {})
    if not text:
        if key not in old:
            raise RankconError(f"there is no note on {quoted(key)}{did_you_mean(key, old)}")
        del old[key]
    elif any(unicodedata.category(letter) == "Cs" for letter in key + text):
        raise RankconError("the note is not UTF-8 text")
    else:
        old[key] = text
    return replace(ranking, notes=old or None, text=None)


def _group(ranking: Ranking, name: str) -> Tier:
    if name not in ranking.groups:
        bare = name.removeprefix("@")
        raise RankconError(f"{ranking.file} has no group {quoted(bare)}{did_you_mean(bare, ranking.groups)}")
    return ranking.groups[name]


def _unfolded(of: Iterable[str], group: str, gone: Tier) -> tuple[str, ...]:
    """The members with those of the ``group`` that is ``gone`` in its place, each once."""
    members = [inner for member in of for inner in (gone.of if member == "@" + group else (member,))]
    return tuple(dict.fromkeys(members))
