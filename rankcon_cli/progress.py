"""How long work shows progress without knowing the terminal: it wraps its loop in a ``Progress``."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Yields ``items`` unchanged while showing how many of ``total`` are done."""

    def __call__(self, items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]: ...


def silent(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """The ``Progress`` that shows nothing: the default of every function that takes one."""
    yield from items
