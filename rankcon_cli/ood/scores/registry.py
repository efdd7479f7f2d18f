"""Every outlier score by name, in the order of a report."""

from rankcon_cli.ood.scores.base import Score
from rankcon_cli.ood.scores.distance import DISTANCE_SCORES
from rankcon_cli.ood.scores.gaussian import GAUSSIAN_SCORES
from rankcon_cli.ood.scores.head import HEAD_SCORES
from rankcon_cli.ood.scores.logits import LOGIT_SCORES
from rankcon_cli.ood.scores.ranking import RANKING_SCORES
from rankcon_cli.ood.scores.shaping import SHAPING_SCORES

SCORES: dict[str, Score] = {
    **LOGIT_SCORES,
    **SHAPING_SCORES,
    **HEAD_SCORES,
    **DISTANCE_SCORES,
    **GAUSSIAN_SCORES,
    **RANKING_SCORES,
}
