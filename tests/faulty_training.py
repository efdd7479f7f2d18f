"""Trainings in processes of their own that are killed, or hang, at a chosen access to a file of their run.

As a program it waits for jobs on standard input and forks a training for each: it has imported torch already, and, unlike
the tests, never used it, so that a fork may.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_ACCESS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "tempfile.mkstemp", "shutil.copyfile")


class Trainings:
    """Starts trainings, as ``rankcon train`` does: goes on with a run that stands at ``out``, else begins it."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, out: Path, config: dict[str, Any], **fault: Any) -> int:
        """The process of a training. fault: as of ``_spoil``; and ``force``, to begin anew."""
        return self._ask("begin", out=str(out), config=config, fault=fault)

    def end(self, process: int) -> int:
        """Wait for its end; its exit status, or minus the signal that killed it."""
        return self._ask("end", process=process)

    def run(self, out: Path, config: dict[str, Any], **fault: Any) -> int:
        return self.end(self.begin(out, config, **fault))

    def kill(self, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        self.end(process)

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=60)

    def _ask(self, what: str, **job: Any) -> int:
        print(json.dumps({"what": what, **job}), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())


def wait_for(path: Path, seconds: float = 60.0) -> None:
    """Until ``path`` is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.01)


def _serve() -> None:
    import torch._dynamo  # making an optimiser imports it

    import rankcon_cli.cli.training  # noqa: F401 (imported once for all)

    torch.set_num_threads(1)
    for line in sys.stdin:
        job = json.loads(line)
        if job["what"] == "end":
            answer = os.waitstatus_to_exitcode(os.waitpid(job["process"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                os._exit(_train(Path(job["out"]), job["config"], **job["fault"]))
        print(answer, flush=True)


def _train(out: Path, config: dict[str, Any], *, force: bool = False, **fault: Any) -> int:
    from rankcon_cli.cli.training import go_on, start
    from rankcon_cli.errors import RankconError
    from rankcon_cli.training.config import from_dict

    log = os.open(out.with_name(f"{out.name}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    _spoil(out, **fault)
    try:
        if (out / "run.json").exists() and not force:
            go_on(out, {}, profile=False)
        else:
            start(out, from_dict(config, "here"), force=force, profile=False)
        return 0
    except RankconError as error:
        print(error.message, error.hint, file=sys.stderr, flush=True)
        return error.exit_code


def _spoil(
    out: Path,
    *,
    after: float | None = None,
    at: int | None = None,
    name: str = "",
    then: str = "kill",
    seconds: float = 600,
) -> None:
    """Be killed after so many seconds, or before the access number ``at`` to a file below ``out`` with ``name`` in its path.

    then: "hang" lets it wait ``seconds`` there instead, and a file ``hangs`` beside ``out`` says so.
    """
    if after is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(
            signal.ITIMER_REAL, max(after, 1e-3)
        )  # no handler: it ends the process at once, as SIGKILL does
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in _ACCESS or not any(str(out) in str(a) and name in str(a) for a in arguments):
            return
        count += 1
        if count == at and then == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif count == at:
            out.with_name("hangs").touch()
            time.sleep(seconds)

    if at is not None:
        sys.addaudithook(watch)


if __name__ == "__main__":
    _serve()
