"""Which classes a person is likely to list next."""

from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.edit.guard import label_of, sound


def suggestions(ranking: Ranking, name: str) -> list[str]:
    """The classes that ``name`` does not list, most plausible first.

    First those that list it, by their tier; then those in its groups, innermost first; then those in the first tier of
    a class that it lists; the rest in label order.
    """
    expansion = sound(ranking)
    table, c = expansion.table, label_of(ranking, name)
    place: dict[int, tuple[int, int]] = {}
    for a, tiers in enumerate(table.tiers):
        for k, members in enumerate(tiers):
            if c in members:
                place.setdefault(a, (0, k))
    for k, group in enumerate(expansion.groups.holders[c]):
        for b in expansion.groups.members[group]:
            place.setdefault(b, (1, k))
    for k, members in enumerate(table.tiers[c]):
        for b in members:
            for near in table.tiers[b][:1]:
                for a in near:
                    place.setdefault(a, (2, k))
    shown = {c}.union(*table.tiers[c])
    rest = [b for b in range(len(table.classes)) if b not in shown]
    rest.sort(key=lambda b: place.get(b, (3, 0)))
    return [table.classes[b] for b in rest]
