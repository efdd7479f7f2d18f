"""The larger real sets, where RANKCON_TEST_DATA names the folder that unpacks them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rankcon_cli.data import DataOptions, own_splits, pixel_hashes, read_classes


@pytest.fixture(scope="module")
def unpack(tmp_path_factory):
    place = os.environ.get("RANKCON_TEST_DATA")
    if not place:
        pytest.skip("RANKCON_TEST_DATA does not name a folder of real data")

    def run(name, *arguments):
        target = tmp_path_factory.mktemp(name)
        script = [sys.executable, Path(place) / "unpack.py", name, "--to", target, *arguments]
        return subprocess.run(script, check=True, capture_output=True, text=True).stdout.strip()

    return run


def test_fruits_as_tree_and_as_folder(unpack, load):
    place = unpack("fruits67")
    assert own_splits(f"tree:{place}", DataOptions()) == ("train", "test")
    tree = load(f"tree:{place}", "all", size=32)
    assert (len(tree), len(tree.classes)) == (670, 67)
    assert set(np.bincount(tree.labels)) == {10}
    assert read_classes(f"folder:{place}", DataOptions()).names == ("Apple", "Cherry", "Tomato")
    folder = load(f"folder:{place}", "train", size=32)
    train = load(f"tree:{place}", "train", size=32)
    assert sorted(folder.names) == sorted(train.names)
    held_out = set(tree.labels) - set(train.labels)
    assert len(held_out) == 18
    assert load(f"folder:{place}").images.shape == (490, 3, 100, 100)


def test_textures_as_archive_and_as_folders_are_the_same_pixels(unpack, load):
    archive = load(f"npz:{unpack('dtd10', '--per-class', '6')}", "test")
    folder = load(f"folder:{unpack('dtd10', '--per-class', '6', '--as', 'folder')}/test", "test")
    assert archive.classes == folder.classes
    assert archive.labels.tolist() == folder.labels.tolist()
    assert pixel_hashes(archive).tolist() == pixel_hashes(folder).tolist()
