"""``rank elicit``: a ranking by questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import complete_file, nfc
from rankcon_cli.errors import Interrupted, RankconError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from rankcon_cli.elicit.answers import Book
    from rankcon_cli.elicit.conversation import Outcome
    from rankcon_cli.elicit.keeping import Kept

_PICTURES = 4  # of each class, on the page
_INSTEAD = "rank set writes a list without questions, and rank derive --from table makes a ranking from a CSV file"


def elicit(
    out: Annotated[
        str,
        typer.Argument(metavar="OUT", help="The ranking file to make, or to go on with.", autocompletion=complete_file),
    ],
    classes: Annotated[
        str | None, typer.Option("--classes", metavar="PATH", help="A text file of one class a line.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="SPEC", help="The classes of a data set, or its pictures.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where torchvision's sets lie.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="RANKING", help="The classes of a ranking; its tiers are not used.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="How many most similar classes to find.", show_default="3")
    ] = None,
    assume: Annotated[
        str | None,
        typer.Option(
            "--assume",
            metavar="none|symmetric",
            help="symmetric: a is as like b as b is like a, so that answers about one class, chained, settle questions "
            "about others.",
            show_default="none",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CLASS", help="Ask about this class (repeat).", callback=nfc)
    ] = None,
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Write a page with pictures of the classes of --data beside OUT.")
    ] = False,
) -> None:
    """Make a ranking by answering questions.

    Which is more like a bird: an airplane or a frog?

    One key is an answer: left or 1, right or 2, e for either (they share a tier), n for neither (both, and what is
    less alike, are not listed), ? for cannot say (not asked again; the two share a tier unless other answers tell them
    apart, and a class for which that leaves one tier of all others is not listed); u takes the last answer back, q
    stops. No question is asked whose answer follows from others.

    Each answer is saved at once beside OUT (my.json: my.answers.json). Run the command again to go on; classes that
    are not done are left out of OUT until then.
    """
    from rankcon_cli.elicit.answers import path_beside
    from rankcon_cli.elicit.keeping import Kept

    _check_flags(out, classes, data, from_, assume, with_images)
    path = Path(out)
    only_pictures = with_images and path_beside(path).exists()
    names = _classes(classes, None if only_pictures else data, data_dir, from_)
    kept = Kept(path, tuple(only or ()))
    book = _opened(kept, names, top, assume, tuple(only or ()))
    if with_images:
        _write_page(path, data, data_dir, book.settings.classes)
    _write_ranking(kept, _asked(book, kept))


def _check_flags(
    out: str, classes: str | None, data: str | None, from_: str | None, assume: str | None, with_images: bool
) -> None:
    from rankcon_cli.elicit.questions import ASSUMPTIONS

    if out == "-":
        raise UsageError("answers are kept beside OUT, so it cannot be standard output", hint="name a file")
    if not Path(out).name:
        raise UsageError(f"{out!r} names no file", hint="for example my.json")
    if with_images and data is None:
        raise UsageError("--with-images needs the pictures", hint="name them with --data SPEC")
    if (classes is not None) + (from_ is not None) + (data is not None and not with_images) > 1:
        raise UsageError("the classes come from one of --classes PATH, --from RANKING and --data SPEC")
    if assume is not None and assume not in ASSUMPTIONS:
        raise UsageError(f"--assume takes {' or '.join(ASSUMPTIONS)}, not {assume!r}")


def _classes(classes: str | None, data: str | None, data_dir: Path | None, from_: str | None) -> tuple[str, ...] | None:
    """The class names that the flags give; None where they give none."""
    from rankcon_cli.elicit.questions import check_classes

    if classes is not None:
        from rankcon_cli.files import read_bounded
        from rankcon_cli.ranking.sources import MAX_BYTES
        from rankcon_cli.ranking.syntax import decode

        text = decode(read_bounded(Path(classes), MAX_BYTES, "list of classes"), classes).removeprefix("\ufeff")
        return check_classes([line.strip(" \t\r") for line in text.split("\n") if line.strip(" \t\r")], classes)
    if from_ is not None:
        from rankcon_cli.ranking import load

        return check_classes(load(from_).classes, from_)
    if data is not None:
        from rankcon_cli.data import DataOptions, read_classes

        return check_classes(read_classes(data, DataOptions(data_dir=data_dir)).names, data)
    return None


def _opened(
    kept: "Kept", names: tuple[str, ...] | None, top: int | None, assume: str | None, only: tuple[str, ...]
) -> "Book":
    """The answers that are kept, or none yet, under the settings of the flags."""
    from dataclasses import replace

    from rankcon_cli.elicit.answers import Book, read_book
    from rankcon_cli.elicit.questions import Settings
    from rankcon_cli.wording import counted

    path, answers = kept.out, kept.answers
    if answers.exists():
        book = read_book(answers)
        _check_same_classes(path, book, names)
        kept.check(book)
        changes = {key: value for key, value in (("top", top), ("assume", assume)) if value is not None}
        console.note(f"{path}: goes on after {counted(len(book.answers), 'answer')} (in {answers})")
        return replace(book, settings=replace(book.settings, only=only, **changes))
    if path.exists():
        raise RankconError(
            f"{path} is there already, and no answers beside it ({answers.name})",
            hint=f"choose another name; for its classes add --from {path}, or change it with rank edit",
        )
    if names is None:
        raise UsageError(
            f"there is no {answers} to go on with, so the classes must be named",
            hint="name them with --classes PATH, --data SPEC or --from RANKING",
        )
    return Book(Settings(names, 3 if top is None else top, assume or "none", only))


def _check_same_classes(path: Path, book: "Book", names: tuple[str, ...] | None) -> None:
    """RankconError where the answers are about other classes than ``names``."""
    from rankcon_cli.wording import listed

    known = book.settings.classes
    if names is not None and names != known:
        differ = sorted(set(names) ^ set(known))
        raise RankconError(
            f"the answers beside {path} are about other classes"
            + (f" ({listed(differ)} on one side only)" if differ else ", in another order"),
            hint="go on without naming classes, or choose another name for the ranking",
        )


def _asked(book: "Book", kept: "Kept") -> "Outcome":
    """Ask what there is to ask; RankconError where that needs a terminal and there is none."""
    from rankcon_cli.elicit.conversation import Outcome, converse, is_settled
    from rankcon_cli.elicit.interview import Interview
    from rankcon_cli.prompting import ended_by_signals, on_stderr, require_terminal

    if is_settled(book):
        return Outcome(book, Interview(book.settings, book.answers))
    require_terminal("rank elicit", _INSTEAD)
    if not book.answers:
        _note_plan(book)
    from rankcon_cli.elicit.screen import Screen

    kept.save(book)
    try:
        with on_stderr(), ended_by_signals():
            return converse(book, Screen(color=console.color), kept.save)
    except (KeyboardInterrupt, EOFError, Interrupted):
        raise Interrupted(
            f"stopped; every answer is kept in {kept.answers}, and {kept.out} is not written (q writes it)",
            hint=kept.how_to_go_on(),
        ) from None


def _note_plan(book: "Book") -> None:
    """What is asked, how much, and what is taken for granted."""
    import shutil

    from rankcon_cli.elicit.interview import Interview
    from rankcon_cli.elicit.layout import wrapped
    from rankcon_cli.elicit.questions import ASSUMPTIONS, size_in_words

    settings = book.settings
    at_most, about = Interview(settings).remaining()
    others = len(settings.classes) - 1
    triples = len(settings.anchors) * others * (others - 1) // 2
    plan = (
        f"{size_in_words(settings)}: at most {at_most:,} questions, about {about:,}, of {triples:,} that there are",
        f"assumed: {settings.assume} ({ASSUMPTIONS[settings.assume]})",
    )
    width = max(shutil.get_terminal_size().columns - 1, 2)
    console.note("\n".join(line for text in plan for line in wrapped(text, width)))


def _write_ranking(kept: "Kept", outcome: "Outcome") -> None:
    """Write the ranking of the classes that are done, and say which are not, and what the answers leave open."""
    from rankcon_cli.wording import counted, listed

    book, interview, circle = outcome
    ranking, unknown = interview.ranking(), interview.unknown()
    left_out = [name for name in ranking.classes if name not in ranking.rankings and name not in unknown]
    if ranking.rankings:
        kept.publish(book)
        console.note(f"{kept.out}: written, {len(ranking.rankings):,} of {counted(len(ranking.classes), 'class')} done")
    else:
        console.note(f"{kept.out}: not written, {'no class is done yet' if left_out else 'nothing is known'}")
    _note_what_cannot_be_said(book, unknown)
    if interview.question is not None:
        console.note(f"left out until they are done: {listed(left_out)}")
    if circle:
        console.note(f"{counted(len(circle), 'answer')} still contradict each other; to settle that, go on")
    if circle or interview.question is not None:
        console.note(kept.how_to_go_on())


def _note_what_cannot_be_said(book: "Book", unknown: "Sequence[str]") -> None:
    from rankcon_cli.elicit.questions import Verdict
    from rankcon_cli.wording import counted, listed

    count = sum(answer.verdict is Verdict.CANNOT_SAY for answer in book.answers)
    if count:
        console.note(
            f"cannot say: {count:,} of {counted(len(book.answers), 'answer')}; classes that no other answer tells apart "
            "share a tier"
        )
    if unknown:
        console.note(f"not listed, since nothing is known of what is similar: {listed(unknown)}")


def _write_page(path: Path, spec: str, data_dir: Path | None, classes: tuple[str, ...]) -> None:
    """The page of pictures beside OUT; RankconError where a file of its name is no such page."""
    from rankcon_cli.elicit.page import GENERATOR, render
    from rankcon_cli.files import write_atomic

    page = path.with_suffix(".images.html")
    if page.exists() and GENERATOR not in page.read_text(encoding="utf-8", errors="replace")[:500]:
        raise RankconError(f"{page} is there already and is no page of this command", hint="move it away")
    write_atomic(page, render(_pictures(spec, data_dir, classes)))
    console.note(f"pictures of the classes: {page}")


def _pictures(spec: str, data_dir: Path | None, classes: tuple[str, ...]) -> "Mapping[str, list[np.ndarray]]":
    """A few pictures of each class, spread over the set, each uint8 [C, H, W]; only these are decoded."""
    import numpy as np

    from rankcon_cli.data import DataOptions
    from rankcon_cli.data.load import open_source
    from rankcon_cli.data.spec import parse_spec

    parsed = parse_spec(spec)
    source = open_source(parsed, DataOptions(data_dir=data_dir))
    part = source.read(parsed.split if parsed.split in source.splits else (*source.splits, "all")[0])
    names = source.classes.names if source.classes.named else classes
    rows = {name: np.flatnonzero(part.labels == label) for label, name in enumerate(names)}
    if not rows.keys() & set(classes):
        raise RankconError(f"{spec} has none of the classes", hint=f"rankcon data info {spec} lists what it has")
    pictures = {}
    for name in classes:
        mine = rows.get(name, np.arange(0))
        chosen = mine[np.linspace(0, len(mine) - 1, min(_PICTURES, len(mine)), dtype=int)]
        pictures[name] = [image for image in (_picture(part.pixels[i]) for i in chosen) if image is not None]
    return pictures


def _picture(pixels: "np.ndarray | Path") -> "np.ndarray | None":
    """One picture of a data set as uint8 [C, H, W]; None for a file that cannot be read."""
    from rankcon_cli.data.pixels import BROKEN, read_pixels
    from rankcon_cli.elicit.page import SIDE

    if isinstance(pixels, Path):
        try:
            return read_pixels(pixels, SIDE, 3)
        except BROKEN:
            return None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
