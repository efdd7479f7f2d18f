"""The program as a shell sees it: exit codes, streams, pipes, and what start-up may import."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from rankcon_cli import __version__
from rankcon_cli.cli import main as main_module
from rankcon_cli.cli.main import main

RANKCON = [sys.executable, "-m", "rankcon_cli"]
HEAVY = ("torch", "torchvision", "networkx", "sklearn", "matplotlib", "pytorch_ood", "questionary", "numpy", "PIL")


def run(*arguments, **settings):
    return subprocess.run([*RANKCON, *arguments], capture_output=True, text=True, timeout=120, **settings)


def test_version():
    assert run("--version").stdout == f"rankcon {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("rank", "validate", "digits"), 0),
        (("rank", "validate", "digits", "--strict"), 1),
        (("no-such-command",), 2),
        (("rank", "validate", "no/such/file.json"), 3),
    ],
)
def test_exit_codes_of_the_process(arguments, code):
    done = run(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("rank", "--help"), ("train", "--help"), ("rank", "validate", "digits"), ("rank", "show", "digits")],
)
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from rankcon_cli.cli.main import main\n"
        f"main({list(arguments)!r})\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m rankcon_cli rank show digits --json | head -n 1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["{", "0"]
    assert done.stderr == ""


def test_a_ranking_goes_through_a_pipe():
    text = run(
        "rank",
        "fmt",
        "-",
        input='{"format":"rankcon/ranking","version":1,"classes":["a","b"],"rankings":{"a":[["b"]]}}',
    )
    assert text.returncode == 0
    found = run("rank", "validate", "-", "--json", input=text.stdout)
    assert found.returncode == 0 and json.loads(found.stdout)["valid"]


def test_quiet_and_colourless_in_a_pipe():
    done = run("rank", "validate", "no/such/file.json", env={**os.environ, "FORCE_COLOR": "1"})
    assert "\x1b" not in done.stderr
    assert run("rank", "validate", "digits").stderr != ""
    assert run("rank", "validate", "digits", "--quiet").stderr == ""


def on_a_terminal(*arguments, **environment):
    """What the program writes where both streams are a terminal."""
    leader, follower = pty.openpty()
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
    process = subprocess.Popen(
        [*RANKCON, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**plain, "TERM": "xterm", **environment},
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    process.wait(timeout=60)
    os.close(leader)
    return seen.decode()


def test_colour_on_a_terminal_and_ways_to_be_rid_of_it():
    wrong = ("rank", "validate", "no/such/file.json")
    assert "\x1b[1;31merror:" in on_a_terminal(*wrong)
    assert "\x1b" not in on_a_terminal(*wrong, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(*wrong, "--no-color")


def test_what_goes_into_a_pipe_is_utf8_whatever_the_locale():
    text = '{"format":"rankcon/ranking","version":1,"classes":["ä","b"],"rankings":{"ä":[["b"]],"b":[["ä"]]}}'
    done = run(
        "rank",
        "show",
        "-",
        "--as",
        "table",
        input=text,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0 and "ä" in done.stdout
    failed = run("rank", "show", "ä.json", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert failed.returncode == 3 and "\\xe4.json" in failed.stderr


def test_a_full_disk_behind_stdout_and_a_closed_stdout():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*RANKCON, "rank", "show", "digits"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3 and "No space left" in done.stderr
    closed = subprocess.run(
        f"{sys.executable} -m rankcon_cli --version >&-", shell=True, stderr=subprocess.PIPE, text=True, timeout=60
    )
    assert (closed.returncode, closed.stderr) == (3, "error: cannot write to standard output: it is closed\n")


def test_closed_streams_change_no_exit_code():
    shell = f"{sys.executable} -m rankcon_cli"
    for words, code in (
        ("rank validate cifar10 2>&-", 0),
        ("rank show nope 2>&-", 3),
        ("rank show nope 2> >(true)", 3),
        ("rank validate - <&-", 3),
        ("rank validate - -q </dev/null", 3),
    ):
        done = subprocess.run(["bash", "-c", f"{shell} {words}"], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, words
        assert "bug in rankcon" not in done.stderr
    assert done.stderr.startswith("rank validate: nothing came in on standard input")


def test_a_reader_that_has_enough_is_no_error():
    for words in ("rank query cifar10 cat | head -n 1", "rank show cifar100 | true", "rank convert coco | true"):
        line = f"{sys.executable} -m rankcon_cli {words}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_sigterm_outside_of_training_is_an_interruption():
    code = (
        "import os, signal\n"
        "from rankcon_cli.cli import main as m\n"
        "m.build_app = lambda word: lambda **_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "raise SystemExit(m.main([]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130 and "terminated" in done.stderr


def test_a_bug_of_ours_says_how_to_report_it(monkeypatch, capsys, tmp_path):
    def broken(_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(main_module, "build_app", broken)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert main([]) == 70
    said = capsys.readouterr().err
    assert "bug in rankcon" in said and "Traceback" not in said
    (report,) = tmp_path.glob("rankcon-bug-*.txt")
    assert "on purpose" in report.read_text() and str(report) in said


def test_ctrl_c_during_training_leaves_a_run_to_resume(photos, tmp_path):
    arguments = ("train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--out", str(tmp_path / "run"))
    process = subprocess.Popen(
        [*RANKCON, *arguments, "--epochs", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    try:
        while not metrics.exists():
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert f"rankcon train --resume --out {tmp_path / 'run'}" in err
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()
