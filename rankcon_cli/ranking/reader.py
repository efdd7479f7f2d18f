"""From the text of a ranking file to a ``Ranking``."""

import functools
import itertools
from typing import Any

from rankcon_cli.ranking.collector import collector_paused
from rankcon_cli.ranking.document import (
    FORMAT,
    REST_OF_GROUPS,
    VERSION,
    Listing,
    Ranking,
    Tier,
    as_member,
    from_member,
    group_name_fault,
    is_group,
    name_fault,
)
from rankcon_cli.ranking.expansion import expand
from rankcon_cli.ranking.issues import MOST_ISSUES, Findings, Path, RankingError
from rankcon_cli.ranking.syntax import locate, read_json, refuse_depth
from rankcon_cli.wording import quoted

BYTE_ORDER_MARK = "\ufeff"
_NO_MEMBERS = frozenset(("", "@"))  # neither a class nor a group
_TEXTS = ("name", "description", "source")
_KEYS = ("format", "version", *_TEXTS, "symmetric", "classes", "groups", "rankings", "notes")
_EXPECTED = (
    f'a ranking file (an object with "format": "{FORMAT}"), a node-link graph (an object with "nodes" and "edges") '
    "or GraphML"
)


@collector_paused()
def parse(text: str, name: str) -> Ranking:
    """A ranking from the text of a ranking file, of node-link JSON or of GraphML.

    Args:
        text: the file's content.
        name: what messages call it.

    Raises:
        RankingError: the text has no such shape; ``issues`` holds all that could be found. Whether the classes
            and groups that it names exist is for ``check`` and ``compile_ranking`` to say.
    """
    body = text.removeprefix(BYTE_ORDER_MARK)
    if body.lstrip().startswith("<"):
        from rankcon_cli.ranking.graphs import from_graphml

        return from_graphml(body, name)
    document = read_json(body, name)
    if isinstance(document, dict) and "nodes" in document and "format" not in document:  # networkx's node-link format
        from rankcon_cli.ranking.graphs import from_node_link

        refuse_depth(document, body, name)
        return from_node_link(document, name)
    findings = Findings()
    ranking = _ranking(document, findings, text, name)
    if ranking is not None:
        refuse_depth(ranking.extras, body, name)
    if findings.issues:
        sound = ranking is not None and not any(issue.path[0] in ("classes", "groups") for issue in findings.issues)
        beyond = expand(ranking).issues if sound else ()
        raise RankingError(locate(body, [*findings.issues, *beyond]), name)
    return ranking


def _ranking(document: Any, findings: Findings, text: str, file: str) -> Ranking | None:
    if not _has_format(document, findings):
        return None
    known = [key for key in document if key in _KEYS or key == "$schema" or key.startswith("x-")]
    for key in document:
        if key not in known:
            findings.add("E003", f"unknown key {quoted(key)}{findings.suggest(key, _KEYS)}", key)
    for key in _TEXTS:
        if key in document and not isinstance(document[key], str):
            findings.add("E004", f"{key} is a text, not {_kind(document[key])}", key)
    symmetric = document.get("symmetric", False)
    if not isinstance(symmetric, bool):
        findings.add("E004", f"symmetric is true or false, not {_kind(symmetric)}", "symmetric")
    return Ranking(
        classes=_classes(document, findings),
        groups=_groups(document, findings),
        rankings=_rankings(document, findings),
        symmetric=symmetric,
        **{key: document.get(key) for key in _TEXTS},
        notes=_notes(document, findings),
        extras={key: document[key] for key in known if key not in _KEYS},
        file=file,
        text=text,
    )


def _has_format(document: Any, findings: Findings) -> bool:
    """Whether the document says that it is a ranking file of a version we read."""
    if not isinstance(document, dict):
        findings.add("E002", f"{_kind(document)} is no ranking; expected {_EXPECTED}")
    elif "format" not in document:
        findings.add("E002", f'there is no "format" key; expected {_EXPECTED}')
    elif document["format"] != FORMAT:
        findings.add("E002", f'"format" is not "{FORMAT}"; expected {_EXPECTED}', "format")
    elif type(document.get("version")) is not int or document["version"] < 1:
        findings.add("E002", f'"version" is missing or no version number; this rankcon writes {VERSION}', "version")
    elif document["version"] > VERSION:
        found = quoted(str(document["version"]))
        message = f"version {found} is newer than {VERSION}, the newest that this rankcon reads; upgrade rankcon"
        findings.add("E002", message, "version")
    return not findings.issues


def _classes(document: dict[str, Any], findings: Findings) -> tuple[str, ...]:
    names = document.get("classes")
    if not isinstance(names, list) or len(names) < 2:
        found = _kind(names) if "classes" in document else "nothing"
        findings.add("E004", f"classes is a list of two or more class names, not {found}", "classes")
        return ()
    classes = []
    for i, name in enumerate(names):
        if _is_class_name(name, findings, "classes", i):
            classes.append(from_member(name))
        elif findings.full:
            break
    return tuple(classes)


def _groups(document: dict[str, Any], findings: Findings) -> dict[str, Tier]:
    groups = {}
    for name, value in _object(document, "groups", findings).items():
        fault = group_name_fault(name)
        if fault:
            findings.add("E005", f"{quoted(name)} cannot name a group: {fault}", "groups", name)
            continue
        tier = _tier(value, findings, ("groups", name))
        if tier is not None:
            groups[name] = tier
    return groups


def _rankings(document: dict[str, Any], findings: Findings) -> dict[str, Listing]:
    rankings = {}
    tier_of = functools.cache(Tier)  # one tier for all lists that have it
    for key, items in _object(document, "rankings", findings).items():
        path = ("rankings", key)
        if is_group(key) and key[1:] in _object(document, "groups", Findings()):
            findings.add("E102", f"{quoted(key)} is a group, and only classes have rankings", *path)
            continue
        if not _is_class_name(key, findings, *path):
            continue
        if not isinstance(items, list):
            findings.add("E004", _not_a_list_of_tiers(items), *path)
            continue
        rest = bool(items) and items[-1] == REST_OF_GROUPS
        items = items[:-1] if rest else items
        if _is_plain(items):
            rankings[from_member(key)] = Listing(tuple(map(tier_of, map(tuple, items))), rest)
            continue
        tiers = [_tier(item, findings, (*path, k)) for k, item in enumerate(items)]
        rankings[from_member(key)] = Listing(tuple(tier for tier in tiers if tier is not None), rest)
    return rankings


def _is_plain(items: list[Any]) -> bool:
    """Whether all items are lists of names without scores, as most are: found out without a look at each by itself."""
    return (
        set(map(type, items)) <= {list}
        and set(map(type, itertools.chain.from_iterable(items))) <= {str}
        and _NO_MEMBERS.isdisjoint(itertools.chain.from_iterable(items))
    )


def _tier(value: Any, findings: Findings, path: Path) -> Tier | None:
    """A tier or a group: a list of members, or an object with ``of`` and ``score``."""
    score = None
    what = "a group" if path[0] == "groups" else "a tier"
    if isinstance(value, dict):
        if _holds_scores(value):
            findings.add("E004", f"{what} with a score is written {_scored(value)}", *path)
            return None
        for key in (key for key in value if key not in ("of", "score")):
            findings.add("E003", f"unknown key {quoted(key)}{findings.suggest(key, ('of', 'score'))}", *path, key)
        score = value.get("score")
        if type(score) not in (int, float):
            findings.add("E004", *_not_a_score(value, what, path))
            return None
        path, value = (*path, "of"), value.get("of")
    if not isinstance(value, list):
        findings.add("E004", _not_a_tier(value, what), *path)
        return None
    faulty = [j for j, member in enumerate(value) if type(member) is not str or member in _NO_MEMBERS]
    for j in itertools.islice(faulty, MOST_ISSUES + 1):
        found = quoted(value[j]) if isinstance(value[j], str) else _kind(value[j])
        findings.add("E004", f"{what} lists class names and @groups, not {found}", *path, j)
    return None if faulty else Tier(tuple(value), score)


def _not_a_tier(value: Any, what: str) -> str:
    if value == REST_OF_GROUPS:
        return f'"{REST_OF_GROUPS}" stands once, as the last item'
    shape = f'{what} is a list of names or {{"of": [...], "score": s}}'
    if isinstance(value, str):
        return f'{shape}; write ["{quoted(value)[1:-1]}"] for one name'
    return f"{shape}, not {_kind(value)}"


def _not_a_score(value: dict[str, Any], what: str, path: Path) -> tuple[str | int, ...]:
    """Message and place of a score that is missing or no number."""
    if "score" in value:
        return f"a score is a number between 0 and 1 without quotes, not {_kind(value['score'])}", *path, "score"
    return f'{what} with "of" has a "score" too, a number between 0 and 1; without one it is written ["a", "b"]', *path


def _not_a_list_of_tiers(value: Any) -> str:
    message = 'the ranking of a class is a list of tiers, [["a"], ["b"]]'
    if isinstance(value, dict):
        return f"{message}, or with scores [{_scored(value)}]"
    return f"{message}, not {_kind(value)}"


def _scored(value: dict[str, Any]) -> str:
    """How a tier with a score is written, by the example of an object such as ``{"dog": 0.8}`` where it is one."""
    name, score = next(iter(value.items())) if _holds_scores(value) else ("a", 0.5)
    return f'{{"of": ["{quoted(name)[1:-1]}"], "score": {score:g}}}'


def _holds_scores(value: dict[str, Any]) -> bool:
    """Whether an object gives a number for each name, as a dict of similarities does."""
    numbers = all(type(score) in (int, float) for score in value.values())
    return bool(value) and numbers and value.keys().isdisjoint(("of", "score"))


def _notes(document: dict[str, Any], findings: Findings) -> str | dict[str, str] | None:
    notes = document.get("notes")
    if isinstance(notes, dict):
        for key in (key for key, note in notes.items() if not isinstance(note, str)):
            findings.add("E004", f"a note is a text, not {_kind(notes[key])}", "notes", key)
    elif "notes" in document and not isinstance(notes, str):
        findings.add("E004", f"notes is a text or an object of texts, not {_kind(notes)}", "notes")
    return notes


def _object(document: dict[str, Any], key: str, findings: Findings) -> dict[str, Any]:
    value = document.get(key, {})
    if isinstance(value, dict):
        return value
    findings.add("E004", f"{key} is an object, not {_kind(value)}", key)
    return {}


def _is_class_name(name: Any, findings: Findings, *path: str | int) -> bool:
    if not isinstance(name, str):
        findings.add("E004", f"a class name is a text, not {_kind(name)}", *path)
        return False
    fault = f"it begins with @; write {quoted(as_member(name))}" if is_group(name) else name_fault(from_member(name))
    if fault:
        findings.add("E005", f"{quoted(name)} cannot name a class: {fault}", *path)
    return not fault


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, int | float):
        return "a number"
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"
