"""``npz:``: the MedMNIST layout, and every way in which an archive can miss it."""

import numpy as np
import pytest

from rankcon_cli.data import DataOptions, own_splits, read_classes
from rankcon_cli.errors import RankconError

GREY = np.arange(6 * 5 * 5, dtype=np.uint8).reshape(6, 5, 5)
COLOUR = np.arange(4 * 5 * 5 * 3, dtype=np.uint16).reshape(4, 5, 5, 3).astype(np.uint8)
NAMES = np.array(["ape", "bee", "cat"])


@pytest.fixture
def archive(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return f"npz:{tmp_path / 'set.npz'}"

    return write


def test_medmnist_layout(archive, load):
    spec = archive(
        train_images=GREY,
        train_labels=np.array([[0], [1], [2], [0], [1], [2]], dtype=np.uint8),
        val_images=GREY[:2],
        val_labels=np.array([[2], [1]]),
        test_images=GREY[:1],
        test_labels=np.array([[1]]),
    )
    assert own_splits(spec, DataOptions()) == ("train", "val", "test")
    train = load(spec)
    assert (train.images == GREY[:, None]).all()
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert train.labels.dtype == np.int64
    assert (train.classes, train.named) == (("0", "1", "2"), False)
    assert load(spec, "val").labels.tolist() == [2, 1]
    assert load(spec, "all").names[5:8] == ("train/5", "val/0", "val/1")


def test_colour_names_and_sizes(archive, load):
    spec = archive(train_images=COLOUR, train_labels=np.array([2, 0, 0, 2]), class_names=NAMES)
    assert read_classes(spec, DataOptions()).names == ("ape", "bee", "cat")
    assert (load(spec).images == COLOUR.transpose(0, 3, 1, 2)).all()
    grey = load(spec, channels=1).images
    assert np.abs(grey[:, 0] - COLOUR @ [0.299, 0.587, 0.114]).max() <= 1
    assert load(spec, size=16, channels=1).images.shape == (4, 1, 16, 16)
    with pytest.raises(RankconError, match="has no test split; it has train") as error:
        load(spec, "test")
    assert "#train" in error.value.hint


def test_grey_becomes_three_equal_channels(archive, load):
    spec = archive(train_images=GREY[..., None], train_labels=np.arange(6))
    images = load(spec, channels=3).images
    assert (images == GREY[:, None]).all()
    larger = load(spec, size=9, channels=3).images
    assert (larger == larger[:, :1]).all()


def test_sixteen_bits_are_scaled(archive, load):
    spec = archive(test_images=GREY.astype(np.uint16) * 257, test_labels=np.arange(6))
    assert (load(spec, "test").images == GREY[:, None]).all()


def test_names_as_bytes(archive):
    spec = archive(train_images=GREY, train_labels=np.arange(6) % 2, class_names=np.array([b"ape", b"bee"]))
    assert read_classes(spec, DataOptions()).names == ("ape", "bee")


def test_images_without_labels_are_one_class_where_allowed(archive, load):
    spec = archive(test_images=GREY)
    with pytest.raises(RankconError, match="no test_labels"):
        load(spec, "test")
    data = load(spec, "test", unlabeled_ok=True)
    assert (data.classes, set(data.labels.tolist())) == (("set",), {0})


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"images": GREY}, "no train_images and no test_images .it has: images"),
        ({"train_images": GREY / 255, "train_labels": np.arange(6)}, "is float64; images are uint8"),
        ({"train_images": GREY > 3, "train_labels": np.arange(6)}, "is bool; images are uint8"),
        ({"train_images": GREY[:, None], "train_labels": np.arange(6)}, r"has the shape \[6, 1, 5, 5\]"),
        ({"train_images": GREY[0], "train_labels": np.arange(6)}, r"has the shape \[5, 5\]"),
        ({"train_images": GREY[:0], "train_labels": np.arange(0)}, "holds no images"),
        ({"train_images": GREY.astype(object), "train_labels": np.arange(6)}, "train_images .*Python objects"),
        ({"train_images": GREY, "train_labels": np.arange(6).astype(object)}, "train_labels .*Python objects"),
        ({"train_images": GREY, "train_labels": np.arange(5)}, r"6 train_images but train_labels is \[5\]"),
        ({"train_images": GREY, "train_labels": np.arange(6.0)}, "is float64; labels are integers"),
        ({"train_images": GREY, "train_labels": np.arange(6) - 1}, "holds -1"),
        ({"train_images": GREY, "train_labels": np.zeros((6, 14), int)}, "several labels an image"),
        ({"train_images": GREY, "train_labels": np.arange(6) * 10**9}, "go up to 5,000,000,000"),
        ({"train_images": GREY, "train_labels": np.arange(6), "class_names": NAMES}, "3 class_names but a label 5"),
        ({"train_images": GREY, "train_labels": np.arange(6), "class_names": np.arange(6)}, "must be strings"),
        ({"train_images": GREY, "train_labels": np.zeros(6, int), "class_names": NAMES[[0, 0]]}, "twice: ape"),
    ],
)
def test_errors_of_archives(archive, load, arrays, message):
    with pytest.raises(RankconError, match=message):
        load(archive(**arrays))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_an_archive_cut_short(archive, load, tmp_path, share):
    spec = archive(train_images=GREY, train_labels=np.arange(6))
    data = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "set.npz").write_bytes(data[: int(share * len(data))])
    with pytest.raises(RankconError, match="no whole npz archive"):
        load(spec)


def test_a_missing_archive(load, tmp_path):
    with pytest.raises(RankconError, match="there is no file"):
        load(f"npz:{tmp_path}/none.npz")


def test_a_claimed_size_beyond_memory_is_refused(archive, load, monkeypatch):
    from rankcon_cli.data import memory

    monkeypatch.setattr(memory, "machine_memory", lambda: 280)
    with pytest.raises(RankconError, match=r"train_images in .* would take"):
        load(archive(train_images=GREY, train_labels=np.arange(6)))
