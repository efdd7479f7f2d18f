"""What ``rankcon data info`` tells about a data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rankcon_cli.data.decode import decode_files
from rankcon_cli.data.image_set import DataOptions
from rankcon_cli.data.load import judge_broken, log, natural_choice, open_source, part_headers, splits_to_read
from rankcon_cli.data.source import Part
from rankcon_cli.data.spec import parse_spec
from rankcon_cli.errors import RankconError
from rankcon_cli.progress import Progress, silent


def describe(spec: str, options: DataOptions, progress: Progress = silent) -> dict[str, Any]:
    """Classes, counts, sizes, modes, balance and broken images of a data set, as plain values for JSON.

    Every image is decoded once, small, since a file cut short shows only then. Sizes and modes are those stored;
    ``image_size`` and ``channels`` are what training would choose; ``balance`` is the largest class over the
    smallest, by split, among the classes that have images there.
    Errors are those of ``load_images``.
    """
    parsed = parse_spec(spec)
    source = open_source(parsed, options, unlabeled_ok=True)
    for note in source.notes:
        log.warning("%s: %s", spec, note)
    wanted = splits_to_read(spec, source, parsed.split or "all")
    parts = {split: source.read(split) for split in wanted}
    broken = {split: _broken(part, progress) for split, part in parts.items()}
    names = [name for part in parts.values() for name in part.names]
    if not names:
        raise RankconError(f"{spec} holds no images")
    skipped = judge_broken(spec, names, _joined(parts, broken), options.skip_broken)
    parts = {split: _without(part, broken[split]) for split, part in parts.items()}
    headers = {split: part_headers(part, progress) for split, part in parts.items()}
    every = [header for one in headers.values() for header in one]
    natural = natural_choice(headers[wanted[0]])
    class_count = len(source.classes.names)
    counts = {split: np.bincount(part.labels, minlength=class_count).tolist() for split, part in parts.items()}
    return {
        "spec": spec,
        "images": len(names) - len(skipped),
        "classes": list(source.classes.names),
        "named": source.classes.named,
        "splits": list(source.splits),
        "counts": {split: dict(zip(source.classes.names, row, strict=True)) for split, row in counts.items()},
        "balance": {split: _balance(row) for split, row in counts.items()},
        "width": _spread([header.width for header in every]),
        "height": _spread([header.height for header in every]),
        "modes": dict(sorted(Counter(header.mode for header in every).items())),
        "image_size": natural.size,
        "channels": natural.channels,
        "skipped": [{"name": image.name, "reason": image.reason} for image in skipped],
    }


def _broken(part: Part, progress: Progress) -> dict[int, str]:
    if isinstance(part.pixels, np.ndarray):
        return {}
    return decode_files(part.pixels, np.empty((len(part.pixels), 1, 8, 8), dtype=np.uint8), progress)


def _without(part: Part, broken: Mapping[int, str]) -> Part:
    if not broken:
        return part
    kept = [i for i in range(len(part.labels)) if i not in broken]
    return Part([part.pixels[i] for i in kept], part.labels[kept], tuple(part.names[i] for i in kept))


def _joined(parts: dict[str, Part], broken: dict[str, dict[int, str]]) -> dict[int, str]:
    """The broken images by their index among those of all splits."""
    joined, start = {}, 0
    for split, part in parts.items():
        joined |= {start + i: reason for i, reason in broken[split].items()}
        start += len(part.names)
    return joined


def _balance(counts: Sequence[int]) -> float | None:
    present = [count for count in counts if count]
    return max(present) / min(present) if present else None


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {"min": min(values), "median": float(np.median(values)), "max": max(values)}
