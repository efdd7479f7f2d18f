"""``rankcon export`` at the command line; what it writes is tested in tests/deploy."""

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
        (("--tpr", "1"), 2, "--tpr"),
    ],
)
def test_what_cannot_be_exported_is_refused(rankcon, run_directory, tmp_path, arguments, code, says):
    done = rankcon("export", run_directory, "--out", tmp_path / "out", "--threshold", 0.5, *arguments)
    assert done.code == code and says in done.err and not (tmp_path / "out").exists()


def test_no_run_and_a_file_in_the_way(rankcon, run_directory, tmp_path):
    assert rankcon("export", tmp_path, "--out", tmp_path / "out").code == 3
    (tmp_path / "file").touch()
    done = rankcon("export", run_directory, "--out", tmp_path / "file")
    assert done.code == 2 and "is a file" in done.err
