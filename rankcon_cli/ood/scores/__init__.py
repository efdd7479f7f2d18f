"""Outlier scores: one number an image, larger for what looks more out-of-distribution.

A score is fitted on the known classes' training images, seen through one feature, and then takes the same feature of
any image. Features are brought to unit length first wherever a score speaks of distance. Arithmetic is float64
wherever a small difference of large terms decides.
"""

from rankcon_cli.ood.scores.base import FitData, Head, Inputs, Score, Scorer
from rankcon_cli.ood.scores.fitting import fit_score, outlier_scores, score_inputs
from rankcon_cli.ood.scores.odin import ODIN, odin_scores
from rankcon_cli.ood.scores.registry import SCORES

__all__ = [
    "ODIN",
    "SCORES",
    "FitData",
    "Head",
    "Inputs",
    "Score",
    "Scorer",
    "fit_score",
    "odin_scores",
    "outlier_scores",
    "score_inputs",
]
