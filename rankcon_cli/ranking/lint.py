"""What looks unintended in a ranking without being wrong: W205 to W213, save W211."""

import re
import unicodedata

from rankcon_cli.ranking.document import REST_OF_GROUPS, Ranking, as_member, from_member, is_group
from rankcon_cli.ranking.expansion import Expansion
from rankcon_cli.ranking.issues import Findings
from rankcon_cli.wording import counted, listed, quoted


def lint(ranking: Ranking, expansion: Expansion, findings: Findings) -> None:
    """All of these checks, on a ranking without errors."""
    _unranked(ranking, expansion, findings)
    for path in expansion.empty:
        findings.add("W206", f"nothing is left of tier {path[2] + 1} of {quoted(from_member(path[1]))}", *path)
    for c, name in enumerate(ranking.classes):
        listing = ranking.rankings.get(name)
        if listing is not None and listing.rest_of_groups and not expansion.groups.holders[c]:
            message = f'"{REST_OF_GROUPS}" adds nothing: {quoted(name)} is in no group'
            findings.add("W206", message, "rankings", as_member(name), len(listing.tiers))
    for name, members in expansion.groups.members.items():
        if len(members) < 2:
            findings.add("W207", f"the group {quoted(name)} holds {counted(len(members), 'class')}", "groups", name)
    _unused(ranking, expansion, findings)
    _flat(expansion, findings)
    _uneven(expansion, findings)
    _similar_names(ranking, findings)
    _hidden(ranking, expansion, findings)


def _unranked(ranking: Ranking, expansion: Expansion, findings: Findings) -> None:
    holders = expansion.groups.holders
    labels = [c for c, name in enumerate(ranking.classes) if name not in ranking.rankings and not holders[c]]
    if labels:
        verb = "has" if len(labels) == 1 else "have"
        names = listed(ranking.classes[c] for c in labels)
        findings.add("W205", f"{names} {verb} neither a ranking nor a group", "classes", labels[0])


def _unused(ranking: Ranking, expansion: Expansion, findings: Findings) -> None:
    """W208: groups that neither a tier names nor a class is derived from, nor a used group holds."""
    if not ranking.groups:
        return
    tiers = {tier.of for listing in ranking.rankings.values() for tier in listing.tiers}
    open_groups = {member[1:] for of in tiers for member in of if is_group(member)}
    for c, name in enumerate(ranking.classes):
        listing = ranking.rankings.get(name)
        if listing is None or listing.rest_of_groups:
            open_groups.update(expansion.groups.holders[c])
    used: set[str] = set()
    while open_groups:
        name = open_groups.pop()
        if name not in used:
            used.add(name)
            open_groups.update(member[1:] for member in ranking.groups[name].of if is_group(member))
    for name in ranking.groups:
        if name not in used:
            findings.add("W208", f"no tier comes from the group {quoted(name)}", "groups", name)


def _flat(expansion: Expansion, findings: Findings) -> None:
    table = expansion.table
    ranked = [tiers for tiers in table.tiers if tiers]
    if ranked and all(len(tiers) == 1 and len(tiers[0]) == len(table.classes) - 1 for tiers in ranked):
        findings.add("W209", "every class has all the others in one tier, which ranks nothing")


def _uneven(expansion: Expansion, findings: Findings) -> None:
    """W210: the deepest class has over twice the tiers of the shallowest, and two more; classes without tiers aside."""
    table = expansion.table
    ranked = [c for c in range(len(table.classes)) if table.n_tiers(c)]
    if not ranked:
        return
    least, most = min(ranked, key=table.n_tiers), max(ranked, key=table.n_tiers)
    few, many = table.n_tiers(least), table.n_tiers(most)
    if many > 2 * few and many >= few + 2:
        names = quoted(table.classes[most]), quoted(table.classes[least])
        findings.add("W210", f"{names[0]} has {counted(many, 'tier')} and {names[1]} {few}")


def _similar_names(ranking: Ranking, findings: Findings) -> None:
    alike: dict[str, list[int]] = {}
    for c, name in enumerate(ranking.classes):
        folded = re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name).casefold())
        singular = folded if folded.endswith("ss") else folded.removesuffix("s")
        alike.setdefault(singular, []).append(c)
    for labels in alike.values():
        if len(labels) > 1:
            names = listed(ranking.classes[c] for c in labels)
            findings.add("W212", f"{names} differ only by case, separators or plural", "classes", labels[1])


def _hidden(ranking: Ranking, expansion: Expansion, findings: Findings) -> None:
    """W213; an empty list is deliberate, and where groups do not nest nothing would have been derived."""
    for c, name in enumerate(ranking.classes):
        listing = ranking.rankings.get(name)
        if listing is None or listing.rest_of_groups or not listing.tiers:
            continue
        chain = expansion.groups.holders[c]
        if not chain or expansion.derivation.crossing(c):
            continue
        shown = {c}.union(*expansion.table.tiers[c])
        hidden = sorted(expansion.groups.members[chain[-1]] - shown)
        if hidden:
            mates = listed(ranking.classes[b] for b in hidden)
            message = f'the list of {quoted(name)} hides {mates} of its groups; end it with "@groups" to keep them'
            findings.add("W213", message, "rankings", as_member(name))
