"""A scene as PNG, through matplotlib, and the plain PNG of a raster."""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rankcon_cli.picture.palette import colours
from rankcon_cli.picture.scene import Disc, Lines, Polygon, Raster, Rect, Scene, Words
from rankcon_cli.picture.text import printable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

#: Pixels of the file for one of the scene.
SCALE = 2

#: Pixels of a scene in an inch, so that one is 0.72 of matplotlib's points.
_INCH = 100
_POINTS = 72 / _INCH

#: The face of names: it comes with matplotlib, so that every machine draws the same.
_FACE = "DejaVu Sans"


def png(scene: Scene) -> bytes:
    """``scene`` on the light page, ``SCALE`` times its size; the same bytes for the same scene.

    matplotlib's own face draws the names; a letter that it lacks is an empty box (``undrawn``).
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    palette = colours(scene.depth)
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # missing letters, one warning each
        mpl.rcdefaults()
        mpl.rcParams.update({"text.parse_math": False, "font.family": _FACE, "path.simplify": False})
        figure = Figure(figsize=(scene.width / _INCH, scene.height / _INCH), facecolor=palette["page"])
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
        axes.set_axis_off()
        for depth, shape in enumerate(scene.shapes):
            _DRAWN[type(shape)](axes, shape, palette, depth)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_INCH * SCALE, metadata={"Software": None})
    return stream.getvalue()


def undrawn(scene: Scene) -> list[str]:
    """The texts of ``scene``, each once, that hold a letter which the face of ``png`` lacks."""
    from matplotlib.font_manager import findfont, get_font

    drawn = get_font(findfont(_FACE)).get_charmap()
    texts = dict.fromkeys(printable(shape.text) for shape in scene.shapes if isinstance(shape, Words))
    return [text for text in texts if any(ord(letter) not in drawn for letter in text)]


def indexed_png(pixels: "np.ndarray", palette: Sequence[str]) -> bytes:
    """``pixels`` uint8 [N, N], which count into ``palette``, as a PNG of one byte a pixel."""
    from PIL import Image

    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in palette))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _rect(axes: "Axes", shape: Rect, palette: dict[str, str], z: int) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    if shape.paint is None:
        return
    colour = palette[shape.paint]
    if shape.radius:
        box = f"round,pad=0,rounding_size={shape.radius}"
        corner = (shape.x, shape.y)
        axes.add_patch(FancyBboxPatch(corner, shape.width, shape.height, box, color=colour, linewidth=0, zorder=z))
    else:
        axes.add_patch(Rectangle((shape.x, shape.y), shape.width, shape.height, color=colour, linewidth=0, zorder=z))


def _disc(axes: "Axes", shape: Disc, palette: dict[str, str], z: int) -> None:
    from matplotlib.patches import Circle

    rim = {"edgecolor": palette["page"], "linewidth": _POINTS}
    axes.add_patch(Circle((shape.x, shape.y), shape.radius, facecolor=palette[shape.paint], zorder=z, **rim))


def _polygon(axes: "Axes", shape: Polygon, palette: dict[str, str], z: int) -> None:
    from matplotlib.patches import Polygon as Patch

    axes.add_patch(Patch(shape.points, color=palette[shape.paint], linewidth=0, zorder=z))


def _lines(axes: "Axes", shape: Lines, palette: dict[str, str], z: int) -> None:
    from matplotlib.collections import LineCollection

    width = shape.width * _POINTS
    colour = palette[shape.paint]
    axes.add_collection(
        LineCollection(list(shape.segments), colors=colour, linewidths=width, alpha=shape.opacity, zorder=z),
        autolim=False,
    )


def _words(axes: "Axes", shape: Words, palette: dict[str, str], z: int) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3 * _POINTS, foreground=palette["page"])] if shape.halo else None
    axes.text(
        shape.x,
        shape.y,
        printable(shape.text),
        fontsize=shape.size * _POINTS,
        color=palette[shape.paint],
        ha={"start": "left", "middle": "center", "end": "right"}[shape.anchor],
        va="baseline",
        rotation=-shape.angle,
        rotation_mode="anchor",
        fontweight="bold" if shape.bold else "normal",
        path_effects=halo,
        zorder=z,
    )


def _raster(axes: "Axes", shape: Raster, palette: dict[str, str], z: int) -> None:
    import numpy as np

    rgb = np.array([tuple(bytes.fromhex(palette[role][1:])) for role in shape.paints], dtype=np.uint8)
    extent = (shape.x, shape.x + shape.side, shape.y + shape.side, shape.y)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(rgb[shape.pixels], extent=extent, interpolation="nearest", aspect="auto", zorder=z)
    axes.set(xlim=limits[0], ylim=limits[1])


_DRAWN = {Rect: _rect, Disc: _disc, Polygon: _polygon, Lines: _lines, Words: _words, Raster: _raster}
