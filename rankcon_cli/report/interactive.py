"""What the page's script works on, as JSON to stand in the page, and the policy that lets this one script run.

The script gets exact counts at about a hundred thresholds of every score, so that what its slider shows is measured and
not interpolated, and the points of the pictures with their thumbnails.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from rankcon_cli.ood.result import ID, Measurement, OodResult, Picture, ScoreInfo
from rankcon_cli.report.embedding import SIZE, Drawn
from rankcon_cli.report.images import Sheet, sheet
from rankcon_cli.report.measures import METRICS
from rankcon_cli.report.plot import ranked_scores
from rankcon_cli.report.text import printable

#: Quantiles of the scores of known and of unknown images that become stops of the slider.
_STOPS = 50
_DIGITS = 5


@cache
def script() -> str:
    """The page's script."""
    return (files("rankcon_cli.report") / "html" / "report.js").read_text(encoding="utf-8")


def content_security_policy() -> str:
    """Nothing is loaded, nothing is sent, and no script runs but ``script()``."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def data(result: OodResult, drawn: Sequence[Drawn]) -> str:
    """What the script reads, as JSON in which no letter can end or open an HTML element."""
    document = {
        "sets": [{"name": printable(ood.name), "kind": ood.kind} for ood in result.sets],
        "runs": [printable(run.name) for run in result.runs],
        "titles": {info.name: _title(info) for info in result.infos},
        "measures": [column.label for column in METRICS],
        "curves": list(_curves(result)),
        "threshold": None if result.threshold is None else _finite(result.threshold.value),
        "pictures": [_picture(one) for one in drawn],
        "points": _points(drawn[0].picture) if drawn else None,
    }
    # ASCII alone: U+2028 and lone surrogates are escapes, as are the three letters that HTML would read.
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _curves(result: OodResult) -> Iterator[dict[str, Any]]:
    """One entry a run, score and feature, the headline of the subject first."""
    measured = {(m.run, m.score, m.feature, m.ood): m for m in result.measurements}
    keys = list(dict.fromkeys(key[:3] for key in result.scores))
    subject = (result.runs[0].name, *result.headline)
    for key in sorted(keys, key=lambda key: key != subject):
        inside = ranked_scores(result.scores.get((*key, ID), np.empty(0)))
        outside = [ranked_scores(result.scores.get((*key, ood.name), np.empty(0))) for ood in result.sets]
        if not len(inside) or not any(map(len, outside)):
            continue
        in_use = result.threshold.value if result.threshold is not None and key == subject else None
        stops = thresholds(inside, outside, in_use)
        run = next((i for i, run in enumerate(result.runs) if run.name == key[0]), None)
        if run is None:
            continue
        yield {
            "run": run,
            "score": key[1],
            "feature": key[2],
            "stops": stops.tolist(),
            "known": _above(inside, stops),
            "unknown": [_above(scores, stops) if len(scores) else None for scores in outside],
            "n": [len(inside), *map(len, outside)],
            "measures": [_measures(measured.get((*key, ood.name))) for ood in result.sets],
        }


def thresholds(inside: np.ndarray, outside: Sequence[np.ndarray], in_use: float | None = None) -> np.ndarray:
    """The stops of the slider, ascending: where the scores of known images lie and, each set alike, those of unknown ones.

    The first lies below all scores, the last is the largest of them; ``in_use`` is among them as it is, if given.
    """
    shares = np.linspace(0, 1, _STOPS + 1)
    parts = [np.quantile(scores, shares) for scores in outside if len(scores)]
    unknown = np.quantile(np.concatenate(parts), shares)
    # Most decisions are taken where few known images are flagged.
    known = np.quantile(inside, np.concatenate([shares, 1 - np.geomspace(0.002, 0.1, 12)]))
    stops = np.concatenate([known, unknown])
    low, high = stops.min(), stops.max()
    below = low - 0.01 * ((high - low) or 1.0)
    stops = np.unique([_rounded(value, high - low) for value in (below, *stops)])
    stops[-1] = max(stops[-1], high)
    return stops if in_use is None else np.unique([*stops, in_use])


def _rounded(value: float, span: float) -> float:
    """``value`` to five digits of what all scores span."""
    magnitude = int(np.floor(np.log10(span))) if span > 0 else 0
    return round(float(value), _DIGITS - 1 - magnitude)


def _above(scores: np.ndarray, stops: np.ndarray) -> list[int]:
    """How many scores lie above each stop."""
    return (len(scores) - np.searchsorted(np.sort(scores), stops, side="right")).tolist()


def _title(info: ScoreInfo) -> str:
    return printable(f"{info.name}: {info.title}" + (" (experimental)" if info.experimental else ""))


def _measures(found: Measurement | None) -> list[str] | None:
    """The measures as the tables print them."""
    return None if found is None else [column.show(getattr(found, column.key)) for column in METRICS]


def _picture(drawn: Drawn) -> dict[str, Any]:
    return {"method": drawn.picture.method, "size": SIZE, "places": drawn.places.round(1).ravel().tolist()}


def _points(picture: Picture) -> dict[str, Any]:
    """What is known of each point: indices into ``classes`` and ``names``, its score, and its tile in the sheet."""
    classes: dict[str, int] = {}
    names, scores, tiles, sets, images = [], [], [], [], []
    for cloud in picture.clouds:
        n = len(cloud.xy)
        sets.append({"name": None if cloud.set == ID else printable(cloud.set), "n": n})
        names += [printable(name) for name in cloud.names] or [""] * n
        scores += [None] * n if cloud.scores is None else [_finite(value) for value in cloud.scores]
        tiles += [-1] * n if cloud.images is None else range(len(images), len(images) + n)
        images += [] if cloud.images is None else list(cloud.images)
    members = [
        classes.setdefault(printable(name), len(classes)) for cloud in picture.clouds for name in cloud.class_names
    ]
    return {
        "sets": sets,
        "classes": list(classes),
        "members": members,
        "names": names,
        "scores": scores,
        "tiles": tiles,
        "sheet": _sheet(sheet(images)) if images else None,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _sheet(images: Sheet) -> dict[str, Any]:
    return {
        "uri": images.uri,
        "columns": images.columns,
        "pitch": images.pitch,
        "width": images.width,
        "height": images.height,
    }
