"""From what a file says, and what the user makes of it, to a ranking; with how it was made, in words."""

import logging
from typing import TYPE_CHECKING, NamedTuple

from rankcon_cli.derive.order import Order, arrange, read_names, select, with_names
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import counted

if TYPE_CHECKING:
    from rankcon_cli.derive.similarity import Similarities

log = logging.getLogger("rankcon")

_BY_HAND = "or go on by hand (rankcon rank edit, set) or by questions (rankcon rank elicit)"


class Draft(NamedTuple):
    """A ranking, and how it was made, for its ``source``."""

    ranking: Ranking
    how: str


def draft_of_hierarchy(
    hierarchy: Hierarchy,
    kind: str,
    *,
    by: str | None = None,
    depth: int | None = None,
    order: Order | None = None,
    names: str | None = None,
) -> Draft:
    """The ranking that a hierarchy gives; its classes alone, with a warning, where all of them stand side by side.

    Args:
        kind: what the hierarchy was read from.
        by, depth: see ``tiers.rank_hierarchy``.
        order: the nodes that are the classes.
        names: a CSV file of names for the ids.
    """
    from rankcon_cli.derive.tiers import rank_hierarchy

    if by not in (None, "lca", "path"):
        raise UsageError(f"--by of a hierarchy is lca or path, not {by!r}")
    if names is not None:
        hierarchy = with_names(hierarchy, read_names(names), names)
    if order is not None:
        hierarchy = select(hierarchy, *order)
    ranking = rank_hierarchy(hierarchy, by=by or "lca", depth=depth)
    if _is_flat(ranking):
        log.warning("%s: %s", hierarchy.file, _why_flat(hierarchy.file, kind))
        ranking = Ranking(ranking.classes, file=ranking.file)
    how = "by length of path" if by == "path" else "by depth of the lowest common ancestor"
    return Draft(ranking, how if depth is None else f"{how}, to depth {depth}")


def _is_flat(ranking: Ranking) -> bool:
    """Whether nothing is ranked, or each class has one tier of all others, which says no more."""
    others = len(ranking.classes) - 1
    tiers = [listing.tiers for listing in ranking.rankings.values()]
    return not ranking.groups and all(len(row) == 1 and len(row[0].of) == others for row in tiers)


def _why_flat(file: str, kind: str) -> str:
    """Why nothing is ranked, and the way on."""
    if kind == "folders":
        nested = f" and name them tree:{file.removeprefix('folder:')}" if file.startswith("folder:") else ""
        return (
            "the class folders stand side by side, so nothing is ranked yet; put similar ones into a common folder "
            f"(animal/dog, animal/cat){nested}, {_BY_HAND}"
        )
    node = {"coco": "supercategory", "lvis": "supercategory", "cifar100": "superclass"}.get(kind, "node")
    return (
        f"no {node} holds several of the classes and not all of them, so nothing is ranked yet; see with --order which "
        f"nodes are the classes, {_BY_HAND}"
    )


def draft_of_numbers(
    similarities: "Similarities",
    kind: str,
    *,
    by: str | None = None,
    order: Order | None = None,
    cuts: list[float] | None = None,
    top_k: int | None = None,
    gaps: int | None = None,
    scores: bool = True,
) -> Draft:
    """The ranking that similarities give.

    Args:
        kind: what they were read from: ``matrix``, ``table`` or ``run``.
        by: what of a run was measured.
        order: the classes that are taken, in label order.
        cuts, top_k, gaps, scores: see ``similarity.to_ranking``.
    """
    from rankcon_cli.derive.similarity import DEFAULT_TOP_K, to_ranking

    if by is not None and kind != "run":
        raise UsageError(f"--by goes with hierarchies and runs, not with a {kind} of numbers")
    if order is not None:
        similarities = arrange(similarities, f"the {kind}", *order)
    ranking = to_ranking(similarities, cuts=cuts, top_k=top_k, gaps=gaps, scores=scores)
    made = "tiers as given" if similarities.declared else f"the {DEFAULT_TOP_K} most similar"
    if cuts is not None:
        made = f"cuts {','.join(str(cut).removesuffix('.0') for cut in cuts)}"
    elif top_k is not None:
        made = f"the {top_k} most similar"
    elif gaps is not None:
        made = f"cut at {counted(gaps, 'gap')}"
    return Draft(ranking, f"by {by or 'means'}, {made}" if kind == "run" else made)


def summary(ranking: Ranking) -> str:
    """``80 classes, 11 groups; at most 1 tier a class``; RankconError for a ranking too large to be used (E111)."""
    try:
        most = compile_ranking(ranking).depth
    except RankconError as error:
        raise RankconError(error.message, hint="--depth keeps fewer tiers, and --order takes fewer classes") from error
    counts = {"class": len(ranking.classes), "group": len(ranking.groups), "list": len(ranking.rankings)}
    parts = ", ".join(counted(number, noun) for noun, number in counts.items() if number)
    return f"{parts}; at most {counted(most, 'tier')} a class" if most else f"{parts}; nothing ranked yet"
