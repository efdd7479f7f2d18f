"""From a spec to an ``ImageSet``: the one door to data for every command."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankcon_cli.data.decode import decode_arrays, decode_files, read_headers
from rankcon_cli.data.folders import open_folder, open_tree
from rankcon_cli.data.image_set import BrokenImage, DataClasses, DataOptions, ImageSet
from rankcon_cli.data.memory import check_memory
from rankcon_cli.data.npz import open_npz
from rankcon_cli.data.pixels import Header, natural_size
from rankcon_cli.data.public_sets import open_digits, open_public
from rankcon_cli.data.source import Part, Source
from rankcon_cli.data.spec import Spec, parse_spec
from rankcon_cli.errors import RankconError
from rankcon_cli.progress import Progress, silent

log = logging.getLogger("rankcon")

_SHOWN = 5  # names of broken images in a message

#: How each kind of spec is opened: (spec, options, unlabeled_ok) -> Source. Any other name is one of torchvision's.
SOURCES = {
    "digits": lambda spec, options, unlabeled_ok: open_digits(),
    "folder": lambda spec, options, unlabeled_ok: open_folder(spec.place, unlabeled_ok),
    "tree": lambda spec, options, unlabeled_ok: open_tree(spec.place, unlabeled_ok),
    "npz": lambda spec, options, unlabeled_ok: open_npz(spec.place, unlabeled_ok),
}


def open_source(spec: Spec, options: DataOptions, unlabeled_ok: bool = False) -> Source:
    """List what ``spec`` names, decoding nothing."""
    if spec.source in SOURCES:
        return SOURCES[spec.source](spec, options, unlabeled_ok)
    return open_public(spec.source, options)


def read_classes(spec: str, options: DataOptions) -> DataClasses:
    """The classes of a data set, from its folders or its names; no image is decoded."""
    return open_source(parse_spec(spec), options).classes


def own_splits(spec: str, options: DataOptions) -> tuple[str, ...]:
    """The splits that the set itself has: some of ``"train"``, ``"val"``, ``"test"``, or none."""
    return open_source(parse_spec(spec), options, unlabeled_ok=True).splits


def load_images(
    spec: str,
    split: str,
    options: DataOptions,
    *,
    size: int | None = None,
    channels: int | None = None,
    unlabeled_ok: bool = False,
    progress: Progress = silent,
) -> ImageSet:
    """Decode one split of a data set.

    split: ``"train"``, ``"val"``, ``"test"`` or ``"all"`` (its own splits joined); an ending ``#split`` of the spec
    overrides it. A set without splits gives everything. size, channels: what every image is brought to; None is
    the natural choice for this split: see ``natural_size``, and 1 channel where every image is grey, else 3.
    unlabeled_ok: images without class folders or labels make one class named after the place, as OOD sets may.

    RankconError where the data is missing or malformed, where the set lacks the split, where an image cannot be
    read (unless ``options.skip_broken``), and where the images would fill more than half the memory.
    """
    parsed = parse_spec(spec)
    source = open_source(parsed, options, unlabeled_ok)
    for note in source.notes:
        log.warning("%s: %s", spec, note)
    split = parsed.split or split
    parts = [source.read(one) for one in splits_to_read(spec, source, split)]
    if size is None or channels is None:
        natural = natural_choice([header for part in parts for header in part_headers(part, progress)])
        size, channels = size or natural.size, channels or natural.channels
    images, broken = _decode(spec, parts, size, channels, progress)
    names = tuple(name for part in parts for name in part.names)
    labels = np.concatenate([part.labels for part in parts])
    skipped = judge_broken(spec, names, broken, options.skip_broken)
    if skipped:
        kept = np.setdiff1d(np.arange(len(names)), list(broken))
        images, labels, names = images[kept], labels[kept], tuple(names[i] for i in kept)
    return ImageSet(
        spec=spec,
        split=split,
        images=images,
        labels=labels,
        classes=source.classes.names,
        named=source.classes.named,
        names=names,
        skipped=skipped,
        has_own_split=bool(source.splits),
    )


def splits_to_read(spec: str, source: Source, split: str) -> tuple[str, ...]:
    """What to ask of ``source.read`` for ``split``; RankconError where the set has splits, but not this one."""
    if not source.splits:
        return ("all",)
    if split == "all":
        return source.splits
    if split not in source.splits:
        raise RankconError(
            f"{spec} has no {split} split; it has {' and '.join(source.splits)}",
            hint=f"end the spec in #{source.splits[0]} (or #all) to use those images",
        )
    return (split,)


@dataclass(frozen=True)
class NaturalChoice:
    """The square size and the channels that a set asks for by itself."""

    size: int
    channels: int


def part_headers(part: Part, progress: Progress) -> list[Header]:
    """The headers of all images that can be read."""
    if isinstance(part.pixels, np.ndarray):
        height, width = part.pixels.shape[1:3]
        grey = part.pixels.ndim == 3 or part.pixels.shape[3] == 1
        return [Header(width, height, "L" if grey else "RGB")] * len(part.pixels)
    return read_headers(part.pixels, progress)


def natural_choice(headers: Sequence[Header]) -> NaturalChoice:
    """Any choice will do where there is no header: the broken images are reported when they are decoded."""
    if not headers:
        return NaturalChoice(size=32, channels=3)
    size = natural_size([(header.width, header.height) for header in headers])
    return NaturalChoice(size, channels=1 if all(header.grey for header in headers) else 3)


def _decode(
    spec: str, parts: Sequence[Part], size: int, channels: int, progress: Progress
) -> tuple[np.ndarray, dict[int, str]]:
    """All parts as one uint8 [N, C, S, S], and the reason for each index that cannot be read."""
    count = sum(len(part.labels) for part in parts)
    if count == 0:
        raise RankconError(f"{spec} holds no images")
    check_memory(
        count * channels * size * size,
        f"{spec}, {count:,} images of {size}x{size}",
        hint=f"use a smaller size, such as --image-size {max(8, size // 2)}, or fewer images",
    )
    images = np.empty((count, channels, size, size), dtype=np.uint8)
    broken = {}
    start = 0
    for part in parts:
        out = images[start : start + len(part.labels)]
        if isinstance(part.pixels, np.ndarray):
            decode_arrays(part.pixels, out, progress)
        else:
            broken |= {start + i: reason for i, reason in decode_files(part.pixels, out, progress).items()}
        start += len(part.labels)
    return images, broken


def judge_broken(spec: str, names: Sequence[str], broken: dict[int, str], skip_broken: bool) -> tuple[BrokenImage, ...]:
    """The broken images by name. RankconError unless they may be skipped and others remain; else a warning."""
    if not broken:
        return ()
    images = tuple(BrokenImage(names[i], reason) for i, reason in broken.items())
    listed = "; ".join(f"{image.name} ({image.reason})" for image in images[:_SHOWN])
    more = f"; and {len(images) - _SHOWN} more" if len(images) > _SHOWN else ""
    message = f"{len(images)} of {len(names)} images in {spec} cannot be read: {listed}{more}"
    if len(images) == len(names):
        raise RankconError(message)
    if not skip_broken:
        raise RankconError(message, hint="mend or remove them, or leave them out with --skip-broken")
    log.warning("%s; left out", message)
    return images
