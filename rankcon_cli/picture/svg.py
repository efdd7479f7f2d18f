"""A scene as SVG: names stay text, tooltips need no script, and one file suits light and dark pages."""

from base64 import b64encode
from html import escape
from itertools import groupby

from rankcon_cli.picture.palette import colours
from rankcon_cli.picture.png import indexed_png
from rankcon_cli.picture.scene import Disc, Lines, Point, Polygon, Raster, Rect, Scene, Shape, Words
from rankcon_cli.picture.text import printable

_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


def svg_document(scene: Scene) -> str:
    """``scene`` as a file of its own, on a background of its own; the same bytes for the same scene."""
    page = Rect(0, 0, scene.width, scene.height, "page")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_svg(scene, (page, *scene.shapes))}'


def svg_element(scene: Scene) -> str:
    """``scene`` as an ``<svg>`` element to stand in an HTML page, on the page's background."""
    return _svg(scene, scene.shapes)


def _svg(scene: Scene, shapes: tuple[Shape, ...]) -> str:
    light, dark = colours(scene.depth), colours(scene.depth, dark=True)
    size = f'width="{_number(scene.width)}" height="{_number(scene.height)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_number(scene.width)} {_number(scene.height)}"'
        f' role="img" aria-label="{_text(scene.title)}" font-family="{_FONTS}">',
        f"<desc>{_text(scene.description)}</desc>",
        f"<style>{_style(dark)}</style>",
    ]
    for start, group in groupby(shapes, _start_of_group):
        opening = f"<g{_painted(start, light)}>"
        lines += [opening, *(_ELEMENTS[type(shape)](shape, light, dark) for shape in group), "</g>"]
    lines.append("</svg>\n")
    return "\n".join(lines)


def _style(dark: dict[str, str]) -> str:
    """The colours of a dark page over the light ones, which stand in attributes: a viewer without CSS shows those."""
    rules = "".join(f".f-{role}{{fill:{colour}}}.s-{role}{{stroke:{colour}}}" for role, colour in dark.items())
    return (
        "text{unicode-bidi:isolate}.dark{display:none}"
        f"@media screen and (prefers-color-scheme:dark){{{rules}.dark{{display:inline}}.light{{display:none}}}}"
    )


def _start_of_group(shape: Shape) -> tuple[str, ...]:
    """What neighbouring shapes share, and say once: kind, role, and of lines the width and opacity."""
    kind = type(shape).__name__
    match shape:
        case Lines():
            return kind, shape.paint, _number(shape.width), _number(shape.opacity)
        case Words():
            return kind, shape.paint, _number(shape.size), shape.anchor, "bold" * shape.bold, "halo" * shape.halo
        case Raster():
            return (kind, "")
        case _:
            return kind, shape.paint or ""


def _painted(group: tuple[str, ...], light: dict[str, str]) -> str:
    """The attributes of a group."""
    kind, role, *rest = group
    fill = f' class="f-{role}" fill="{light[role]}"' if role else ""
    match kind:
        case "Lines":
            width, opacity = rest
            drawn = f' class="s-{role}" stroke="{light[role]}" stroke-width="{width}" fill="none"'
            return drawn + (f' stroke-opacity="{opacity}"' if opacity != "1" else "")
        case "Words":
            size, anchor, bold, halo = rest
            weight = ' font-weight="650"' if bold else ""
            rim = f' stroke="{light["page"]}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
            return f'{_rimmed(fill) + rim if halo else fill} font-size="{size}" text-anchor="{anchor}"{weight}'
        case "Disc":
            return f'{_rimmed(fill)} stroke="{light["page"]}" stroke-width="1"'
        case "Rect" if not role:
            return ' fill="none" pointer-events="all"'
        case _:
            return fill


def _rimmed(fill: str) -> str:
    """The fill of a group whose stroke has the page's colour on a dark page, too."""
    return fill.replace('class="', 'class="s-page ')


def _rect(shape: Rect, *_: dict[str, str]) -> str:
    corner = f' rx="{_number(shape.radius)}"' if shape.radius else ""
    place = " ".join(
        f'{key}="{_number(getattr(shape, key))}"' for key in ("x", "y", "width", "height")
    )  # fmt: skip
    return _titled("rect", f"{place}{corner}", shape.title)


def _disc(shape: Disc, *_: dict[str, str]) -> str:
    return _titled(
        "circle", f'cx="{_number(shape.x)}" cy="{_number(shape.y)}" r="{_number(shape.radius)}"', shape.title
    )


def _polygon(shape: Polygon, *_: dict[str, str]) -> str:
    return f'<path d="M{"L".join(map(_point, shape.points))}z"/>'


def _lines(shape: Lines, *_: dict[str, str]) -> str:
    path = "".join(f"M{_point(a)}L{_point(b)}" for a, b in shape.segments)
    return _titled("path", f'd="{path}"', shape.title)


def _words(shape: Words, *_: dict[str, str]) -> str:
    x, y = _number(shape.x), _number(shape.y)
    turned = f' transform="rotate({_number(shape.angle)} {x} {y})"' if shape.angle else ""
    title = "" if shape.title is None else f"<title>{_text(shape.title)}</title>"
    return f'<text x="{x}" y="{y}"{turned}>{title}{_text(shape.text)}</text>'


def _raster(shape: Raster, light: dict[str, str], dark: dict[str, str]) -> str:
    place = (
        f'x="{_number(shape.x)}" y="{_number(shape.y)}" width="{_number(shape.side)}" height="{_number(shape.side)}"'
    )
    return "\n".join(_image(shape, palette, theme, place) for palette, theme in ((light, "light"), (dark, "dark")))


def _image(shape: Raster, palette: dict[str, str], theme: str, place: str) -> str:
    data = b64encode(indexed_png(shape.pixels, [palette[role] for role in shape.paints])).decode()
    hidden = ' display="none"' if theme == "dark" else ""
    return f'<image class="{theme}"{hidden} {place} style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'


_ELEMENTS = {Rect: _rect, Disc: _disc, Polygon: _polygon, Lines: _lines, Words: _words, Raster: _raster}


def _titled(tag: str, attributes: str, title: str | None) -> str:
    return f"<{tag} {attributes}/>" if title is None else f"<{tag} {attributes}><title>{_text(title)}</title></{tag}>"


def _point(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    """To a tenth of a pixel (thin lines and opacities: a hundredth), without idle zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(printable(text))
