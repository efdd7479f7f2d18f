"""A run as files: each score as a module, a real export, and a proof that notices what does not answer alike."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_run import make_small_run, write_digits

from rankcon_cli.deploy import export
from rankcon_cli.deploy.export import export_run
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
    assert proof["images"] == "validation images of the run" and proof["batch_sizes"] == [1, 7]
    for one in proof["differences"]:
        assert max(one["relative"].values()) < 1e-4 and one["classes"] == one["flags"] == 0
    digits = write_digits(tmp_path / "digits", 4)
    done = subprocess.run(
        [sys.executable, "example.py", *digits], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == digits


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
