"""Embeddings as a file of vectors: npy, npz or Parquet, written as they come."""

import importlib.util
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from rankcon_cli.data import DataOptions, ImageSet, load_images
from rankcon_cli.data.memory import check_memory
from rankcon_cli.data.spec import absolute_spec, without_split
from rankcon_cli.deploy.stream import Embedded, embed_pixels, finite_rows
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.classify import unit
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings
from rankcon_cli.files import replacing
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.images import named
from rankcon_cli.training.run_directory import Run

_ROW_GROUP = 2**14  # rows a row group of Parquet


@dataclass(frozen=True)
class Rows:
    """n vectors [n, D], float32, the name of each, and for a data set its label (int64 [n])."""

    vectors: np.ndarray
    names: Sequence[str]
    labels: np.ndarray | None = None


@dataclass(frozen=True)
class Wanted:
    """feature: ``"encoder"`` or ``"projection"``; unit: at unit length, as the measures and scores by cosine take them."""

    feature: str = "encoder"
    unit: bool = False

    def of(self, embeddings: Embeddings) -> np.ndarray:
        """The vectors, float32 [n, D]."""
        found = embeddings.features()[self.feature]
        return (unit(found) if self.unit else found).cpu().numpy()

    def require(self, run: Run) -> None:
        """RankconError where ``run`` has not that feature."""
        if self.feature == "projection" and run.untrained_network().projection is None:
            raise RankconError(f"{run.path} has no projection", hint="its vectors are those of --feature encoder")


def images_to_embed(run: Run, spec: str, options: DataOptions, progress: Progress = silent) -> ImageSet:
    """All images of ``spec``, or of the split that it names, at the run's size and channels, of any classes or none.

    Classes without names take those of the run's ranking where these are the run's own data.
    """
    size, channels = run.image_size, run.channels
    images = load_images(spec, "all", options, size=size, channels=channels, progress=progress, unlabeled_ok=True)
    own = absolute_spec(without_split(spec)) == without_split(run.config.data.spec)
    return named(images, run.ranking.classes, fewer_ok=True) if own and run.ranking else images


def file_rows(batches: Iterable[Embedded], wanted: Wanted, on_broken: Callable[[str, str], None]) -> Iterator[Rows]:
    """The vectors of image files that were embedded; ``on_broken`` hears the name and the reason of each that was not."""
    for batch in batches:
        for i, reason in batch.errors.items():
            on_broken(batch.names[i], reason)
        if batch.embeddings is not None:
            yield Rows(wanted.of(batch.embeddings), [batch.names[i] for i in batch.good()])


def image_rows(
    embedder: Embedder,
    images: ImageSet,
    wanted: Wanted,
    on_broken: Callable[[str, str], None],
    batch_size: int,
    progress: Progress = silent,
) -> Iterator[Rows]:
    """The vectors of a data set, with its labels; an image whose embedding is not finite is a broken one."""
    starts = range(0, len(images), batch_size)
    for start in progress(starts, "embedding", len(starts)):
        rows = np.arange(start, min(start + batch_size, len(images)))
        found = embed_pixels(embedder, images.images[rows])
        finite = finite_rows(found)
        for i in rows[~finite]:
            on_broken(images.names[i], "its embedding is not finite")
        kept = rows[finite]
        if len(kept):
            vectors = wanted.of(found.select(np.flatnonzero(finite)))
            yield Rows(vectors, [images.names[i] for i in kept], images.labels[kept])


def check_out(out: Path, *, force: bool) -> None:
    """UsageError where vectors may not be written to ``out``: no known ending, something stands there and no ``force``;
    RankconError where the format needs a package that is not installed."""
    if out.suffix.lower() not in WRITERS:
        raise UsageError(f"vectors are written as {', '.join(WRITERS)}, not {out.name!r}")
    if os.path.exists(out) and not os.path.isfile(out):
        raise UsageError(f"{out} is no regular file", hint="vectors are binary: name a file with --out")
    if os.path.lexists(out) and not force:
        raise UsageError(f"{out} exists already", hint="--force replaces it")
    if out.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise RankconError(
            "writing Parquet needs the package pyarrow, which is not installed",
            hint="pip install pyarrow, or write .npz, which holds the same",
        )


def write_vectors(out: Path, rows: Iterable[Rows], classes: Sequence[str] | None = None) -> int:
    """Write ``rows`` to ``out`` in the format that its ending names, all or nothing; the number of vectors.

    Memory: one batch for npy, ``_ROW_GROUP`` rows for Parquet, and for npz the names and labels of all rows.

    Args:
        classes: the names of the labels, for a data set.

    Raises:
        RankconError: there is no row, or the file cannot be written.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise RankconError(f"{out} was not written: there is not one image that has a vector")
    with replacing(Path(os.path.realpath(out))) as temporary:
        return WRITERS[out.suffix.lower()](temporary, _joined(first, rows), classes)


def _joined(first: Rows, others: Iterator[Rows]) -> Iterator[Rows]:
    yield first
    yield from others


def _write_npy(path: Path, rows: Iterable[Rows], classes: Sequence[str] | None) -> int:
    """The matrix alone, float32 [N, D]."""
    with open(path, "wb") as stream:
        return _write_matrix(stream, (part.vectors for part in rows))


def _write_matrix(stream: BinaryIO, parts: Iterable[np.ndarray]) -> int:
    """float32 [n, D] each, one below the other, as one npy array; how many rows there are is told at the end."""
    count = width = 0
    for part in parts:
        if not count:
            width = part.shape[1]
            _write_header(stream, 0, width)
        stream.write(np.ascontiguousarray(part, dtype="<f4").data)
        count += len(part)
    stream.seek(0)
    _write_header(stream, count, width)
    stream.seek(0, os.SEEK_END)
    return count


def _write_header(stream: BinaryIO, count: int, width: int) -> None:
    # NumPy pads it so that any number of rows fits: "to allow for the growth of the first axis".
    shape = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    npy_format.write_array_header_1_0(stream, shape)


def _write_npz(path: Path, rows: Iterable[Rows], classes: Sequence[str] | None) -> int:
    """``vectors``, ``names`` and, of a data set, ``labels`` and ``classes``; text as fixed-width unicode, no objects."""
    names: list[str] = []
    labels: list[np.ndarray] = []

    def vectors() -> Iterator[np.ndarray]:
        for part in rows:
            names.extend(part.names)
            if part.labels is not None:
                labels.append(part.labels)
            yield part.vectors

    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with tempfile.TemporaryFile(dir=path.parent) as matrix:
            count = _write_matrix(matrix, vectors())
            matrix.seek(0)
            with archive.open("vectors.npy", "w", force_zip64=True) as member:
                shutil.copyfileobj(matrix, member, 2**20)
        _add_array(archive, "names", _text(names))
        if labels:
            _add_array(archive, "labels", np.concatenate(labels))
            _add_array(archive, "classes", _text(classes or ()))
    return count


def _text(names: Sequence[str]) -> np.ndarray:
    longest = max(map(len, names), default=1)
    check_memory(
        4 * longest * len(names),
        f"{len(names):,} names as NumPy keeps them, each with room for the longest ({longest:,} letters),",
        hint="write .parquet instead",
    )
    return np.array(names, dtype=f"U{max(longest, 1)}")


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED  # fixed width is mostly padding
    with archive.open(entry, "w", force_zip64=True) as member:
        npy_format.write_array(member, array, allow_pickle=False)


def _write_parquet(path: Path, rows: Iterable[Rows], classes: Sequence[str] | None) -> int:
    """Columns ``name``, of a data set ``label`` and ``class``, and ``vector``, a list of fixed size."""
    import pyarrow as pa
    from pyarrow import parquet

    writer, count = None, 0
    try:
        for part in _grouped(rows, _ROW_GROUP):
            width = part.vectors.shape[1]
            columns = {"name": pa.array(map(_encodable, part.names), pa.string())}
            if part.labels is not None:
                columns["label"] = pa.array(part.labels, pa.int64())
                columns["class"] = pa.array([_encodable(classes[label]) for label in part.labels], pa.string())
            flat = np.ascontiguousarray(part.vectors, dtype=np.float32).reshape(-1)
            columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), width)
            table = pa.table(columns)
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            count += len(table)
    finally:
        if writer is not None:
            writer.close()
    return count


def _grouped(rows: Iterable[Rows], most: int) -> Iterator[Rows]:
    """``rows`` joined until there are ``most`` of them or more."""
    held: list[Rows] = []
    for part in rows:
        held.append(part)
        if sum(len(one.names) for one in held) >= most:
            yield _stacked(held)
            held = []
    if held:
        yield _stacked(held)


def _stacked(parts: Sequence[Rows]) -> Rows:
    labels = None if parts[0].labels is None else np.concatenate([part.labels for part in parts])
    return Rows(np.concatenate([part.vectors for part in parts]), [n for part in parts for n in part.names], labels)


def _encodable(name: str) -> str:
    """Bytes of a file name that are no UTF-8 as escapes: Parquet has no other text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


#: Ending -> (path, rows, class names) -> number of vectors written.
WRITERS: dict[str, Callable[[Path, Iterable[Rows], Sequence[str] | None], int]] = {
    ".npy": _write_npy,
    ".npz": _write_npz,
    ".parquet": _write_parquet,
}
