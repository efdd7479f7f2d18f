"""A data set small enough to train on in a second: 5 digits of 30 images, and a ranking of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from rankcon_cli.training.config import DataConfig, LossConfig, OptimConfig, TrainConfig

NAMES = ("zero", "one", "two", "three", "four")


@pytest.fixture(scope="session")
def small_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An npz archive (train 20, test 10 a class) and, beside it, ranking.json."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == c)[:30] for c in range(5)])
    images = np.uint8(digits.images[rows] * 255 / 16).reshape(5, 30, 8, 8)
    folder = tmp_path_factory.mktemp("digits")
    np.savez(
        folder / "small.npz",
        train_images=images[:, :20].reshape(-1, 8, 8),
        train_labels=np.repeat(np.arange(5), 20),
        test_images=images[:, 20:].reshape(-1, 8, 8),
        test_labels=np.repeat(np.arange(5), 10),
        class_names=np.array(NAMES),
    )
    rankings = {
        "zero": [["two"], ["three"]],
        "one": [["four"]],
        "two": [["three"], ["zero"]],
        "three": [["two"]],
        "four": [],
    }
    document = {"format": "rankcon/ranking", "version": 1, "classes": NAMES, "rankings": rankings}
    (folder / "ranking.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def config(small_digits: Path) -> TrainConfig:
    return TrainConfig(
        ranking=str(small_digits / "ranking.json"),
        device="cpu",
        data=DataConfig(spec=f"npz:{small_digits / 'small.npz'}"),
        loss=LossConfig(),
        optim=OptimConfig(epochs=3, batch_size=20),
    )
