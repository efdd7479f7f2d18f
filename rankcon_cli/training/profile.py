"""Where the time of a training step goes."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

#: What a step consists of, in order: name -> a context manager.
Phases = Callable[[str], contextlib.AbstractContextManager]
PHASES = ("input", "augment", "forward", "loss", "backward", "optimiser")
#: The first steps choose algorithms, compile and fill caches: they are not counted.
_WARM_UP = 5


def unprofiled(name: str) -> contextlib.AbstractContextManager:
    """The ``Phases`` that measures nothing and costs nothing."""
    return contextlib.nullcontext()


@dataclass
class StepProfile:
    """Seconds by phase. At the borders of a phase it waits for the device, so a profiled training is a little slower."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    total: float = 0.0
    steps: int = 0
    _seen: int = 0
    _since: float | None = None

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = self._now()
        yield
        if self._seen >= _WARM_UP:
            self.seconds[name] += self._now() - started

    def end_step(self) -> None:
        """A step is over. What lies between its phases is the rest: metrics, checkpoints, Python."""
        now = self._now()
        if self._seen > _WARM_UP:
            self.total += now - self._since
            self.steps += 1
        elif self._seen == _WARM_UP:
            self.seconds = dict.fromkeys(PHASES, 0.0)
        self._since = now
        self._seen += 1

    def rows(self) -> list[tuple[str, float, float]]:
        """(phase, milliseconds a step, share of the step), the rest last; empty where no step was counted."""
        if not self.steps:
            return []
        parts = self.seconds | {"rest": self.total - sum(self.seconds.values())}
        return [(name, 1e3 * s / self.steps, s / self.total) for name, s in parts.items()]

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
