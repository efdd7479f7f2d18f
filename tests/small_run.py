"""A run trained in about a second, and image files for it: what the tests of a run in use share."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from rankcon_cli.training.config import DataConfig, LossConfig, OptimConfig, TrainConfig
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import Run, create_run, open_run

NAMES = ("zero", "one", "two", "three", "four")
_RANKINGS = {
    "zero": [["two", "three"], ["four"]],
    "one": [["four"]],
    "two": [["three"]],
    "three": [["two"]],
    "four": [],
}


def make_small_run(folder: Path, loss: str = "ranked", per_class: int = 50) -> Run:
    """Five digits from an npz archive in ``folder`` with a fifth of them kept for validation; ranked or without a ranking."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == c)[:per_class] for c in range(5)])
    images = np.uint8(digits.images[rows] * 255 / 16)
    np.savez(
        folder / "digits.npz",
        train_images=images,
        train_labels=digits.target[rows],
        class_names=np.array(NAMES),
    )
    document = {"format": "rankcon/ranking", "version": 1, "classes": NAMES, "rankings": _RANKINGS}
    (folder / "ranking.json").write_text(json.dumps(document))
    config = TrainConfig(
        ranking=str(folder / "ranking.json") if loss == "ranked" else None,
        device="cpu",
        data=DataConfig(spec=f"npz:{folder / 'digits.npz'}", val_fraction=0.2),
        loss=LossConfig(name=loss),
        optim=OptimConfig(epochs=3, batch_size=50),
    )
    plan = make_plan(config)
    run = create_run(folder / loss, plan)
    train(run, plan)
    return open_run(run.path)


def write_digits(folder: Path, count: int, start: int = 900) -> list[str]:
    """``count`` digits of all ten classes as PNG files of 8x8 and 24x24 pixels by turns; their paths, in order."""
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i, image in enumerate(load_digits().images[start : start + count]):
        picture = Image.fromarray(np.uint8(image * 255 / 16))
        path = folder / f"{i:03}.png"
        (picture if i % 2 else picture.resize((24, 24))).save(path)
        paths.append(str(path))
    return paths
