"""The canonical text of a ranking: the same ranking always gives the same bytes, made for diffs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rankcon_cli.ranking.document import FORMAT, REST_OF_GROUPS, VERSION, Listing, Ranking, Tier, as_member

#: A list of classes longer than this stands one class a line.
WIDTH = 120


def write(ranking: Ranking) -> str:
    """The canonical text: fixed order of keys, one group or class a line, rankings in label order.

    Idempotent, and ``parse(write(r)) == r`` for every ranking that ``parse`` gave. Left out are keys that say
    nothing: empty groups or rankings, a ``symmetric`` that is false.
    """
    label = {name: i for i, name in enumerate(ranking.classes)}
    rankings = sorted(ranking.rankings.items(), key=lambda item: label.get(item[0], len(label)))
    extras = {key: _text(value) for key, value in ranking.extras.items()}
    keys = {
        "$schema": extras.pop("$schema", None),
        "format": _text(FORMAT),
        "version": _text(VERSION),
        "name": _optional(ranking.name),
        "description": _optional(ranking.description),
        "source": _optional(ranking.source),
        "symmetric": "true" if ranking.symmetric else None,
        "classes": _classes(ranking.classes),
        "groups": _block((name, _text(_tier(group))) for name, group in ranking.groups.items()) or None,
        "rankings": _block((as_member(name), _text(_listing(listing))) for name, listing in rankings) or None,
        "notes": _notes(ranking.notes),
        **extras,
    }
    lines = [f"  {_text(key)}: {value}" for key, value in keys.items() if value is not None]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _optional(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _classes(names: Iterable[str]) -> str:
    members = [as_member(name) for name in names]
    line = _text(members)
    if len(f'  "classes": {line},') <= WIDTH:
        return line
    return "[\n" + ",\n".join(f"    {_text(name)}" for name in members) + "\n  ]"


def _block(lines: Iterable[tuple[str, str]]) -> str:
    """An object with one entry a line; empty text where there is none."""
    entries = ",\n".join(f"    {_text(key)}: {value}" for key, value in lines)
    return f"{{\n{entries}\n  }}" if entries else ""


def _tier(tier: Tier) -> list[str] | dict[str, Any]:
    return list(tier.of) if tier.score is None else {"of": list(tier.of), "score": tier.score}


def _listing(listing: Listing) -> list[Any]:
    return [_tier(tier) for tier in listing.tiers] + ([REST_OF_GROUPS] if listing.rest_of_groups else [])


def _notes(notes: str | Mapping[str, str] | None) -> str | None:
    if notes is None or isinstance(notes, str):
        return _optional(notes)
    return _block((name, _text(note)) for name, note in notes.items()) or "{}"
