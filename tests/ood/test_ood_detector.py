import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
from small_run import make_small_run, write_digits

from rankcon_cli.data.pixels import read_pixels
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import class_means, unit
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.ood.bank import bank_of
from rankcon_cli.ood.choice import DEFAULT, parse_choice
from rankcon_cli.ood.detector import Near, fit_detector
from rankcon_cli.ood.scores import fit_score, score_inputs
from rankcon_cli.ood.threshold import choose_threshold
from rankcon_cli.training.run_directory import open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_small_run(tmp_path_factory.mktemp("ranked"))


@pytest.fixture(scope="module")
def embedder(run):
    return Embedder(run, "cpu")


@pytest.fixture(scope="module")
def images(embedder, tmp_path_factory):
    paths = write_digits(tmp_path_factory.mktemp("digits"), 40)
    return embedder.outputs(np.stack([read_pixels(path, 8, 1) for path in paths]))


@pytest.mark.parametrize("written", ["knn", "knn@projection:k=3", "rmd", "energy"])
def test_verdicts_are_the_score_and_the_nearest_class_mean(run, embedder, images, written):
    choice = parse_choice(written)
    detector = fit_detector(run, embedder, choice, tpr=0.9)
    bank = bank_of(run, embedder)
    scorer = fit_score(choice.score, bank.fits[choice.feature], **choice.parameters)
    scores = score_inputs(scorer, bank.inputs(images)[choice.feature])
    threshold = choose_threshold(score_inputs(scorer, bank.fits[choice.feature].validation), 0.9)
    train, _ = embedder.training()
    cosines = unit(images.projection) @ class_means(train.projection, train.labels, 5).T

    verdicts = detector.judge(images)
    assert detector.threshold == threshold
    assert [v.score for v in verdicts] == scores.tolist()
    assert [v.unknown for v in verdicts] == (scores > threshold.value).tolist()
    assert [v.class_name for v in verdicts] == [run.classes[c] for c in cosines.argmax(1)]
    assert [v.similarity for v in verdicts] == pytest.approx(cosines.amax(1).tolist())


def test_tiers_name_the_nearest_class_of_each(run, embedder, images):
    detector = fit_detector(run, embedder)
    train, _ = embedder.training()
    cosines = unit(images.projection) @ class_means(train.projection, train.labels, 5).T
    tiers = {"zero": [[2, 3], [4]], "one": [[4]], "two": [[3]], "three": [[2]], "four": []}
    for verdict, row in zip(detector.judge(images), cosines.tolist(), strict=True):
        best = [max(members, key=row.__getitem__) for members in tiers[verdict.class_name]]
        expected = tuple(Near(k, run.classes[b], pytest.approx(row[b])) for k, b in enumerate(best, start=1))
        assert verdict.tiers == expected


def test_a_run_without_a_ranking_has_no_tiers(tmp_path):
    run = make_small_run(tmp_path, loss="cross-entropy")
    embedder = Embedder(run, "cpu")
    detector = fit_detector(run, embedder)
    assert detector.feature == "encoder"
    assert all(verdict.tiers == () for verdict in detector.judge(embedder.training()[1]))
    with pytest.raises(RankconError, match="has no projection to take the score knn@projection on"):
        fit_detector(run, embedder, parse_choice("knn@projection"))


def test_the_training_images_are_needed_once(tmp_path):
    run = make_small_run(tmp_path)
    before = fit_detector(run, Embedder(run, "cpu"))
    (tmp_path / "digits.npz").unlink()
    again = fit_detector(run, Embedder(run, "cpu"))
    assert again.threshold == before.threshold
    shutil.rmtree(run.path / "cache")
    with pytest.raises(RankconError, match=r"digits\.npz"):
        fit_detector(run, Embedder(run, "cpu"))


def without_validation(run, folder, kept):
    """A copy of the run that kept ``kept`` validation images."""
    path = shutil.copytree(run.path, folder / "copy")
    splits = json.loads((path / "splits.json").read_text())
    (path / "splits.json").write_text(json.dumps(splits | {"validation": splits["validation"][:kept]}))
    return open_run(path)


@pytest.mark.parametrize(("kept", "message"), [(0, "kept no validation images"), (5, "at least 19 validation images")])
def test_too_few_validation_images_are_refused_and_a_threshold_given_instead(run, tmp_path, kept, message):
    few = without_validation(run, tmp_path, kept)
    embedder = Embedder(few, "cpu")
    with pytest.raises(RankconError, match=message) as caught:
        fit_detector(few, embedder)
    assert "--val-fraction" in caught.value.hint
    assert "--threshold VALUE" in caught.value.hint
    given = fit_detector(few, embedder, threshold=0.25).threshold
    assert (given.value, given.n) == (0.25, 0)
    assert math.isnan(given.tpr)


def test_an_image_is_known_up_to_the_threshold_itself(run, embedder, images):
    scores = [verdict.score for verdict in fit_detector(run, embedder, threshold=0.0).judge(images)]
    detector = fit_detector(run, embedder, threshold=sorted(scores)[20])
    assert sum(verdict.unknown for verdict in detector.judge(images)) == len(scores) - 21


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_does_not_pass_for_known(run, embedder, images, value):
    detector = fit_detector(run, embedder, DEFAULT)

    def scorer(inputs):
        scores = detector.scorer(inputs)
        scores[3] = value
        return scores

    before, after = detector.judge(images), dataclasses.replace(detector, scorer=scorer).judge(images)
    assert after[3].unknown
    assert after[:3] + after[4:] == before[:3] + before[4:]
