"""How names of the user's stand in a message: quoted, shortened, listed, and with the name that was probably meant."""

from collections.abc import Collection, Iterable

LONGEST_NAME = 60


def quoted(name: str) -> str:
    """``name`` in quotes, cut at 60 characters, with what a terminal would obey or hide escaped."""
    return repr(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…")


def listed(names: Iterable[str], most: int = 5) -> str:
    """``'a', 'b' and 'c'``; past ``most`` names, how many more there are."""
    names = list(names)
    shown = [quoted(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def counted(number: int, noun: str) -> str:
    """``1 class``, ``3 classes``."""
    return f"{number:,} {noun if number == 1 else noun + ('es' if noun.endswith('s') else 's')}"


def did_you_mean(name: str, candidates: Collection[str]) -> str:
    """`` (did you mean 'x'?)`` for the closest of ``candidates``, or nothing where none is close."""
    import difflib

    folded = {candidate.casefold(): candidate for candidate in candidates}
    match = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f" (did you mean {quoted(folded[match[0]])}?)" if match else ""
