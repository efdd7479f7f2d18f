"""The OOD report as one HTML file that opens from disk, complete without its script and with nothing beside it."""

import shlex
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from rankcon_cli.ood.result import ID, DetectionRate, OodResult, OodSet, WorstImage
from rankcon_cli.report import cells, interactive, tables
from rankcon_cli.report.images import display_size, png_data_uri
from rankcon_cli.report.plot import PALETTE, Key, Plot
from rankcon_cli.report.text import bdi, listed, printable, shortened
from rankcon_cli.wording import counted, decimal, percent

if TYPE_CHECKING:
    from jinja2 import Environment

#: Most images shown of each set.
MOST_WORST = 12

#: Most baselines that the answer names one by one.
MOST_TOLD = 3

#: Most classes of a set whose detection rates the page lists.
MOST_CLASSES = 20

_LONGEST_NAME = 60

#: The legend of the figures that the script draws.
_LIVE_LEGEND = (
    Key("area", PALETTE[0], "known images"),
    Key("area", "currentColor", "images of the set"),
    Key("line", PALETTE[3], "the threshold, a dot on the ROC curve"),
)


@dataclass(frozen=True)
class Section:
    """What the page shows of one OOD set. caught: detection rates by class."""

    ood: OodSet
    note: str
    answer: Markup
    plots: list[Plot]
    attractions: list[tables.Attraction]
    caught: dict[str, DetectionRate]


@dataclass(frozen=True)
class Strip:
    """The worst images of one set. all_right: there is none because the threshold is right about every image."""

    set: str
    known: bool
    images: list[WorstImage]
    all_right: bool


@dataclass(frozen=True)
class FullTarget:
    """Every score on one target, group by group."""

    title: str
    note: str
    groups: list[tuple[str, list[cells.Row]]]


def render_html(result: OodResult) -> str:
    """The page of ``result``; the same bytes for the same result."""
    from rankcon_cli.report.embedding import embeddings
    from rankcon_cli.report.svg import drawing

    with drawing():
        pictures = embeddings(result)
        sections = [_section(result, ood, index) for index, ood in enumerate(result.sets)]
    several_seeds = any(len(group.runs) > 1 for group in result.groups)
    context = {
        "result": result,
        "subject": result.runs[0],
        "seeds": tables.seeds(result, result.groups[0].name),
        "several_seeds": several_seeds,
        "sections": sections,
        "pictures": pictures,
        "live_legend": _LIVE_LEGEND,
        "strips": _strips(result),
        "main": tables.main(result),
        "main_labels": 3 if several_seeds else 2,
        "runs": tables.runs(result),
        "most_unknown": tables.MOST_UNKNOWN,
        "command_path": shlex.quote(result.runs[0].path),
        "data": Markup(interactive.data(result, pictures)),
        "script": Markup(interactive.script()),
        "policy": interactive.content_security_policy(),
    }
    context |= _scores(result) | _rates(result) | _comparisons(result)
    return _environment().get_template("ood.html.j2").render(context)


def _section(result: OodResult, ood: OodSet, index: int) -> Section:
    from rankcon_cli.report.curves import histogram, precision_recall, roc

    drawn = [draw(result, ood, f"{draw.__name__}{index}") for draw in (roc, precision_recall, histogram)]
    return Section(
        ood,
        tables.KIND_WORDS[ood.kind],
        _answer(result, ood),
        [plot for plot in drawn if plot is not None],
        tables.attractions(result, ood.name),
        {rate.class_name: rate for rate in result.rates if rate.set == ood.name and rate.class_name},
    )


def _answer(result: OodResult, ood: OodSet) -> Markup:
    """The first sentence on one OOD set: the subject's AUROC, and how the other groups stand beside it."""
    found = {group.name: tables.headline_aggregate(result, group.name, ood.name) for group in result.groups}
    told = {name: decimal(entry.metrics["auroc"].value) for name, entry in found.items() if entry is not None}
    subject = result.groups[0].name
    if subject not in told:
        return Markup("{} has no headline score on {}.").format(bdi(subject), bdi(ood.name))
    place = Markup("On {} ({} of {}), ").format(
        bdi(ood.name), counted(ood.n, "image"), counted(len(ood.classes), "unknown class")
    )
    n = tables.seeds(result, subject)
    first = Markup("{} has {} AUROC of <strong>{}</strong>").format(
        bdi(subject), f"over {n} seeds a mean" if n > 1 else "an", told.pop(subject)
    )
    others = [Markup("{} {}").format(bdi(name), auroc) for name, auroc in told.items()]
    if len(others) > MOST_TOLD:
        best = max(told, key=lambda name: told[name])
        others = [Markup("the best of {} baselines, {}, {}").format(len(others), bdi(best), told[best])]
    return place + listed([first, *others]) + "."


def _scores(result: OodResult) -> dict[str, Any]:
    """The tables of every score: the subject's AUROC on all targets, and target by target all there is."""
    full = tables.full(result)
    targets = []
    for section in full.sections:
        names = dict.fromkeys(row.labels[0] for row in section.rows)
        rows = [replace(row, labels=row.labels[1:]) for row in section.rows]
        groups = [
            (name, [bare for row, bare in zip(section.rows, rows, strict=True) if row.labels[0] == name])
            for name in names
        ]
        if groups:
            targets.append(FullTarget(section.title, section.note, groups))
    return {
        "overview": overview(result, full.caption),
        "full": targets,
        "full_columns": full.columns,
        "full_caption": full.caption,
        "experimental": {info.name for info in result.infos if info.experimental},
    }


def overview(result: OodResult, spread_words: str) -> cells.Table:
    """The AUROC of the subject group: one row a score and feature, one column a target."""
    group = result.groups[0].name
    found = {(a.score, a.feature, a.target): a for a in result.aggregates if a.group == group}
    targets = tables.targets(result)
    columns = tuple(
        cells.Column(target.name, target.name if target.n_sets == 1 else f"mean of {target.name}", +1)
        for target in targets
    )
    keys = list(dict.fromkeys(key[:2] for key in found))
    lines = cells.cells(
        columns,
        [
            {
                target.name: found[*key, target.name].metrics.get("auroc")
                for target in targets
                if (*key, target.name) in found
            }
            for key in keys
        ],
    )
    rows = [cells.Row(key, line, key == result.headline) for key, line in zip(keys, lines, strict=True)]
    caption = f"The AUROC of {group} on every set. {spread_words}"
    return cells.Table("overview", caption, (), ("Score", "Feature"), columns, (cells.Section("", "", tuple(rows)),))


def _rates(result: OodResult) -> dict[str, Any]:
    """Detection rates of whole sets, and by class those it is most wrong about."""
    rates = tables.rates(result)
    whole, by_class, cut = [], [], False
    for section in rates.sections:
        all_rows = [row for row in section.rows if row.marked]
        classes = [replace(row, marked=False) for row in section.rows if not row.marked]
        # Wrong is a flag on a known image and none on an unknown one.
        sign = -1 if section.title == ID else 1
        classes.sort(key=lambda row: sign * row.cells[0].estimate.value)
        cut = cut or len(classes) > MOST_CLASSES
        if all_rows:
            whole.append(replace(section, rows=tuple(all_rows)))
        if classes:
            by_class.append(replace(section, rows=tuple(classes[:MOST_CLASSES])))
    return {
        "whole": replace(rates, sections=tuple(whole)),
        "by_class": replace(rates, sections=tuple(by_class)),
        "by_class_cut": cut,
        "most_classes": MOST_CLASSES,
        "candidates": tables.candidates(result),
    }


def _comparisons(result: OodResult) -> dict[str, Any]:
    tests = sum(entry.p is not None for entry in result.comparisons)
    return {
        "comparisons": tables.comparisons(result),
        "hows": {entry.how for entry in result.comparisons},
        "n_tests": tests,
        "expected_false": f"{0.05 * tests:.1f}",
    }


def _strips(result: OodResult) -> list[Strip]:
    """The worst misses of each set and the worst false alarms; at a threshold, those on its wrong side alone."""
    strips = []
    for name in dict.fromkeys([*(ood.name for ood in result.sets), ID]):
        kept = [image for image in result.worst if image.set == name]
        sign = -1 if name == ID else 1
        wrong = sorted((image for image in kept if _is_wrong(result, image)), key=lambda image: sign * image.score)
        strips.append(Strip(name, name == ID, wrong[:MOST_WORST], bool(kept) and not wrong))
    return strips if result.worst else []


def _is_wrong(result: OodResult, image: WorstImage) -> bool:
    if result.threshold is None:
        return True
    return (image.score > result.threshold.value) == (image.set == ID)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rankcon_cli", "report/html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        bdi=bdi,
        short=partial(shortened, length=_LONGEST_NAME),
        percent=percent,
        decimal=decimal,
        significant="{:.4g}".format,
        about_percent=lambda share: f"{100 * share:.4g}\u00a0%",
        counted=counted,
        png=png_data_uri,
        display_size=display_size,
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
