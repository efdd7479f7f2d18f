"""Commands under ``torchrun``: one process speaks and writes, the others work for it."""

import contextlib
from collections.abc import Iterator

from rankcon_cli.cli.console import console
from rankcon_cli.training.world import World, joined


@contextlib.contextmanager
def following(timeout: float) -> Iterator[World]:
    """The ``World`` this process belongs to; unless it is the leader, the console falls silent."""
    with joined(timeout) as world:
        if not world.leader:
            console.follow(f"process {world.rank}")
        yield world
