"""The parts of a training on their own: configuration, schedule, batches, augmentation, optimiser groups."""

import colorsys
import itertools

import numpy as np
import pytest
import torch

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.training.augment import AUGMENTATIONS, Augment, _resample, augment, augmentation_for
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


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("preset", ["light", "crop", "natural"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_gets_a_draw_of_its_own(preset, channels):
    image = torch.rand(1, channels, 16, 16, generator=generator(1))
    views = augment(image.repeat(64, 1, 1, 1), AUGMENTATIONS[preset], generator())
    assert views.shape == (64, channels, 16, 16)
    assert views.min() >= 0 and views.max() <= 1
    assert len({view.numpy().tobytes() for view in views}) == 64
    assert torch.equal(views, augment(image.repeat(64, 1, 1, 1), AUGMENTATIONS[preset], generator()))


def test_no_augmentation_changes_nothing():
    images = torch.rand(5, 3, 8, 8)
    assert torch.equal(augment(images, AUGMENTATIONS["none"], generator()), images)


def test_flip_alone_mirrors_about_half_the_images():
    images = torch.rand(200, 1, 6, 6, generator=generator(2))
    views = augment(images, Augment(flip=0.5), generator())
    same = (views - images).abs().amax(dim=(1, 2, 3)) < 1e-5
    mirrored = (views - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert (same ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_crops_have_the_area_that_was_asked_for():
    """On a horizontal ramp a crop keeps w of the range: the share of the range is the crop's width."""
    ramp = torch.linspace(0, 1, 64).expand(500, 1, 64, 64).contiguous()
    views = augment(ramp, Augment(crop_scale=(0.25, 0.25)), generator())
    width = views[:, 0, 32, -1] - views[:, 0, 32, 0]
    assert width.mean() == pytest.approx(0.5, abs=0.01)
    left = views[:, 0, 32, 0]
    assert left.min() < 0.02 and left.max() > 0.48, "crops reach both borders"


def test_hue_turns_as_colorsys_does():
    images = torch.rand(20, 3, 1, 1, generator=generator(3))
    views = augment(images, Augment(jitter=(0, 0, 0, 0.3), jitter_p=1.0), generator())
    for before, after in zip(images[:, :, 0, 0].tolist(), views[:, :, 0, 0].tolist(), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*before)
        turned, s2, v2 = colorsys.rgb_to_hsv(*after)
        assert (s2, v2) == pytest.approx((s, v), abs=1e-5)
        turn = (turned - h + 0.5) % 1 - 0.5
        assert abs(turn) <= 0.3 + 1e-5
        assert colorsys.hsv_to_rgb((h + turn) % 1, s, v) == pytest.approx(after, abs=1e-5)


def test_a_rotated_image_is_continued_by_its_border():
    """As padding_mode="border" does it, which not every device has."""
    import torch.nn.functional as F

    images = torch.rand(20, 3, 9, 7, generator=generator(5))
    theta = torch.randn(20, 2, 3, generator=generator(6))
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(_resample(images, theta), expected, atol=1e-5)


def test_grey_takes_the_colour_of_a_share_of_the_images():
    images = torch.rand(400, 3, 2, 2, generator=generator(4))
    views = augment(images, Augment(gray=0.2), generator())
    grey = (views[:, 0] == views[:, 1]).all(dim=(1, 2))
    assert 50 < grey.sum() < 110


def test_augmentation_preset_follows_the_images():
    assert augmentation_for(8, 1) == "light"
    assert augmentation_for(28, 1) == "light"
    assert augmentation_for(32, 3) == "natural"


@pytest.mark.parametrize("name", ["cuda:77", "quantum", "cpu:x", "meta", "hpu", "privateuseone"])
def test_no_such_device(name):
    with pytest.raises(RankconError) as caught:
        pick_device(name)
    assert "device" in caught.value.message and caught.value.hint


def test_defaults_are_a_valid_configuration_but_for_what_only_the_user_knows():
    assert TrainConfig(ranking="digits", data=resolve({"data.spec": "digits", "ranking": "digits"}).data)
