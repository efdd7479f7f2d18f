"""What a picture is made of, whatever it is written as: a few flat shapes, in pixels, painted by role."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

#: ``x, y`` from the upper left corner.
Point = tuple[float, float]


class Rect(NamedTuple):
    """A filled rectangle. ``paint`` is a role of ``palette.colours``, or None for one that only has a ``title``."""

    x: float
    y: float
    width: float
    height: float
    paint: str | None
    title: str | None = None
    radius: float = 0.0


class Disc(NamedTuple):
    """A filled circle with a rim in the page's colour."""

    x: float
    y: float
    radius: float
    paint: str
    title: str | None = None


class Polygon(NamedTuple):
    """A filled polygon."""

    points: tuple[Point, ...]
    paint: str


class Lines(NamedTuple):
    """Line segments that look the same; ``title`` is shown where the pointer rests on one."""

    segments: tuple[tuple[Point, Point], ...]
    paint: str
    width: float
    opacity: float = 1.0
    title: str | None = None


class Words(NamedTuple):
    """One line of text at a baseline. ``angle``: degrees clockwise about the anchor; ``halo``: lines pass behind it."""

    x: float
    y: float
    text: str
    size: float
    paint: str = "ink"
    anchor: str = "start"
    angle: float = 0.0
    bold: bool = False
    halo: bool = False
    title: str | None = None


class Raster(NamedTuple):
    """Square pixels filling a square: ``pixels`` uint8 [N, N] counts into the roles ``paints``."""

    x: float
    y: float
    side: float
    pixels: "np.ndarray"
    paints: tuple[str, ...]


Shape = Rect | Disc | Polygon | Lines | Words | Raster


@dataclass(frozen=True)
class Scene:
    """A picture.

    Attributes:
        width, height: in pixels.
        title: what it is a picture of.
        description: what it shows, in words, for those who cannot see it.
        depth: most tiers of a class, which the palette is made for.
        shapes: from back to front.
    """

    width: float
    height: float
    title: str
    description: str
    depth: int
    shapes: tuple[Shape, ...]
