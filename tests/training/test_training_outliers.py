import dataclasses
import signal

import numpy as np
import pytest
import safetensors.torch
import torch

from rankcon_cli.cli.main import main
from rankcon_cli.data import pixel_hashes
from rankcon_cli.errors import Interrupted, RankconError, UsageError
from rankcon_cli.models import Network
from rankcon_cli.training import learner
from rankcon_cli.training.config import LossConfig, OutlierConfig, TrainConfig, resolve
from rankcon_cli.training.loop import train
from rankcon_cli.training.outliers import OutlierObjective, draw_mixtures, draw_outliers, mix, partners
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import create_run, open_run


def finished(config: TrainConfig, out):
    plan = make_plan(config)
    run = create_run(out, plan)
    train(run, plan)
    return open_run(run.path)


def weights(run):
    return safetensors.torch.load_file(run.path / "model.safetensors")


def known(small_digits, *classes, **changes):
    return OutlierConfig(spec=f"npz:{small_digits / 'small.npz'}", classes=classes, **changes)


def withholding(config, *names):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, withhold=names))


# -- mixtures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partner", ["tier-1", "any"])
def test_mixtures_are_of_the_classes_that_they_should_be(config, partner):
    table = make_plan(config).table
    partner_CC = partners(5, table, partner)
    labels = np.arange(40) % 5
    seen = set()
    for step in range(30):
        mixtures = draw_mixtures(labels, partner_CC, seed=0, step=step)
        seen |= set(zip(labels[mixtures.first].tolist(), labels[mixtures.second].tolist(), strict=True))
        assert (mixtures.share >= 0.3).all() and (mixtures.share <= 0.7).all()
    if partner == "any":
        assert seen == {(a, b) for a in range(5) for b in range(5) if a != b}
    else:
        assert seen == {(a, b) for a in range(5) for b in range(5) if table.array()[a, b] == 1}


def test_a_class_without_partner_in_the_batch_gives_no_mixture():
    partner_CC = np.zeros((3, 3), bool)
    partner_CC[0, 1] = True
    mixtures = draw_mixtures(np.array([0, 2, 2, 1]), partner_CC, 0, 0)
    assert mixtures.first.tolist() == [0] and mixtures.second.tolist() == [3]
    assert len(draw_mixtures(np.array([1, 2]), partner_CC, 0, 0).first) == 0


def test_mix_takes_the_first_view_of_one_and_the_second_of_the_other():
    views = torch.arange(6.0)[:, None]  # images 0, 1, 2 in two views: 0, 1, 2 and 3, 4, 5
    mixtures = draw_mixtures(np.array([0, 0, 1]), np.array([[False, True], [False, False]]), 0, 0)
    share = torch.from_numpy(mixtures.share)
    expected = share * torch.tensor([0.0, 1.0]) + (1 - share) * 5
    torch.testing.assert_close(mix(views, mixtures)[:, 0], expected)


def test_draws_are_a_function_of_seed_and_step():
    labels, partner_CC = np.arange(20) % 4, ~np.eye(4, dtype=bool)
    one, same, other = (draw_mixtures(labels, partner_CC, 0, step) for step in (5, 5, 6))
    assert (one.second == same.second).all() and (one.share == same.share).all()
    assert (one.share != other.share).any()


def test_known_outliers_come_once_before_any_comes_again():
    drawn = np.concatenate([draw_outliers(10, 16, seed=0, step=step) for step in range(5)])
    assert len(drawn) == 20 and sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert draw_outliers(3, 40, seed=0, step=2).tolist().count(0) in (3, 4)


# -- the step -------------------------------------------------------------------------------------------------------------


def test_without_outliers_the_network_sees_the_views_alone(config):
    network = Network("conv", 1, 8, [0.3], [0.4], 16, None).eval()
    views = torch.rand(8, 1, 8, 8)
    objective = OutlierObjective(OutlierConfig(), 5, None, 0)
    sent = objective.add_to(views, np.arange(4), 0)
    outputs, term = objective(network, network(sent.images), sent, torch.arange(4))
    torch.testing.assert_close(outputs.projection, network(views).projection, rtol=0, atol=0)
    assert term.item() == 0 and not term.requires_grad


@pytest.mark.parametrize("virtual", ["image", "feature"])
@pytest.mark.parametrize("loss", ["ranked", "supcon", "cross-entropy"])
def test_training_resumes_bit_for_bit_with_outliers(config, small_digits, tmp_path, monkeypatch, virtual, loss):
    kind = "exposure" if loss == "cross-entropy" else "learned-reference"
    config = withholding(
        dataclasses.replace(
            config, loss=LossConfig(name=loss), outliers=known(small_digits, "four", virtual=virtual, loss=kind)
        ),
        "four",
    )
    whole = finished(config, tmp_path / "whole")
    plan = make_plan(config)
    run = create_run(tmp_path / "cut", plan)
    step_at = learner.lr_at

    def stop_at_five(step, *rest):
        if step == 5:
            monkeypatch.setattr(learner, "lr_at", step_at)  # once: a second signal stops at once
            signal.raise_signal(signal.SIGINT)
        return step_at(step, *rest)

    monkeypatch.setattr(learner, "lr_at", stop_at_five)
    with pytest.raises(Interrupted):
        train(run, plan)
    train(open_run(run.path), make_plan(run.settings(), resuming=True), resume=True)
    for name, tensor in weights(whole).items():
        assert torch.equal(weights(run)[name], tensor), name


# -- the record -----------------------------------------------------------------------------------------------------------


def test_outliers_are_recorded_and_the_reference_is_kept(config, small_digits, tmp_path):
    config = withholding(dataclasses.replace(config, outliers=known(small_digits, "four")), "three", "four")
    run = finished(config, tmp_path / "run")
    found = run.record["outliers"]
    assert (found["classes"], found["n"], run.outlier_classes) == (["four"], 20, ("four",))
    assert len(run.outlier_hashes()) == 20 and not np.isin(run.outlier_hashes(), run.training_hashes()).any()
    reference = run.network().reference
    assert reference.shape == (128,) and reference.norm().item() == pytest.approx(1, abs=1e-5)
    assert not reference.requires_grad, "a fixed reference is no parameter"
    assert torch.equal(finished(config, tmp_path / "again").network().reference, reference)


def test_a_learned_reference_moves(config, small_digits, tmp_path):
    outliers = known(small_digits, "four", loss="learned-reference", weight=1.0)
    config = withholding(dataclasses.replace(config, outliers=outliers), "four")
    plan = make_plan(config)
    run = create_run(tmp_path / "run", plan)
    torch.manual_seed(config.seed)
    before = run.untrained_network().reference.detach().clone()
    train(run, plan)
    assert not torch.equal(run.network().reference, before)


def test_a_run_without_outliers_has_none(config, tmp_path):
    run = finished(config, tmp_path / "run")
    assert run.record["outliers"] is None and run.outlier_classes == () and len(run.outlier_hashes()) == 0
    assert run.network().reference is None and "reference" not in weights(run)


def test_images_that_are_trained_on_are_no_outliers(config, small_digits, tmp_path, caplog):
    stored = dict(np.load(small_digits / "small.npz"))
    images = np.concatenate([stored["train_images"][:3], 255 - stored["train_images"][:5]])
    np.savez(
        tmp_path / "odd.npz", train_images=images, train_labels=np.zeros(8, np.int64), class_names=np.array(["zero"])
    )
    plan = make_plan(dataclasses.replace(config, outliers=OutlierConfig(spec=f"npz:{tmp_path / 'odd.npz'}")))
    assert len(plan.outliers) == 5 and not np.isin(pixel_hashes(plan.outliers), pixel_hashes(plan.images)).any()
    assert "3 images that the run trains on" in caplog.text and "bear the names" in caplog.text
    np.savez(tmp_path / "same.npz", train_images=images[:3], train_labels=np.zeros(3, np.int64))
    with pytest.raises(RankconError, match="is left"):
        make_plan(dataclasses.replace(config, outliers=OutlierConfig(spec=f"npz:{tmp_path / 'same.npz'}")))


@pytest.mark.parametrize(
    ("classes", "message"), [((), "5 classes that the run is to know"), (("fuor",), "did you mean 'four'")]
)
def test_outliers_of_the_own_data_are_named_and_withheld(config, small_digits, classes, message):
    with pytest.raises(RankconError, match=message):
        make_plan(dataclasses.replace(config, outliers=known(small_digits, *classes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outliers": OutlierConfig(spec="digits", loss="exposure")}, "classification head"),
        ({"outliers": OutlierConfig(spec="digits"), "loss": LossConfig("cross-entropy")}, "needs a projection"),
        ({"outliers": OutlierConfig(classes=("four",))}, "--outliers"),
        ({"outliers": OutlierConfig(virtual="image"), "loss": LossConfig("supcon"), "ranking": None}, "no ranking"),
        ({"outliers": OutlierConfig(weight=-1.0)}, "--outlier-weight"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config, changes, message):
    with pytest.raises(UsageError) as refused:
        dataclasses.replace(config, **changes)
    assert message in f"{refused.value.message} {refused.value.hint}"


def test_flags_go_over_toml(small_digits, tmp_path):
    (tmp_path / "c.toml").write_text(
        '[outliers]\nvirtual = "feature"\nweight = 0.25\nclasses = ["a, b"]\nspec = "digits"\n'
    )
    flags = {"data.spec": "digits", "ranking": "digits", "outliers.virtual": "image", "outliers.weight": None}
    found = resolve(flags, tmp_path / "c.toml").outliers
    assert (found.virtual, found.weight, found.classes) == ("image", 0.25, ("a, b",))


def test_the_command_line_trains_with_known_outliers(small_digits, tmp_path, capsys):
    data = f"npz:{small_digits / 'small.npz'}"
    arguments = ["train", "--data", data, "--ranking", str(small_digits / "ranking.json"), "--withhold", "three,four"]
    arguments += ["--outliers", data, "--outlier-classes", "four", "--virtual-outliers", "image", "--epochs", "1"]
    out = tmp_path / "run"
    assert main([*arguments, "--outlier-partner", "any", "--outlier-weight", "0.2", "--out", str(out), "--quiet"]) == 0
    assert open_run(out).config.outliers == OutlierConfig("image", "any", data, ("four",), "reference", 0.2)
    assert main(["train", "--resume", "--out", str(out), "--outlier-weight", "0.3"]) == 2
    assert "outliers.weight" in capsys.readouterr().err
