"""A page with a few pictures of each class, to look at beside the questions: one HTML file, nothing beside it."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Longest side of a picture on the page, in pixels.
SIDE = 96
_TINY = 48  # pictures up to this size are shown enlarged, pixel by pixel

#: By this the page is known again, so that nothing else is written over.
GENERATOR = '<meta name="generator" content="rankcon rank elicit">'

_HEAD = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
{GENERATOR}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Classes</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2rem auto; padding: 0 1rem; max-width: 70rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; }}
h2 {{ margin: 0 0 .4rem; font-size: 1rem; }}
p {{ margin: 0; opacity: .7; }}
section div {{ display: flex; flex-wrap: wrap; gap: .4rem; }}
img {{ width: {SIDE}px; height: {SIDE}px; object-fit: contain; }}
img.tiny {{ image-rendering: pixelated; }}
</style>
<h1>Classes</h1>
<main>
"""


def render(pictures: Mapping[str, Sequence["np.ndarray"]]) -> str:
    """The page: class name -> its pictures, each uint8 [C, H, W] with C in {1, 3}; a class may have none."""
    sections = []
    for name, images in pictures.items():
        shown = "".join(map(_image, images)) or "<p>no pictures</p>"
        sections.append(f"<section>\n<h2><bdi>{html.escape(name)}</bdi></h2>\n<div>{shown}</div>\n</section>\n")
    return _HEAD + "".join(sections) + "</main>\n</html>\n"


def _image(pixels: "np.ndarray") -> str:
    tiny = max(pixels.shape[1:]) <= _TINY
    return f'<img alt="" src="{_data_uri(pixels, lossless=tiny)}"{" class=tiny" if tiny else ""}>'


def _data_uri(pixels: "np.ndarray", *, lossless: bool) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0).copy())
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream, kind = io.BytesIO(), "png" if lossless else "jpeg"
    picture.save(stream, kind, **({"optimize": True} if lossless else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
