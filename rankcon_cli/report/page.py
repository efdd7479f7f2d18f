"""The OOD report as one HTML file that opens from disk, without scripts and without anything beside it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.ood.result import FooledImage, OodResult, OodSet
from rankcon_cli.report import tables
from rankcon_cli.report.document import to_json_dict
from rankcon_cli.report.images import display_size, png_data_uri
from rankcon_cli.report.plot import Plot
from rankcon_cli.report.text import bdi, listed, printable
from rankcon_cli.wording import counted, decimal, percent

if TYPE_CHECKING:
    from jinja2 import Environment

#: Most images shown for each OOD set.
MOST_FOOLED = 12

#: Most baselines that the answer names one by one.
MOST_TOLD = 3


@dataclass(frozen=True)
class Section:
    """What the page shows of one OOD set."""

    ood: OodSet
    answer: Markup
    roc: Plot | None
    histogram: Plot | None
    attractions: list[tables.Attraction]
    fooled: list[FooledImage]


def render_html(result: OodResult) -> str:
    """The page of ``result``; the same bytes for the same result."""
    from rankcon_cli.report.curves import histogram, roc
    from rankcon_cli.report.embedding import embedding
    from rankcon_cli.report.svg import drawing

    columns, measure_rows = tables.run_measures(result.runs)
    headline = tables.headline(result)
    with drawing():
        picture = embedding(result, "embedding")
        sections = [
            Section(
                ood,
                _answer(ood, rows),
                roc(result, ood, f"roc{i}"),
                histogram(result, ood, f"histogram{i}"),
                tables.attractions(result, ood.name),
                _worst(result, ood),
            )
            for i, (ood, rows) in enumerate(headline)
        ]
    return (
        _environment()
        .get_template("ood.html.j2")
        .render(
            result=result,
            subject=result.runs[0],
            sections=sections,
            headline=headline,
            headline_columns=tables.HEADLINE_METRICS,
            measure_columns=columns,
            measure_rows=measure_rows,
            full=tables.full(result),
            full_columns=tables.METRICS,
            embedding=picture,
            most_unknown=tables.MOST_UNKNOWN,
        )
    )


def write_report(result: OodResult, out: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.json`` into the directory ``out``; their paths in this order.

    Raises RankconError where the directory cannot be written; each file is written whole or not at all.
    """
    html, document = out / "report.html", out / "report.json"
    write_atomic(html, render_html(result))
    write_atomic(document, to_json(to_json_dict(result)))
    return html, document


def _answer(ood: OodSet, rows: list[tables.HeadlineRow]) -> Markup:
    """The first sentence on one OOD set: the subject's AUROC, and how the baselines stand beside it."""
    subject, *baselines = rows
    if not subject.feature:
        return Markup("{} has no headline score on {}.").format(bdi(subject.run), bdi(ood.name))
    place = Markup("On {} ({} of {}), ").format(
        bdi(ood.name), counted(ood.n, "image"), counted(len(ood.classes), "unknown class")
    )
    first = Markup("{} has an AUROC of <strong>{}</strong>").format(bdi(subject.run), subject.cells[0].text)
    others = [row for row in baselines if row.feature]
    told = [Markup("{} {}").format(bdi(row.run), row.cells[0].text) for row in others]
    if len(others) > MOST_TOLD:
        best = max(others, key=lambda row: row.cells[0].text)
        told = [Markup("the best of {} baselines, {}, {}").format(len(others), bdi(best.run), best.cells[0].text)]
    return place + listed([first, *told]) + "."


def _worst(result: OodResult, ood: OodSet) -> list[FooledImage]:
    """The images of ``ood`` that look most like a known class, the worst first."""
    images = [image for image in result.fooled if image.ood == ood.name]
    return sorted(images, key=lambda image: -image.id_share_more_outlying)[:MOST_FOOLED]


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rankcon_cli", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        bdi=bdi, percent=percent, decimal=decimal, counted=counted, png=png_data_uri, display_size=display_size
    )
    environment.globals["marker_path"] = _MARKER_PATHS.get
    return environment


def _finalized(value: Any) -> Any:
    return printable(value) if type(value) is str else value


#: The markers of legends, drawn in a 10 x 10 box.
_MARKER_PATHS = {
    "o": "M5 1a4 4 0 1 0 .01 0z",
    "s": "M1.5 1.5h7v7h-7z",
    "x": "M1.5 1.5l7 7m0-7l-7 7",
    "+": "M5 .5v9M.5 5h9",
    "1": "M5 5v4.5M5 5L1 2.5M5 5l4-2.5",
    "(6, 2, 0)": "M5 .5v9M1 2.7l8 4.6M9 2.7L1 7.3",
    "2": "M5 5V.5M5 5L1 7.5M5 5l4 2.5",
}
