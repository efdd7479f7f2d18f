"""The JSON document: strict, complete, and equal to the result's numbers."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace

from rankcon_cli.files import to_json
from rankcon_cli.ood.result import OodResult, WorstImage
from rankcon_cli.report.document import to_json_dict


def plain(value: object) -> object:
    """``value`` as it comes back from JSON: lists for tuples, None for NaN."""
    return json.loads(to_json(value))


def test_numbers_equal_the_result(result: OodResult):
    document = to_json_dict(result)
    assert (document["format"], document["version"]) == ("rankcon/ood-report", 2)
    assert document["id"] == {"spec": "digits", "images": "test split", "classes": list("01245679"), "n": result.n_id}
    assert document["headline"] == {"score": "knn", "feature": "projection", "from": "tuned on npz:tuning.npz"}
    assert document["results"] == plain([asdict(m) for m in result.measurements])
    assert document["results"][0]["intervals"]["auroc"] == list(result.measurements[0].intervals["auroc"])
    for key in ("runs", "groups", "sets", "infos", "aggregates", "comparisons", "rates", "swallowed"):
        assert document[key] == plain([asdict(entry) for entry in getattr(result, key)]), key
        assert document[key], key
    assert document["tuning"] == plain(asdict(result.tuning)) and document["threshold"] == plain(
        asdict(result.threshold)
    )
    assert document["facts"][0] == dict(zip(("label", "text"), result.facts[0], strict=True))
    assert document["left_out"] == [{"score": "odin", "why": "it needs the images: ask for it by name"}]
    assert document["warnings"] == list(result.warnings)


def test_it_has_every_field_of_the_result_but_pixels_points_and_raw_scores(result: OodResult):
    renamed = {"id_spec": "id", "id_images": "id", "id_classes": "id", "n_id": "id"}
    renamed |= {"measurements": "results", "headline_from": "headline"}
    fields = set(OodResult.__dataclass_fields__) - {"scores", "pictures"}
    assert set(to_json_dict(result)) == {"format", "version"} | {renamed.get(name, name) for name in fields}


def test_worst_images_have_every_field_but_the_pixels(result: OodResult):
    names = set(WorstImage.__dataclass_fields__) - {"image"}
    found = to_json_dict(result)["worst"]
    assert len(found) == len(result.worst)
    assert all(set(image) == names for image in found)


def test_measures_without_a_value_are_null(changed: Callable[..., OodResult], result: OodResult):
    broken = replace(result.measurements[0], auroc=math.nan, aupr_in=math.inf)
    document = to_json_dict(changed(measurements=(broken,), tuning=None, threshold=None))
    first = document["results"][0]
    assert first["auroc"] is None and first["aupr_in"] is None
    assert document["tuning"] is None and document["threshold"] is None


def test_file_names_that_are_no_utf8_survive(changed: Callable[..., OodResult], result: OodResult):
    odd = replace(result.worst[0], name="caf\udce9.png")
    document = to_json_dict(changed(worst=(odd,)))
    assert document["worst"][0]["name"] == "caf\udce9.png"
    assert json.loads(to_json(document).encode()) == document
