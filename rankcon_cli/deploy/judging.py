"""Image files through a detector, one line each."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rankcon_cli.deploy.stream import embed_files
from rankcon_cli.evaluation.embeddings import Embedder
from rankcon_cli.ood.detector import Detector, Verdict


@dataclass(frozen=True)
class Judged:
    """An image file with its ``verdict``, or None and ``error``, the reason in a few words."""

    path: str
    verdict: Verdict | None = None
    error: str | None = None

    def to_dict(self, threshold: float) -> dict[str, Any]:
        """What ``rankcon score --json`` prints of it; ``threshold`` is what the score was held against."""
        if self.verdict is None:
            return {"path": self.path, "error": self.error}
        found = self.verdict
        return {
            "path": self.path,
            "class": found.class_name,
            "similarity": found.similarity,
            "tiers": [{"tier": t.tier, "class": t.class_name, "similarity": t.similarity} for t in found.tiers],
            "score": found.score,
            "threshold": threshold,
            "unknown": found.unknown,
        }


@dataclass(frozen=True)
class Tally:
    """How many images there were, and how many of them were unknown, and broken."""

    images: int = 0
    unknown: int = 0
    broken: int = 0

    def plus(self, judged: Iterable[Judged]) -> "Tally":
        """The tally with these counted as well."""
        images, unknown, broken = dataclasses.astuple(self)
        for one in judged:
            images += 1
            broken += one.verdict is None
            unknown += one.verdict is not None and one.verdict.unknown
        return Tally(images, unknown, broken)


def judge_files(
    detector: Detector, embedder: Embedder, names: Iterable[str], batch_size: int
) -> Iterator[list[Judged]]:
    """The image files ``names`` judged as they come, in order, in batches: see ``stream.read_batches``."""
    with contextlib.closing(embed_files(embedder, names, batch_size)) as batches:
        for batch in batches:
            verdicts = iter(detector.judge(batch.embeddings) if batch.embeddings is not None else ())
            yield [
                Judged(name, error=batch.errors[i]) if i in batch.errors else Judged(name, next(verdicts))
                for i, name in enumerate(batch.names)
            ]
