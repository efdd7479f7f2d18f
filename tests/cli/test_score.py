import contextlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from small_run import make_small_run, write_digits

from rankcon_cli.data.pixels import read_pixels
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.ood.detector import fit_detector

RANKCON = [sys.executable, "-m", "rankcon_cli"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("photos"), 30)


@pytest.fixture
def piped(monkeypatch, tmp_path):
    """piped(bytes): standard input of the commands that follow."""
    with contextlib.ExitStack() as stack:

        def pipe(data: bytes) -> None:
            (tmp_path / "stdin").write_bytes(data)
            monkeypatch.setattr(sys, "stdin", stack.enter_context(open(tmp_path / "stdin", encoding="utf-8")))

        yield pipe


def lines(result):
    return [json.loads(line) for line in result.out.splitlines()]


def test_one_json_line_an_image_in_order(rankcon, run, digits, piped):
    piped("\n".join(digits).encode())
    result = rankcon("score", run.path, "-", "--json", "--batch-size", 7)
    assert result.code == 0
    found = lines(result)
    assert [line["path"] for line in found] == digits
    embedder = Embedder(run, "cpu")
    detector = fit_detector(run, embedder)
    verdicts = detector.judge(embedder.outputs(np.stack([read_pixels(path, 8, 1) for path in digits])))
    assert [line["class"] for line in found] == [v.class_name for v in verdicts]
    assert [line["unknown"] for line in found] == [v.unknown for v in verdicts]
    assert [line["score"] for line in found] == pytest.approx([v.score for v in verdicts], abs=1e-5)
    assert {line["threshold"] for line in found} == {detector.threshold.value}
    assert all(
        list(line) == ["path", "class", "similarity", "tiers", "score", "threshold", "unknown"] for line in found
    )
    unknown = sum(line["unknown"] for line in found)
    assert "set on 50 validation images to keep 95.0" in result.err
    assert f"30 images, {unknown} unknown, 0 broken, " in result.err


def test_lines_for_people_are_separated_by_tabs(rankcon, run, digits):
    result = rankcon("score", run.path, *digits[:3], "--threshold", "1e9", "--quiet")
    assert (result.code, result.err) == (0, "")
    cells = [line.split("\t") for line in result.out.splitlines()]
    assert [row[0] for row in cells] == ["known"] * 3
    assert [row[-1] for row in cells] == digits[:3]
    assert all(row[3] in run.classes and len(row) == 5 for row in cells)
    everything = rankcon("score", run.path, *digits[:3], "--threshold", "-1")
    assert [line.split("\t")[0] for line in everything.out.splitlines()] == ["unknown"] * 3
    assert "unknown above -1 by knn@encoder, as asked for" in everything.err


def test_broken_files_get_a_line_and_exit_code_3(rankcon, run, digits, piped, tmp_path):
    (tmp_path / "empty.png").touch()
    piped(f"{digits[0]}\n{tmp_path}/empty.png\n{tmp_path}/gone.png\n{digits[1]}\n".encode())
    result = rankcon("score", run.path, "--json", "--threshold", "0.5", "--quiet")
    assert result.code == 3
    found = lines(result)
    assert [line.get("error") for line in found] == [None, "empty file", "No such file or directory", None]
    assert found[1] == {"path": f"{tmp_path}/empty.png", "error": "empty file"}
    assert result.err == "warning: 2 of 4 images could not be read: their lines say why\n"
    text = rankcon("score", run.path, tmp_path / "gone.png", "--threshold", "0.5", "--quiet")
    assert text.out == f"error\t–\t–\t(No such file or directory)\t{tmp_path}/gone.png\n"


def test_hostile_names_stay_one_line(rankcon, run, digits, piped, tmp_path):
    names = [b"two\nlines.png", b"caf\xe9.png", "👩‍🚀\u202e.png".encode(), b"tab\there [bold].png", b"<script>.png"]
    paths = [bytes(tmp_path) + b"/" + name for name in names]
    for path in paths:
        Image.open(digits[0]).save(os.fsdecode(path))
    piped(b"\0".join(paths) + b"\0")
    found = lines(rankcon("score", run.path, "-", "-0", "--json", "--threshold", "0.5"))
    assert [os.fsencode(line["path"]) for line in found] == paths
    assert [line["score"] for line in found] == pytest.approx([found[0]["score"]] * len(found), rel=1e-5)
    piped(b"\0".join(paths))
    text = rankcon("score", run.path, "--null", "--threshold", "0.5").out
    assert len(text.splitlines()) == len(names)
    assert all(len(line.split("\t")) == 5 for line in text.splitlines())
    assert "two\\nlines.png" in text and "\\u202e" in text and "caf\\udce9.png" in text


def test_no_names_are_no_images(rankcon, run, piped):
    piped(b"")
    result = rankcon("score", run.path, "-", "--json", "--threshold", "0.5")
    assert (result.code, result.out) == (0, "")
    assert result.err.endswith("0 images, 0 unknown, 0 broken\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "nan"], "--threshold nan is no number"),
        (["--tpr", "1"], "--tpr 1.0 is not between 0 and 1"),
        (["--tpr", "0.9", "--threshold", "1"], "give one of them"),
        (["--score", ""], "there is no outlier score ''"),
        (["--score", "knm"], "did you mean 'knn'?"),
        (["--batch-size", "0"], "--batch-size"),
        (["--null"], "--null is for names on standard input"),
        (["FOLDER"], "is a folder"),
    ],
)
def test_what_makes_no_sense_is_refused(rankcon, run, digits, tmp_path, arguments, message):
    arguments = [str(tmp_path) if word == "FOLDER" else word for word in arguments]
    result = rankcon("score", run.path, digits[0], *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_a_folder_and_a_terminal_name_the_pipe_that_would_do(rankcon, run, tmp_path, monkeypatch):
    assert "find FOLDER -type f | rankcon score RUN -" in rankcon("score", run.path, tmp_path).err
    parent, child = os.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(child))
    result = rankcon("score", run.path)
    os.close(parent)
    assert result.code == 2
    assert "no images are named" in result.err
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in rankcon("score", run.path, "-").err


def test_too_few_validation_images_say_what_to_do(rankcon, run_directory, digits):
    result = rankcon("score", run_directory, digits[0])
    assert result.code == 3
    assert "--threshold VALUE" in result.err and "--val-fraction" in result.err


def test_training_images_that_are_gone_say_what_they_are_for_and_a_cache_does_instead(rankcon, digits, tmp_path):
    run = make_small_run(tmp_path)
    arguments = ("score", run.path, digits[0], "--threshold", "1", "--quiet")
    (tmp_path / "digits.npz").rename(tmp_path / "away.npz")
    result = rankcon(*arguments)
    assert result.code == 3
    assert "digits.npz" in result.err and "fitted on the images the run was trained on" in result.err
    (tmp_path / "away.npz").rename(tmp_path / "digits.npz")
    expected = rankcon(*arguments).out
    (tmp_path / "digits.npz").unlink()
    assert expected and rankcon(*arguments).out == expected


def test_names_that_trickle_in_are_answered_at_once_and_ctrl_c_is_clean(run, digits):
    words = [*RANKCON, "score", str(run.path), "-", "--json"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for path in digits[:3]:
            process.stdin.write(path.encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["path"] == path
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said = process.stderr.read().decode()
    assert len(said.splitlines()) <= 2 and "Traceback" not in said


def test_a_reader_that_has_enough_is_no_error(run, digits):
    score = " ".join([*RANKCON, "score", str(run.path), "-", "--quiet"])
    command = f"yes {digits[0]} | {score} | head -1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[0].endswith(digits[0])
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["score", "embed"])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from rankcon_cli.cli.main import main\n"
        f"main(['{command}', '--help'])\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'sklearn') if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"
