"""What the screens tell about a ranking: its tiers, who is not ranked, who lists whom, and the findings."""

import bisect
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from rankcon_cli.ranking import Issue, Ranking, TierTable, check
from rankcon_cli.ranking.document import from_member
from rankcon_cli.ranking.edit.guard import expanded
from rankcon_cli.ranking.expansion import Expansion

#: Most members in lists and groups for which findings are looked for after every edit (about 0.2 s); with more, on demand.
MOST_LIVE = 50_000


@dataclass(frozen=True)
class Facts:
    """A ranking without errors, and what follows from it.

    Attributes:
        ranking, expansion: the ranking, and its tiers with how they came about.
        issues: the findings; None where they were not looked for.
    """

    ranking: Ranking
    expansion: Expansion
    issues: tuple[Issue, ...] | None

    @property
    def table(self) -> TierTable:
        return self.expansion.table

    @cached_property
    def label(self) -> dict[str, int]:
        return {name: c for c, name in enumerate(self.ranking.classes)}

    @cached_property
    def unranked(self) -> frozenset[str]:
        """Classes with neither a list nor a group."""
        holders = self.expansion.groups.holders
        classes = enumerate(self.ranking.classes)
        return frozenset(name for c, name in classes if name not in self.ranking.rankings and not holders[c])

    @cached_property
    def marked(self) -> Counter[str]:
        """How many warnings concern each class, save that it is not ranked."""
        counted = (issue for issue in self.issues or () if issue.severity != "information" and issue.code != "W205")
        return Counter(subject for issue in counted if (subject := self.subject(issue)) in self.label)

    def lists(self, a: str, b: str) -> bool:
        """Whether class ``a`` has ``b`` in one of its tiers."""
        label = self.label[b]
        return any(_holds(members, label) for members in self.table.tiers[self.label[a]])

    def one_sided(self, name: str) -> list[str]:
        """The classes that list ``name`` and that it does not list."""
        c = self.label[name]
        known: dict[int, bool] = {}  # by identity: classes derived from one group share its tiers
        mine = {c}.union(*self.table.tiers[c])
        listers = []
        for a, tiers in enumerate(self.table.tiers):
            for members in tiers if a not in mine else ():
                if id(members) not in known:
                    known[id(members)] = _holds(members, c)
                if known[id(members)]:
                    listers.append(self.ranking.classes[a])
                    break
        return listers

    def next_unranked(self, name: str) -> str | None:
        """The next class after ``name``, in label order and round, that is not ranked; None where all are."""
        c = self.label[name]
        order = [*self.ranking.classes[c + 1 :], *self.ranking.classes[: c + 1]]
        return next((other for other in order if other in self.unranked), None)

    def subject(self, issue: Issue) -> str | None:
        """The class or group that a finding is about, if it is about one."""
        if len(issue.path) < 2:
            return None
        kind, key = issue.path[:2]
        if kind == "classes":
            return self.ranking.classes[key]
        return from_member(str(key)) if kind == "rankings" else str(key)


def facts_of(ranking: Ranking, *, checked: bool) -> Facts:
    """The facts of a ranking without errors; findings only where they are asked for."""
    return Facts(ranking, expanded(ranking), check(ranking) if checked else None)


def cheap_to_check(ranking: Ranking) -> bool:
    """Whether findings can be looked for after every edit without a pause that is felt."""
    members = sum(len(tier.of) for listing in ranking.rankings.values() for tier in listing.tiers)
    return members + sum(len(group.of) for group in ranking.groups.values()) <= MOST_LIVE


def _holds(members: tuple[int, ...], c: int) -> bool:
    at = bisect.bisect_left(members, c)
    return at < len(members) and members[at] == c
