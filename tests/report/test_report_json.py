"""The JSON document: strict, complete, and equal to the result's numbers."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace

from rankcon_cli.ood.result import FooledImage, OodResult
from rankcon_cli.report.document import to_json_dict
from rankcon_cli.report.page import write_report


def strictly(text: str) -> dict:
    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_numbers_equal_the_result(result: OodResult):
    document = to_json_dict(result)
    assert (document["format"], document["version"]) == ("rankcon/ood-report", 1)
    assert document["results"] == [asdict(m) for m in result.measurements]
    assert [run["measures"] for run in document["runs"]] == [run.measures for run in result.runs]
    assert document["swallowed"] == [asdict(entry) for entry in result.swallowed]
    assert document["id"] == {"spec": "digits", "images": "test split", "classes": list("01245679"), "n": result.n_id}
    assert document["headline"] == {"score": "knn", "feature": "projection"}
    assert document["facts"][0] == dict(zip(("label", "text"), result.facts[0], strict=True))
    assert document["warnings"] == list(result.warnings)


def test_fooled_images_have_every_field_but_the_pixels(result: OodResult):
    names = set(FooledImage.__dataclass_fields__) - {"image"}
    assert len(to_json_dict(result)["fooled"]) == len(result.fooled)
    assert all(set(image) == names for image in to_json_dict(result)["fooled"])


def test_measures_without_a_value_are_null(changed: Callable[..., OodResult], result: OodResult):
    broken = replace(result.measurements[0], auroc=math.nan, aupr_in=math.inf)
    first = to_json_dict(changed(measurements=(broken,)))["results"][0]
    assert first["auroc"] is None and first["aupr_in"] is None


def test_file_is_strict_and_holds_the_dict(result: OodResult, tmp_path):
    _, path = write_report(result, tmp_path)
    assert strictly(path.read_text(encoding="utf-8")) == to_json_dict(result)


def test_file_names_that_are_no_utf8_survive(changed: Callable[..., OodResult], result: OodResult, tmp_path):
    odd = replace(result.fooled[0], name="caf\udce9.png")
    _, path = write_report(changed(fooled=(odd,)), tmp_path)
    assert strictly(path.read_text(encoding="utf-8"))["fooled"][0]["name"] == "caf\udce9.png"
