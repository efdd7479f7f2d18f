"""The figures of the page as files of their own, SVG and PDF: on white, with the legend in the picture."""

import ast
import contextlib
import io
import logging
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rankcon_cli.ood.result import OodResult
from rankcon_cli.report.plot import Key, Plot
from rankcon_cli.report.svg import INK, drawing
from rankcon_cli.report.text import shortened

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

log = logging.getLogger("rankcon")

_LONGEST_LABEL = 28
_LONGEST_SLUG = 40
_MOST_IN_A_COLUMN = 5
_MARGIN = 0.1  # inches
_LINE = 1.8
#: Suffix of a file -> what matplotlib would write there that differs from one time to the next.
_METADATA = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Producer")}
#: What matplotlib warns of where its font, DejaVu Sans, lacks a letter or the script's rules.
_LETTERS = re.compile(r"Glyph \d+ .* missing|does not support \w+ natively")


def figure_files(result: OodResult) -> Iterator[tuple[str, bytes]]:
    """(file name, content) of every figure, twice: as SVG with its letters as outlines, as PDF with its fonts embedded.

    The same bytes for the same result. Letters that the font lacks are drawn as boxes, which is noted, once.
    """
    missing = False
    with drawing():
        for name, plot in plots(result):
            with _letters_missing() as found:
                figure = _with_legend(plot)
                contents = [(f"{name}.{suffix}", _saved(figure, suffix, name)) for suffix in _METADATA]
            yield from contents
            missing = missing or bool(found)
    if missing:
        log.info("some letters of names are missing from the font of the figure files and stand as boxes there")


@contextlib.contextmanager
def _letters_missing() -> Iterator[list[str]]:
    """Collects what matplotlib warns of about letters that its font lacks, and passes other warnings on."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    for warning in caught:
        if _LETTERS.search(str(warning.message)):
            found.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def plots(result: OodResult) -> Iterator[tuple[str, Plot]]:
    """File name without suffix and ``Plot`` of every figure there is."""
    # Together they pull in the whole of matplotlib.
    from rankcon_cli.report.curves import histogram, precision_recall, roc
    from rankcon_cli.report.embedding import embeddings

    names = slugs([ood.name for ood in result.sets])
    for ood, name in zip(result.sets, names, strict=True):
        for kind, draw in (("roc", roc), ("pr", precision_recall), ("histogram", histogram)):
            if plot := draw(result, ood, f"{kind}-{name}"):
                yield f"{kind}-{name}", plot
    drawn = embeddings(result)
    for entry, name in zip(drawn, slugs([entry.picture.method for entry in drawn]), strict=True):
        yield f"embedding-{name}", entry.plot


def slugs(names: Sequence[str]) -> list[str]:
    """A file name for each: small ASCII letters, digits, dashes and underscores, distinct whatever the case."""
    found: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9_-]+", "-", plain.lower())[:_LONGEST_SLUG].strip("-_") or "set"
        slug, n = base, 2
        while slug in found:
            slug, n = f"{base}-{n}", n + 1
        found.append(slug)
    return found


def _with_legend(plot: Plot) -> "Figure":
    """The figure of ``plot`` with the names that only the page writes, and with its legend above.

    The figure grows upwards: what is placed in pixels counts them from the lower left corner.
    """
    from matplotlib.patheffects import withStroke

    figure = plot.figure
    for text in figure.findobj(lambda artist: artist.get_gid() in plot.names):
        text.set_text(plot.names[text.get_gid()])
        text.set_fontstyle("italic" if text.get_gid().startswith("unknown") else "normal")
        text.set(fontweight="bold", fontsize=12)
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    legend = _legend(figure, plot, 1 if len(plot.legend) <= _MOST_IN_A_COLUMN else 2)
    if legend.get_window_extent().width > figure.bbox.width:
        legend.remove()
        legend = _legend(figure, plot, 1)
    (width, height), room = figure.get_size_inches(), legend.get_window_extent().height / figure.dpi + _MARGIN
    for axes in figure.axes:
        left, bottom, wide, high = axes.get_position(original=True).bounds
        share = height / (height + room)
        axes.set_position((left, bottom * share, wide, high * share))
    figure.set_size_inches(width, height + room)
    return figure


def _legend(figure: "Figure", plot: Plot, columns: int) -> "Legend":
    return figure.legend(
        [_handle(key) for key in plot.legend],
        [f"{shortened(key.name or '', _LONGEST_LABEL)} {key.text}".strip() for key in plot.legend],
        loc="upper left",
        ncols=columns,
        frameon=False,
        fontsize="small",
        handlelength=3,
    )


def _handle(key: Key) -> "Artist":
    """The mark that stands before an entry of the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour = INK if key.colour == "currentColor" else key.colour
    if key.kind == "area":
        return Patch(edgecolor=INK, fill=False) if colour == INK else Patch(color=colour, alpha=0.7)
    if key.kind == "line":
        dashes = [float(length) / _LINE for length in key.dash.split()]
        return Line2D([], [], color=colour, linewidth=_LINE, linestyle=(0, dashes) if dashes else "solid")
    marker = ast.literal_eval(key.marker) if key.marker.startswith("(") else key.marker
    return Line2D([], [], linestyle="none", marker=marker, color=colour, alpha=0.3 if key.faint else 1, markersize=5)


def _saved(figure: "Figure", suffix: str, name: str) -> bytes:
    import matplotlib as mpl

    mpl.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": name, "pdf.fonttype": 42})
    stream = io.BytesIO()
    figure.savefig(stream, format=suffix, facecolor="white", metadata=dict.fromkeys(_METADATA[suffix]))
    return stream.getvalue()
