"""Tiers in one line, as people type and read them: ``airplane > kite, balloon > @toy``.

``>`` stands between tiers, most similar first, and commas between classes of one tier; ``(0.6)`` after a tier is its
score. ``@toy`` is a group, ``@@home`` the class ``@home``, a last ``@groups`` appends what the groups give. Names with
``>``, commas, double quotes or a final number in brackets stand in double quotes, as in JSON.
"""

import json
import re
from collections.abc import Iterable, Sequence

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.document import REST_OF_GROUPS, Listing, Tier, from_member, is_group, name_fault
from rankcon_cli.wording import quoted

_SYNTAX = "write most similar first: 'bird > ship, \"salt, pepper\" (0.4) > @toy > @groups'"
_SCORE = re.compile(r"\(\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*\)")
_BARE = re.compile(r'[^",>]+')


def parse_tiers(text: str) -> Listing:
    """The list of tiers that ``text`` says; empty text means nothing similar. RankconError where it says none."""
    if not text.strip():
        return Listing(())
    tiers = [_tier(part, k) for k, part in enumerate(_split(text, ">"), 1)]
    rest = tiers[-1] == Tier((REST_OF_GROUPS,))
    return Listing(tuple(tiers[:-1] if rest else tiers), rest)


def format_tiers(tiers: Listing | Iterable[Tier]) -> str:
    """The text of tiers (members as written), empty ones left out; ``parse_tiers`` reads it back."""
    listing = tiers if isinstance(tiers, Listing) else Listing(tuple(tiers))
    parts = [
        ", ".join(map(format_member, tier.of)) + ("" if tier.score is None else f" ({tier.score!r})")
        for tier in listing.tiers
        if tier.of
    ]
    return " > ".join([*parts, REST_OF_GROUPS] if listing.rest_of_groups else parts)


def parse_member(text: str) -> str:
    """One member, a class or an ``@group`` as a file writes it, from how people type it."""
    text = text.strip()
    if text.startswith('"'):
        try:
            text = json.loads(text, strict=False)
        except ValueError:
            raise RankconError(f"{quoted(text)} is no name in double quotes", hint=_SYNTAX) from None
    fault = name_fault(text.removeprefix("@") if is_group(text) else from_member(text))
    if fault:
        raise RankconError(f"{quoted(text)} can name nothing: {fault}", hint=_SYNTAX)
    return text


def format_member(member: str) -> str:
    """A member as ``parse_member`` reads it back, in quotes where it needs them."""
    plain = _BARE.fullmatch(member) and not _score(member)
    return member if plain else json.dumps(member, ensure_ascii=False)


def parse_members(text: str) -> tuple[str, ...]:
    """Members between commas; RankconError where there are none."""
    if not text.strip():
        raise RankconError("there are no members", hint="write 'cat, dog, @hoofed'")
    return tuple(parse_member(part) for part in _split(text, ","))


def _tier(text: str, k: int) -> Tier:
    score = None
    found = _score(text)
    if found:
        try:
            score = float(found[1])
        except ValueError:
            raise RankconError(f"{found[1]} in tier {k} is no score", hint=_SYNTAX) from None
        text = text[: text.rindex("(")]
    if not text.strip():
        raise RankconError(f"tier {k} is empty", hint=_SYNTAX)
    return Tier(parse_members(text), score)


def _score(text: str) -> re.Match[str] | None:
    """The number in brackets that ``text`` ends in, if it does."""
    text = text.rstrip()
    return _SCORE.fullmatch(text, max(text.rfind("("), 0)) if text.endswith(")") else None


def _split(text: str, mark: str) -> Sequence[str]:
    """The parts between marks that stand outside double quotes."""
    parts, start, inside, escaped = [], 0, False, False
    for i, letter in enumerate(text):
        if escaped:
            escaped = False
        elif inside and letter == "\\":
            escaped = True
        elif letter == '"':
            inside = not inside
        elif letter == mark and not inside:
            parts.append(text[start:i])
            start = i + 1
    if inside:
        raise RankconError(f"a double quote in {quoted(text)} is not closed", hint=_SYNTAX)
    return [*parts, text[start:]]
