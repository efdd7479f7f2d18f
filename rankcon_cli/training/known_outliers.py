"""The images of known outliers: brought to the run's size, and none of them one that the run trains on."""

import logging

import numpy as np

from rankcon_cli.data import ImageSet, keep_classes, load_images, pixel_hashes
from rankcon_cli.data.spec import absolute_spec, without_split
from rankcon_cli.errors import RankconError
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.config import TrainConfig
from rankcon_cli.training.images import data_options, named
from rankcon_cli.wording import counted, did_you_mean, listed, quoted

log = logging.getLogger("rankcon")


def load_outliers(
    config: TrainConfig, known: ImageSet, names: tuple[str, ...] | None, progress: Progress = silent
) -> ImageSet | None:
    """The images that ``config.outliers`` names, without any that is among the ``known`` ones; None where it names none.

    Args:
        known: the run's training and validation images, their classes those that it knows.
        names: class names for data of the run's own source that has none, see ``training.images.named``.

    Raises:
        RankconError: the images cannot be read, a class does not exist, the run knows one of the classes of its own data, or
            no image is left.
    """
    spec = config.outliers.spec
    if spec is None:
        return None
    _, channels, size, _ = known.images.shape
    images = load_images(
        spec, "train", data_options(config.data), size=size, channels=channels, progress=progress, unlabeled_ok=True
    )
    own = without_split(absolute_spec(spec)) == without_split(absolute_spec(config.data.spec))
    if own:
        images = named(images, names, fewer_ok=True)
    images = _of_classes(images, config.outliers.classes)
    present = [images.classes[label] for label in np.unique(images.labels)]
    shared = [name for name in present if name in known.classes]
    if shared and own:
        raise RankconError(
            f"the outliers {spec} hold {counted(len(shared), 'class')} that the run is to know: {listed(shared)}",
            hint="name the classes that are outliers with --outlier-classes, and withhold them with --withhold",
        )
    if shared:
        log.warning(
            "the outliers %s bear the names of classes that the run is to know (%s): are they outliers?",
            spec,
            listed(shared),
        )
    same = np.isin(pixel_hashes(images), pixel_hashes(known))
    if same.any():
        images = images.select(~same)
        log.warning("left out of the outliers %s: %s that the run trains on", spec, counted(int(same.sum()), "image"))
    if not len(images):
        raise RankconError(
            f"no image of the outliers {spec} is left", hint="give images that the run does not train on"
        )
    return images


def _of_classes(images: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    for name in classes:
        if name not in images.classes:
            raise RankconError(
                f"the outliers {images.spec} have no class {quoted(name)}{did_you_mean(name, images.classes)}",
                hint=f"their classes are {', '.join(images.classes[:20])}{' …' if len(images.classes) > 20 else ''}",
            )
    return keep_classes(images, tuple(dict.fromkeys(classes))) if classes else images
