"""Parameters of a score, held to what they may be before anything is fitted."""

from rankcon_cli.errors import UsageError


def whole(name: str, value: object, least: int = 1) -> int:
    """``value`` where it is a whole number of at least ``least``; UsageError names the parameter otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {value}")
    return value


def number(name: str, value: object, least: float, most: float) -> float:
    """``value`` where it is a number from ``least`` to ``most``; UsageError names the parameter otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise UsageError(f"{name} must be a number from {least:g} to {most:g}, not {value}")
    return float(value)
