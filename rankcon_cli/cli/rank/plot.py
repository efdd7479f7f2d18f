"""``rank plot``: a ranking as a heat map or as a graph."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, RankingFile, emit_text
from rankcon_cli.errors import UsageError

if TYPE_CHECKING:
    from rankcon_cli.picture.scene import Scene
    from rankcon_cli.ranking import TierTable

#: What ``--out`` may end in.
SUFFIXES = (".svg", ".png", ".html")

_KINDS = ("heatmap", "graph")


def plot(
    file: RankingFile,
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="heatmap|graph", help="What to draw.", autocompletion=lambda: _KINDS),
    ] = "heatmap",
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            metavar="blocks|label",
            help="Order of the heat map: similar classes together, or as in the file.",
            autocompletion=lambda: ("blocks", "label"),
        ),
    ] = None,
    tiers: Annotated[
        int | None,
        typer.Option("--tiers", min=1, metavar="N", help="Tiers that the graph draws; else 1 of over 20 classes."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PICTURE", help="Where to: .svg, .png or .html; without it SVG goes to a pipe."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Draw a ranking as a heat map or as a graph.

    In the heat map a row shows what its class lists, and classes stand so that groups show as blocks. In the graph
    similar classes stand near each other, and lines show tiers and which way they go. SVG and HTML follow the light or
    dark setting of the viewer, name what the pointer rests on, and need no network.
    """
    from rankcon_cli.picture.order import ORDERS
    from rankcon_cli.ranking import compile_ranking, load

    suffix = _suffix(out, force=force)
    if kind not in _KINDS:
        raise UsageError(f"--kind takes heatmap or graph, not {kind!r}")
    if order is not None and order not in ORDERS:
        raise UsageError(f"--order takes {' or '.join(ORDERS)}, not {order!r}")
    if kind == "graph" and order is not None:
        raise UsageError("--order is for the heat map: a graph has none")
    if kind == "heatmap" and tiers is not None:
        raise UsageError("--tiers is for the graph: the heat map shows all tiers")
    ranking = load(file)
    table = compile_ranking(ranking)
    places = ORDERS[order or "blocks"](table)
    title = ranking.name or ranking.file
    scene = _scene(table, title, kind, places, tiers)
    emit_text(_written(scene, table, places, suffix), out, force=force)
    if suffix == ".png":
        _note_boxes(scene, out)


def _suffix(out: str | None, *, force: bool) -> str:
    """What to write, said before the work; refuses what cannot be written."""
    from pathlib import Path

    from rankcon_cli.errors import RankconError

    if out is None or out == "-":
        if out is None and sys.stdout.isatty():
            raise UsageError(
                "a picture does not fit a terminal",
                hint="name a file with --out: my.svg, my.png, my.html; or 'rankcon rank show --matrix'",
            )
        return ".svg"
    suffix = Path(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"--out must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, and {out} does not")
    if Path(out).exists() and not force:
        raise RankconError(f"{out} is there already", hint="choose another name, or overwrite it with --force")
    return suffix


def _scene(table: "TierTable", title: str, kind: str, order: list[int], tiers: int | None) -> "Scene":
    if kind == "heatmap":
        from rankcon_cli.picture.heatmap import heatmap

        return heatmap(table, order, title)
    from rankcon_cli.picture.graph import graph

    return graph(table, title, tiers)


def _note_boxes(scene: "Scene", out: str | None) -> None:
    """Say where the PNG shows boxes for letters."""
    from rankcon_cli.picture.png import undrawn
    from rankcon_cli.wording import counted

    texts = undrawn(scene)
    if texts:
        names = counted(len(texts), "name")
        console.note(f"{out}: {names} drawn with boxes for letters that the font lacks; SVG and HTML show them")


def _written(scene: "Scene", table: "TierTable", order: list[int], suffix: str) -> str | bytes:
    """The scene in the form that the suffix names."""
    if suffix == ".png":
        from rankcon_cli.picture.png import png

        return png(scene)
    if suffix == ".html":
        from rankcon_cli.picture.html import html_page

        return html_page(scene, table, order)
    from rankcon_cli.picture.svg import svg_document

    return svg_document(scene)
