"""The ranking as text in the user's own editor, again and again until it is sound or the user gives up."""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rankcon_cli.columns import shown
from rankcon_cli.editor import draft
from rankcon_cli.editor.terminal import Terminal, say
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Ranking, RankingError
from rankcon_cli.wording import quoted

#: Findings that are shown before the editor is opened again.
MOST_FINDINGS = 5


def _plus_line(command: Sequence[str], file: str, line: int) -> list[str]:
    return [*command, f"+{line}", file]


def _goto(command: Sequence[str], file: str, line: int) -> list[str]:
    """VS Code and its kin return at once unless they are told to wait."""
    wait = [] if {"-w", "--wait"} & set(command) else ["--wait"]
    return [*command, *wait, "--goto", f"{file}:{line}"]


def _colon(command: Sequence[str], file: str, line: int) -> list[str]:
    return [*command, f"{file}:{line}"]


#: Editor -> how it is told to open a file at a line. Any other is given the file alone.
AT_LINE: dict[str, Callable[[Sequence[str], str, int], list[str]]] = {
    **dict.fromkeys(("vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "mg", "ne"), _plus_line),
    **dict.fromkeys(("micro", "kak", "joe", "jed", "gedit", "sensible-editor", "editor"), _plus_line),
    **dict.fromkeys(("code", "codium", "code-insiders", "cursor"), _goto),
    **dict.fromkeys(("hx", "helix", "subl", "zed"), _colon),
}


def editor_command() -> list[str]:
    """The user's editor, from VISUAL or EDITOR, else nano or vi; RankconError where there is none."""
    for variable in ("VISUAL", "EDITOR"):
        value = os.environ.get(variable, "").strip()
        if value:
            try:
                return shlex.split(value)
            except ValueError as error:
                raise RankconError(f"{variable} is no command: {quoted(value)}: {error}") from error
    found = next((name for name in ("nano", "vi") if shutil.which(name)), None)
    if found is None:
        raise RankconError("no editor was found", hint="name yours: export EDITOR=vim")
    return [found]


def opened_at(command: Sequence[str], file: str, line: int | None) -> list[str]:
    """The command that opens ``file``, at ``line`` where the editor is known to have a way to say it."""
    form = AT_LINE.get(Path(command[0]).stem)
    if form is None or (line is None and form is not _goto):
        return [*command, file]
    return form(command, file, line or 1)


def edit_text(
    text: str, name: str, line: int | None = None, keep: Callable[[str], object] | None = None
) -> tuple[str, int]:
    """The text as the user leaves it in the editor, and the code that the editor ends with (0: all is well).

    Args:
        text, name: the text, and the name of the file that it stands for, whose ending tells the editor what it is.
        line: where to begin, from 1.
        keep: called with the text as it stands where the work is cut short (a signal, a closed terminal).
    """
    with tempfile.TemporaryDirectory(prefix="rankcon-") as folder:
        file = Path(folder) / name
        file.write_bytes(_bytes(text))
        try:
            code = _run(opened_at(editor_command(), str(file), line))
        except BaseException:
            if keep is not None and (now := _text(file, text)) != text:
                keep(now)
            raise
        return _text(file, text), code


def _run(command: Sequence[str]) -> int:
    """Run the editor to its end; its exit code. It draws where stderr does: our stdout may be a file."""
    try:
        child = subprocess.Popen(command, stdout=2)
    except OSError as error:
        raise RankconError(f"cannot run the editor {quoted(command[0])}: {error.strerror or error}") from error
    try:
        return child.wait()
    except BaseException:
        child.terminate()  # it puts the terminal right
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=2)
        raise


def edit_until_sound(text: str, place: draft.Place, terminal: Terminal, line: int | None = None) -> Ranking | None:
    """The ranking that the user made of ``text``; None where they gave up. What they typed stays in the draft."""
    start, kept = text, place.draft if os.path.exists(place.draft) else None
    while True:
        text, code = edit_text(text, place.path.name, line, lambda now: _keep(place, now))
        if text != start or kept is not None:
            kept = _keep(place, text)
        ranking, line = _sound(text, place.name)
        if ranking is not None and not code:
            return ranking
        choice = terminal.choose(*_what_now(ranking is not None, code, line, kept, place))
        if choice != "again":
            return ranking if choice == "take" else None


def _keep(place: draft.Place, text: str) -> Path:
    """Keep what was typed; where the draft cannot be written, say where it is instead."""
    path = draft.keep_somewhere(place, text)
    if path != place.draft:
        say(f"no draft can be written beside {shown(place.name)}: the text is kept in {shown(str(path))}")
    return path


def _sound(text: str, name: str) -> tuple[Ranking | None, int | None]:
    """The ranking that a text holds; where it holds none, that is said, and the second is the line of the first error."""
    try:
        return draft.ranking_in(_bytes(text), name), None
    except RankingError as error:
        tell_findings(error)
        return None, error.issues[0].line
    except RankconError as error:
        say(error.message)
        return None, None


def _what_now(
    sound: bool, code: int, line: int | None, kept: Path | None, place: draft.Place
) -> tuple[str, list[tuple[str, str | None]]]:
    """The question and its answers after an editor that failed or left no sound ranking."""
    failed = [f"the editor ended with code {code}"] if code else []
    question = " and ".join([*failed, *([] if sound else ["the text is no sound ranking"])])
    keeper = "the draft" if kept == place.draft else shown(str(kept))
    again = ("edit again" if line is None else f"edit again at line {line}", "again")
    give_up = ("give up" if kept is None else f"give up; {keeper} keeps the text", None)
    return question, [again, *([("take the text all the same", "take")] if sound else []), give_up]


def tell_findings(error: RankingError) -> None:
    """The first errors of a text, each with its line."""
    errors = [issue for issue in error.issues if issue.severity == "error"]
    for issue in errors[:MOST_FINDINGS]:
        say(issue.text(error.file))
    if len(errors) > MOST_FINDINGS:
        say(f"… and {len(errors) - MOST_FINDINGS:,} more")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _text(file: Path, otherwise: str) -> str:
    return file.read_bytes().decode(errors="surrogateescape") if file.exists() else otherwise
