"""The editor from beginning to end: on the screen, or as text in the user's own editor."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from rankcon_cli.editor import draft
from rankcon_cli.editor.desk import Claim, Desk
from rankcon_cli.editor.external import edit_until_sound
from rankcon_cli.editor.lock import sole_session
from rankcon_cli.editor.map_view import MapView
from rankcon_cli.editor.opening import missing, start, wanted_draft
from rankcon_cli.editor.session import Session
from rankcon_cli.editor.terminal import Terminal
from rankcon_cli.errors import Interrupted
from rankcon_cli.prompting import ended_by_signals
from rankcon_cli.ranking import Ranking, RankingError, write

#: An editor: from a file, the ranking a new one begins with, a terminal, and what claims another file, to a line that
#: says how things stand.
Editor = Callable[[draft.Place, Ranking | None, Terminal, Claim], str]


def edit(place: draft.Place, fresh: Ranking | None, terminal: Terminal, *, as_text: bool = False) -> str:
    """Let the user edit a ranking file; returns a line that says how things stand.

    Raises Interrupted where Ctrl-C, Ctrl-D, a signal or a terminal that went away ended it: the file is as it was,
    and what was not saved is in the draft. Raises RankconError where another session edits the file.
    """
    editor: Editor = _as_text if as_text else _on_screen
    with ended_by_signals(), ExitStack() as sessions:
        sessions.enter_context(sole_session(place))
        return editor(place, fresh, terminal, lambda other: sessions.enter_context(sole_session(other)))


@contextmanager
def _told(standing: Callable[[], Interrupted]) -> Iterator[None]:
    """Say how things stand where the user or the system ends the work."""
    try:
        yield
    except (KeyboardInterrupt, EOFError, Interrupted) as end:
        raise standing() from end


def _at_start(place: draft.Place) -> Interrupted:
    """How things stand before anything was edited here: there may be the draft of an earlier session."""
    return draft.interrupted(place, place.draft if draft.kept(place) is not None else None)


def _on_screen(place: draft.Place, fresh: Ranking | None, terminal: Terminal, claim: Claim) -> str:
    with _told(lambda: _at_start(place)):
        opened = start(place, fresh, terminal)
    if opened is None:
        return _left(place)
    desk = Desk(opened.session, opened.place, terminal, claim)
    with _told(desk.interrupted):
        return terminal.show(MapView(desk))


def _as_text(place: draft.Place, fresh: Ranking | None, terminal: Terminal, claim: Claim) -> str:
    with _told(lambda: _at_start(place)):
        desk = _typed(place, fresh, terminal, claim)
    if desk is None:
        return _left(place)
    if not desk.session.unsaved:
        draft.discard(place)
        return f"{place.name}: nothing was changed"
    with _told(desk.interrupted):
        act = desk.save()
        if callable(act):
            act()
    if desk.refused is not None:
        raise desk.refused
    return _left(desk.place) if desk.session.unsaved else f"{desk.place.name}: saved"


def _typed(place: draft.Place, fresh: Ranking | None, terminal: Terminal, claim: Claim) -> Desk | None:
    """The sound ranking that the user made of the text, not saved yet; None where they gave up."""
    data = draft.on_disk(place.path)
    if data is None and fresh is None and draft.kept(place) is None:
        raise missing(place)
    before, text, line = _text_of(data, fresh, place)
    found = wanted_draft(place, text, terminal)
    if found == "quit":
        return None
    if isinstance(found, draft.Draft):
        place, text, line = replace(place, base=found.base), found.text, None
    ranking = edit_until_sound(text, place, terminal, line)
    return None if ranking is None else Desk(Session(ranking, None if data is None else before), place, terminal, claim)


def _left(place: draft.Place) -> str:
    """How things stand where nothing was written."""
    offered = "" if draft.kept(place) is None else "; the next 'rankcon rank edit' offers the draft"
    return f"{place.name}: left as it was{offered}"


def _text_of(data: bytes | None, fresh: Ranking | None, place: draft.Place) -> tuple[Ranking | None, str, int | None]:
    """The ranking to begin with, its canonical text, and the line to begin at; the raw text where it has errors."""
    if data is None:
        return fresh, "" if fresh is None else write(fresh), None
    try:
        ranking = draft.ranking_in(data, place.name)
    except RankingError as error:
        return None, data.decode(errors="surrogateescape"), error.issues[0].line
    return ranking, write(ranking), None
