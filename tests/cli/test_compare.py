"""``rankcon compare``: runs side by side, in every format, with and without unknown images."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from rankcon_cli.cli.main import main


@pytest.fixture(scope="module")
def second_seed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ranked run of ``run_directory`` with another seed."""
    out = tmp_path_factory.mktemp("runs") / "ranked-s1"
    arguments = ["train", "--ranking", str(photos / "ranking.json"), "--data", f"folder:{photos / 'train'}"]
    arguments += ["--withhold", "three", "--epochs", "6", "--batch-size", "40", "--seed", "1", "--out", str(out)]
    assert main([*arguments, "--quiet"]) == 0
    return out


@pytest.fixture
def known_images(photos: Path) -> tuple[str, ...]:
    return ("--data", f"folder:{photos / 'test'}")


def test_runs_stand_side_by_side(rankcon, run_directory, second_seed, baseline_directory, photos, known_images):
    arguments = ("compare", run_directory, second_seed, baseline_directory, *known_images)
    done = rankcon(*arguments, "--near", f"folder:{photos / 'unknown'}")
    assert done.code == 0
    header, *lines = done.out.splitlines()
    assert header.split() == ["Measure", "ranked", "plain"]
    labels = [line.strip().split("  ")[0] for line in lines]
    assert labels[:2] == ["known classes", "Accuracy"]
    assert {"Recall@1", "mAP@R", "Order satisfaction", "AUROC", "FPR95, OOD positive", "OSCR", "Training time"} <= {
        *labels
    }
    assert "withheld (kept out of training)" in labels and "unknown (near)" in labels
    assert next(line for line in lines if line.strip().startswith("Seeds")).split() == ["Seeds", "2", "1"]
    assert "±" in done.out and "\x1b" not in done.out
    assert "best of its row" in done.err


def test_formats_hold_the_same_numbers(rankcon, run_directory, baseline_directory, known_images):
    arguments = ("compare", run_directory, baseline_directory, *known_images)
    document = rankcon(*arguments, "--json").json
    assert (document["format"], document["version"]) == ("rankcon/comparison", 1)
    assert rankcon(*arguments, "--format", "json").json == document
    rows = list(csv.DictReader(io.StringIO(rankcon(*arguments, "--format", "csv").out, newline="")))
    assert [float(row["value"]) for row in rows] == [entry["value"] for entry in document["results"]]
    assert {entry["measure"] for entry in document["results"]} >= {
        "accuracy",
        "auroc",
        "fpr95_id_pos",
        "oscr",
        "seconds",
    }
    assert document["comparisons"] and document["headline"]["score"] == "knn"
    markdown, latex = (rankcon(*arguments, "--format", form).out for form in ("markdown", "latex"))
    assert "| known classes | Accuracy |" in markdown
    assert r"\begin{tabular}{lrr}" in latex and r"\bottomrule" in latex


def test_score_is_chosen(rankcon, run_directory, baseline_directory, known_images):
    arguments = ("compare", run_directory, baseline_directory, *known_images, "--score", "msp", "--json")
    assert rankcon(*arguments).json["headline"]["score"] == "msp"


def test_without_unknown_images_the_known_classes_are_compared(rankcon, photos, tmp_path, known_images):
    runs = [tmp_path / name for name in ("one", "two")]
    for run, loss in zip(runs, ("supcon", "cross-entropy"), strict=True):
        train = ("train", "--loss", loss, "--data", f"folder:{photos / 'train'}", "--epochs", 1, "--out", run)
        assert rankcon(*train, "--quiet").code == 0
    done = rankcon("compare", *runs, *known_images, "--json")
    assert done.code == 0
    assert done.json["sets"] == [] and done.json["headline"] is None
    assert "no unknown images" in done.err
    assert {entry["measure"] for entry in done.json["results"]} == {"accuracy", "recall_at_1", "map_at_r", "seconds"}


def test_runs_that_cannot_be_compared(rankcon, run_directory, photos, tmp_path, known_images):
    other = tmp_path / "other"
    rankcon(
        "train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--epochs", 1, "--out", other, "--quiet"
    )
    done = rankcon("compare", run_directory, other, *known_images)
    assert done.code == 3 and "classes differ" in done.err and "hint:" in done.err
    copy = shutil.copytree(other, tmp_path / "copy")
    record = json.loads((copy / "run.json").read_text())
    record["classes"] = record["classes"][::-1]
    (copy / "run.json").write_text(json.dumps(record))
    assert rankcon("compare", other, copy, *known_images).code == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "csv", "--json"), "contradict"),
        (("--format", "word"), "word"),
        (("--score", ""), "there is no outlier score ''"),
        (("--score", "knnn"), "did you mean 'knn'"),
        (("--withheld-from", "nowhere"), "nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(rankcon, run_directory, arguments, message):
    done = rankcon("compare", run_directory, *arguments)
    assert done.code == 2 and message in done.err


def test_no_run_at_all(rankcon, tmp_path):
    assert rankcon("compare").code == 2
    done = rankcon("compare", tmp_path)
    assert done.code == 3 and "is not a run directory" in done.err
