"""Selecting, relabelling, fingerprints and the validation split."""

import dataclasses

import numpy as np
import pytest

from rankcon_cli.data import ImageSet, fingerprint, keep_classes, pixel_hashes, split_validation
from rankcon_cli.errors import RankconError


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    labels = np.array([0, 1, 2, 0, 1, 2])
    return ImageSet("x", "train", pixels, labels, ("ape", "bee", "cat"), True, tuple("abcdef"))


def test_select(images):
    chosen = images.select(np.array([4, 0]))
    assert (chosen.names, chosen.labels.tolist()) == (("e", "a"), [1, 0])
    assert (chosen.images == images.images[[4, 0]]).all()
    assert images.select(images.labels == 2).names == ("c", "f")
    assert len(images.select(np.array([], dtype=int))) == 0


def test_keep_classes_relabels(images):
    kept = keep_classes(images, ["cat", "dog", "ape"])
    assert kept.classes == ("cat", "dog", "ape")
    assert kept.names == ("a", "c", "d", "f")
    assert kept.labels.tolist() == [2, 0, 2, 0]
    assert (kept.images == images.images[[0, 2, 3, 5]]).all()
    assert [kept.classes[i] for i in kept.labels] == ["ape", "cat", "ape", "cat"]
    with pytest.raises(RankconError, match="twice: cat"):
        keep_classes(images, ["cat", "cat"])


def test_keeping_all_classes_in_another_order(images):
    kept = keep_classes(images, ("cat", "bee", "ape"))
    assert kept.names == images.names
    assert kept.labels.tolist() == [2, 1, 0, 2, 1, 0]


def test_the_fingerprint_sees_pixels_labels_shape_and_classes_alone(images):
    base = fingerprint(images)
    changed = images.images.copy()
    changed[3, 0, 2, 1] ^= 1
    others = [
        dataclasses.replace(images, images=changed),
        dataclasses.replace(images, images=images.images.reshape(6, 1, 2, 8)),
        dataclasses.replace(images, labels=images.labels[::-1]),
        dataclasses.replace(images, classes=("ape", "bee", "dog")),
    ]
    assert len({base, *map(fingerprint, others)}) == 5
    assert fingerprint(dataclasses.replace(images, spec="y", names=tuple("uvwxyz"))) == base


def test_pixel_hashes_find_shared_images(images):
    reference = [image.tobytes() for image in images.images]
    other = images.select(np.array([5, 2, 2]))
    assert np.isin(pixel_hashes(images), pixel_hashes(other)).tolist() == [
        image in [o.tobytes() for o in other.images] for image in reference
    ]


@pytest.mark.parametrize("counts", [[10, 20, 30], [1, 1, 50], [7, 3, 4, 9, 2], [4] * 25])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_validation_is_stratified(counts, fraction):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    train, validation = split_validation(labels, fraction, seed=3)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    taken = np.bincount(labels[validation], minlength=len(counts))
    for count, took in zip(counts, taken, strict=True):
        assert took <= count - 1
        assert took <= np.ceil(fraction * count - 1e-9)
        assert took >= min(np.floor(fraction * count + 1e-9), count - 1)
    if min(counts) > 2 and fraction <= 0.5:
        assert abs(taken.sum() - fraction * len(labels)) <= 1


def test_validation_depends_on_the_seed_alone():
    labels = np.repeat(np.arange(3), 20)
    first, again, other = (split_validation(labels, 0.2, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_an_impossible_fraction(fraction):
    with pytest.raises(RankconError, match="validation fraction"):
        split_validation(np.zeros(4, dtype=int), fraction, seed=0)


def test_no_images_give_no_split():
    train, validation = split_validation(np.empty(0, dtype=int), 0.5, seed=0)
    assert len(train) == len(validation) == 0
