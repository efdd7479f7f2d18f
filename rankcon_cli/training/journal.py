"""What a training writes while it goes on: metrics, checkpoints, the weights. Only the leader of several processes does."""

import json
import logging
import math
from pathlib import Path

from rankcon_cli.errors import RankconError
from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.training.checkpoint import LAST, Position, State, damaged, save_checkpoint, save_weights
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.run_files import METRICS, WEIGHTS, clear_leftovers

log = logging.getLogger("rankcon")


class Journal:
    """The run directory of a training as it fills; with ``run`` None nothing is written."""

    def __init__(self, run: Run | None):
        self.run = run

    @property
    def last(self) -> Path | None:
        """Where the last checkpoint stands, or would."""
        return None if self.run is None else self.run.checkpoints / LAST

    def checkpoint(self) -> bytes | None:
        """The last checkpoint as it stands on disk; None without one."""
        if self.last is None or not self.last.exists():
            return None
        try:
            content = self.last.read_bytes()
        except OSError as error:
            raise RankconError(f"cannot read {self.last}: {error.strerror or error}") from error
        if not content:  # as a power cut can leave it, and not to be taken for none
            raise damaged(self.last, "it is empty")
        return content

    def go_on_from(self, step: int) -> None:
        """Drop what a training that was cut short left behind: files half written, the metrics of steps to be done again."""
        if self.run is None:
            return
        clear_leftovers(self.run.path)
        path = self.run.path / METRICS
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace")
            lines = [line for line in text.splitlines() if _step_of(line) <= step]
            write_atomic(path, "".join(line + "\n" for line in lines))

    def metrics(self, epoch: int, step: int, loss: float, lr: float, speed: float) -> None:
        """A line in ``metrics.jsonl``: loss is the mean over the epoch's steps, speed in views a second."""
        if self.run is None:
            return
        line = {"epoch": epoch, "step": step, "loss": loss, "lr": lr, "views_per_second": round(speed, 1)}
        path = self.run.path / METRICS
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(to_json(line, indent=None) + "\n")
        except OSError as error:
            raise RankconError(
                f"cannot write {path}: {error.strerror or error}",
                hint="see that there is space and that it may be written to; --resume goes on from the last checkpoint",
            ) from error

    def keep(self, state: State, position: Position) -> None:
        """A checkpoint from which the training goes on."""
        if self.run is not None:
            save_checkpoint(self.run.checkpoints, state, position)

    def finish(self, state: State, position: Position) -> None:
        """The last checkpoint, and the weights, whose presence says that the training is finished."""
        if self.run is not None:
            save_checkpoint(self.run.checkpoints, state, position)
            save_weights(self.run.path / WEIGHTS, state.network)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a crash
