"""The OOD report as JSON: every number of the page, without pixels, points and raw scores."""

import json
from dataclasses import asdict, fields
from typing import Any

from rankcon_cli.files import to_json
from rankcon_cli.ood.result import OodResult, WorstImage

FORMAT = "rankcon/ood-report"
VERSION = 2


def to_json_dict(result: OodResult) -> dict[str, Any]:
    """The document of ``report.json``: plain JSON values only, None for a measure without a value."""
    score, feature = result.headline
    document = {
        "format": FORMAT,
        "version": VERSION,
        "runs": [asdict(run) for run in result.runs],
        "groups": [asdict(group) for group in result.groups],
        "id": {
            "spec": result.id_spec,
            "images": result.id_images,
            "classes": result.id_classes,
            "n": result.n_id,
        },
        "sets": [asdict(ood) for ood in result.sets],
        "headline": {"score": score, "feature": feature, "from": result.headline_from},
        "aggregates": [asdict(aggregate) for aggregate in result.aggregates],
        "comparisons": [asdict(comparison) for comparison in result.comparisons],
        "results": [asdict(measurement) for measurement in result.measurements],
        "infos": [asdict(info) for info in result.infos],
        "left_out": [{"score": name, "why": why} for name, why in result.left_out],
        "tuning": None if result.tuning is None else asdict(result.tuning),
        "threshold": None if result.threshold is None else asdict(result.threshold),
        "rates": [asdict(rate) for rate in result.rates],
        "swallowed": [asdict(entry) for entry in result.swallowed],
        "worst": [_without_pixels(image) for image in result.worst],
        "facts": [{"label": label, "text": text} for label, text in result.facts],
        "warnings": result.warnings,
    }
    # Through text and back, so that a caller who prints the dict and a reader of the file see equal values.
    return json.loads(to_json(document))


def _without_pixels(image: WorstImage) -> dict[str, Any]:
    return {field.name: getattr(image, field.name) for field in fields(image) if field.name != "image"}
