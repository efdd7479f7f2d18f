"""How names, counts and measures are put into words, in messages, in tables and on pages."""

from collections.abc import Collection, Iterable

LONGEST_NAME = 60
DASH = "–"


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


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, or a dash where there is none."""
    return DASH if value is None or value != value else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage (``93.1 %``, no break before the sign), or a dash where there is none."""
    return DASH if value is None or value != value else f"{100 * value:.1f}\u00a0%"
