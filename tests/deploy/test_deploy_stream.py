import itertools
import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import write_digits

from rankcon_cli.deploy import stream
from rankcon_cli.deploy.judging import Judged, Tally, judge_files
from rankcon_cli.deploy.stream import LONGEST_NAME, embed_files, read_batches, read_names
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.detector import Near, Verdict, fit_detector

PIXEL = np.zeros((1, 1, 1), np.uint8)


def names_of(batches):
    return [image.name for batch in batches for image in batch]


def piped(*chunks: bytes, separator: bytes = b"\n") -> list[str]:
    reading, writing = os.pipe()

    def write():
        for chunk in chunks:
            os.write(writing, chunk)
        os.close(writing)

    threading.Thread(target=write).start()
    try:
        return list(read_names(reading, separator))
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    ("chunks", "names"),
    [
        ((b"a.png\nb.png\n",), ["a.png", "b.png"]),
        ((b"a.p", b"ng\nb", b".png"), ["a.png", "b.png"]),  # no newline at the end
        ((b"\n\na.png\n\n",), ["a.png"]),
        ((), []),
        ((b" a b .png \n",), [" a b .png "]),
        ((b"caf\xe9.png\n",), ["caf\udce9.png"]),
    ],
)
def test_names_are_read_line_by_line(chunks, names):
    assert piped(*chunks) == names


def test_names_that_end_in_nul_may_hold_newlines():
    assert piped(b"a\nb.png\0c.png\0", separator=b"\0") == ["a\nb.png", "c.png"]


def test_a_name_without_end_is_cut_and_the_next_one_found():
    long = b"x" * (3 * LONGEST_NAME)
    cut, after = piped(long + b"\nafter.png\n")
    assert set(cut) == {"x"}
    assert LONGEST_NAME <= len(cut) <= 2 * LONGEST_NAME
    assert after == "after.png"


def test_a_name_is_given_before_the_next_one_is_there():
    reading, writing = os.pipe()
    names = read_names(reading)
    for name in ("first", "second"):
        os.write(writing, name.encode() + b"\n")
        assert next(names) == name
    os.close(writing)
    assert list(names) == []
    os.close(reading)


def test_order_is_kept_whichever_file_is_read_first(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    done = [threading.Event() for _ in range(20)]

    def decode(name):
        i = int(name)
        if i % 2 == 0:  # waits for the one behind it
            assert done[i + 1].wait(30)
        done[i].set()
        return PIXEL

    names = [str(i) for i in range(20)]
    batches = list(read_batches(names, decode, 7))
    assert names_of(batches) == names
    assert max(map(len, batches)) <= 7


def test_batches_are_filled_where_names_wait(monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", 600)
    taken = threading.Event()

    def names():
        yield from map(str, range(16))
        taken.set()

    def decode(name):
        assert taken.wait(30)
        return PIXEL

    assert [len(batch) for batch in read_batches(names(), decode, 8)] == [8, 8]


def test_names_that_trickle_in_are_answered_one_by_one():
    more = [threading.Semaphore(1), threading.Semaphore(0), threading.Semaphore(0)]

    def names():
        for i, semaphore in enumerate(more):
            semaphore.acquire()
            yield str(i)

    batches = read_batches(names(), lambda _: PIXEL, 64)
    for i in range(3):
        assert names_of([next(batches)]) == [str(i)]
        if i < 2:
            more[i + 1].release()
    assert list(batches) == []


def test_a_slow_file_does_not_hold_up_those_before_it(monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", 0.05)
    release = threading.Event()

    def decode(name):
        if name == "slow":
            release.wait(30)
        return PIXEL

    batches = read_batches(["a", "b", "slow", "c"], decode, 64)
    early = []
    while "b" not in early:
        early += names_of([next(batches)])
    assert early == ["a", "b"]
    release.set()
    assert names_of(batches) == ["slow", "c"]


def test_names_are_not_read_far_ahead_of_a_slow_reader():
    taken = itertools.count()
    latest = 0

    def names():
        nonlocal latest
        while True:
            latest = next(taken)
            yield str(latest)

    batches = read_batches(names(), lambda _: PIXEL, 4)
    given = len(next(batches))
    before = -1
    while before != latest:  # until the thread that takes names is held up
        before = latest
        time.sleep(0.1)
    assert latest < given + 2 * 4 + 2
    batches.close()


def test_one_who_stops_early_is_not_kept_waiting_by_the_names():
    reading, writing = os.pipe()
    os.write(writing, b"a\n")
    batches = read_batches(read_names(reading), lambda _: PIXEL, 4)
    assert names_of([next(batches)]) == ["a"]
    batches.close()  # the thread still waits on the pipe
    os.close(writing)


def test_a_fault_of_the_names_comes_after_the_files_before_it():
    def names():
        yield "a"
        raise OSError("the disk is gone")

    batches = read_batches(names(), lambda _: PIXEL, 4)
    assert names_of([next(batches)]) == ["a"]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


@pytest.fixture
def files(tmp_path):
    """name -> (path, the reason that is expected, or None), good and bad by turns."""
    good = write_digits(tmp_path, 2)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    return [
        (str(tmp_path / "empty.png"), "empty file"),
        (good[0], None),
        (str(tmp_path / "text.png"), "not an image of a known format"),
        (str(tmp_path / "folder"), "not a regular file"),
        (str(tmp_path / "pipe"), "not a regular file"),
        (good[1], None),
        (str(tmp_path / "gone.png"), "No such file or directory"),
        (str(tmp_path / "cut.png"), "truncated"),
        ("x" * 10_000, "File name too long"),
        ("nul\0.png", "null"),
    ]


def test_broken_files_say_why_and_stop_nothing(small_run, files):
    batches = list(embed_files(Embedder(small_run, "cpu"), [path for path, _ in files], 4))
    assert [name for batch in batches for name in batch.names] == [path for path, _ in files]
    reasons = [batch.errors.get(i) for batch in batches for i in range(len(batch.names))]
    for (path, expected), reason in zip(files, reasons, strict=True):
        assert (reason is None) == (expected is None), path
        assert expected is None or expected in reason
    assert sum(len(batch.embeddings.labels) for batch in batches if batch.embeddings) == 2


def test_an_embedding_that_is_not_finite_is_an_error_of_that_image(tmp_path):
    def outputs(pixels):
        encoder = torch.from_numpy(pixels.reshape(len(pixels), -1)[:, :3].copy()).float()
        encoder[pixels.reshape(len(pixels), -1).sum(1) == 0] = torch.nan
        return Embeddings(encoder, None, None, torch.full((len(pixels),), -1))

    fake = SimpleNamespace(run=SimpleNamespace(image_size=4, channels=1), outputs=outputs)
    paths = []
    for i, value in enumerate((9, 0, 7)):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.new("L", (4, 4), value).save(paths[-1])
    [batch] = rebatched(embed_files(fake, paths, 3))
    assert batch == [(paths[0], 9), (paths[1], "its embedding is not finite"), (paths[2], 7)]


def rebatched(batches):
    """All batches as one list of (name, first number of the embedding or the error)."""
    found = []
    for batch in batches:
        values = iter(batch.embeddings.encoder[:, 0].int().tolist() if batch.embeddings else ())
        found += [(name, batch.errors[i] if i in batch.errors else next(values)) for i, name in enumerate(batch.names)]
    return [found]


def test_too_many_images_for_the_device_is_said_in_words():
    def outputs(pixels):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(RankconError, match="not enough memory for 3 images") as caught:
        stream.embed_pixels(SimpleNamespace(outputs=outputs, device="cuda"), np.zeros((3, 1, 2, 2), np.uint8))
    assert "--batch-size" in caught.value.hint


def test_judged_files_equal_the_same_images_in_one_batch(small_run, tmp_path, files):
    paths = write_digits(tmp_path / "more", 30)
    mixed = [*paths[:10], *(path for path, _ in files), *paths[10:]]
    embedder = Embedder(small_run, "cpu")
    detector = fit_detector(small_run, embedder, Choice("knn", "encoder"), threshold=0.2)
    judged = [one for batch in judge_files(detector, embedder, mixed, 7) for one in batch]
    assert [one.path for one in judged] == mixed
    good = [one for one in judged if one.verdict]
    pixels = np.stack([stream.read_pixels(one.path, 8, 1) for one in good])
    for one, expected in zip(good, detector.judge(embedder.outputs(pixels)), strict=True):
        assert one.verdict.class_name == expected.class_name
        assert one.verdict.score == pytest.approx(expected.score, abs=1e-5)
        assert one.verdict.unknown == expected.unknown
    tally = Tally().plus(judged[:20]).plus(judged[20:])
    assert tally == Tally(len(mixed), sum(one.verdict.unknown for one in good), 8)


def test_what_json_says_of_an_image():
    verdict = Verdict("cat", 0.75, (Near(1, "dog", 0.5),), 0.25, True)
    assert Judged("a.png", verdict).to_dict(0.125) == {
        "path": "a.png",
        "class": "cat",
        "similarity": 0.75,
        "tiers": [{"tier": 1, "class": "dog", "similarity": 0.5}],
        "score": 0.25,
        "threshold": 0.125,
        "unknown": True,
    }
    assert Judged("b.png", error="empty file").to_dict(0.125) == {"path": "b.png", "error": "empty file"}
