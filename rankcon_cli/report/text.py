"""Names as the page prints them."""

from markupsafe import Markup

from rankcon_cli.picture.text import printable, shortened

__all__ = ["bdi", "listed", "printable", "shortened"]


def bdi(name: str) -> Markup:
    """A name of the user's: escaped, and isolated so that right-to-left letters do not reorder their surroundings."""
    return Markup("<bdi>{}</bdi>").format(printable(name))


def listed(items: list[Markup]) -> Markup:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return Markup("").join(items)
    return Markup("{} and {}").format(Markup(", ").join(items[:-1]), items[-1])
