"""The verbs that change one thing: the file is rewritten, or, where it is ``-``, standard input goes to standard output."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import (
    ClassName,
    EditedFile,
    Force,
    Out,
    complete_class,
    complete_group,
    complete_note,
    nfc,
    own_file,
    read,
    refuse_existing,
    save,
)
from rankcon_cli.errors import UsageError

if TYPE_CHECKING:
    from rankcon_cli.ranking import Ranking

Others = Annotated[
    list[str],
    typer.Argument(metavar="OTHER...", help="The classes concerned.", callback=nfc, autocompletion=complete_class),
]
Mutual = Annotated[bool, typer.Option("--mutual", help="Do the same the other way round.")]
New = Annotated[bool, typer.Option("--new", help="Make a tier of their own before tier K, rather than join it.")]


def set_(
    file: EditedFile,
    name: ClassName,
    tiers: Annotated[
        str | None,
        typer.Argument(
            metavar="[TIERS]", callback=nfc, help="'bird > ship, truck > @toy > @groups'; '' for nothing similar."
        ),
    ] = None,
    groups: Annotated[bool, typer.Option("--groups", help="Drop the class's list: its groups rank it.")] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Set all tiers of a class.

    TIERS names them most similar first, '>' between tiers and commas between classes of one tier. '(0.6)' after a tier
    is its score, '@toy' a group, and '@groups' at the end appends what the class's groups give. A name that holds '>',
    a comma or a double quote stands in double quotes: 'bird > "salt, pepper"'. Mind the quotes around all of it: to the
    shell a bare > means a file.
    """
    if (tiers is None) == (not groups):
        raise UsageError("give either TIERS or --groups", hint="'' as TIERS says that nothing is similar")

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking.edit import set_listing, use_groups
        from rankcon_cli.ranking.notation import parse_tiers

        return use_groups(ranking, name) if groups else set_listing(ranking, name, parse_tiers(tiers or ""))

    _edit(file, change, out, force, name)


def add(
    file: EditedFile,
    name: ClassName,
    others: Others,
    tier: Annotated[
        int | None,
        typer.Option("--tier", min=1, metavar="K", help="The tier they join.", show_default="a new last one"),
    ] = None,
    new: New = False,
    score: Annotated[float | None, typer.Option("--score", help="The score of a new tier.")] = None,
    mutual: Mutual = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Add classes to the tiers of a class."""

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit

        return edit.add(ranking, name, others, tier, new=new, score=score, mutual=mutual)

    _edit(file, change, out, force, name)


def remove(
    file: EditedFile,
    name: ClassName,
    others: Others,
    mutual: Mutual = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Take classes out of the tiers of a class."""

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit

        return edit.remove(ranking, name, others, mutual=mutual)

    _edit(file, change, out, force, name)


def move(
    file: EditedFile,
    name: ClassName,
    others: Others,
    tier: Annotated[int, typer.Option("--tier", min=1, metavar="K", help="The tier to move them to, as counted now.")],
    new: New = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Move classes to another tier of a class."""

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit

        return edit.move(ranking, name, others, tier, new=new)

    _edit(file, change, out, force, name)


def score(
    file: EditedFile,
    name: ClassName,
    scores: Annotated[
        list[float] | None, typer.Argument(metavar="[SCORE]...", help="One a tier, falling, between 0 and 1.")
    ] = None,
    tier: Annotated[int | None, typer.Option("--tier", min=1, metavar="K", help="Only this tier's.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the scores away.")] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Set the scores of a class's tiers.

    A score says how similar a tier is, the class itself being 1.
    """
    if none == bool(scores) or (tier is not None and (none or len(scores or ()) != 1)):
        raise UsageError("give one SCORE a tier, or --tier K and its SCORE, or --none")

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit

        if tier is not None and scores:
            return edit.set_score(ranking, name, tier, scores[0])
        return edit.set_scores(ranking, name, scores or None)

    _edit(file, change, out, force, name)


def group(
    file: EditedFile,
    name: Annotated[
        str, typer.Argument(metavar="GROUP", help="The group.", callback=nfc, autocompletion=complete_group)
    ],
    members: Annotated[
        str | None, typer.Argument(metavar="[MEMBERS]", callback=nfc, help="All its members: 'cat, dog, @hoofed'.")
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add", metavar="CLASS", help="Let it hold a class too.", callback=nfc, autocompletion=complete_class
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            "--remove", metavar="CLASS", help="Take a class out.", callback=nfc, autocompletion=complete_class
        ),
    ] = None,
    rename: Annotated[
        str | None, typer.Option("--rename", metavar="NAME", callback=nfc, help="Call it otherwise.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; what named it names its members.")] = False,
    score: Annotated[
        float | None, typer.Option("--score", help="The score of the tiers it makes.", show_default="as it was")
    ] = None,
    no_score: Annotated[bool, typer.Option("--no-score", help="Take its score away.")] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Make, change, rename or delete a group. Groups rank the classes that have no list of their own."""
    ways = [members is not None, bool(add or remove), rename is not None, delete]
    scored = score is not None or no_score
    if sum(ways) > 1 or not (any(ways) or scored) or (scored and (rename is not None or delete)):
        raise UsageError(
            "give MEMBERS, or --add and --remove, or --rename, or --delete",
            hint="--score and --no-score go alone, with MEMBERS, and with --add and --remove",
        )
    if score is not None and no_score:
        raise UsageError("--score and --no-score exclude each other")

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit
        from rankcon_cli.ranking.notation import parse_members

        group = name.removeprefix("@")
        if delete:
            return edit.remove_group(ranking, group)
        if rename is not None:
            return edit.rename_group(ranking, group, rename)
        if members is not None:
            kept = ranking.groups[group].score if group in ranking.groups else None
            ranking = edit.set_group(ranking, group, parse_members(members), None if no_score else score or kept)
        if add:
            ranking = edit.add_to_group(ranking, group, add)
        if remove:
            ranking = edit.remove_from_group(ranking, group, remove)
        return edit.set_group_score(ranking, group, score) if scored and members is None else ranking

    _edit(file, change, out, force)


def note(
    file: EditedFile,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A class, a group, or what you like.", callback=nfc, autocompletion=complete_note
        ),
    ],
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", callback=nfc, help="The note.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take the note away.")] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a note on a class or a group."""
    if (text is None) == (not delete):
        raise UsageError("give either TEXT or --delete")

    def change(ranking: "Ranking") -> "Ranking":
        from rankcon_cli.ranking import edit
        from rankcon_cli.wording import did_you_mean, quoted

        if text and key not in {*ranking.classes, *ranking.groups}:
            console.note(f"{quoted(key)} is neither class nor group{did_you_mean(key, ranking.classes)}")
        return edit.set_note(ranking, key, text)

    _edit(file, change, out, force)


def _edit(file: str, change: "Callable[[Ranking], Ranking]", out: str | None, force: bool, name: str = "") -> None:
    """Read, change and save; ``name`` is the class whose tiers are edited, if it is one class's."""
    import contextlib

    from rankcon_cli.files import locked

    refuse_existing(out, force)
    in_place = out is None and file != "-"
    with locked(own_file(file).resolve()) if in_place else contextlib.nullcontext():
        before = read(file, out)
        after = change(before)
        save(after, file, out, force=force)
    if name:
        _tell(before, after, name)


def _tell(before: "Ranking", after: "Ranking", name: str) -> None:
    """What the class has now (a shell may have taken a ``>`` for itself), and what else the edit meant."""
    from rankcon_cli.ranking.notation import format_member, format_tiers
    from rankcon_cli.wording import listed, quoted

    was, now = before.rankings.get(name), after.rankings.get(name)
    said = "by its groups" if now is None else format_tiers(now) or "nothing similar"
    console.note(f"{format_member(name)}: {said}")
    if after.groups and now is not None and not now.rest_of_groups and (was is None or was.rest_of_groups):
        console.note(f"{quoted(name)} has a list of its own now, which changes of its groups do not reach")
    if after.symmetric:
        mirrored = [c for c in after.classes if c != name and before.rankings.get(c) != after.rankings.get(c)]
        if mirrored:
            console.note(f"the ranking is symmetric, so the lists of these changed too: {listed(mirrored, most=20)}")
