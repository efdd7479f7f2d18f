"""Measures as people read them, on a terminal and on a page."""

DASH = "–"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits, or a dash where there is none."""
    return DASH if value is None or value != value else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage (``93.1 %``, no break before the sign), or a dash where there is none."""
    return DASH if value is None or value != value else f"{100 * value:.1f}\u00a0%"
