"""A training that is asked to stop, as Ctrl-C asks."""

import signal
from collections.abc import Iterable, Iterator

from rankcon_cli.progress import Progress


def stopping_after(n: int) -> Progress:
    """A ``Progress`` that asks for a stop while batch ``n`` is under way."""

    def progress(items: Iterable, description: str, total: int | None = None) -> Iterator:
        for i, item in enumerate(items, start=1):
            if i == n:
                signal.raise_signal(signal.SIGINT)
            yield item

    return progress
