"""``rank validate`` and ``rank fmt``: is a ranking sound, and is its text canonical."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rankcon_cli.cli.command import Json
from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import RankingFile
from rankcon_cli.errors import ExitCode, RankconError

if TYPE_CHECKING:
    from rankcon_cli.ranking import Issue, Ranking, TierTable


def validate(
    file: RankingFile,
    data: Annotated[
        str | None, typer.Option("--data", metavar="SPEC", help="Hold the classes against those of a data set.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where torchvision's sets lie.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Warn of tiers that a batch of this size hardly holds.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail the check too.")] = False,
    as_json: Json = False,
) -> None:
    """Check a ranking. Exit 0: it is sound; 1: it has errors (with --strict: or warnings); 3: it cannot be read."""
    from rankcon_cli.ranking import RankingError, check_batch, load
    from rankcon_cli.ranking.checks import inspect
    from rankcon_cli.ranking.issues import in_file_order

    name, ranking, table = file, None, None
    try:
        ranking = load(file)
        name = ranking.file
        issues, table = inspect(ranking)
    except RankingError as error:
        name, issues = error.file, error.issues
    if ranking is not None and data is not None:
        issues += _against_data(ranking, data, data_dir)
    if table is not None and batch_size is not None:
        issues += check_batch(table, batch_size)
    errors = sum(issue.severity == "error" for issue in issues)
    warnings = sum(issue.severity == "warning" for issue in issues)
    notes = sum(issue.severity == "information" for issue in issues)
    if as_json:
        console.json(_report(name, ranking, table, in_file_order(issues), valid=not errors))
    else:
        for issue in in_file_order(issues):
            console.out(issue.text(name))
    console.note(_summary(name, ranking, errors, warnings, notes))
    if errors or (strict and warnings):
        raise typer.Exit(ExitCode.CHECK_FAILED)


def fmt(
    file: RankingFile,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where the text would change.")] = False,
) -> None:
    """Rewrite a ranking file in its canonical form.

    Where FILE is - the text goes from standard input to standard output.
    """
    from rankcon_cli.files import write_atomic
    from rankcon_cli.ranking import load, write
    from rankcon_cli.ranking.sources import find

    ranking = load(file)
    if ranking.text is None:
        raise RankconError(
            f"{ranking.file} is a class graph, and fmt writes ranking files only",
            hint="commands that take a ranking take the graph as it is",
        )
    text = write(ranking)
    changed = text != ranking.text
    if check:
        if changed:
            console.out(ranking.file)
            raise typer.Exit(ExitCode.CHECK_FAILED)
    elif file == "-":
        console.out(text)
    elif changed:
        write_atomic(find(file).resolve(), text)
        console.note(f"{ranking.file}: rewritten")


def _against_data(ranking: "Ranking", spec: str, data_dir: Path | None) -> "tuple[Issue, ...]":
    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.data import DataOptions, read_classes
    from rankcon_cli.ranking import check_against

    listen_to_the_library()
    found = read_classes(spec, DataOptions(data_dir=data_dir))
    return check_against(ranking, found.names, found.named)


def _report(
    name: str, ranking: "Ranking | None", table: "TierTable | None", issues: "tuple[Issue, ...]", *, valid: bool
) -> dict[str, Any]:
    return {
        "format": "rankcon/validation",
        "version": 1,
        "file": name,
        "valid": valid,
        "issues": [issue.to_json_dict() for issue in issues],
        "classes": None if ranking is None else len(ranking.classes),
        "hash": None if table is None else table.digest(),
    }


def _summary(name: str, ranking: "Ranking | None", errors: int, warnings: int, notes: int = 0) -> str:
    from rankcon_cli.wording import counted

    found = [counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    found = found or ["no errors, no warnings"]
    if notes:
        found.append(counted(notes, "note"))
    size = "" if ranking is None else f" ({counted(len(ranking.classes), 'class')})"
    return f"{name}{size}: {', '.join(found)}"
