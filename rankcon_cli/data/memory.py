"""Saying no to data that the machine cannot hold, before it is read."""

import os
from pathlib import Path

from rankcon_cli.errors import RankconError

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int | None:
    """Bytes of memory of this machine, or of its container where that has less; None where it cannot be told."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        return size
    return min(size, int(limit)) if limit.isdigit() else size


def check_memory(needed: int, what: str, hint: str | None = None) -> None:
    """RankconError where ``needed`` bytes, for ``what``, are more than half the machine's memory."""
    memory = machine_memory()
    if memory is not None and needed > memory // 2:
        raise RankconError(
            f"{what} would take {needed / 2**30:.1f} GiB, more than half of this machine's {memory / 2**30:.1f} GiB",
            hint=hint,
        )
