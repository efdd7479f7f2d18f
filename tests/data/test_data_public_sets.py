"""digits, and torchvision's readers on small files in their own formats."""

import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from rankcon_cli.data import DataOptions, load_images, own_splits, public_sets, read_classes
from rankcon_cli.errors import RankconError


def test_digits_are_split_by_writer(load):
    from sklearn.datasets import load_digits

    raw = load_digits()
    train, test = load("digits", "train"), load("digits", "test")
    assert (len(train), len(test)) == (1074, 723)
    assert train.classes == tuple("0123456789")
    assert train.images.shape[1:] == (1, 8, 8)
    assert train.has_own_split
    sevens = raw.images[raw.target == 7]
    border = int(0.6 * len(sevens))
    scaled = np.rint(sevens / 16 * 255).astype(np.uint8)
    assert (train.images[train.labels == 7, 0] == scaled[:border]).all()
    assert (test.images[test.labels == 7, 0] == scaled[border:]).all()
    assert len(load("digits", "all")) == 1797
    assert load("digits#test", "train").names == test.names


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def mnist(tmp_path):
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 5), ("t10k", 3)):
        x = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        y = np.arange(count, dtype=np.uint8)
        write_idx(tmp_path / f"MNIST/raw/{split}-images-idx3-ubyte", x)
        write_idx(tmp_path / f"MNIST/raw/{split}-labels-idx1-ubyte", y)
        arrays[split] = x, y
    return arrays


def test_mnist_from_its_own_files(tmp_path, mnist):
    data = load_images("mnist", "test", DataOptions(data_dir=tmp_path))
    assert (data.images[:, 0] == mnist["t10k"][0]).all()
    assert data.labels.tolist() == [0, 1, 2]
    assert data.classes == tuple("0123456789")
    assert data.names == ("test/0", "test/1", "test/2")
    assert load_images("mnist", "all", DataOptions(data_dir=tmp_path)).labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]


def test_the_data_directory_from_the_environment(tmp_path, mnist, monkeypatch):
    monkeypatch.setenv("RANKCON_DATA", str(tmp_path))
    assert len(load_images("mnist", "train", DataOptions())) == 5


def test_a_damaged_set_is_an_error(tmp_path, mnist):
    path = tmp_path / "MNIST/raw/t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(RankconError, match=r"mnist is not in the folder .*or is damaged"):
        load_images("mnist", "test", DataOptions(data_dir=tmp_path))


@pytest.mark.parametrize("name", public_sets.PUBLIC_SETS)
def test_a_missing_set_says_which_flags_help(tmp_path, name):
    with pytest.raises(RankconError, match=f"{name} is not in the folder {tmp_path}") as error:
        load_images(name, "train", DataOptions(data_dir=tmp_path))
    assert "--data-dir" in error.value.hint
    assert "--download" in error.value.hint


def test_a_failed_download_is_an_error(tmp_path, monkeypatch):
    import torchvision.datasets

    def refuse(root, train, download):
        assert download
        print("Downloading")
        raise ConnectionRefusedError("no network")

    monkeypatch.setattr(torchvision.datasets, "MNIST", refuse)
    with pytest.raises(RankconError, match=r"cannot fetch or read mnist.*no network"):
        load_images("mnist", "train", DataOptions(data_dir=tmp_path, download=True))


def test_known_names_need_no_data(tmp_path):
    options = DataOptions(data_dir=tmp_path)
    assert read_classes("cifar10", options).names[-1] == "truck"
    assert len(set(read_classes("cifar100", options).names)) == 100
    assert own_splits("svhn", options) == ("train", "test")


def test_cifar10_colours_and_order(tmp_path, monkeypatch):
    import torchvision.datasets

    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps({"data": pixels.reshape(2, -1), "labels": [9, 3]}))
    (folder / "batches.meta").write_bytes(
        pickle.dumps({"label_names": list(read_classes("cifar10", DataOptions()).names)})
    )
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *arguments: True)
    data = load_images("cifar10", "test", DataOptions(data_dir=tmp_path))
    assert (data.images == pixels).all()
    assert data.labels.tolist() == [9, 3]


def test_svhn_puts_channels_first(tmp_path, monkeypatch):
    import torchvision.datasets
    from scipy.io import savemat

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    savemat(tmp_path / "train_32x32.mat", {"X": pixels, "y": np.array([[10], [1], [2], [9]], dtype=np.uint8)})
    monkeypatch.setattr(torchvision.datasets.SVHN, "_check_integrity", lambda self: True)
    data = load_images("svhn", "train", DataOptions(data_dir=tmp_path))
    assert (data.images == pixels.transpose(3, 2, 0, 1)).all()
    assert data.labels.tolist() == [0, 1, 2, 9]


def test_dtd_is_read_from_its_files(tmp_path, save):
    for split, image in (("train", "dotted/d1.jpg"), ("val", "woven/w1.jpg"), ("test", "woven/w2.jpg")):
        save(tmp_path / "dtd/dtd/images" / image, np.full((40, 50, 3), 90, dtype=np.uint8))
        labels = tmp_path / f"dtd/dtd/labels/{split}1.txt"
        labels.parent.mkdir(exist_ok=True)
        labels.write_text(f"{image}\nwoven/w2.jpg\ndotted/d1.jpg\n")
    options = DataOptions(data_dir=tmp_path)
    assert read_classes("dtd", options).names == ("dotted", "woven")
    data = load_images("dtd", "val", options)
    assert data.names == tuple(f"dtd/dtd/images/{name}" for name in ("woven/w1.jpg", "woven/w2.jpg", "dotted/d1.jpg"))
    assert data.labels.tolist() == [1, 1, 0]
    assert data.images.shape == (3, 3, 32, 32)


def test_gtsrb_has_numbers_for_names_and_broken_files_are_found(tmp_path, save):
    for name in ("00000/a.ppm", "00001/b.ppm"):
        save(tmp_path / "gtsrb/GTSRB/Training" / name, Image.new("RGB", (30, 31)))
    save(tmp_path / "gtsrb/GTSRB/Training/00001/c.ppm", b"P6")
    options = DataOptions(data_dir=tmp_path, skip_broken=True)
    data = load_images("gtsrb", "train", options)
    assert (data.classes, data.named) == (("0", "1"), False)
    assert [image.name for image in data.skipped] == ["gtsrb/GTSRB/Training/00001/c.ppm"]


def test_eurosat_has_no_splits(tmp_path, save):
    save(tmp_path / "eurosat/2750/River/1.jpg")
    save(tmp_path / "eurosat/2750/Forest/1.jpg")
    data = load_images("eurosat", "test", DataOptions(data_dir=tmp_path))
    assert (data.classes, data.has_own_split, len(data)) == (("Forest", "River"), False, 2)
