"""A folder of photos as a user has it, a ranking of its classes, and one trained run; commands run in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main

KNOWN = ("zero", "one", "two", "three", "<script>alert(1)</script>")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture
def rankcon(capsys: pytest.CaptureFixture) -> Callable[..., Result]:
    """rankcon("rank", "validate", path) -> exit code, stdout and stderr, by way of ``main``."""

    def run(*arguments: object) -> Result:
        console.quiet = False
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return Result(code, *capsys.readouterr())

    return run


def write_photos(root: Path) -> None:
    """train (20 a class), test (10), unknown (15 of class seven); the fifth class has a hostile name."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for label in (0, 1, 2, 3, 4, 7):
        rows = np.flatnonzero(digits.target == label)
        parts = {"unknown": rows[:15]} if label == 7 else {"train": rows[:20], "test": rows[-10:]}
        name = "seven" if label == 7 else KNOWN[label].replace("/", "\N{DIVISION SLASH}")
        for part, chosen in parts.items():
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in chosen:
                Image.fromarray(np.uint8(digits.images[i] * 255 / 16)).save(folder / f"{i}.png")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    write_photos(root)
    names = sorted(path.name for path in (root / "train").iterdir())
    hostile = names[0]
    document = {
        "format": "rankcon/ranking",
        "version": 1,
        "classes": names,
        "rankings": {
            "zero": [["two"], ["three"]],
            "one": [[hostile]],
            "two": [["three"], ["zero"]],
            "three": [["two"], ["zero"]],
            hostile: [["one"]],
        },
    }
    (root / "ranking.json").write_text(json.dumps(document))
    return root


@pytest.fixture(scope="session")
def run_directory(photos: Path) -> Path:
    """A ranked run on the photos with ``three`` withheld."""
    out = photos / "runs" / "ranked"
    arguments = ["train", "--ranking", str(photos / "ranking.json"), "--data", f"folder:{photos / 'train'}"]
    code = main(
        [*arguments, "--withhold", "three", "--epochs", "6", "--batch-size", "40", "--out", str(out), "--quiet"]
    )
    console.quiet = False
    assert code == 0
    return out


@pytest.fixture(scope="session")
def baseline_directory(photos: Path) -> Path:
    """Cross-entropy beside ``run_directory``, at the same budget."""
    out = photos / "runs" / "plain"
    arguments = ["train", "--loss", "cross-entropy", "--data", f"folder:{photos / 'train'}"]
    code = main(
        [*arguments, "--withhold", "three", "--epochs", "6", "--batch-size", "40", "--out", str(out), "--quiet"]
    )
    console.quiet = False
    assert code == 0
    return out
