"""What a trained run finds similar: the cosines of its class means, or what it takes for what."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.data import DataOptions, keep_classes
from rankcon_cli.derive.similarity import Similarities
from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import class_means, confusion_matrix, double, nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings, headline_feature
from rankcon_cli.evaluation.images import load_for_run, test_images
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.images import data_options
from rankcon_cli.training.run_directory import Run, open_run
from rankcon_cli.wording import listed

log = logging.getLogger("rankcon")

#: Digits that cosines and shares are rounded to: what lies beyond changes with the device.
_DIGITS = 6


def from_run(
    run: Path,
    *,
    by: Literal["means", "confusion"] = "means",
    data: str | None = None,
    options: DataOptions | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> Similarities:
    """How similar a run finds the classes that it was trained on, in its label order; a draft for people to edit.

    ``means``: the cosine between the mean directions of the encoder outputs of two classes, on the images that the run
    was trained on.
    ``confusion``: the share of the images of one class that the nearest class mean takes for another (as ``rankcon
    evaluate`` counts them), on the test images of the run's data or else its validation images. Only mistakes count: what
    a class is never taken for is not similar to it, and a class that is never mistaken is left for people to rank.

    Args:
        run: the run directory.
        data: the images to look at instead, as a data spec; classes that the run does not know are left out.
        options: how to find them; None: as the run was trained.
        device: as ``--device`` says.

    Raises:
        RankconError: no run, an unfinished one, or (``means``) a class without images.
    """
    opened = open_run(run)
    embedder = Embedder(opened, device, progress)
    options = options or data_options(opened.config.data)
    if by == "means":
        matrix = _cosines(_images_of(opened, embedder, data, options, progress), len(opened.classes))
    else:
        matrix = _confusions(opened, embedder, data, options, progress)
    return Similarities(opened.classes, matrix)


def _images_of(run: Run, embedder: Embedder, data: str | None, options: DataOptions, progress: Progress) -> Embeddings:
    """The embeddings of the training images, or of those that ``data`` names."""
    if data is None:
        return embedder.training()[0]
    found = load_for_run(run, data, "train", options, progress)
    images = keep_classes(found, run.classes)
    missing = [name for c, name in enumerate(run.classes) if not (images.labels == c).any()]
    if missing:
        raise RankconError(
            f"{data} has no image of {listed(missing)}, so there is no class mean",
            hint="give images of every class of the run, or leave --data away for those that it was trained on",
        )
    return embedder.embed(images)


def _cosines(images: Embeddings, n_classes: int) -> np.ndarray:
    means = double(class_means(double(images.encoder), images.labels, n_classes))
    return _rounded(means @ means.T)


def _confusions(run: Run, embedder: Embedder, data: str | None, options: DataOptions, progress: Progress) -> np.ndarray:
    """The share of mistakes of each kind [C, C], -inf where there are none; NaN rows for classes never mistaken."""
    test = test_images(run, data, options, progress)
    train, _ = embedder.training()
    found = embedder.embed(test.known)
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    predictions = nearest_class_mean(means, found.features()[feature]).argmax(dim=1)
    counts = double(confusion_matrix(predictions, found.labels, len(run.classes))).cpu()
    mistakes = counts.clone().fill_diagonal_(0)
    unmistaken = [name for name, n in zip(run.classes, mistakes.sum(1).tolist(), strict=True) if not n]
    if unmistaken:
        log.info("left for you to rank, as no image of theirs is taken for another class: %s", listed(unmistaken))
    shares = mistakes / counts.sum(1, keepdim=True)
    shares = torch.where(mistakes > 0, shares, -torch.inf)
    return _rounded(torch.where(mistakes.sum(1, keepdim=True) > 0, shares, torch.nan))


def _rounded(values: Tensor) -> np.ndarray:
    return np.round(values.cpu().numpy(), _DIGITS)
