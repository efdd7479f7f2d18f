"""The ranking on the desk: every edit goes through here, and with it undo, the draft, the findings, saving and leaving."""

import os
from collections.abc import Callable
from pathlib import Path

from rankcon_cli.columns import Fragment, Line, shown
from rankcon_cli.editor import draft
from rankcon_cli.editor.facts import Facts, cheap_to_check, facts_of
from rankcon_cli.editor.pager import diff_page
from rankcon_cli.editor.session import Session, edited, redone, stored, undone
from rankcon_cli.editor.terminal import PASTED, Act, Leave, Terminal
from rankcon_cli.errors import Interrupted, RankconError
from rankcon_cli.ranking import Ranking, write

#: What every screen can do, whatever else its keys mean.
COMMON_KEYS = (
    ("u, Ctrl-Z", "undo, back to the start"),
    ("U, Ctrl-Y", "redo what was undone"),
    ("w, Ctrl-S", "save the file"),
    ("Ctrl-C", "leave at once; the file stays as it is"),
)
#: Called with another file before it is edited in place of the first; RankconError where it must not be.
Claim = Callable[[draft.Place], object]

_UNDO, _REDO, _SAVE = ("u", "c-z"), ("U", "c-y", "c-r"), ("w", "c-s")


class Desk:
    """What the screens share.

    Attributes:
        session: the ranking and its history.
        place: the file, and the draft beside it.
        terminal: where questions are asked.
        claim: what another file is handed to before it is edited in place of the first.
        said: what came of the last key.
        refused: why the last edit or saving was not made, where it was not.
    """

    def __init__(self, session: Session, place: draft.Place, terminal: Terminal, claim: Claim = lambda place: None):
        self.session = session
        self.place = place
        self.terminal = terminal
        self.claim = claim
        self.said: list[Fragment] = []
        self.refused: RankconError | None = None
        self._facts: Facts | None = None
        self._written = False

    # -- what the screens show ----------------------------------------------------------------------

    @property
    def ranking(self) -> Ranking:
        return self.session.ranking

    @property
    def facts(self) -> Facts:
        """The facts of the ranking as it is now."""
        if self._facts is None or self._facts.ranking is not self.ranking:
            self._facts = facts_of(self.ranking, checked=cheap_to_check(self.ranking))
        return self._facts

    def check(self) -> None:
        """Look for findings now, however long it takes."""
        self._facts = facts_of(self.ranking, checked=True)
        self.tell("checked")

    def title(self) -> Line:
        """The file, and whether it holds what is on the screen."""
        state = ("class:warning", "not saved") if self.session.unsaved else ("class:quiet", "saved")
        return [("class:quiet", shown(self.place.path.name) + " · "), state]

    def tell(self, text: str, style: str = "class:said") -> None:
        """Say what came of a key."""
        self.said, self.refused = [(style, text)], None

    def refuse(self, error: RankconError) -> None:
        """Say why nothing came of a key."""
        self.refused = error
        self.said = [("class:error", error.message), *([("class:quiet", error.hint)] if error.hint else [])]

    # -- edits --------------------------------------------------------------------------------------

    def edit(self, change: Callable[[Ranking], Ranking], what: str) -> bool:
        """Make an edit, keep the draft and say ``what`` it was; where it is refused, say why. Whether it was made."""
        try:
            session = edited(self.session, change(self.ranking), what)
        except RankconError as error:
            self.refuse(error)
            return False
        if session is self.session:
            self.tell("nothing changed", "class:quiet")
            return False
        self._move_to(session, what)
        return True

    def press(self, key: str) -> Act | bool | None:
        """The keys of every screen. True: done; an act: it needs the terminal; None: the key is none of them."""
        if key in _UNDO:
            self._step(undone, "undone", "there is nothing to undo")
        elif key in _REDO:
            self._step(redone, "redone", "there is nothing to redo")
        elif key in _SAVE:
            return self.save()
        elif key == PASTED:
            self.tell("pasted text is ignored here", "class:quiet")
        else:
            return None
        return True

    def _step(self, step: Callable[[Session], Session], word: str, nothing: str) -> None:
        session = step(self.session)
        if session is self.session:
            self.tell(nothing, "class:quiet")
            return
        last = session.future[-1] if step is undone else session.past[-1]
        self._move_to(session, f"{word}: {last.what}")

    def _move_to(self, session: Session, what: str) -> None:
        self.session = session
        self.tell(what)
        self.keep_draft()

    @property
    def _has_edits(self) -> bool:
        """Whether there is something to keep: a new file that was not touched is made again as easily."""
        touched = self.session.past or self.session.future or self.place.base or os.path.exists(self.place.draft)
        return self.session.unsaved and bool(touched)

    def keep_draft(self) -> None:
        """Let the draft hold what the file does not; an edit that could not be kept is said, and not lost by it."""
        try:
            if self._has_edits:
                draft.keep(self.place, write(self.ranking))
            else:
                draft.discard(self.place)
        except RankconError as error:
            self.said.append(("class:error", f"no draft is kept: {error.message}"))

    # -- saving and leaving -------------------------------------------------------------------------

    def save(self) -> Act | bool:
        """Write the file. Where it must not be written, or another program changed it meanwhile, the act that asks."""
        try:
            why = draft.unwritable(self.place)
            if why is not None:
                return lambda: self._save_elsewhere(why)
            theirs = draft.changed(self.place)
            if theirs is not None:
                return lambda: self._settle(theirs)
            self._write()
        except RankconError as error:
            self.refuse(error)
        return True

    def _write(self, place: draft.Place | None = None) -> None:
        before = self.place
        self.place = draft.write(place or before, write(self.ranking))
        self.session, self._written = stored(self.session), True
        self.tell(f"{self.place.name}: saved")
        if place is not None:
            draft.discard(before)

    def _settle(self, theirs: bytes) -> None:
        """Show how the file was changed, and do what the user chooses."""
        name = shown(self.place.path.name)
        texts = draft.text_of(theirs), write(self.ranking)
        if texts[0] == texts[1]:
            self._write()
            return
        keys = {"m": "keep mine as another file", "o": "overwrite it with mine"}
        try:
            ranking = draft.ranking_in(theirs, self.place.name)
            keys["t"] = "take what is on disk (u brings mine back)"
        except RankconError:
            ranking = None
        diff = draft.difference(*texts, f"{name} on disk", f"{name} as edited here")
        page = diff_page(f"{name} was changed by another program", diff, keys, "go back")
        choice = self.terminal.show(page)
        try:
            if choice == "m":
                self._save_as()
            elif choice == "o":
                self._write()
            elif choice == "t" and ranking is not None:
                self._take(ranking, theirs)
            else:
                self.tell("not saved", "class:warning")
        except RankconError as error:
            self.refuse(error)

    def _save_elsewhere(self, why: str) -> None:
        """Say why the file is not written, and offer another name."""
        try:
            self._save_as(about=f"{why}: it is not written")
        except RankconError as error:
            self.refuse(error)

    def _save_as(self, about: str = "") -> None:
        """Save under another name, which must be free, and go on with that file."""
        path = self.place.path
        folder = path.parent if os.access(path.parent, os.W_OK) else Path.cwd()
        mine = folder / f"{path.stem}-mine{path.suffix}"
        answer = self.terminal.text("save mine as", str(mine), _not_free, about=about)
        if answer is None:
            self.tell("not saved", "class:warning")
            return
        place = draft.place_of(_path(answer), answer.strip())
        self.claim(place)
        self._write(place)

    def _take(self, theirs: Ranking, data: bytes) -> None:
        """Go on with what another program wrote, as one edit that can be undone."""
        self.session = stored(edited(self.session, theirs, "took what is on disk"))
        self.place = draft.Place(self.place.path, self.place.name, draft.hash_of(data))
        self.keep_draft()
        self.tell("took what is on disk; u brings back what was here")

    def leave(self) -> Leave | Act:
        """Leave the editor; the result is a line that says how things stand. Unsaved edits ask what to do first."""
        return self._ask_to_leave if self.session.unsaved else Leave(self._closing())

    def _ask_to_leave(self) -> Leave | None:
        new = not self._has_edits
        name = shown(self.place.path.name)
        choices = [("save and quit", "save"), ("quit without saving", "drop"), ("go back", None)]
        if not new:
            choices[1:2] = [("quit, and keep the edits as a draft", "keep"), ("quit, and throw the edits away", "drop")]
        question = f"{name} is not written yet" if new else f"{name} has edits that are not saved"
        choice = self.terminal.choose(question, choices)
        if choice == "save":
            act = self.save()
            if callable(act):
                act()
            return None if self.session.unsaved else Leave(self._closing())
        if choice == "drop":
            draft.discard(self.place)
            return Leave(self._closing())
        if choice == "keep":
            return self._leave_a_draft()
        return None

    def _leave_a_draft(self) -> Leave | None:
        """Leave once the draft is written; where it cannot be, say so and stay."""
        try:
            draft.keep(self.place, write(self.ranking))
        except RankconError as error:
            self.tell(f"no draft can be kept, so this is still open: {error.message}", "class:error")
            return None
        return Leave(f"{self._closing()}; the next 'rankcon rank edit' offers the draft")

    def interrupted(self) -> Interrupted:
        """What to say where Ctrl-C or a signal ends the editor: how the file stands, and where the edits are kept."""
        if not self._has_edits:
            return draft.interrupted(self.place)
        return draft.interrupted(self.place, draft.keep_somewhere(self.place, write(self.ranking)))

    def _closing(self) -> str:
        """How the file stands."""
        state = "saved" if self._written else "not written" if self.place.base is None else "left as it was"
        return f"{self.place.name}: {state}"


def _not_free(answer: str) -> str | None:
    if not answer.strip() or "\0" in answer or os.path.isdir(_path(answer)):
        return "a file name, please"
    if os.path.lexists(draft.Place(_path(answer), answer).draft):
        return "there is the draft of such a file already"
    return "there is such a file already" if os.path.lexists(_path(answer)) else None


def _path(answer: str) -> Path:
    return Path(os.path.expanduser(answer.strip()))
