"""From runs and specs to an ``OodResult``: three small runs on digits, two of seven classes withheld."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from rankcon_cli.data import load_images, pixel_hashes
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.ood import evaluate
from rankcon_cli.ood.bank import bank_of
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.evaluate import Protocol, ood_evaluate
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.scores import fit_score, score_inputs
from rankcon_cli.ood.threshold import choose_threshold
from rankcon_cli.training.config import DataConfig, LossConfig, OptimConfig, OutlierConfig, TrainConfig
from rankcon_cli.training.images import data_options
from rankcon_cli.training.loop import train
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import Run, create_run, open_run

NAMES = ("zero", "one", "two", "three", "four", "five", "<b>six")
QUICK = Protocol(resamples=40, tsne=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits.npz (train 40, test 12 a class), ranking.json, and sets of unknowns: sevens, eights, nines, noise."""
    from sklearn.datasets import load_digits

    digits, folder = load_digits(), tmp_path_factory.mktemp("ood")
    pixels = np.uint8(digits.images * 255 / 16)
    rows = [np.flatnonzero(digits.target == c) for c in range(10)]
    np.savez(
        folder / "digits.npz",
        train_images=np.concatenate([pixels[rows[c][:40]] for c in range(7)]),
        train_labels=np.repeat(np.arange(7), 40),
        test_images=np.concatenate([pixels[rows[c][40:52]] for c in range(7)]),
        test_labels=np.repeat(np.arange(7), 12),
        class_names=np.array(NAMES),
    )
    for c, name in ((7, "sevens"), (8, "eights"), (9, "nines")):
        np.savez(
            folder / f"{name}.npz",
            test_images=pixels[rows[c][:15]],
            test_labels=np.zeros(15, np.int64),
            class_names=np.array([name]),
        )
    noise = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(
        folder / "noise.npz", test_images=noise, test_labels=np.zeros(20, np.int64), class_names=np.array(["noise"])
    )
    rankings = {"zero": [["<b>six"], ["two"]], "one": [["four"]], "two": [["three"]], "three": [["five"], ["two"]]}
    document = {"format": "rankcon/ranking", "version": 1, "classes": NAMES, "rankings": rankings}
    (folder / "ranking.json").write_text(json.dumps(document))
    return folder


def config(place: Path, loss: str = "ranked", seed: int = 0, **changes) -> TrainConfig:
    return dataclasses.replace(
        TrainConfig(
            ranking=str(place / "ranking.json"),
            seed=seed,
            device="cpu",
            data=DataConfig(
                spec=f"npz:{place / 'digits.npz'}", withhold=("five", "<b>six"), val_fraction=0.25, image_size=8
            ),
            loss=LossConfig(name=loss),
            optim=OptimConfig(epochs=4, batch_size=50),
        ),
        **changes,
    )


def trained(place: Path, name: str, settings: TrainConfig) -> Run:
    plan = make_plan(settings)
    run = create_run(place / "runs" / name, plan)
    train(run, plan)
    return open_run(run.path)


@pytest.fixture(scope="module")
def runs(place: Path) -> dict[str, Run]:
    return {
        "ranked-s0": trained(place, "ranked-s0", config(place)),
        "ranked-s1": trained(place, "ranked-s1", config(place, seed=1)),
        "plain": trained(place, "plain", config(place, "cross-entropy")),
    }


def spec(place: Path, name: str) -> str:
    return f"npz:{place / name}.npz"


@pytest.fixture(scope="module")
def result(place: Path, runs: dict[str, Run]):
    return ood_evaluate(
        list(runs.values()),
        None,
        near=[spec(place, "sevens"), spec(place, "eights")],
        far=[spec(place, "noise")],
        protocol=QUICK,
    )


def test_sets_come_by_kind_with_what_they_are(result):
    assert [(s.name, s.kind, s.n) for s in result.sets] == [
        ("withheld", "withheld", 24),
        ("sevens", "near", 15),
        ("eights", "near", 15),
        ("noise", "far", 20),
    ]
    assert result.sets[0].classes == ("five", "<b>six") and result.n_id == 60
    few = [warning.split()[0] for warning in result.warnings if "surer than they should be" in warning]
    assert few == ["sevens", "eights"]
    assert all(s.formats == "array" and s.digest.startswith("sha256:") for s in result.sets)


def test_runs_that_differ_in_their_seed_are_one_group(result):
    assert [(g.name, g.runs) for g in result.groups] == [("ranked", ("ranked-s0", "ranked-s1")), ("plain", ("plain",))]
    assert [run.group for run in result.runs] == ["ranked", "ranked", "plain"]
    rows = {
        (row.group, row.target): row.metrics["auroc"]
        for row in result.aggregates
        if row.score == "knn" and row.feature == "encoder"
    }
    by_run = {(m.run, m.ood): m.auroc for m in result.measurements if (m.score, m.feature) == ("knn", "encoder")}
    near = [np.mean([by_run[run, "sevens"], by_run[run, "eights"]]) for run in ("ranked-s0", "ranked-s1")]
    assert rows["ranked", "near"].value == pytest.approx(np.mean(near))
    assert rows["ranked", "near"].sd == pytest.approx(np.std(near, ddof=1)) and rows["ranked", "near"].n == 2
    alone = rows["plain", "noise"]
    assert alone.low <= alone.value <= alone.high and alone.sd is None


def test_measurements_are_the_metrics_of_the_scores(result):
    for m in result.measurements[::7]:
        known, unknown = (result.scores[m.run, m.score, m.feature, name] for name in ("id", m.ood))
        assert ood_metrics(known, unknown).items() <= dataclasses.asdict(m).items()
        assert 0 <= m.oscr <= 1 and bool(m.intervals) == (m.run == "plain")
    features = {(m.score, m.feature) for m in result.measurements if m.run == "plain"}
    assert ("knn", "projection") not in features and ("energy", "logits") in features
    assert {info.name for info in result.infos} == {m.score for m in result.measurements}


def test_what_cannot_be_taken_is_left_out_with_its_reason(result):
    reasons = dict(result.left_out)
    assert "negative" in reasons["ash"] and "--odin" in reasons["odin"] and "reference" in reasons
    assert not {m.score for m in result.measurements} & {"ash", "odin", "reference"}


def test_the_threshold_comes_from_validation_images(result, runs):
    run = runs["ranked-s0"]
    bank = bank_of(run, Embedder(run, "cpu"))
    fit = bank.fits["encoder"]
    expected = choose_threshold(score_inputs(fit_score("knn", fit), fit.validation), 0.95)
    assert dataclasses.asdict(result.threshold) == dataclasses.asdict(expected)
    rates = {(rate.set, rate.class_name): rate for rate in result.rates}
    known = result.scores["ranked-s0", "knn", "encoder", "id"]
    assert rates["id", ""].flagged == pytest.approx(np.mean(known > expected.value))
    assert rates["withheld", "<b>six"].n == 12 and {name for s, name in rates if s == "noise"} == {"", "noise"}


def test_worst_images_pictures_and_facts_are_of_the_subject(result):
    assert {image.set for image in result.worst} == {"id", "withheld", "sevens", "eights", "noise"}
    (picture,) = result.pictures
    assert picture.method == "PCA" and [c.set for c in picture.clouds] == ["id", *(s.name for s in result.sets)]
    assert ("two", "three") in picture.edges and not any("five" in edge for edge in picture.edges)
    facts = dict(result.facts)
    assert "fingerprint" in facts["Training data"] and facts["Withheld classes"] == "five, <b>six"
    assert facts["Seeds"] == "ranked: 0, 1; plain: 0"
    assert {c.other for c in result.comparisons} == {"plain"}


def test_tuning_looks_at_validation_and_its_own_images_alone(place, runs, monkeypatch):
    run, looked = runs["ranked-s0"], []
    embed = Embedder.embed

    def spy(self, images):
        looked.append(images)
        return embed(self, images)

    real = evaluate.tune

    def watched(images, *arguments):
        monkeypatch.setattr(Embedder, "embed", spy)
        found = real(images, *arguments)
        monkeypatch.setattr(Embedder, "embed", embed)
        return found

    monkeypatch.setattr(evaluate, "tune", watched)
    protocol = dataclasses.replace(QUICK, tune_on=spec(place, "nines"))
    result = ood_evaluate([run], None, near=[spec(place, "sevens")], protocol=protocol)
    tested = pixel_hashes(load_images(spec(place, "sevens"), "test", data_options(run.config.data), size=8, channels=1))
    assert looked and not any(np.isin(pixel_hashes(images), tested).any() for images in looked)
    tuning = result.tuning
    assert tuning.n_ood == 15 and tuning.chosen.auroc == max(c.auroc for c in tuning.candidates)
    assert {c.parameters.get("k") for c in tuning.candidates if c.score == "knn"} >= {None, 1, 50}
    assert result.headline == (tuning.chosen.score, tuning.chosen.feature) and "nines" in result.headline_from
    assert "nines" not in [s.name for s in result.sets]
    assert any("flagged somewhat more often" in warning for warning in result.warnings), (
        "the threshold's images chose it"
    )


def test_a_score_that_was_tuned_on_one_run_is_said_to_favour_it(place, runs):
    protocol = dataclasses.replace(QUICK, tune_on=spec(place, "nines"), resamples=0)
    result = ood_evaluate([runs["ranked-s0"], runs["plain"]], None, near=[spec(place, "sevens")], protocol=protocol)
    assert any("tuned on ranked-s0 alone" in warning for warning in result.warnings)


def test_without_resamples_nothing_is_tested_and_differences_stand_alone(runs):
    pair = [runs["ranked-s0"], runs["plain"]]
    result = ood_evaluate(pair, None, protocol=dataclasses.replace(QUICK, resamples=0))
    assert result.comparisons and {c.how for c in result.comparisons} == {"none"}
    assert not any(c.low or c.high or c.p for c in result.comparisons)
    assert not any(m.intervals for m in result.measurements)


def test_tuning_on_what_is_tested_is_refused(place, runs):
    protocol = dataclasses.replace(QUICK, tune_on=spec(place, "sevens"))
    with pytest.raises(UsageError, match="tuned on and tested"):
        ood_evaluate([runs["plain"]], None, near=[spec(place, "sevens")], protocol=protocol)


def test_a_chosen_score_with_parameters_is_the_headline(place, runs):
    run = runs["ranked-s0"]
    protocol = dataclasses.replace(QUICK, choice=Choice("knn", "projection", {"k": 3}))
    result = ood_evaluate([run], None, protocol=protocol)
    fit = bank_of(run, Embedder(run, "cpu")).fits["projection"]
    expected = choose_threshold(score_inputs(fit_score("knn", fit, k=3), fit.validation), 0.95)
    assert result.headline == ("knn", "projection") and result.threshold.value == pytest.approx(expected.value)
    with pytest.raises(RankconError, match="has no projection"):
        ood_evaluate([runs["plain"]], None, protocol=protocol)


def test_odin_on_request(runs):
    result = ood_evaluate([runs["plain"]], None, protocol=dataclasses.replace(QUICK, odin=True))
    assert ("odin", "logits") in {(m.score, m.feature) for m in result.measurements}
    assert "odin" in {info.name for info in result.infos} and "odin" not in dict(result.left_out)


def test_no_validation_images_mean_no_threshold(place):
    settings = config(place)
    run = trained(
        place, "no-validation", dataclasses.replace(settings, data=dataclasses.replace(settings.data, val_fraction=0.0))
    )
    result = ood_evaluate([run], None, protocol=QUICK)
    assert result.threshold is None and result.rates == ()
    assert any("no threshold" in warning for warning in result.warnings)
    with pytest.raises(RankconError, match="no validation images to tune on"):
        ood_evaluate([run], None, protocol=dataclasses.replace(QUICK, tune_on=spec(place, "nines")))


def test_without_unknowns_only_who_can_do_without_goes_on(place):
    settings = config(place)
    data = dataclasses.replace(settings.data, withhold=())
    run = trained(place, "all-known", dataclasses.replace(settings, data=data))
    with pytest.raises(RankconError, match="no unknown images"):
        ood_evaluate([run], None, protocol=QUICK)
    result = ood_evaluate([run], None, protocol=dataclasses.replace(QUICK, unknowns_needed=False))
    assert result.sets == () and result.measurements == () and result.runs[0].measures["accuracy"] > 0.5


def test_classes_met_as_outliers_stand_apart(place):
    known = OutlierConfig(spec=f"npz:{place / 'digits.npz'}", classes=("<b>six",))
    run = trained(place, "outliers", config(place, outliers=known))
    result = ood_evaluate([run], None, far=[spec(place, "noise")], protocol=QUICK)
    assert [(s.name, s.classes, s.trained_outliers) for s in result.sets] == [
        ("withheld", ("five",), False),
        ("withheld-outliers", ("<b>six",), True),
        ("noise", ("noise",), False),
    ]
    assert "<b>six" in dict(result.facts)["Outliers in training"]
    assert ("reference", "projection") in {(m.score, m.feature) for m in result.measurements}
    everything = ood_evaluate([run], None, protocol=dataclasses.replace(QUICK, withheld_from_all=True))
    apart = {s.name: s.n for s in everything.sets}
    assert apart == {"withheld": 52, "withheld-outliers": 12}, "outliers of the training are not tested"
    assert any("outliers of the training" in warning for warning in everything.warnings)


def test_known_images_that_were_trained_on_as_outliers_are_warned_of(place):
    archive = np.load(place / "digits.npz")
    mistaken = np.flatnonzero(archive["test_labels"] == 1)[:5]  # test images of a known class, under another name
    np.savez(
        place / "mistaken.npz",
        train_images=archive["test_images"][mistaken],
        train_labels=np.zeros(5, np.int64),
        class_names=np.array(["other"]),
    )
    known = OutlierConfig(spec=spec(place, "mistaken"))
    run = trained(place, "mistaken", config(place, outliers=known))
    result = ood_evaluate([run], None, protocol=QUICK)
    assert any(warning.startswith("5 of 60 ID test images served mistaken") for warning in result.warnings)
