"""A ranking file as it was written: groups and ``@group`` references unexpanded, metadata kept."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rankcon_cli.ranking.issues import Path

FORMAT = "rankcon/ranking"
VERSION = 1

#: The last item of a class's list that appends what its groups would have given.
REST_OF_GROUPS = "@groups"


class Tier(NamedTuple):
    """A tier, or a group, as written.

    Attributes:
        of: members: ``cat`` is a class, ``@pet`` a group, ``@@home`` the class ``@home``.
        score: the similarity of the tier; for a group, of the tier that it makes. None where there is none.
    """

    of: tuple[str, ...]
    score: float | None = None

    def member_path(self, path: Path, position: int) -> Path:
        """Where a member of the tier at ``path`` stands in the file (a scored tier is written as an object)."""
        return (*path, position) if self.score is None else (*path, "of", position)


class Listing(NamedTuple):
    """What the file says for one class: its tiers, and whether its groups' leftovers follow (``"@groups"``)."""

    tiers: tuple[Tier, ...]
    rest_of_groups: bool = False


@dataclass(frozen=True)
class Ranking:
    """A ranking file, version 1, as written.

    Attributes:
        classes: class names in label order.
        groups: group name -> its members, in file order.
        rankings: class name -> its explicit list; a class that is missing is derived from its groups.
        symmetric: the author claims that listing is mutual.
        extras: ``$schema`` and the ``x-*`` keys.
        file: what messages call it.
        text: the JSON it was read from; None for a ranking that came from a graph or was made in code.
    """

    classes: tuple[str, ...]
    groups: Mapping[str, Tier] = field(default_factory=dict)
    rankings: Mapping[str, Listing] = field(default_factory=dict)
    symmetric: bool = False
    name: str | None = None
    description: str | None = None
    source: str | None = None
    notes: str | Mapping[str, str] | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    file: str = field(default="ranking", compare=False)
    text: str | None = field(default=None, compare=False, repr=False)


def as_member(name: str) -> str:
    """How a class name is written: one that begins with ``@`` gets a second one."""
    return "@" + name if name.startswith("@") else name


def from_member(member: str) -> str:
    """The class name that ``member`` writes."""
    return member[1:] if member.startswith("@@") else member


def is_group(member: str) -> bool:
    return member.startswith("@") and not member.startswith("@@")


def group_name_fault(name: str) -> str | None:
    """Why ``name`` cannot name a group, or None."""
    if name.startswith("@"):
        return "it begins with @"
    if "@" + name == REST_OF_GROUPS:
        return f'"{REST_OF_GROUPS}" has a meaning of its own'
    return name_fault(name)


def name_fault(name: str) -> str | None:
    """Why ``name`` (as it is meant, not as it is written) can name neither class nor group, or None."""
    if not name:
        return "it is empty"
    if name != name.strip():
        return "it begins or ends with a blank"
    if not name.isprintable() and any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        return "it holds a control character or a line break"
    return None
