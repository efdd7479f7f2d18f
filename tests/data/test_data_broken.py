"""Broken images are named and counted, and stop the load unless they may be skipped."""

import os

import numpy as np
import pytest

from rankcon_cli.data import DataOptions, decode, load_images, memory
from rankcon_cli.errors import RankconError


@pytest.fixture
def half_broken(tmp_path, save):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = save(tmp_path / "set/a/0-whole.jpg", noise).read_bytes()
    save(tmp_path / "set/a/1-cut.jpg", whole[: len(whole) // 2])
    save(tmp_path / "set/a/2-empty.png", b"")
    save(tmp_path / "set/b/3-text.jpg", b"this is no photo")
    save(tmp_path / "set/b/4-whole.png", noise)
    os.symlink(tmp_path / "nowhere", tmp_path / "set/b/5-link.png")
    return tmp_path / "set"


def test_broken_images_stop_the_load(half_broken, load):
    with pytest.raises(RankconError) as error:
        load(f"folder:{half_broken}")
    assert "4 of 6 images" in error.value.message
    for name in ("a/1-cut.jpg", "a/2-empty.png (empty file)", "b/3-text.jpg (not an image of a known format)"):
        assert name in error.value.message
    assert "--skip-broken" in error.value.hint


def test_broken_images_are_left_out_on_request(half_broken, load, caplog):
    data = load(f"folder:{half_broken}", skip_broken=True)
    assert data.names == ("a/0-whole.jpg", "b/4-whole.png")
    assert data.labels.tolist() == [0, 1]
    assert data.images.shape == (2, 3, 64, 64)
    assert [image.name for image in data.skipped] == ["a/1-cut.jpg", "a/2-empty.png", "b/3-text.jpg", "b/5-link.png"]
    assert all(image.reason for image in data.skipped)
    assert "4 of 6 images" in caplog.text


def test_broken_images_of_joined_splits_keep_their_names(tmp_path, save, load):
    for name, content in (("train/a/1.png", 1), ("train/a/2.png", 2), ("test/a/3.png", b""), ("test/a/4.png", 4)):
        save(tmp_path / name, content)
    data = load(f"folder:{tmp_path}", "all", skip_broken=True)
    assert data.names == ("train/a/1.png", "train/a/2.png", "test/a/4.png")
    assert data.images[:, 0, 0, 0].tolist() == [1, 2, 4]
    assert [image.name for image in data.skipped] == ["test/a/3.png"]


def test_nothing_but_broken_images_is_an_error_even_so(tmp_path, save, load):
    save(tmp_path / "a/1.jpg", b"")
    save(tmp_path / "b/1.jpg", b"?")
    with pytest.raises(RankconError, match="2 of 2 images"):
        load(f"folder:{tmp_path}", skip_broken=True)


def test_a_long_list_is_cut(tmp_path, save, load):
    save(tmp_path / "a/whole.png")
    for i in range(8):
        save(tmp_path / f"b/{i}.jpg", b"")
    with pytest.raises(RankconError, match=r"8 of 9 .*b/4\.jpg \(empty file\); and 3 more"):
        load(f"folder:{tmp_path}")


def test_a_decompression_bomb_is_broken(tmp_path, save, load, monkeypatch):
    save(tmp_path / "a/1.png")
    save(tmp_path / "a/2.png", np.zeros((100, 100), dtype=np.uint8))
    monkeypatch.setattr(decode.Image, "MAX_IMAGE_PIXELS", 2000)
    assert "bomb" in load(f"folder:{tmp_path}", skip_broken=True).skipped[0].reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path, save, load):
    save(tmp_path / "a/1.png")
    os.mkfifo(tmp_path / "a/2.png")
    assert load(f"folder:{tmp_path}", skip_broken=True).skipped[0].reason == "not a regular file"


def test_more_than_memory_is_refused_before_it_is_read(tmp_path, save, load, monkeypatch):
    save(tmp_path / "a/1.png")
    monkeypatch.setattr(memory, "machine_memory", lambda: 1000)
    with pytest.raises(RankconError, match="would take") as error:
        load(f"folder:{tmp_path}", size=32)
    assert "--image-size 16" in error.value.hint
    assert len(load(f"folder:{tmp_path}", size=8)) == 1


def test_a_container_limit_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", limit)
    without = memory.machine_memory()
    limit.write_text("4096\n")
    assert memory.machine_memory() == 4096
    limit.write_text("max\n")
    assert memory.machine_memory() == without


def test_progress_sees_every_chunk(tmp_path, save):
    for i in range(130):
        save(tmp_path / f"a/{i:03}.png", i)
    seen = []

    def progress(items, description, total=None):
        for item in items:
            seen.append((description, total))
            yield item

    data = load_images(f"folder:{tmp_path}", "train", DataOptions(), progress=progress)
    assert data.images[:, 0, 0, 0].tolist() == list(range(130))
    assert seen == [("reading headers", 3)] * 3 + [("reading images", 3)] * 3
