"""What hypothesis draws rankings from: sound ones with everything that the format has, and loose ones full of faults."""

import dataclasses
import unicodedata

from hypothesis import strategies as st

from rankcon_cli.ranking import Listing, Ranking, Tier, compile_ranking
from rankcon_cli.ranking.document import as_member, group_name_fault, name_fault

#: Names that something on the way may trip over: a terminal, a shell, a path, a spreadsheet, a browser, the notation.
HOSTILE_NAMES = (
    "@", "@@", "@home", "@@x", "@groups", "groups", "[bold]", "[/]", "a,b", "a > b", "(0.5)", 'say "hi"', "it's", "\\",
    "\\n", "\U0001f40e", "e\u0301", "\u202eright", "\u200fmark", "\u200b", "../..", "a/b", "C:\\x", "<script>", "&amp;",
    "=1+1", "-", "--help", "$HOME", "%s", "{0}", "#", "//", "null", "1", "1e999", "x" * 200, "\ufeff", "\u00a0b\u00a0c",
)  # fmt: skip

#: As they are read: in the form NFC.
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(lambda t: unicodedata.normalize("NFC", t))


def _is_name(name: str) -> bool:
    return name_fault(name) is None and unicodedata.is_normalized("NFC", name)


def names() -> st.SearchStrategy[str]:
    """Any name that a class may have; a group's may not begin with ``@``."""
    drawn = _texts.map(lambda name: unicodedata.normalize("NFC", name).strip())
    return st.one_of(st.sampled_from(HOSTILE_NAMES), drawn).filter(_is_name)


@st.composite
def sound_rankings(draw: st.DrawFn, *, min_classes: int = 2, max_classes: int = 8, metadata: bool = True) -> Ranking:
    """A ranking without errors: nested groups, lists with ``@group`` and ``"@groups"``, scores, metadata."""
    classes = tuple(draw(st.lists(names(), min_size=min_classes, max_size=max_classes, unique=True)))
    groups, held = draw(_nested_groups(classes))
    rankings = {}
    for name in draw(st.lists(st.sampled_from(classes), unique=True)):
        rankings[name] = draw(_listings(classes, groups, held, name))
    ranking = Ranking(classes, groups=groups, rankings=rankings, **(draw(_metadata(classes)) if metadata else {}))
    mutual = {(a, b) for a, row in enumerate(compile_ranking(ranking).tiers) for tier in row for b in tier}
    symmetric = all((b, a) in mutual for a, b in mutual) and draw(st.booleans())
    return dataclasses.replace(ranking, symmetric=symmetric)


@st.composite
def loose_rankings(draw: st.DrawFn) -> Ranking:
    """A ranking as ``parse`` may give it, right or wrong: unknown names, cycles, repetitions, scores of any kind."""
    classes = tuple(draw(st.lists(names(), min_size=2, max_size=5)))
    group_names = draw(st.lists(names().filter(lambda name: not group_name_fault(name)), max_size=3, unique=True))
    known = [*map(as_member, classes), *("@" + name for name in group_names), "nobody", "@nothing", "@groups"]
    scores = st.none() | st.floats(-0.5, 1.5) | st.integers(-1, 2)
    tiers = st.builds(Tier, st.lists(st.sampled_from(known), max_size=4).map(tuple), scores)
    listings = st.builds(Listing, st.lists(tiers, max_size=3).map(tuple), st.booleans())
    return Ranking(
        classes,
        groups={name: draw(tiers) for name in group_names},
        rankings=draw(st.dictionaries(st.sampled_from(classes) | st.just("nobody"), listings, max_size=4)),
        symmetric=draw(st.booleans()),
        **draw(_metadata(classes)),
    )


@st.composite
def _nested_groups(draw: st.DrawFn, classes: tuple[str, ...]) -> tuple[dict[str, Tier], dict[str, set[str]]]:
    """Groups that lie in each other or apart, outer ones after inner ones and with smaller scores; and what each holds."""
    wanted = draw(st.lists(names().filter(lambda name: not group_name_fault(name)), max_size=4, unique=True))
    scored = draw(st.booleans())
    held: dict[str, set[str]] = {}
    groups: dict[str, Tier] = {}
    nodes = [(as_member(name), {name}) for name in classes]
    for i, name in enumerate(name for name in wanted if name not in classes):
        inner = draw(st.lists(st.integers(0, len(nodes) - 1), min_size=1, max_size=3, unique=True))
        chosen = [nodes[k] for k in inner]
        nodes = [node for k, node in enumerate(nodes) if k not in inner]
        held[name] = set().union(*(classes for _, classes in chosen))
        groups[name] = Tier(tuple(member for member, _ in chosen), 0.8 - i / 10 if scored else None)
        nodes.append(("@" + name, held[name]))
    return groups, held


@st.composite
def _listings(
    draw: st.DrawFn, classes: tuple[str, ...], groups: dict[str, Tier], held: dict[str, set[str]], name: str
) -> Listing:
    """The list of one class; no name twice, none after a group that brought it."""
    rest = draw(st.booleans())
    group_scored = any(group.score is not None for group in groups.values())
    scored = group_scored if rest and groups else draw(st.booleans())
    placed, tiers = {name}, []
    for k in range(draw(st.integers(0, 3))):
        free = [other for other in classes if other not in placed]
        named = draw(st.lists(st.sampled_from(free), max_size=3, unique=True)) if free else []
        spread = draw(st.lists(st.sampled_from(sorted(groups)), max_size=1)) if groups else []
        members = draw(st.permutations([*map(as_member, named), *("@" + group for group in spread)]))
        tiers.append(Tier(tuple(members), 0.99 - k / 100 if scored else None))
        placed.update(named, *(held[group] for group in spread))
    return Listing(tuple(tiers), rest)


@st.composite
def _metadata(draw: st.DrawFn, classes: tuple[str, ...]) -> dict[str, object]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts
    values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(_texts, inner), max_leaves=5)
    extras = draw(st.dictionaries(_texts.map("x-".__add__), values, max_size=2))
    if draw(st.booleans()):
        extras["$schema"] = draw(values)
    texts = {key: draw(st.none() | _texts) for key in ("name", "description", "source")}
    notes = draw(st.none() | _texts | st.dictionaries(st.sampled_from(classes), _texts, max_size=2))
    return {**texts, "notes": notes, "extras": extras}
