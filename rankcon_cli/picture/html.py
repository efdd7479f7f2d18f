"""A scene in an HTML page of one file: no scripts, nothing beside it, light and dark; all tiers as text below."""

from collections.abc import Iterator, Sequence
from html import escape

from rankcon_cli.picture.palette import colours
from rankcon_cli.picture.scene import Scene
from rankcon_cli.picture.svg import svg_element
from rankcon_cli.picture.text import printable
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import counted

#: Most tiers that the text gives of a class, and most names of a tier: a thousand classes make 5 MB at most, unless
#: their names are long.
_MOST_TIERS = 12
_MOST_NAMES = 12

_STYLE = """\
:root { color-scheme: light dark; %(light)s }
@media screen and (prefers-color-scheme: dark) { :root { %(dark)s } }
body { margin: 0; background: var(--page); color: var(--ink); font: 0.95rem/1.5 system-ui, -apple-system, "Segoe UI", \
Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
figure { margin: 0; overflow-x: auto; }
svg { display: block; margin: 0 auto; }
svg [pointer-events]:hover, svg rect:hover { stroke: var(--ink); stroke-width: 1; }
details { max-width: 60rem; margin: 0 auto; padding: 0.5rem 1.5rem 2rem; }
summary { cursor: pointer; color: var(--soft); }
dt { margin-top: 0.8rem; font-weight: 650; }
dd { margin: 0 0 0 1.5rem; }
dd span { color: var(--soft); }
"""


def html_page(scene: Scene, table: TierTable, order: Sequence[int]) -> str:
    """The page of ``scene``, a picture of ``table``; the text names the classes in ``order``."""
    style = _STYLE % {"light": _variables(dark=False), "dark": _variables(dark=True)}
    title = escape(printable(scene.title))
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "style-src 'unsafe-inline'\">",
            f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>",
            f"<figure>\n{svg_element(scene)}</figure>",
            "<details>\n<summary>The tiers as text</summary>\n<dl>",
            *_listing(table, order),
            "</dl>\n</details>\n</main>\n</body>\n</html>\n",
        ]
    )


def _variables(*, dark: bool) -> str:
    palette = colours(1, dark=dark)
    return " ".join(f"--{role}: {palette[role]};" for role in ("page", "ink", "soft"))


def _listing(table: TierTable, order: Sequence[int]) -> Iterator[str]:
    """Each class with its tiers; a long tier is cut, and so is a long list of tiers."""
    names = [f"<bdi>{escape(printable(name))}</bdi>" for name in table.classes]
    for c in order:
        yield f"<dt>{names[c]}</dt>"
        for k, members in enumerate(table.tiers[c][:_MOST_TIERS], 1):
            more = f" and {len(members) - _MOST_NAMES:,} more" if len(members) > _MOST_NAMES else ""
            yield f"<dd><span>{k}</span> {', '.join(names[b] for b in members[:_MOST_NAMES])}{more}</dd>"
        if table.n_tiers(c) > _MOST_TIERS:
            yield f"<dd><span>and {counted(table.n_tiers(c) - _MOST_TIERS, 'more tier')}</span></dd>"
        if not table.tiers[c]:
            yield "<dd><span>nothing similar</span></dd>"
