"""The unknown images a run is held against: the classes it withheld and the sets of ``--ood``."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, keep_classes, load_images, pixel_hashes
from rankcon_cli.data.spec import without_split
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.images import TestImages, load_for_run
from rankcon_cli.ood.result import OodSet
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.run_directory import Run

log = logging.getLogger("rankcon")

WITHHELD = "withheld"


@dataclasses.dataclass(frozen=True)
class Unknown:
    """An OOD set with its images."""

    set: OodSet
    images: ImageSet

    def class_names(self) -> tuple[str, ...]:
        """The class of each image."""
        return tuple(self.images.classes[label] for label in self.images.labels)


def load_unknowns(
    run: Run,
    test: TestImages,
    specs: Sequence[str],
    options: DataOptions,
    *,
    withheld_from_all: bool = False,
    progress: Progress = silent,
) -> tuple[tuple[Unknown, ...], tuple[str, ...]]:
    """The OOD sets, withheld classes first, and what the reader of a report should be warned of.

    Args:
        withheld_from_all: take the withheld classes' images from every split, not from the test split alone. None of
            them was trained on, and small data needs the number.

    Raises:
        RankconError: there is no set at all; a set is empty, or it is the ID test set.
    """
    found, warnings = [], []
    withheld = test.withheld
    if withheld_from_all and run.withheld:
        everything = load_for_run(run, without_split(test.known.spec), "all", options, progress)
        withheld = keep_classes(everything, [name for name in run.withheld if name in everything.classes])
    if len(withheld):
        described = "all splits: none was trained on" if withheld_from_all else test.description
        found.append(_unknown(WITHHELD, withheld, "withheld", described))
    known_hashes = np.concatenate([pixel_hashes(test.known), run.training_hashes()])
    for spec in specs:
        images = load_images(
            spec, "test", options, size=run.image_size, channels=run.channels, progress=progress, unlabeled_ok=True
        )
        if not len(images):
            raise RankconError(f"the OOD set {spec} is empty")
        images, shared = _without_shared(spec, images, known_hashes)
        warnings += [*shared, *_same_names(spec, images, run)]
        described = f"{images.split} split" if images.has_own_split else "all images"
        found.append(_unknown(_name(spec, [u.set.name for u in found]), images, "given", described))
    if not found:
        raise RankconError(
            f"there are no unknown images to hold {run.path} against",
            hint="the images of the withheld classes are in the training data: --withheld-from all takes them from there"
            if run.withheld
            else "give sets of unknown images with --ood, or train with --withhold CLASS,...",
        )
    for warning in warnings:
        log.warning("%s", warning)
    return tuple(found), tuple(warnings)


def _without_shared(spec: str, images: ImageSet, known_hashes: np.ndarray) -> tuple[ImageSet, list[str]]:
    """An image cannot be known and unknown: those that are also ID test or training images are taken out."""
    shared = np.isin(pixel_hashes(images), known_hashes)
    if shared.all():
        raise RankconError(
            f"every image of the OOD set {spec} is also in the ID test or training images",
            hint="give images of classes that the run does not know",
        )
    if not shared.any():
        return images, []
    return images.select(~shared), [
        f"{shared.sum()} images of {spec} are also ID test or training images and were left out of it"
    ]


def _same_names(spec: str, images: ImageSet, run: Run) -> list[str]:
    present = {images.classes[label] for label in np.unique(images.labels)}
    same = [name for name in run.classes if name in present]
    if not same:
        return []
    listed = ", ".join(same[:5]) + (" …" if len(same) > 5 else "")
    return [f"{len(same)} classes of {spec} bear the name of a class the run knows ({listed}): are they unknown to it?"]


def _unknown(name: str, images: ImageSet, kind: str, described: str) -> Unknown:
    present = np.unique(images.labels)
    classes = tuple(images.classes[label] for label in present)
    return Unknown(
        OodSet(name=name, spec=images.spec, kind=kind, n=len(images), classes=classes, images=described), images
    )


def _name(spec: str, taken: Sequence[str]) -> str:
    """A short name for a spec: the last part of its path, made unique with a number."""
    body = spec.partition("#")[0]
    base = Path(body.partition(":")[2]).stem if ":" in body else body
    base = base or body
    name, n = base, 2
    while name in (*taken, "id", WITHHELD):
        name, n = f"{base}-{n}", n + 1
    return name
