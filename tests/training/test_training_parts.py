"""The parts of a training on their own: configuration, schedule, batches, devices."""

import itertools

import numpy as np
import pytest

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.training.batches import balanced_batches
from rankcon_cli.training.config import OptimConfig, TrainConfig, from_dict, resolve, to_dict
from rankcon_cli.training.devices import pick_device
from rankcon_cli.training.schedule import lr_at, peak_lr


def test_flags_go_over_toml_over_defaults(tmp_path):
    toml = tmp_path / "a.toml"
    toml.write_text('ranking = "digits"\n[data]\nspec = "digits"\n[optim]\nepochs = 7\nlr = 0.5\n')
    config = resolve({"optim.epochs": 3, "optim.lr": None, "data.withhold": ("8",)}, toml)
    assert (config.optim.epochs, config.optim.lr, config.optim.batch_size) == (3, 0.5, OptimConfig().batch_size)
    assert config.data.withhold == ("8",)
    assert from_dict(to_dict(config), "here") == config


@pytest.mark.parametrize(
    ("flags", "toml", "says"),
    [
        ({}, None, "no data set is given"),
        ({"data.spec": "digits"}, None, "--loss ranked needs a ranking"),
        ({"data.spec": "digits", "loss.name": "supcom"}, None, "loss.name"),
        ({"data.spec": "digits", "loss.name": "supcon", "optim.lr": -1.0}, None, "--lr must be above 0"),
        ({"data.spec": "digits", "loss.name": "supcon", "loss.tau_min": 0.9}, None, "--tau-max"),
        ({"data.spec": "digits", "loss.name": "supcon"}, "[optim]\nepoch = 3", "unknown key optim.epoch"),
        ({"data.spec": "digits", "loss.name": "supcon"}, "[optim]\nepochs = 'many'", "optim.epochs"),
        ({"data.spec": "digits", "loss.name": "supcon"}, "[optim\nepochs = 3", "line 1"),
        ({"data.spec": "digits", "loss.name": "supcon"}, "optim = 3", "must be a table"),
        ({"data.spec": "digits", "optim.epochs": 3}, "optim = 3", "must be a table"),
        ({"data.spec": "digits", "loss.name": "supcon"}, "[optim]\nmomentum = -1", "momentum"),
        ({"data.spec": "digits", "loss.name": "supcon", "optim.warmup_epochs": 101.0}, None, "--warmup-epochs"),
    ],
)
def test_faulty_configuration_is_refused(tmp_path, flags, toml, says):
    path = None
    if toml:
        path = tmp_path / "a.toml"
        path.write_text(toml)
    with pytest.raises(UsageError) as caught:
        resolve(flags, path)
    assert says in caught.value.message


def test_unknown_key_suggests_the_known_one(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[loss]\ntau_mim = 0.2\n")
    with pytest.raises(UsageError) as caught:
        resolve({}, path)
    assert "unknown key loss.tau_mim (did you mean 'tau_min'?)" in caught.value.message


def test_learning_rate_warms_up_and_falls_to_nothing():
    rates = [lr_at(step, 100, 10, 0.4) for step in range(101)]
    np.testing.assert_allclose(rates[:10], 0.04 * np.arange(1, 11))
    assert max(rates) == rates[10] == 0.4
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0)


def test_learning_rate_scales_with_the_batch():
    assert peak_lr(OptimConfig(lr=0.1), 512) == pytest.approx(0.2)
    assert peak_lr(OptimConfig(lr=0.1, optimizer="adamw"), 1024) == pytest.approx(0.2)


def test_batches_are_class_balanced_and_see_every_image():
    labels = np.repeat([0, 1, 2], [50, 50, 5])
    batches = list(balanced_batches(labels, 16, 12, seed=0, epoch=0))
    assert {len(b) for b in batches} == {16}
    counts = np.stack([np.bincount(labels[b], minlength=3) for b in batches])
    assert counts.min() >= 5 and counts.max() <= 6
    seen = np.concatenate(batches)
    assert set(seen) == set(range(105)), "no image is left out while others come twice"
    large = seen[labels[seen] == 0]
    assert len(set(large[:50])) == 50, "drawn without replacement until all were seen"


def test_batches_depend_on_seed_and_epoch_alone():
    labels = np.arange(40) % 4

    def epoch(*key):
        return np.concatenate(list(balanced_batches(labels, 8, 5, *key)))

    assert np.array_equal(epoch(1, 2), epoch(1, 2))
    assert not np.array_equal(epoch(1, 2), epoch(1, 3))
    assert not np.array_equal(epoch(1, 2), epoch(2, 2))


def test_many_classes_leave_two_images_to_each_class_of_a_batch():
    labels = np.repeat(np.arange(100), 4)
    for batch in balanced_batches(labels, 20, 20, seed=0, epoch=0):
        assert sorted(np.bincount(labels[batch])[np.unique(labels[batch])]) == [2] * 10


@pytest.mark.parametrize("name", ["cuda:77", "quantum", "cpu:x", "meta", "hpu", "privateuseone"])
def test_no_such_device(name):
    with pytest.raises(RankconError) as caught:
        pick_device(name)
    assert "device" in caught.value.message and caught.value.hint


def test_defaults_are_a_valid_configuration_but_for_what_only_the_user_knows():
    assert TrainConfig(ranking="digits", data=resolve({"data.spec": "digits", "ranking": "digits"}).data)
