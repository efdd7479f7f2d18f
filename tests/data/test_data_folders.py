"""``folder:`` and ``tree:``: classes, splits, order, and folders that are not as they should be."""

import os

import pytest

from rankcon_cli.data import DataOptions, own_splits, read_classes
from rankcon_cli.errors import RankconError


def classes(spec):
    return read_classes(spec, DataOptions()).names


def test_each_top_level_folder_is_a_class(tmp_path, save, load):
    for name in ("zebra/2.png", "zebra/10.png", "ape/deep/er/x.PNG", "ape/a.png"):
        save(tmp_path / name)
    for name in (
        "zebra/Thumbs.db",
        "zebra/notes.txt",
        ".DS_Store",
        ".git/x.png",
        "zebra/.hidden.png",
        "__MACOSX/y.png",
    ):
        save(tmp_path / name, b"no image")
    data = load(f"folder:{tmp_path}")
    assert data.classes == ("ape", "zebra")
    assert data.named
    assert data.names == ("ape/a.png", "ape/deep/er/x.PNG", "zebra/10.png", "zebra/2.png")
    assert data.labels.tolist() == [0, 0, 1, 1]
    assert not data.has_own_split
    assert own_splits(f"folder:{tmp_path}", DataOptions()) == ()


def test_images_of_a_class_are_in_order_of_their_paths(tmp_path, save, load):
    for name in ("c/z/1.png", "c/b/1.png", "c/m/2.png", "c/m/1.png", "c/9.png"):
        save(tmp_path / name)
    assert load(f"folder:{tmp_path}").names == ("c/9.png", "c/b/1.png", "c/m/1.png", "c/m/2.png", "c/z/1.png")


@pytest.mark.parametrize("kind", ["folder", "tree"])
def test_split_folders_are_splits(tmp_path, save, load, kind):
    for name in ("Training/ape/1.png", "Training/bee/1.png", "TEST/cat/2.png", "TEST/ape/1.png", "valid/ape/7.png"):
        save(tmp_path / name)
    spec = f"{kind}:{tmp_path}"
    assert own_splits(spec, DataOptions()) == ("train", "val", "test")
    test = load(spec, "test")
    assert test.classes == ("ape", "bee", "cat")  # of all splits, so that labels agree
    assert test.names == ("TEST/ape/1.png", "TEST/cat/2.png")
    assert test.labels.tolist() == [0, 2]
    assert test.has_own_split
    assert load(spec + "#val", "test").names == ("valid/ape/7.png",)
    assert len(load(spec, "all")) == 5


def test_validation_serves_as_test_where_there_is_no_test(tmp_path, save, load):
    save(tmp_path / "train/a/1.png")
    save(tmp_path / "val/a/2.png")
    assert own_splits(f"folder:{tmp_path}", DataOptions()) == ("train", "test")
    assert load(f"folder:{tmp_path}", "test").names == ("val/a/2.png",)
    with pytest.raises(RankconError, match="has no val split; it has train and test"):
        load(f"folder:{tmp_path}", "val")


def test_a_class_called_train_is_a_class(tmp_path, save):
    for name in ("train", "bus", "car"):
        save(tmp_path / name / "1.png")
    assert classes(f"folder:{tmp_path}") == ("bus", "car", "train")


@pytest.mark.parametrize("other", ["cat", "Train"])
def test_splits_beside_other_folders_are_refused(tmp_path, save, other):
    for name in ("train/a", "test/a", other):
        save(tmp_path / name / "1.png")
    if len(os.listdir(tmp_path)) < 3:
        pytest.skip("this file system does not tell Train from train")
    with pytest.raises(RankconError, match="classes are not clear"):
        classes(f"folder:{tmp_path}")


def test_tree_names_classes_by_folder_or_by_path_where_that_is_shared(tmp_path, save, load):
    for name in ("fruit/apple/red/1.png", "fruit/cherry/red/1.png", "fruit/pear/1.png", "fruit/pear/wild/1.png"):
        save(tmp_path / name)
    assert classes(f"tree:{tmp_path}") == ("fruit/apple/red", "fruit/cherry/red", "pear", "wild")
    assert load(f"tree:{tmp_path}").names[2] == "fruit/pear/1.png"


def test_images_beside_classes_and_empty_leaves_are_told(tmp_path, save, load, caplog):
    for name in ("a/1.png", "b/1.png", "cover.png"):
        save(tmp_path / name)
    (tmp_path / "annotations").mkdir()
    assert len(load(f"tree:{tmp_path}")) == 2
    assert "of no class and left out (1)" in caplog.text
    assert "no classes (1): annotations" in caplog.text


def test_errors_of_folders(tmp_path, save, load):
    with pytest.raises(RankconError, match="there is no folder"):
        load(f"folder:{tmp_path}/none")
    with pytest.raises(RankconError, match="no images in"):
        load(f"folder:{tmp_path}", unlabeled_ok=True)
    save(tmp_path / "cat/1.png")
    save(tmp_path / "dog/readme.txt", b"soon")
    with pytest.raises(RankconError, match=r"class folder .*dog holds no images"):
        load(f"folder:{tmp_path}")


def test_images_without_class_folders(tmp_path, save, load):
    save(tmp_path / "unknown/1.png")
    save(tmp_path / "unknown/2.png")
    with pytest.raises(RankconError, match="classes are unknown") as error:
        load(f"folder:{tmp_path}/unknown")
    assert "PATH/CLASS/image.jpg" in error.value.hint
    data = load(f"folder:{tmp_path}/unknown", unlabeled_ok=True)
    assert (data.classes, data.labels.tolist()) == (("unknown",), [0, 0])


@pytest.mark.parametrize("kind", ["folder", "tree"])
def test_links_are_followed_and_loops_end(tmp_path, save, load, kind):
    save(tmp_path / "elsewhere/cat/1.png")
    save(tmp_path / "set/dog/1.png")
    root = tmp_path / "set"
    os.symlink(tmp_path / "elsewhere/cat", root / "cat")
    os.symlink(root, root / "dog/up")
    os.symlink(root / "dog/self", root / "dog/self")
    data = load(f"{kind}:{root}")
    assert data.classes == ("cat", "dog")
    assert len(data) == 2


def test_odd_names_are_made_printable(tmp_path, save, load):
    save(tmp_path / "a\nb" / "\x1b[31m.png")
    save(tmp_path / "日本 🦊" / "é.png")
    raw = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(raw)
    os.rename(save(tmp_path / "x.png"), raw + b"/\xe9.png")
    data = load(f"folder:{tmp_path}")
    assert data.classes == ("\\udcff\\udcfe", "a\\nb", "日本 🦊")
    assert data.names == ("\\udcff\\udcfe/\\udce9.png", "a\\nb/\\x1b[31m.png", "日本 🦊/é.png")
    "".join(data.names + data.classes).encode("utf-8")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who can be refused")
def test_a_folder_without_permission_is_an_error(tmp_path, save, load):
    save(tmp_path / "cat/1.png")
    os.chmod(tmp_path / "cat", 0)
    try:
        with pytest.raises(RankconError, match="cannot list the folder"):
            load(f"folder:{tmp_path}")
    finally:
        os.chmod(tmp_path / "cat", 0o755)
