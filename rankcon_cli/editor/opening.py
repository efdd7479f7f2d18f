"""What an editing session begins with: the file, a new ranking, or the draft of an earlier session."""

from typing import Literal, NamedTuple

from rankcon_cli.columns import shown
from rankcon_cli.editor import draft
from rankcon_cli.editor.external import edit_until_sound, tell_findings
from rankcon_cli.editor.pager import diff_page
from rankcon_cli.editor.session import Session, edited
from rankcon_cli.editor.terminal import Terminal, say
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Ranking, RankingError, write


class Opened(NamedTuple):
    """A session to go on with, and its file."""

    session: Session
    place: draft.Place


def start(place: draft.Place, fresh: Ranking | None, terminal: Terminal) -> Opened | None:
    """What to edit; None where the user wants none of what there is.

    Args:
        place: the file, which need not exist where there is a ``fresh`` ranking or a draft.
        fresh: the ranking that a new file begins with.
        terminal: where the draft of an earlier session is offered, and a faulty file.
    """
    data = draft.on_disk(place.path)
    now = write(fresh) if data is None and fresh is not None else draft.text_of(data)
    found = wanted_draft(place, now, terminal)
    if found == "quit":
        return None
    if isinstance(found, draft.Draft):
        return _from_draft(found, place, data, fresh, terminal)
    if data is None:
        if fresh is None:
            raise missing(place)
        return Opened(Session(fresh, saved=None), place)
    session = _of_file(data, place, terminal)
    return None if session is None else Opened(session, place)


def missing(place: draft.Place) -> RankconError:
    """What to say where there is no such file."""
    return RankconError(
        f"there is no ranking file {place.name}",
        hint=f"begin one from the classes of a data set: rankcon rank edit {place.name} --new --data SPEC",
    )


def wanted_draft(place: draft.Place, now: str, terminal: Terminal) -> draft.Draft | Literal["quit"] | None:
    """The draft, where there is one and the user wants it; ``"quit"`` where they want neither it nor to go on.

    ``now`` is what would be edited without it.
    """
    found = draft.kept(place)
    if found is None or found.text == now:
        draft.discard(place)
        return None
    name = shown(place.path.name)
    since = f" (and {name} was changed since)" if found.base != place.base else ""
    choices = [
        ("go on with them", "take"),
        ("see what they change", "see"),
        ("throw them away", "drop"),
        ("quit", None),
    ]
    while True:
        choice = terminal.choose(f"an earlier session left edits of {name}{since}", choices)
        if choice == "see":
            diff = draft.difference(now, found.text, name, f"{name}, draft")
            terminal.show(diff_page(f"the draft of {name}", diff, {}, "back"))
        elif choice == "drop":
            draft.discard(place)
            return None
        else:
            return found if choice == "take" else "quit"


def _from_draft(
    found: draft.Draft, place: draft.Place, data: bytes | None, fresh: Ranking | None, terminal: Terminal
) -> Opened | None:
    """Go on with a draft: one edit after what the file holds. Saving compares with the file the draft was made from."""
    place = draft.Place(place.path, place.name, found.base)
    try:
        ranking = draft.ranking_in(found.text.encode(errors="surrogateescape"), place.name)
    except RankconError as error:
        say(error.message)
        if not terminal.choose(
            "the draft is no sound ranking", [("open its text in an editor", True), ("quit", False)]
        ):
            return None
        ranking = edit_until_sound(found.text, place, terminal, _line(error))
        if ranking is None:
            return None
    try:
        saved = None if data is None else draft.ranking_in(data, place.name)
    except RankconError:
        saved = None
    before = saved or fresh
    session = (
        Session(ranking, saved) if before is None else edited(Session(before, saved), ranking, "took up the draft")
    )
    return Opened(session, place)


def _of_file(data: bytes, place: draft.Place, terminal: Terminal) -> Session | None:
    """The session of a file; where it has errors, of what the user makes of its text in an editor, or None."""
    try:
        ranking = draft.ranking_in(data, place.name)
        return Session(ranking, saved=ranking)
    except RankingError as error:
        tell_findings(error)
        line = _line(error)
    where = "" if line is None else f" at line {line}"
    choices = [(f"open its text in an editor{where}", True), ("quit", False)]
    if not terminal.choose(f"{shown(place.path.name)} has errors", choices):
        return None
    ranking = edit_until_sound(data.decode(errors="surrogateescape"), place, terminal, line)
    return None if ranking is None else Session(ranking, saved=None)


def _line(error: RankconError) -> int | None:
    return error.issues[0].line if isinstance(error, RankingError) else None
