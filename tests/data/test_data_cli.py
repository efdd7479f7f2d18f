"""``rankcon data info``: the table, the JSON and what it says of broken images."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from rankcon_cli.cli import data
from rankcon_cli.data import DataOptions, describe
from rankcon_cli.errors import RankconError


@pytest.fixture
def photos(tmp_path, save):
    for i in range(4):
        save(tmp_path / f"train/ape/{i}.png", np.zeros((40, 50 + i, 3), dtype=np.uint8))
    save(tmp_path / "train/[red]bee/0.png", np.zeros((100, 100), dtype=np.uint8))
    save(tmp_path / "test/ape/0.png", np.zeros((40, 40), dtype=np.uint8))
    return tmp_path


def test_json(photos):
    result = CliRunner().invoke(data.app, ["info", f"folder:{photos}", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "format": "rankcon/data-info",
        "version": 1,
        "spec": f"folder:{photos}",
        "images": 6,
        "classes": ["[red]bee", "ape"],
        "named": True,
        "splits": ["train", "test"],
        "counts": {"train": {"[red]bee": 1, "ape": 4}, "test": {"[red]bee": 0, "ape": 1}},
        "balance": {"train": 4.0, "test": 1.0},
        "width": {"min": 40, "median": 51.5, "max": 100},
        "height": {"min": 40, "median": 40.0, "max": 100},
        "modes": {"L": 2, "RGB": 4},
        "image_size": 32,
        "channels": 3,
        "skipped": [],
    }


def test_table(photos):
    result = CliRunner().invoke(data.app, ["info", f"folder:{photos}"])
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[:5] == [
        ["class", "train", "test"],
        ["[red]bee", "1", "0"],
        ["ape", "4", "1"],
        ["total", "5", "1"],
        ["largest", "/", "smallest", "4.00", "1.00"],
    ]
    assert f"folder:{photos}: 6 images, 2 classes, own splits: train, test" in result.stdout
    assert "modes: 2 L, 4 RGB; read as 32x32, RGB" in result.stdout


def test_a_forced_split_alone_is_described(photos):
    assert list(describe(f"folder:{photos}#test", DataOptions())["counts"]) == ["test"]


def test_a_truncated_image_is_found(photos, save):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = save(photos / "test/ape/1.jpg", noise).read_bytes()
    (photos / "test/ape/1.jpg").write_bytes(whole[:-200])
    with pytest.raises(RankconError, match=r"1 of 7 images .*test/ape/1\.jpg"):
        describe(f"folder:{photos}", DataOptions())
    result = CliRunner().invoke(data.app, ["info", f"folder:{photos}", "--skip-broken", "--json"])
    summary = json.loads(result.stdout)
    assert [image["name"] for image in summary["skipped"]] == ["test/ape/1.jpg"]
    assert summary["counts"]["test"]["ape"] == 1
    assert summary["images"] == 6


def test_digits():
    summary = describe("digits", DataOptions())
    assert sum(summary["counts"]["test"].values()) == 723
    assert (summary["image_size"], summary["channels"], summary["modes"]) == (8, 1, {"L": 1797})
    assert summary["balance"]["train"] == pytest.approx(109 / 104)
