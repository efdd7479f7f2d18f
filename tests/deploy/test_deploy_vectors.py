import builtins
import importlib.util

import numpy as np
import pytest
from small_run import NAMES, write_digits

from rankcon_cli.data import DataOptions
from rankcon_cli.deploy import vectors
from rankcon_cli.deploy.stream import embed_files
from rankcon_cli.deploy.vectors import (
    Rows,
    Wanted,
    check_out,
    file_rows,
    image_rows,
    images_to_embed,
    write_vectors,
)
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.embeddings import Embedder

HOSTILE = ["a.png", "caf\udce9.png", "two\nlines.png", "👩‍🚀‮.png", "<script>", "x" * 1000]


def rows(sizes=(2, 1, 3), width=4, labels=True):
    """Batches of the given sizes with hostile names, and labels that go round three classes."""
    start = 0
    for size in sizes:
        values = np.arange(start * width, (start + size) * width, dtype=np.float32).reshape(size, width)
        names = [HOSTILE[i % len(HOSTILE)] for i in range(start, start + size)]
        yield Rows(values, names, np.arange(start, start + size) % 3 if labels else None)
        start += size


MATRIX = np.arange(24, dtype=np.float32).reshape(6, 4)
CLASSES = ("cat", "a,b\n[bold]", "caf\udce9")


def test_npy_is_the_matrix_alone(tmp_path):
    assert write_vectors(tmp_path / "x.npy", rows()) == 6
    found = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, MATRIX)


@pytest.mark.parametrize("count", [1, 9, 10, 1000, 12_345])
def test_npy_holds_any_number_of_rows(tmp_path, count):
    parts = (
        Rows(np.full((n, 3), n, np.float32), ["x"] * n) for n in (min(100, count - i) for i in range(0, count, 100))
    )
    assert write_vectors(tmp_path / "x.npy", parts) == count
    assert np.load(tmp_path / "x.npy").shape == (count, 3)


def test_npz_holds_names_labels_and_classes_without_objects(tmp_path):
    assert write_vectors(tmp_path / "x.npz", rows(), CLASSES) == 6
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert sorted(found) == ["classes", "labels", "names", "vectors"]
        np.testing.assert_array_equal(found["vectors"], MATRIX)
        assert found["names"].tolist() == HOSTILE
        assert found["labels"].tolist() == [0, 1, 2, 0, 1, 2]
        assert found["classes"].tolist() == list(CLASSES)


def test_npz_of_files_has_no_labels(tmp_path):
    write_vectors(tmp_path / "x.npz", rows(labels=False))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert sorted(found) == ["names", "vectors"]


@pytest.mark.parametrize("group", [1, 3, 100])
def test_parquet_holds_the_same_in_columns(tmp_path, monkeypatch, group):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    monkeypatch.setattr(vectors, "_ROW_GROUP", group)
    assert write_vectors(tmp_path / "x.parquet", rows(), CLASSES) == 6
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["name", "label", "class", "vector"]
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[4]"
    np.testing.assert_array_equal(np.stack(table["vector"].to_numpy()), MATRIX)
    assert table["name"].to_pylist() == [name.replace("\udce9", "\\udce9") for name in HOSTILE]
    assert table["class"].to_pylist() == ["cat", "a,b\n[bold]", "caf\\udce9"] * 2
    write_vectors(tmp_path / "files.parquet", rows(labels=False))
    assert parquet.read_table(tmp_path / "files.parquet").column_names == ["name", "vector"]


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet"])
def test_what_fails_half_way_leaves_what_stood_there(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / name).write_text("earlier")

    def failing():
        yield from rows((2, 2))
        raise RankconError("the device is gone")

    with pytest.raises(RankconError, match="the device is gone"):
        write_vectors(tmp_path / name, failing())
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "earlier"


def test_no_image_at_all_writes_nothing(tmp_path):
    with pytest.raises(RankconError, match="not one image"):
        write_vectors(tmp_path / "x.npy", iter(()))
    assert list(tmp_path.iterdir()) == []


def test_names_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rankcon_cli.data.memory.machine_memory", lambda: 20_000)
    with pytest.raises(RankconError, match="each with room for the longest"):
        write_vectors(tmp_path / "x.npz", rows())
    assert list(tmp_path.iterdir()) == []


def test_where_vectors_may_be_written(tmp_path, monkeypatch):
    (tmp_path / "x.npy").touch()
    with pytest.raises(UsageError, match="exists already"):
        check_out(tmp_path / "x.npy", force=False)
    check_out(tmp_path / "x.npy", force=True)
    check_out(tmp_path / "new.NPZ", force=False)
    with pytest.raises(UsageError, match=r"\.npy, \.npz, \.parquet, not 'x\.csv'"):
        check_out(tmp_path / "x.csv", force=False)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(UsageError, match="no regular file"):
        check_out(tmp_path / "folder.npy", force=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RankconError, match="pyarrow") as caught:
        check_out(tmp_path / "x.parquet", force=False)
    assert "pip install pyarrow" in caught.value.hint


def test_pyarrow_is_not_needed_for_the_others(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in ("x.npy", "x.npz"):
        assert write_vectors(tmp_path / name, rows()) == 6


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("projection"), Wanted(unit=True)])
def test_vectors_of_files_are_those_of_the_network(small_run, tmp_path, wanted):
    paths = write_digits(tmp_path, 10)
    (tmp_path / "empty.png").touch()
    named = [*paths[:4], str(tmp_path / "empty.png"), *paths[4:]]
    embedder, broken = Embedder(small_run, "cpu"), []
    batches = embed_files(embedder, named, 3)
    found = list(file_rows(batches, wanted, lambda *one: broken.append(one)))
    assert broken == [(str(tmp_path / "empty.png"), "empty file")]
    assert [name for part in found for name in part.names] == paths
    whole = [part.embeddings for part in embed_files(embedder, paths, 100)]
    expected = np.concatenate([wanted.of(part) for part in whole])
    got = np.concatenate([part.vectors for part in found])
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert got.dtype == np.float32
    if wanted.unit:
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)


def test_a_data_set_is_embedded_whole_with_labels_of_any_classes(small_run):
    embedder = Embedder(small_run, "cpu")
    images = images_to_embed(small_run, "digits#test", DataOptions())
    assert len(images.classes) == 10
    found = list(image_rows(embedder, images, Wanted(), lambda *_: None, 100))
    assert np.concatenate([part.labels for part in found]).tolist() == images.labels.tolist()
    assert [name for part in found for name in part.names] == list(images.names)
    got = np.concatenate([part.vectors for part in found])
    np.testing.assert_allclose(got, embedder.embed(images).encoder.numpy(), atol=1e-4)


def test_unnamed_data_takes_the_run_s_names_only_where_it_is_the_run_s_own(tmp_path, small_run):
    own = images_to_embed(small_run, small_run.config.data.spec, DataOptions())
    assert own.classes == NAMES
    with np.load(small_run.config.data.spec.removeprefix("npz:")) as archive:
        np.savez(tmp_path / "x.npz", train_images=archive["train_images"], train_labels=archive["train_labels"])
    other = images_to_embed(small_run, f"npz:{tmp_path / 'x.npz'}", DataOptions())
    assert other.classes == ("0", "1", "2", "3", "4")


def test_a_projection_that_the_run_has_not_is_refused(small_run, monkeypatch):
    Wanted("projection").require(small_run)
    monkeypatch.setattr(
        type(small_run), "untrained_network", lambda self: __import__("types").SimpleNamespace(projection=None)
    )
    with pytest.raises(RankconError, match="has no projection"):
        Wanted("projection").require(small_run)
    Wanted("encoder").require(small_run)
