"""``rankcon export`` at the command line; what it writes is tested in tests/deploy."""

import subprocess
import sys

import pytest


def test_export_writes_and_prints_its_folder(rankcon, run_directory, tmp_path):
    done = rankcon("export", run_directory, "--out", tmp_path / "out", "--format", "torch", "--threshold", 0.5)
    assert (done.code, done.out) == (0, f"{tmp_path / 'out'}\n")
    assert "answers as the run does" in done.err and "Warning" not in done.err
    again = rankcon("export", run_directory, "--out", tmp_path / "out", "--format", "torch")
    assert again.code == 2 and "--force" in again.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--format", "tflite"), 2, "--format"),
        (("--score", "gen"), 2, "those that are: cosine, knn"),
        (("--score", "knnn"), 2, "did you mean 'knn'"),
        (("--score", ""), 2, "there is no outlier score ''"),
        (("--threshold", "nan"), 2, "--threshold nan is no number"),
        (("--threshold", "inf"), 2, "--threshold inf is no number"),
        (("--tpr", "0.9"), 2, "give one of them"),
    ],
)
def test_what_cannot_be_exported_is_refused(rankcon, run_directory, tmp_path, arguments, code, says):
    done = rankcon("export", run_directory, "--out", tmp_path / "out", "--threshold", 0.5, *arguments)
    assert done.code == code and says in done.err and not (tmp_path / "out").exists()


def test_a_share_that_cannot_be_kept_is_refused(rankcon, run_directory, tmp_path):
    done = rankcon("export", run_directory, "--out", tmp_path / "out", "--tpr", "1")
    assert done.code == 2 and "--tpr 1.0 is not between 0 and 1" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("form", ["torch", "onnx"])
def test_a_disk_that_is_full_is_said_in_words(run_directory, tmp_path, form):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    import resource

    words = ["export", run_directory, "--out", tmp_path / "out", "--format", form, "--threshold", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "rankcon_cli", *words],
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert f"error: cannot write {tmp_path / 'out'}: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_run_and_a_file_in_the_way(rankcon, run_directory, tmp_path):
    assert rankcon("export", tmp_path, "--out", tmp_path / "out").code == 3
    (tmp_path / "file").touch()
    done = rankcon("export", run_directory, "--out", tmp_path / "file")
    assert done.code == 2 and "is a file" in done.err
