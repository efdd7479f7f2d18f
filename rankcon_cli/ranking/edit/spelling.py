"""From the tiers that a class shall have back to a list as people would write it.

Edits work on expanded tiers, where every class stands by name. Written back, what the file said with ``@group`` and
``"@groups"`` stays said that way wherever it still means the same.
"""

from collections.abc import Collection, Sequence

from rankcon_cli.ranking.document import Listing, Ranking, Tier, as_member, from_member, is_group
from rankcon_cli.ranking.edit.rows import Row
from rankcon_cli.ranking.expansion import Expansion


def spell(ranking: Ranking, expansion: Expansion, c: int, rows: Sequence[Row]) -> Listing | None:
    """A list that gives class ``c`` exactly ``rows``; None where its groups give them anyway.

    The members of each tier are those that the old list had and that still fit, in their order, then the rest by
    name in label order. ``"@groups"`` stays, or comes to a class that was derived, where it gives the last rows.
    """
    old = ranking.rankings.get(ranking.classes[c])
    written = [member for tier in old.tiers for member in tier.of] if old is not None else []
    may_rest = old is None or old.rest_of_groups
    placed = {c}
    tiers: list[Tier] = []
    for k, row in enumerate(rows):
        if may_rest and _rest_rows(ranking, expansion, c, placed) == list(rows[k:]):
            return Listing(tuple(tiers), True) if tiers else None
        tiers.append(Tier(_members(ranking, expansion, row.members, placed, written), row.score))
        placed |= row.members
    if old is None and not rows and not _rest_rows(ranking, expansion, c, placed):
        return None
    return Listing(tuple(tiers))


def _members(
    ranking: Ranking, expansion: Expansion, wanted: frozenset[int], placed: set[int], written: Sequence[str]
) -> tuple[str, ...]:
    """Members that expand to ``wanted`` once ``placed`` is taken: ``written`` ones where they fit, then names."""
    label = {ranking.classes[b]: b for b in wanted}
    kept: dict[str, None] = {}
    covered: set[int] = set()
    for member in written:
        if is_group(member):
            given = expansion.groups.members[member[1:]] - placed
        else:
            b = label.get(from_member(member))
            given = frozenset() if b is None else frozenset((b,))
        if given and given <= wanted:
            kept[member] = None
            covered |= given
    names = [as_member(ranking.classes[b]) for b in sorted(wanted - covered)]
    return (*kept, *names)


def rest(ranking: Ranking, expansion: Expansion, c: int, placed: Collection[int]) -> list[tuple[Row, str]]:
    """What ``"@groups"`` appends for class ``c`` once the labels ``placed`` are taken, and the group of each row."""
    if expansion.derivation.crossing(c) is not None:
        return []
    given = [
        (Row(frozenset(members).difference(placed), ranking.groups[group].score), group)
        for members, group in expansion.derivation.tiers(c)
    ]
    return [(row, group) for row, group in given if row.members]


def _rest_rows(ranking: Ranking, expansion: Expansion, c: int, placed: Collection[int]) -> list[Row]:
    return [row for row, _ in rest(ranking, expansion, c, placed)]
