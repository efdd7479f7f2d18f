"""Editing a ranking: pure functions from a ranking and what to change to a new ranking.

They take plain class names and see tiers as ``rank show`` does, with groups expanded. An edit of a class that its
groups rank gives it a list of its own. What cannot be done, and what would leave the ranking with an error that it
did not have, is refused with a RankconError. Where the file claims ``symmetric``, what is listed or dropped is listed
or dropped the other way round too.
"""

from rankcon_cli.ranking.edit.groups import (
    add_to_group,
    remove_from_group,
    remove_group,
    rename_group,
    set_group,
    set_group_score,
    set_note,
)
from rankcon_cli.ranking.edit.tiers import (
    ClassTier,
    add,
    class_tiers,
    is_explicit,
    listed_by,
    merge_tiers,
    move,
    remove,
    set_listing,
    set_score,
    set_scores,
    split_tier,
    use_groups,
)

__all__ = [
    "ClassTier",
    "add",
    "add_to_group",
    "class_tiers",
    "is_explicit",
    "listed_by",
    "merge_tiers",
    "move",
    "remove",
    "remove_from_group",
    "remove_group",
    "rename_group",
    "set_group",
    "set_group_score",
    "set_listing",
    "set_note",
    "set_score",
    "set_scores",
    "split_tier",
    "use_groups",
]
