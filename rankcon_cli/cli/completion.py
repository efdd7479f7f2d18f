"""Completion in shells: what of the app it needs, and names that come to stand on the line as one literal word.

Typer finds the values. For bash it prints them one a line, and they would stand on the line as they are: a class
``a > b`` would empty a file. Here they get the quotes that go on from what is typed already. zsh and fish quote values
themselves; ``safe`` leaves out what Typer hands them in a form that they would obey.
"""

import contextlib
import io
import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from rankcon_cli.cli.console import console

#: Which shell asks: ``complete_bash``, ``complete_zsh`` and so on.
INSTRUCTION = "_RANKCON_COMPLETE"

#: Typer's own script has bash expand ``*`` in the values, and splits words at ``:`` and ``@``.
_BASH_SCRIPT = """
%(complete_func)s() {
    local value
    COMPREPLY=()
    while IFS= read -r value; do
        COMPREPLY+=("$value")
    done < <(_RANKCON_LINE="${COMP_LINE:0:COMP_POINT}" _RANKCON_WORD="$2" \\
             %(autocomplete_var)s=complete_bash "$1" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}

complete -o default -F %(complete_func)s %(prog_name)s
"""

#: Shell -> letters of names that it is not offered, since it would not take them literally.
_REFUSED = {
    "zsh": re.compile(r"['\"\\$`]"),
    "powershell": re.compile(r"[^\w./\\:+-]"),
    "pwsh": re.compile(r"[^\w./\\:+-]"),
}
_SPECIAL = re.compile(r"[ !\"#$&'()*:;<=>?@\[\\\]^`{|}~]")
_SPECIAL_IN_DOUBLE_QUOTES = re.compile(r"[\"$\\`]")


class Line(NamedTuple):
    """A command line up to the cursor: its words, the last one unfinished or empty, and the quote open at the end."""

    words: list[str]
    quote: str


def answer(build_app: Callable[[list[str]], Callable[..., Any]]) -> int:
    """Print what may stand at the cursor, from an app with no more than the command of the line."""
    if os.environ[INSTRUCTION] != "complete_bash":
        app = build_app(read_line(os.environ.get("_TYPER_COMPLETE_ARGS", "")).words[1:-1])
        return app(args=[], standalone_mode=False, prog_name="rankcon") or 0
    kept, words = _from_bash()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        build_app(words)(args=[], standalone_mode=False, prog_name="rankcon")
    for value in printed.getvalue().splitlines():
        word = bash_word(value, kept)
        if word:
            console.out(word)
    return 0


def safe(names: Iterable[str]) -> list[str]:
    """The names that the shell at hand can be offered: those that it takes for one literal word, and for no flag."""
    refused = _REFUSED.get(os.environ.get(INSTRUCTION, "").removeprefix("complete_"))
    return [
        name
        for name in names
        if not name.startswith("-")
        and not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name)
        and not (refused and refused.search(name))
    ]


def bash_word(value: str, kept: Line) -> str | None:
    """What bash puts after ``kept``, so that the two are one word that means ``value``; None where nothing would."""
    typed = kept.words[-1]
    if typed.startswith("--") and "=" in typed:
        typed = typed.partition("=")[2]
    if not value.startswith(typed):
        return None
    rest = value[len(typed) :]
    if not kept.quote:
        return _SPECIAL.sub(r"\\\g<0>", rest)
    if kept.quote == "'":
        text = rest.replace("'", r"'\''")
    else:  # bash looks for its history's ! inside double quotes, where no backslash hides it
        text = _SPECIAL_IN_DOUBLE_QUOTES.sub(r"\\\g<0>", rest).replace("!", r'"\!"')
    return text if value.endswith("/") else text + kept.quote


def read_line(text: str) -> Line:
    """The words of ``text`` as a shell reads them, quotes and backslashes resolved, and nothing expanded."""
    words, word, quote = [], None, ""
    letters = iter(text)
    for letter in letters:
        if not quote and letter in " \t\n":
            words += [] if word is None else [word]
            word = None
            continue
        word = word or ""
        if letter == "\\" and quote != "'":
            following = next(letters, "")
            word += following if not quote or following in '"$\\`' else letter + following
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        else:
            word += letter
    return Line([*words, word or ""], quote)


def use_own_script() -> None:
    """Have ``--install-completion`` and ``--show-completion`` give the bash script above; Typer has no way to ask."""
    from typer import _completion_shared

    _completion_shared._completion_scripts["bash"] = _BASH_SCRIPT


def _from_bash() -> tuple[Line, list[str]]:
    """What stays on the line before the word that bash replaces, and the finished words; Typer is told of the rest."""
    line, replaced = os.environ.get("_RANKCON_LINE"), os.environ.get("_RANKCON_WORD", "")
    if line is None:  # Typer's own script
        words = read_line(os.environ.get("COMP_WORDS", "")).words
        return Line([""], ""), words[1 : int(os.environ.get("COMP_CWORD", 0))]
    words = [unicodedata.normalize("NFC", word) for word in read_line(line).words]
    os.environ["COMP_WORDS"] = shlex.join(words)
    os.environ["COMP_CWORD"] = str(len(words) - 1)
    return read_line(line.removesuffix(replaced)), words[1:-1]
