"""Where a ranking comes from: a path, standard input, or the name of one that ships with rankcon."""

import os
from pathlib import Path

from rankcon_cli.errors import RankconError
from rankcon_cli.files import read_bounded, read_stdin
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.reader import parse
from rankcon_cli.ranking.syntax import decode
from rankcon_cli.wording import did_you_mean

#: Longest ranking file or class graph that is read, in bytes.
MAX_BYTES = 64 * 2**20


def load(source: str | Path) -> Ranking:
    """Read a ranking file, node-link JSON or GraphML.

    Args:
        source: a path; ``-`` for standard input; or the bare name of a shipped ranking, where no file has it.

    Raises:
        RankconError: there is nothing to read, or more than ``MAX_BYTES``.
        RankingError: what was read is no ranking; see ``parse``.
    """
    if str(source) == "-":
        name, data = "<stdin>", read_stdin(MAX_BYTES)
    else:
        name, data = str(source), read_bounded(find(source), MAX_BYTES, "ranking file")
    return parse(decode(data, name), name)


def find(source: str | Path) -> Path:
    """The file that ``source`` names: the path itself where it exists, else the shipped ranking of that name."""
    path = Path(source)
    known = shipped()
    # A folder called digits does not hide the ranking. os.path.exists: false for a name that is too long to be one.
    if os.path.exists(path) and not (os.path.isdir(path) and str(source) in known):
        return path
    if str(source) in known:
        return known[str(source)]
    hint = f"shipped with rankcon: {', '.join(known)}" if known else None
    raise RankconError(f"there is no ranking file {source}{did_you_mean(str(source), known)}", hint=hint)


def shipped() -> dict[str, Path]:
    """Names and paths of the rankings that come with rankcon, by name."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "rankings", package.parent / "rankings"):  # in a wheel; in a checkout
        found = {path.stem: path for path in sorted(folder.glob("*.json"))}
        if found:
            return found
    return {}
