"""``rank diff`` and ``rank merge``: two rankings beside each other, several made one."""

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, Out, complete_file, emit, emit_text, refuse_existing
from rankcon_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rankcon_cli.ranking.diff import RankingDiff
    from rankcon_cli.ranking.merge import Agreement, Merged

#: Most classes of the agreement that are printed, those of the least agreement; --report has all.
_MOST_CLASSES = 20
_MOST_OTHERS = 3
_SILENT = "?"


def _ranking_argument(metavar: str, text: str) -> typer.models.ArgumentInfo:
    return typer.Argument(metavar=metavar, help=text, autocompletion=complete_file)


def diff(
    before: Annotated[str, _ranking_argument("A", "A ranking file, a class graph, - or a shipped name.")],
    after: Annotated[str, _ranking_argument("B", "The one to compare it with.")],
    as_json: Json = False,
) -> None:
    """Compare what two rankings mean. Exit 0: the same; 1: they differ; 3: one cannot be read.

    What counts is classes, label order, tiers and scores. Names, descriptions, notes and the way groups are used
    are mentioned where they differ, and do not count.

    Lines read '+ tier 1: kite' (listed now), '- tier 3: frog' (no longer listed), 'tier 2 -> 1: ship' (moved),
    'all of tiers 3 to 5 -> 4 to 6' (moved together).
    """
    from rankcon_cli.ranking import load
    from rankcon_cli.ranking.diff import blocks, to_json_dict
    from rankcon_cli.ranking.diff import diff as compared

    if before == after == "-":
        raise UsageError("standard input can be one of the two rankings, not both")
    rankings = load(before), load(after)
    files = rankings[0].file, rankings[1].file
    difference = compared(*rankings)
    if as_json:
        console.json(to_json_dict(difference, files))
    else:
        for line in _head(difference, files):
            console.out(line)
        for title, lines in blocks(difference):
            console.out("\n  ".join([title, *lines]))
    console.note(_summary(difference, files))
    if not difference.same:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def merge(
    files: Annotated[list[str], _ranking_argument("FILE", "Two rankings or more of the same classes.")],
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            metavar="majority|any|all",
            help="List the classes that so many of them list.",
            autocompletion=lambda: ["majority", "any", "all"],
        ),
    ] = "majority",
    within: Annotated[
        float, typer.Option("--within", metavar="R", help="Mean ranks at most R apart share a tier.")
    ] = 0.0,
    report: Annotated[
        str | None, typer.Option("--report", metavar="PATH", help="Write the agreement on every class here, as JSON.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Merge several people's rankings into one, by mean rank.

    Around each class, a ranking ranks all the others: tied ones share the mean of their ranks, and those that it does
    not list are tied last. A ranking in which a class has neither a list nor a group has no vote on it. The merged
    ranking goes to standard output, without scores. The agreement, Kendall's W from 0 to 1 for each class, and the
    classes on which they differ most go to standard error.
    """
    import os

    from rankcon_cli.files import to_json
    from rankcon_cli.ranking import load
    from rankcon_cli.ranking.merge import merge as merged_of
    from rankcon_cli.ranking.merge import to_json_dict

    if files.count("-") > 1:
        raise UsageError("standard input can be one of the rankings, not several")
    if report == "-":
        raise UsageError("standard output is for the merged ranking; give --report a path")
    if report is not None and out is not None and os.path.realpath(report) == os.path.realpath(out):
        raise UsageError("--report and --out name the same file")
    for path in (out, report):
        refuse_existing(path, force)
    rankings = [load(file) for file in files]
    merged = merged_of(rankings, keep=keep, within=within)
    if report is not None:
        emit_text(to_json(to_json_dict(merged, rankings)) + "\n", report, force=force)
    emit(merged.ranking, out, force=force)
    for line in [*_agreement(merged, len(rankings)), *_silence(merged, [ranking.file for ranking in rankings])]:
        console.note(line)


def _agreement(merged: "Merged", rankings: int) -> list[str]:
    """The overall agreement and the classes that the rankings agree on least."""
    from rankcon_cli.wording import DASH, counted, decimal

    told = [found for found in merged.agreement if found.disagreements]
    told.sort(key=lambda found: 1.0 if found.w is None else found.w)
    lines = [f"agreement of {rankings} rankings: Kendall's W {decimal(merged.w)} on average over the classes"]
    if told:
        width = max(len("class"), *(len(found.name) for found in told[:_MOST_CLASSES]))
        marks = f"{DASH} where not listed" + f", {_SILENT} where it says nothing" * any(f.silent for f in told)
        lines.append(f"    W  {'class':<{width}}  furthest apart (its tier in each ranking, {marks})")
        lines += [f"{decimal(found.w):>5}  {found.name:<{width}}  {_apart(found)}" for found in told[:_MOST_CLASSES]]
    if len(told) > _MOST_CLASSES:
        lines.append(f"and {len(told) - _MOST_CLASSES:,} more classes on which they differ less")
    agreed = sum(not (found.disagreements or found.silent) for found in merged.agreement)
    return [*lines, f"the same tiers in all of them: {counted(agreed, 'class')}"] if agreed else lines


def _silence(merged: "Merged", files: list[str]) -> list[str]:
    """Which rankings have no vote on which classes."""
    from rankcon_cli.wording import listed

    silent = [[found.name for found in merged.agreement if i in found.silent] for i in range(len(files))]
    return [f"{file} says nothing on {listed(names)}" for file, names in zip(files, silent, strict=True) if names]


def _apart(found: "Agreement") -> str:
    from rankcon_cli.wording import DASH

    def mark(i: int, tier: int | None) -> str:
        return str(tier) if tier else _SILENT if i in found.silent else DASH

    apart = found.disagreements
    told = [f"{name} {' '.join(map(mark, itertools.count(), tiers))}" for name, _, _, tiers, _ in apart[:_MOST_OTHERS]]
    return ", ".join(told) + (f" and {len(apart) - _MOST_OTHERS:,} more" if len(apart) > _MOST_OTHERS else "")


def _head(difference: "RankingDiff", files: tuple[str, str]) -> list[str]:
    """What differs about the classes themselves."""
    from rankcon_cli.ranking.notation import format_member

    lines = [
        f"only in {file}: {', '.join(map(format_member, names))}"
        for file, names in zip(files, (difference.only_before, difference.only_after), strict=True)
        if names
    ]
    return [*lines, "the labels are in another order"] if difference.reordered else lines


def _summary(difference: "RankingDiff", files: tuple[str, str]) -> str:
    from rankcon_cli.wording import counted

    found = []
    if difference.changed:
        found.append(f"{counted(len(difference.changed), 'class')} changed")
    for file, names in zip(files, (difference.only_before, difference.only_after), strict=True):
        if names:
            found.append(f"{counted(len(names), 'class')} only in {file}")
    if difference.reordered:
        found.append("another label order")
    aside = f" ({', '.join(difference.aside)} {'differs' if len(difference.aside) == 1 else 'differ'})"
    return f"{files[0]} and {files[1]}: {', '.join(found) or 'the same meaning'}" + aside * bool(difference.aside)
