"""Python's cycle collector, held off while a large ranking is built."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """No cyclic garbage collection in the block (or the function, as a decorator).

    The collector goes over the million lists and tuples of a large ranking again and again while they are made,
    which is a good part of the whole time, and finds nothing: there are no cycles among them.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
