"""Several processes of one training, as torchrun starts them, but forked: torch need not be imported again by each."""

import multiprocessing
import os
import signal
import socket
import traceback
from collections.abc import Callable

from rankcon_cli.training.world import World, joined


def in_processes(size: int, work: Callable[[World], None], timeout: float = 60.0) -> list[int | str]:
    """Run ``work`` in ``size`` processes that are joined; of each the exit code, or the last line of what it raised."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = context.SimpleQueue()
    processes = [context.Process(target=_one, args=(rank, size, port, work, timeout, told)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    outcome: list[int | str] = [process.exitcode for process in processes]
    while not told.empty():
        rank, words = told.get()
        outcome[rank] = words
    for process in processes:
        process.kill()
    return outcome


def _one(rank: int, size: int, port: int, work: Callable[[World], None], timeout: float, told) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    try:
        with joined(timeout) as world:
            work(world)
    except BaseException as error:
        told.put((rank, "".join(traceback.format_exception_only(error)).strip()))
        os._exit(1)
