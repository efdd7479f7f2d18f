"""What a trained run finds similar. The one test here that trains (an epoch on small digits) and so imports torch."""

from pathlib import Path

import numpy as np
import pytest

from rankcon_cli.derive.similarity import to_ranking
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import compile_ranking, parse, write

NAMES = ("zero", "one", "@two", "three", "four", "five")
KNOWN = ("zero", "one", "@two", "three", "four")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six digits of 30 images each, 20 of them to train on."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == c)[:30] for c in range(6)])
    images = np.uint8(digits.images[rows] * 255 / 16).reshape(6, 30, 8, 8)
    path = tmp_path_factory.mktemp("digits") / "six.npz"
    np.savez(
        path,
        train_images=images[:, :20].reshape(-1, 8, 8),
        train_labels=np.repeat(np.arange(6), 20),
        test_images=images[:, 20:].reshape(-1, 8, 8),
        test_labels=np.repeat(np.arange(6), 10),
        class_names=np.array(NAMES),
    )
    return path


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    """One epoch, ``five`` withheld: enough to find something similar, and too little to make no mistake."""
    from rankcon_cli.cli.console import console
    from rankcon_cli.cli.main import main

    out = data.parent / "run"
    arguments = ["train", "--loss", "supcon", "--data", f"npz:{data}", "--withhold", "five", "--device", "cpu"]
    assert main([*arguments, "--epochs", "1", "--batch-size", "50", "--out", str(out), "--quiet"]) == 0
    console.quiet = False
    return out


def test_class_means_give_a_draft_with_scores(run):
    from rankcon_cli.evaluation.similarity import from_run

    similarities = from_run(run, by="means", device="cpu")
    assert similarities.classes == KNOWN and not similarities.distances
    matrix = similarities.matrix
    assert np.allclose(matrix, matrix.T) and np.allclose(matrix.diagonal(), 1) and (abs(matrix) <= 1).all()
    table = compile_ranking(parse(write(to_ranking(similarities, top_k=2)), "draft"))
    for c, row in enumerate(table.tiers):
        assert [b for (b,) in row] == [b for b in np.argsort(-matrix[c], kind="stable") if b != c][:2]
        assert table.scores[c] == tuple(matrix[c, b] for (b,) in row)


def test_class_means_of_other_data(run, data):
    from rankcon_cli.evaluation.similarity import from_run

    same = from_run(run, by="means", data=f"npz:{data}", device="cpu").matrix
    # The run keeps a tenth of these images for validation, so its own means differ a little.
    assert np.allclose(same, from_run(run, by="means", device="cpu").matrix, atol=0.02)


def test_confusion_is_what_evaluate_counts_less_the_hits(run, caplog):
    from rankcon_cli.evaluation.embeddings import Embedder
    from rankcon_cli.evaluation.evaluate import evaluate
    from rankcon_cli.evaluation.images import test_images as images_to_test
    from rankcon_cli.evaluation.similarity import from_run
    from rankcon_cli.training.run_directory import open_run

    caplog.set_level("INFO", "rankcon")
    opened = open_run(run)
    counts = np.array(evaluate(opened, Embedder(opened, "cpu"), images_to_test(opened, None))["confusion"]["matrix"])
    similarities = from_run(run, by="confusion", device="cpu")
    mistakes = counts * (1 - np.eye(len(KNOWN)))
    assert similarities.classes == KNOWN and mistakes.sum() > 0
    expected = np.where(mistakes > 0, mistakes / counts.sum(1, keepdims=True), -np.inf)
    expected[mistakes.sum(1) == 0] = np.nan
    assert np.allclose(similarities.matrix, expected, atol=1e-6, equal_nan=True)
    faultless = [name for name, row in zip(KNOWN, mistakes, strict=True) if not row.any()]
    ranking = to_ranking(similarities)
    assert [name for name in KNOWN if name not in ranking.rankings] == faultless
    assert all(repr(name) in caplog.text for name in faultless)
    assert all(compile_ranking(ranking).scores[c] for c, row in enumerate(mistakes) if row.any())


def test_what_is_missing_is_said(run, tmp_path):
    from rankcon_cli.evaluation.similarity import from_run

    with pytest.raises(RankconError, match="not a run directory"):
        from_run(tmp_path, by="means")
    images = np.zeros((4, 8, 8), dtype=np.uint8)
    np.savez(
        tmp_path / "few.npz",
        train_images=images,
        train_labels=np.array([0, 0, 1, 1]),
        class_names=np.array(["zero", "other"]),
    )
    with pytest.raises(RankconError, match="has no image of 'one', '@two', 'three' and 'four'"):
        from_run(run, by="means", data=f"npz:{tmp_path / 'few.npz'}", device="cpu")
