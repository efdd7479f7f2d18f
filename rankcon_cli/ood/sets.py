"""The unknown images that runs are held against: the classes they withheld and the sets that the user names."""

import dataclasses
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, keep_classes, load_images, pixel_hashes, printable
from rankcon_cli.data.spec import absolute_spec, parse_spec, without_split
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.images import TestImages, load_for_run
from rankcon_cli.ood.result import ID, KINDS, OodSet
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.run_directory import Run
from rankcon_cli.wording import counted

log = logging.getLogger("rankcon")

WITHHELD = "withheld"
#: The withheld classes that training met as known outliers, apart from those it never saw.
WITHHELD_OUTLIERS = "withheld-outliers"
_RESERVED = (ID, *KINDS, WITHHELD_OUTLIERS)
_JPEG = frozenset((".jpg", ".jpeg", ".jfif"))
#: Images of a set below which a 95 % bootstrap interval holds the true AUROC less than some nine times in ten.
FEW = 20
_DIFFERENT = 0.1  # from this difference in the share of JPEG images on, a reader is warned


@dataclasses.dataclass(frozen=True)
class Unknown:
    """An OOD set with its images."""

    set: OodSet
    images: ImageSet

    def class_names(self) -> tuple[str, ...]:
        """The class of each image."""
        return tuple(self.images.classes[label] for label in self.images.labels)


@dataclasses.dataclass(frozen=True)
class Seen:
    """Digests (``data.pixel_hashes``) of images that cannot count as unknown.

    known: ID test images, and training and validation images of any run; outliers: what any run was trained on as known
    outliers; outlier_classes: the classes of those.
    """

    known: np.ndarray
    outliers: np.ndarray
    outlier_classes: frozenset[str]

    @classmethod
    def by(cls, runs: Sequence[Run], test: TestImages) -> "Seen":
        known = [pixel_hashes(test.known), *(run.training_hashes() for run in runs)]
        outliers = [np.empty(0, dtype="S16"), *(run.outlier_hashes() for run in runs)]
        classes = frozenset(name for run in runs for name in run.outlier_classes)
        return cls(np.unique(np.concatenate(known)), np.unique(np.concatenate(outliers)), classes)

    def left_of(self, images: ImageSet, what: str) -> tuple[ImageSet, list[str]]:
        """``images`` without those that were seen, and a warning for each kind of them. May leave none."""
        hashes = pixel_hashes(images)
        known, outlier = np.isin(hashes, self.known), np.isin(hashes, self.outliers)
        warnings = [
            f"left out of {what}: {counted(int(shared.sum()), 'image')} found among the {where} too"
            for shared, where in ((known, "ID test or training images"), (outlier & ~known, "outliers of the training"))
            if shared.any()
        ]
        return (images.select(~(known | outlier)) if warnings else images), warnings


def load_unknowns(
    runs: Sequence[Run],
    test: TestImages,
    specs: Mapping[str, Sequence[str]],
    options: DataOptions,
    *,
    withheld_from_all: bool = False,
    needed: bool = True,
    progress: Progress = silent,
) -> tuple[tuple[Unknown, ...], tuple[str, ...]]:
    """The OOD sets, withheld classes first, then by kind, and what the reader of a report should be warned of.

    Images that are also ID test images, training images of any run or outliers of its training are taken out.

    Args:
        runs: with the same known and withheld classes.
        specs: kind (``"near"``, ``"far"`` or ``"other"``) -> data specs.
        withheld_from_all: take the withheld classes' images from every split, not from the test split alone. None of
            them was trained on as a known class, and small data needs the number.
        needed: whether it is a fault that there is no set at all.

    Raises:
        UsageError: a spec is named twice.
        RankconError: there is no set at all, and one is needed; a set is empty, or all of it was seen before.
    """
    _require_distinct([spec for kind in specs.values() for spec in kind])
    seen = Seen.by(runs, test)
    found, warnings = _withheld(runs[0], test, seen, options, withheld_from_all, progress)
    for kind in KINDS:
        for spec in specs.get(kind, ()):
            images, shared = load_unseen(spec, runs[0], seen, options, progress)
            name = _name(spec, [u.set.name for u in found])
            met = seen.outlier_classes.intersection(_present(images))
            found.append(_unknown(name, images, kind, _described(images), trained_outliers=bool(met)))
            warnings += [*shared, *_same_names(spec, images, runs[0]), *_outlier_names(spec, met)]
    if not found and needed:
        raise RankconError(
            f"there are no unknown images to hold {runs[0].path} against",
            hint="the images of the withheld classes are in the training data: --withheld-from all takes them from there"
            if runs[0].withheld
            else "give sets of unknown images with --near, --far or --ood, or train with --withhold CLASS,...",
        )
    warnings += [warning for u in found if (warning := _jpeg_traces(test.known, u))]
    warnings += [warning for u in found if (warning := _few(u))]
    for warning in warnings:
        log.warning("%s", warning)
    return tuple(found), tuple(warnings)


def load_unseen(
    spec: str, run: Run, seen: Seen, options: DataOptions, progress: Progress = silent
) -> tuple[ImageSet, list[str]]:
    """The images of ``spec`` at the run's size that were not ``seen``, and warnings; RankconError where there are none."""
    images = load_images(
        spec, "test", options, size=run.image_size, channels=run.channels, progress=progress, unlabeled_ok=True
    )
    if not len(images):
        raise RankconError(f"the OOD set {spec} is empty")
    left, warnings = seen.left_of(images, spec)
    if not len(left):
        raise RankconError(
            f"every image of the OOD set {spec} is also in the ID test or training images, or an outlier of the training",
            hint="give images of classes that the run does not know",
        )
    return left, warnings


def formats(images: ImageSet) -> str:
    """How the images were stored, by the suffixes of their names: ``120 .jpg, 3 .png``; ``array`` where they have none."""
    kinds = Counter(_suffix(name) for name in images.names)
    if set(kinds) <= {""}:
        return "array"
    return ", ".join(f"{n} {kind or 'without suffix'}" for kind, n in kinds.most_common())


def digest(images: ImageSet) -> str:
    """``sha256:`` and the hash over the pixels as the network sees them, before normalisation."""
    return f"sha256:{hashlib.sha256(np.ascontiguousarray(images.images)).hexdigest()}"


def _withheld(
    run: Run, test: TestImages, seen: Seen, options: DataOptions, from_all: bool, progress: Progress
) -> tuple[list[Unknown], list[str]]:
    """The withheld classes: those that training never saw, and apart those it met as outliers."""
    images, described = test.withheld, test.description
    if from_all and run.withheld:
        everything = load_for_run(run, without_split(test.known.spec), "all", options, progress)
        images = keep_classes(everything, [name for name in run.withheld if name in everything.classes])
        described = "all splits: none was trained on"
    images, warnings = seen.left_of(images, "the withheld classes")
    parts = {
        WITHHELD: [name for name in images.classes if name not in seen.outlier_classes],
        WITHHELD_OUTLIERS: [name for name in images.classes if name in seen.outlier_classes],
    }
    found = []
    for name, classes in parts.items():
        part = keep_classes(images, classes)
        if len(part):
            met = name == WITHHELD_OUTLIERS
            words = "other images of classes that training met as outliers" if met else described
            found.append(_unknown(name, part, WITHHELD, words, trained_outliers=met))
    return found, warnings


def _unknown(name: str, images: ImageSet, kind: str, described: str, *, trained_outliers: bool) -> Unknown:
    described_set = OodSet(
        name=name,
        spec=images.spec,
        kind=kind,
        n=len(images),
        classes=_present(images),
        images=described,
        formats=formats(images),
        digest=digest(images),
        trained_outliers=trained_outliers,
    )
    return Unknown(described_set, images)


def _described(images: ImageSet) -> str:
    return f"{images.split} split" if images.has_own_split else "all images"


def _present(images: ImageSet) -> tuple[str, ...]:
    return tuple(images.classes[label] for label in np.unique(images.labels))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _require_distinct(specs: Sequence[str]) -> None:
    counts = Counter(absolute_spec(spec) for spec in specs)
    twice = [spec for spec, n in counts.items() if n > 1]
    if twice:
        raise UsageError(
            f"the OOD set {twice[0]} is named twice", hint="name it once, with --near, with --far or with --ood"
        )


def _same_names(spec: str, images: ImageSet, run: Run) -> list[str]:
    present = _present(images)
    same = [name for name in run.classes if name in present]
    if not same:
        return []
    listed = ", ".join(same[:5]) + (" …" if len(same) > 5 else "")
    return [f"{len(same)} classes of {spec} bear the name of a class the run knows ({listed}): are they unknown to it?"]


def _outlier_names(spec: str, met: frozenset[str]) -> list[str]:
    if not met:
        return []
    return [f"{counted(len(met), 'class')} of {spec} served as outliers in training: they were not unknown to it"]


def _few(unknown: Unknown) -> str | None:
    if unknown.set.n >= FEW:
        return None
    return (
        f"{unknown.set.name} holds {counted(unknown.set.n, 'image')}: bootstrap intervals and p values of fewer than {FEW} "
        "are surer than they should be"
    )


def _jpeg_traces(known: ImageSet, unknown: Unknown) -> str | None:
    """A warning where one side is stored as JPEG and the other is not."""
    share, theirs = (np.mean([_suffix(n) in _JPEG for n in images.names]) for images in (known, unknown.images))
    if abs(share - theirs) < _DIFFERENT:
        return None
    return (
        f"{100 * share:.0f} % of the ID test images and {100 * theirs:.0f} % of {unknown.set.name} are stored as JPEG: "
        "a score may tell them apart by traces of compression"
    )


def _name(spec: str, taken: Sequence[str]) -> str:
    """A short name for a spec: the last part of its path, made unique with a number."""
    parsed = parse_spec(spec)
    path = Path(os.path.abspath(parsed.place))
    base = printable((path.stem if parsed.source == "npz" else path.name) if parsed.place else parsed.source) or "root"
    name, n = base, 2
    while name in (*taken, *_RESERVED):
        name, n = f"{base}-{n}", n + 1
    return name
