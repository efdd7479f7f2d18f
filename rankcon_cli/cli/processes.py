"""Commands under ``torchrun`` in which one process does all but embed images."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import typer

from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.evaluation.sharing import Forward, dismiss, serve
from rankcon_cli.training.run_directory import open_run
from rankcon_cli.training.world import ALONE, World, joined, launched

#: Seconds that processes wait for work: fitting and resampling between two embeddings may take long.
_PATIENCE = 7 * 24 * 3600.0


@contextlib.contextmanager
def embedding_together() -> Iterator[World]:
    """The ``World`` whose processes embed for this one, which goes on alone; there the others serve, and then end."""
    if not launched():
        yield ALONE
        return
    with joined(_PATIENCE) as world:
        if not world.leader:
            serve(world, _forward_of)
            raise typer.Exit()
        try:
            yield world
        finally:
            with contextlib.suppress(RuntimeError):  # they may be gone
                dismiss(world)


@functools.cache
def _forward_of(run: Path, device: str) -> Forward:
    return Embedder(open_run(run), device).heads
