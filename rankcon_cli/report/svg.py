"""A matplotlib figure as SVG to stand inside an HTML page."""

import contextlib
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from markupsafe import Markup

from rankcon_cli.report.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The colour of text, axes and unknown images in a figure; becomes the page's own text colour, light or dark.
INK = "#010203"

_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"#([\w.-]+)")


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """matplotlib's settings for the figures of the page, whatever the user's own; restored afterwards."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "text.parse_math": False,
                "font.size": 10,
                "text.color": INK,
                "axes.edgecolor": INK,
                "axes.labelcolor": INK,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "xtick.color": INK,
                "ytick.color": INK,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
            }
        )
        yield


def to_svg(figure: "Figure", key: str, label: str, names: Mapping[str, str] | None = None) -> Markup:
    """``figure`` as an ``<svg>`` element that scales with the page, takes its fonts and follows its colours.

    Call it inside ``drawing()``. User text never passes through matplotlib, which would look for its glyphs and
    typeset its dollars: an artist whose gid is a key of ``names`` gets that name as its text here.

    Args:
        key: makes the ids unique within the page, and the bytes reproducible.
        label: what the figure shows, in words, for those who cannot see it.
        names: gid of a text artist, ``class-number`` -> the text to show there, in that CSS class.
    """
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = key
    stream = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    source = ET.fromstring(stream.getvalue())
    svg = ET.Element("svg", {"viewBox": source.get("viewBox", ""), "role": "img", "aria-label": printable(label)})
    body = [_cleaned(child, names or {}) for child in source]
    svg.extend(element for element in body if element is not None)
    _localise_ids(svg, key)
    return Markup(ET.tostring(svg, encoding="unicode"))


def _cleaned(element: ET.Element, names: Mapping[str, str]) -> ET.Element | None:
    """A copy in no namespace, with short numbers and without fonts; None where nothing would be drawn."""
    tag = element.tag.rpartition("}")[2]
    if tag in ("style", "metadata"):
        return None
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    for name, value in attributes.items():
        if name == "style":
            rules = [rule.strip() for rule in value.split(";")]
            attributes[name] = ";".join(rule for rule in rules if not rule.startswith("font")).replace(
                INK, "currentColor"
            )
        elif name in ("d", "x", "y", "width", "height", "transform"):
            attributes[name] = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", " ".join(value.split()))
    copy = ET.Element(tag, attributes)
    if tag == "text":
        copy.text = element.text
    elif (gid := attributes.get("id")) in names:
        for text in element.iter():
            if text.tag.endswith("}text"):
                text.text = printable(names[gid])
        copy.set("class", gid.rpartition("-")[0])
    children = [_cleaned(child, names) for child in element]
    copy.extend(child for child in children if child is not None)
    invisible = tag == "path" and attributes.get("style") == "fill: none"
    if invisible or (tag in ("g", "defs") and not len(copy)):
        return None
    _hoist_style(copy)
    return copy


def _hoist_style(group: ET.Element) -> None:
    """A style that all markers of ``group`` share moves to the group: thousands of points cost a third."""
    styles = {child.get("style") for child in group}
    if len(group) > 1 and len(styles) == 1 and all(child.tag == "use" for child in group):
        group.set("style", styles.pop() or "")
        for child in group:
            child.attrib.pop("style", None)


def _localise_ids(svg: ET.Element, key: str) -> None:
    """Ids that something refers to become ``key-0``, ``key-1``, ...; the others go."""
    used = {name for element in svg.iter() for value in _links(element) for name in _REFERENCE.findall(value)}
    renamed: dict[str, str] = {}
    for element in svg.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", renamed.setdefault(name, f"{key}-{len(renamed)}"))
    for element in svg.iter():
        for attribute in ("href", "clip-path"):
            if value := element.get(attribute):
                element.set(attribute, _REFERENCE.sub(lambda link: f"#{renamed[link[1]]}", value))


def _links(element: ET.Element) -> list[str]:
    return [element.get("href", ""), element.get("clip-path", "")]
