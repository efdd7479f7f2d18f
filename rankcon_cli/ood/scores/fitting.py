"""Fitting a score once and taking it of any number of images, in blocks of bounded size."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks
from rankcon_cli.ood.scores.base import FitData, Inputs, Scorer
from rankcon_cli.ood.scores.registry import SCORES


def fit_score(name: str, fit: FitData, **parameters: Any) -> Scorer:
    """``SCORES[name]`` fitted on ``fit``.

    Raises:
        RankconError: NaN or infinity among the training features; no training image, or training images that the
            score cannot be fitted on (Gaussian scores: no spread within classes; ``rmd``: a single class); something
            that the score needs is not in ``fit``.
    """
    score = SCORES[name]
    if missing := score.missing(fit):
        raise RankconError(f"the outlier score {name!r} needs what is not there: {', '.join(missing)}")
    if len(fit.features) == 0:
        raise RankconError(f"there is no training image to fit the outlier score {name!r} on")
    _require_finite(fit.features, "features of the training images")
    if fit.logits is not None:
        _require_finite(fit.logits, "logits of the training images")
    return score.fit(fit, **parameters)


def score_inputs(scorer: Scorer, inputs: Inputs, what: str = "images") -> np.ndarray:
    """The outlier scores, float64 [n], of ``inputs``; RankconError where these or the scores are not finite."""
    _require_finite(inputs.features, f"features of {what}")
    width = inputs.features.shape[1]
    if inputs.logits is not None:
        _require_finite(inputs.logits, f"logits of {what}")
        width = max(width, inputs.logits.shape[1])
    parts = [scorer(inputs[rows]).cpu().numpy() for rows in blocks(len(inputs), width)]
    scores = np.concatenate([np.empty(0), *parts])  # float64 by the first, empty part
    _require_finite(torch.from_numpy(scores)[:, None], f"outlier scores of {what}")
    return scores


def outlier_scores(name: str, sets: Mapping[str, Inputs], fit: FitData, **parameters: Any) -> dict[str, np.ndarray]:
    """The outlier scores of each set of images under ``SCORES[name]``, fitted once for all of them."""
    scorer = fit_score(name, fit, **parameters)
    return {set_name: score_inputs(scorer, inputs, repr(set_name)) for set_name, inputs in sets.items()}


def _require_finite(inputs: Tensor, what: str) -> None:
    if inputs.sum().isfinite():  # what is not finite stays so in a sum: the usual case in one fast pass
        return
    bad = int((~inputs.isfinite()).any(1).sum())
    if bad:
        raise RankconError(
            f"the {what} are not finite for {bad} of {len(inputs)} images",
            hint="the run may have diverged: see its metrics, and train with a lower learning rate",
        )
