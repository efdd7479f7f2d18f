"""An editing session: the ranking, every state before and after it, and what was saved. Pure."""

from dataclasses import dataclass, replace

from rankcon_cli.ranking import Ranking


@dataclass(frozen=True)
class Step:
    """A state that was left: the ranking, and what the edit between it and the next one did."""

    ranking: Ranking
    what: str


@dataclass(frozen=True)
class Session:
    """A ranking with its history.

    Attributes:
        ranking: the ranking as it is now.
        saved: what the file holds; None before the first saving of a new file.
        past: states before, oldest first, each with the edit that followed it.
        future: states that were undone, the latest undone last, each with the edit that leads to it.
    """

    ranking: Ranking
    saved: Ranking | None
    past: tuple[Step, ...] = ()
    future: tuple[Step, ...] = ()

    @property
    def unsaved(self) -> bool:
        """Whether saving would change the file."""
        return self.saved is None or (self.ranking is not self.saved and self.ranking != self.saved)


def edited(session: Session, ranking: Ranking, what: str) -> Session:
    """The session after an edit; an edit that changes nothing is none."""
    if ranking == session.ranking:
        return session
    return replace(session, ranking=ranking, past=(*session.past, Step(session.ranking, what)), future=())


def undone(session: Session) -> Session:
    """The session one edit back; the same where there is none."""
    if not session.past:
        return session
    *past, step = session.past
    future = (*session.future, Step(session.ranking, step.what))
    return replace(session, ranking=step.ranking, past=tuple(past), future=future)


def redone(session: Session) -> Session:
    """The session with the last undone edit done again; the same where there is none."""
    if not session.future:
        return session
    *future, step = session.future
    past = (*session.past, Step(session.ranking, step.what))
    return replace(session, ranking=step.ranking, past=past, future=tuple(future))


def stored(session: Session) -> Session:
    """The session once the file holds its ranking."""
    return replace(session, saved=session.ranking)
