"""A run as files: each score as a module, a real export, and a proof that notices what does not answer alike."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import make_small_run, write_digits

from rankcon_cli.deploy import export
from rankcon_cli.deploy.export import check_free, export_run
from rankcon_cli.deploy.judging import judge_files
from rankcon_cli.deploy.module import MODULES, Deployed, score_module
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.ood.bank import Bank
from rankcon_cli.ood.choice import Choice, parse_choice
from rankcon_cli.ood.detector import fit_detector
from rankcon_cli.ood.scores import FitData, Head, Inputs, fit_score, score_inputs
from rankcon_cli.training.run_directory import open_run


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    return make_small_run(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def detector(ranked):
    return fit_detector(ranked, Embedder(ranked, "cpu"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_gives_the_scores_of_its_score(name):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 4
    train = torch.randn(4, 6, generator=generator)[labels] + 0.4 * torch.randn(60, 6, generator=generator)
    head = Head(torch.randn(4, 6, generator=generator), torch.randn(4, generator=generator))
    fit = FitData(train, labels, logits=head.logits(train), head=head)
    images = 3 * torch.randn(50, 6, generator=generator)
    choice = parse_choice(name)
    expected = score_inputs(fit_score(name, fit), Inputs(images, head.logits(images)))
    found = score_module(choice, Bank({choice.feature: fit}, head, "a head"))(images)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_what_is_not_exported_says_what_is(detector):
    with pytest.raises(UsageError, match="gen is not exported"):
        score_module(Choice("gen", "logits"), detector.bank)


def test_an_export_answers_as_the_run_does(ranked, detector, tmp_path):
    pytest.importorskip("onnxruntime")
    found = export_run(ranked, detector, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "example.py",
        "model.json",
        "model.onnx",
        "model.pt2",
    ]
    assert json.loads((tmp_path / "out" / "model.json").read_text()) == found
    assert found["outputs"] == ["encoder", "projection", "similarity", "score", "unknown"]
    assert found["tiers"]["zero"] == [["two", "three"], ["four"]] and found["threshold"]["tpr"] == 0.95
    proof = found["proof"]
    assert proof["images"] == "validation images of the run" and proof["batch_sizes"] == [1, 7, 50]
    for one in proof["differences"]:
        assert max(one["relative"].values()) < 1e-4 and one["classes"] == one["flags"] == 0


def write_pictures(folder):
    """Files whose pixels depend on how they are read: digits, transparent, 16 bits, turned by EXIF, a large JPEG."""
    paths = write_digits(folder, 3)
    noise = np.random.default_rng(0).integers(0, 65536, (40, 30), dtype=np.uint16)
    grey = Image.fromarray((noise >> 8).astype(np.uint8))
    clear, turned = grey.convert("RGBA"), Image.Exif()
    clear.putalpha(grey.rotate(180))
    turned[0x0112] = 6
    for name, picture, more in (
        ("clear.png", clear, {}),
        ("deep.png", Image.fromarray(noise), {}),
        ("turned.jpg", grey, {"exif": turned}),
        ("large.jpg", grey.resize((900, 600)), {}),
    ):
        picture.save(folder / name, **more)
        paths.append(str(folder / name))
    return paths


@pytest.mark.parametrize("formats", [["torch"], ["torch", "onnx"]])
def test_the_example_reads_image_files_as_the_run_does(ranked, detector, tmp_path, formats):
    if "onnx" in formats:
        pytest.importorskip("onnxruntime")
    export_run(ranked, detector, tmp_path / "out", formats)
    paths = write_pictures(tmp_path / "pictures")
    words = [sys.executable, tmp_path / "out" / "example.py", *paths]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    judged = [one for batch in judge_files(detector, Embedder(ranked, "cpu"), paths, 100) for one in batch]
    expected = [(one.path, "unknown" if one.verdict.unknown else one.verdict.class_name) for one in judged]
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(path, name) for path, name, _ in found] == expected
    assert [float(score) for *_, score in found] == pytest.approx([one.verdict.score for one in judged], abs=1e-4)


@pytest.mark.parametrize("what", ["threshold", "weights"])
def test_the_proof_notices_what_answers_otherwise(ranked, detector, tmp_path, monkeypatch, what):
    forward = Deployed.forward

    def otherwise(self, images):
        *rest, score, unknown = forward(self, images)
        if what == "threshold":
            return *rest, score, score <= self.threshold
        return *(part * 1.01 for part in rest), score, unknown

    monkeypatch.setattr(Deployed, "forward", otherwise)
    with pytest.raises(RankconError, match="does not answer as the run does"):
        export_run(ranked, detector, tmp_path / "out", ["torch"])
    assert list(tmp_path.iterdir()) == []


def test_what_stands_there_is_kept_and_an_earlier_export_goes(ranked, detector, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "model.onnx").write_text("of other weights")
    with pytest.raises(UsageError, match="not empty"):
        export_run(ranked, detector, out, ["torch"])
    export_run(ranked, detector, out, ["torch"], force=True)
    assert sorted(p.name for p in out.iterdir()) == ["example.py", "model.json", "model.pt2", "notes.txt"]
    assert (out / "notes.txt").read_text() == "mine"


def test_onnx_that_is_not_installed_is_named(ranked, detector, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RankconError, match="onnx, onnxscript, onnxruntime") as refused:
        export_run(ranked, detector, tmp_path / "out")
    assert "rankcon[onnx]" in refused.value.hint and not (tmp_path / "out").exists()


def test_without_its_images_a_run_is_proved_on_noise(ranked):
    data = dataclasses.replace(ranked.config.data, spec="npz:/nowhere.npz")
    gone = dataclasses.replace(open_run(ranked.path), config=dataclasses.replace(ranked.config, data=data))
    images, described = export.proof_images(gone)
    assert images.shape == (64, 1, 8, 8) and images.dtype == np.uint8 and "noise" in described


def test_a_run_that_kept_no_validation_images_is_proved_on_those_of_its_training(ranked, monkeypatch):
    monkeypatch.setattr(type(ranked), "splits", lambda self: (np.arange(5, 250), np.arange(0)))
    images, described = export.proof_images(ranked)
    assert described == "training images of the run"
    np.testing.assert_array_equal(images, export.training_images(ranked).images[5:250])


def test_a_link_to_nothing_is_in_the_way(tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="is a file"):
        check_free(tmp_path / "out", force=True)
