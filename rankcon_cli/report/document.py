"""The OOD report as JSON: the same numbers as the page, without pixels and without raw scores."""

import json
from dataclasses import asdict, fields
from typing import Any

from rankcon_cli.files import to_json
from rankcon_cli.ood.result import FooledImage, OodResult

FORMAT = "rankcon/ood-report"
VERSION = 1


def to_json_dict(result: OodResult) -> dict[str, Any]:
    """The document of ``report.json``: plain JSON values only, None for a measure without a value."""
    score, feature = result.headline
    document = {
        "format": FORMAT,
        "version": VERSION,
        "runs": [asdict(run) for run in result.runs],
        "id": {
            "spec": result.id_spec,
            "images": result.id_images,
            "classes": result.id_classes,
            "n": result.n_id,
        },
        "sets": [asdict(ood) for ood in result.sets],
        "results": [asdict(measurement) for measurement in result.measurements],
        "headline": {"score": score, "feature": feature},
        "swallowed": [asdict(entry) for entry in result.swallowed],
        "fooled": [_without_pixels(image) for image in result.fooled],
        "facts": [{"label": label, "text": text} for label, text in result.facts],
        "warnings": result.warnings,
    }
    # Through text and back, so that a caller who prints the dict and a reader of the file see equal values.
    return json.loads(to_json(document))


def _without_pixels(image: FooledImage) -> dict[str, Any]:
    return {f.name: getattr(image, f.name) for f in fields(image) if f.name != "image"}
