"""Which images a run is held against: brought to the run's size, its classes matched by name, the rest set apart."""

import dataclasses
import logging
from collections import Counter

import numpy as np

from rankcon_cli.data import DataOptions, ImageSet, fingerprint, keep_classes, load_images, pixel_hashes
from rankcon_cli.data.spec import without_split
from rankcon_cli.errors import RankconError
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.images import data_options, load_training_images, named
from rankcon_cli.training.run_directory import Run

log = logging.getLogger("rankcon")


@dataclasses.dataclass(frozen=True)
class TestImages:
    """known: images of the run's classes, labels in its order; withheld: images of classes the run withheld.

    description: which images these are, in words. left_out: images of classes the run has never heard of, by class.
    warnings: what a reader of the results must know.
    """

    known: ImageSet
    withheld: ImageSet
    description: str
    left_out: dict[str, int]
    warnings: tuple[str, ...] = ()


def load_for_run(run: Run, spec: str, split: str, options: DataOptions, progress: Progress = silent) -> ImageSet:
    """The images of ``spec`` at the run's size and channels. Data without class names takes those of the run's ranking."""
    images = load_images(spec, split, options, size=run.image_size, channels=run.channels, progress=progress)
    return named(images, run.ranking.classes if run.ranking else None, fewer_ok=True)


def training_images(run: Run, progress: Progress = silent) -> ImageSet:
    """The images the run was trained and validated on; RankconError where they are gone or have changed."""
    names = run.ranking.classes if run.ranking else None
    found = load_training_images(run.config.data, names, channels=run.channels, progress=progress)
    images = found.keep(run.classes).images
    if fingerprint(images) != run.record["data"]["fingerprint"]:
        raise RankconError(
            f"{run.config.data.spec} is no longer what {run.path} was trained on: its images or labels have changed",
            hint="put the training images back as they were, or train again",
        )
    return images


def test_images(
    run: Run, spec: str | None, options: DataOptions | None = None, progress: Progress = silent
) -> TestImages:
    """The test images of ``spec``; without one, the test split of the run's own data, or else its validation images.

    Raises:
        RankconError: no image is of a class of the run's, or there is nothing to test on.
    """
    if spec is None and not run.record["data"]["own_test_split"]:
        return _validation_images(run, progress)
    spec = spec or without_split(run.config.data.spec)
    images = load_for_run(run, spec, "test", options or data_options(run.config.data), progress)
    counts = Counter(images.classes[label] for label in images.labels.tolist())
    known = keep_classes(images, run.classes)
    if not len(known):
        raise RankconError(
            f"no image of {spec} is of a class of {run.path}",
            hint=f"the run's classes are {', '.join(run.classes[:8])} …; the data's {', '.join(images.classes[:8])} …",
        )
    warnings = _seen_before(run, known)
    left_out = {name: n for name, n in counts.items() if name not in run.classes and name not in run.withheld}
    if left_out:
        log.warning(
            "left out %d images of %d classes the run does not know (%s); give them as --ood of ood-report",
            sum(left_out.values()),
            len(left_out),
            ", ".join(list(left_out)[:5]),
        )
    return TestImages(
        known=known,
        withheld=keep_classes(images, [name for name in run.withheld if counts[name]]),
        description=f"{images.split} split" if images.has_own_split else "all images",
        left_out=left_out,
        warnings=warnings,
    )


def _seen_before(run: Run, known: ImageSet) -> tuple[str, ...]:
    """A warning where test images are, pixel by pixel, images that the run was trained or validated on."""
    seen = int(np.isin(pixel_hashes(known), run.training_hashes()).sum())
    if not seen:
        return ()
    warning = (
        f"{seen} of {len(known)} test images are images {run.path} was trained or validated on: this measures memory"
    )
    log.warning("%s", warning)
    return (warning,)


def _validation_images(run: Run, progress: Progress) -> TestImages:
    _, validation = run.splits()
    if not len(validation):
        raise RankconError(
            f"{run.config.data.spec} has no test split and the run kept no validation images",
            hint="say what to test on with --data, or train with --val-fraction 0.1",
        )
    log.info(
        "%s has no test split: this is measured on the run's %d validation images",
        run.config.data.spec,
        len(validation),
    )
    images = training_images(run, progress)
    return TestImages(
        known=images.select(validation),
        withheld=keep_classes(images, ()),
        description="validation images of the run",
        left_out={},
    )


def class_counts(images: ImageSet) -> dict[str, int]:
    """Images a class, in label order."""
    counts = np.bincount(images.labels, minlength=len(images.classes))
    return dict(zip(images.classes, counts.tolist(), strict=True))
