import sys

import numpy as np
import pytest
from small_run import NAMES, make_small_run, write_digits

from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.images import training_images


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("photos"), 12)


def test_files_as_npy_and_npz(rankcon, run, digits, tmp_path, monkeypatch):
    result = rankcon("embed", run.path, *digits, "--out", tmp_path / "x.npy")
    assert (result.code, result.out) == (0, "")
    assert f"12 vectors written to {tmp_path / 'x.npy'}" in result.err
    (tmp_path / "names").write_text("\n".join(digits))
    with open(tmp_path / "names", encoding="utf-8") as names:
        monkeypatch.setattr(sys, "stdin", names)
        assert rankcon("embed", run.path, "-", "--out", tmp_path / "x.npz", "--unit", "--batch-size", 5).code == 0
    matrix = np.load(tmp_path / "x.npy")
    with np.load(tmp_path / "x.npz") as found:
        assert found["names"].tolist() == digits
        expected = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        np.testing.assert_allclose(found["vectors"], expected, atol=1e-5)


def test_a_data_set_with_its_labels(rankcon, run, tmp_path):
    out = tmp_path / "x.npz"
    result = rankcon("embed", run.path, "--data", run.config.data.spec, "--feature", "projection", "--out", out)
    assert result.code == 0
    images = training_images(run)
    with np.load(out) as found:
        assert tuple(found["classes"].tolist()) == NAMES
        assert found["labels"].tolist() == images.labels.tolist()
        assert found["names"].tolist() == list(images.names)
        expected = Embedder(run, "cpu").embed(images).projection.numpy()
        np.testing.assert_allclose(found["vectors"], expected, atol=1e-4)


def test_broken_files_have_no_row(rankcon, run, digits, tmp_path):
    (tmp_path / "empty.png").touch()
    paths = [digits[0], tmp_path / "empty.png", digits[1], tmp_path / "gone.png"]
    result = rankcon("embed", run.path, *paths, "--out", tmp_path / "x.npz")
    assert result.code == 3
    assert "2 images left out: " in result.err
    assert "empty.png' (empty file)" in result.err and "gone.png' (No such file or directory)" in result.err
    with np.load(tmp_path / "x.npz") as found:
        assert found["names"].tolist() == digits[:2]
        assert len(found["vectors"]) == 2
    again = rankcon("embed", run.path, *paths, "--out", tmp_path / "x.npz", "--skip-broken", "--force")
    assert again.code == 0
    assert "2 images left out: " in again.err


def test_nothing_but_broken_files_writes_nothing(rankcon, run, tmp_path):
    result = rankcon("embed", run.path, *(tmp_path / f"gone{i}.png" for i in range(8)), "--out", tmp_path / "x.npy")
    assert result.code == 3
    assert "8 images left out" in result.err and "and 3 more" in result.err
    assert "not one image" in result.err
    assert not (tmp_path / "x.npy").exists()


def test_what_stands_there_is_not_replaced_without_force(rankcon, run, digits, tmp_path):
    out = tmp_path / "x.npy"
    out.write_text("mine")
    result = rankcon("embed", run.path, digits[0], "--out", out)
    assert result.code == 2
    assert "--force replaces it" in result.err
    assert out.read_text() == "mine"
    assert rankcon("embed", run.path, digits[0], "--out", out, "--force").code == 0
    assert len(np.load(out)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nowhere to put the vectors"),
        (["--out", "x.csv"], ".npy, .npz, .parquet"),
        (["--out", "x.npy", "--feature", "logits"], "--feature is encoder or projection"),
        (["--out", "x.npy", "--data", "digits"], "images are named and --data too"),
        (["--out", "x.npy", "--data", ""], "images are named and --data too"),
        (["--out", "/dev/null/x.npy", "--null"], "--null is for names"),
    ],
)
def test_what_makes_no_sense_is_refused(rankcon, run, digits, arguments, message):
    result = rankcon("embed", run.path, digits[0], *arguments)
    assert result.code == 2
    assert message in result.err


def test_a_place_that_cannot_be_written_is_said_in_words(rankcon, run, digits):
    result = rankcon("embed", run.path, digits[0], "--out", "/dev/null/x.npy")
    assert result.code == 3
    assert "cannot write /dev/null/x.npy" in result.err
