"""``rankcon demo`` once, on the real digits: its JSON, its report, and levels looser than those of the README's table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "rankcon_cli", "demo", "--out", out, "--json", "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


def test_demo_reaches_its_levels(demo):
    found, _ = demo
    ranked, supcon, plain = found["runs"]
    assert [run["loss"] for run in found["runs"]] == ["ranked", "supcon", "cross-entropy"]
    assert min(run["accuracy"] for run in found["runs"]) > 0.97
    assert ranked["order_satisfaction_beyond_own"] > 0.88
    assert ranked["order_satisfaction_beyond_own"] > supcon["order_satisfaction_beyond_own"] + 0.08
    assert ranked["order_satisfaction_beyond_own"] > plain["order_satisfaction_beyond_own"] + 0.08
    assert min(run["auroc"] for run in found["runs"]) > 0.9
    assert abs(ranked["auroc"] - supcon["auroc"]) < 0.05


def test_demo_writes_its_report(demo):
    found, out = demo
    page = Path(found["report"])
    assert page == out / "report.html" and page.stat().st_size < 1_000_000
    report = json.loads((out / "report.json").read_text())
    assert [run["name"] for run in report["runs"]] == ["ranked", "supcon", "cross-entropy"]
    assert report["sets"][0]["classes"] == found["withheld"] == ["8", "9"]
    assert report["sets"][0]["n"] == 354, "all images of both digits"
    headline = [r for r in report["results"] if (r["score"], r["feature"]) == ("knn", "encoder")]
    assert [r["auroc"] for r in headline] == [run["auroc"] for run in found["runs"]]


def test_demo_does_not_overwrite_itself(demo):
    _, out = demo
    done = subprocess.run([sys.executable, "-m", "rankcon_cli", "demo", "--out", out], capture_output=True, text=True)
    assert done.returncode == 2 and "--force" in done.stderr
