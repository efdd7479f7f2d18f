"""How far an embedding space obeys a ranking of classes: order satisfaction, Kendall tau-b, NDCG, mistake severity.

A tier table is a [C, C] array of integers: row the anchor class, 0 on the diagonal, t for a class in tier t, -1 for
an unlisted one. All these measure obedience to the declared ranking, not whether the ranking is true.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rankcon_cli.evaluation.classify import class_sums, double, unit

#: [C, C]: see the head of this file.
TierArray = Tensor | np.ndarray

# Rounding of float64 sums of cosines; closer means are a tie, so that a collapsed embedding satisfies nothing.
_TIE = 1e-9


@dataclass(frozen=True)
class OrderSatisfaction:
    """Share of pairs of ranks in order, over all pairs and over those without the own class; NaN without pairs."""

    all: float
    beyond_own: float
    n_pairs: int
    n_pairs_beyond_own: int


def order_satisfaction(
    embeddings: Tensor, labels: Tensor, tier_CC: TierArray, ranks: int | None = None
) -> OrderSatisfaction:
    """Eq. (1) of arXiv 2208.06083 as a share: of all anchors q and ranks i < j, how often h(q, P_i) > h(q, P_j).

    h(q, P) is the mean cosine of q to the images of P. Every image is an anchor once; P_1 is its class without
    itself, P_(t+1) its tier t, the last rank its negatives. Ranks without an image make no pair. A tie is not in
    order: eq. (1) is strict, and a constant embedding scores 0, where 0.5 is chance.

    Args:
        embeddings: [N, D], of any length; they are brought to unit length.
        labels: [N] in 0..C-1.
        ranks: trained ranks, the own class included: tiers past ``ranks - 1`` are negatives. None: all declared tiers.
    """
    x = unit(double(embeddings))
    labels = labels.to(x.device)
    rank_CC = _ranks(tier_CC, ranks).to(x.device)
    n_classes, n_ranks = len(rank_CC), int(rank_CC.max()) + 1
    sums, counts = class_sums(x, labels, n_classes)
    in_order = in_order_beyond = n_pairs = n_pairs_beyond = 0
    for c in labels.unique().tolist():
        # The mean cosine to a set is the product with the mean of the set: N*C*D work, never an [N, N] matrix.
        of_rank = functional.one_hot(rank_CC[c], n_ranks).to(x)
        anchors = x[labels == c]
        total, count = anchors @ (sums.T @ of_rank), counts @ of_rank
        total[:, 0] -= (anchors * anchors).sum(1)
        count[0] -= 1
        present = count > 0
        means = (total / count)[:, present]
        first_beyond = int(present[0])
        for j in range(1, means.shape[1]):
            above = means[:, :j] > means[:, j, None] + _TIE
            in_order += int(above.sum())
            in_order_beyond += int(above[:, first_beyond:].sum())
            n_pairs += above.numel()
            n_pairs_beyond += above[:, first_beyond:].numel()
    return OrderSatisfaction(
        _share(in_order, n_pairs), _share(in_order_beyond, n_pairs_beyond), n_pairs, n_pairs_beyond
    )


def _ranks(tier_CC: TierArray, ranks: int | None) -> Tensor:
    """Rank of each class for each anchor class, from 0 (the class itself); negatives have the last, shared rank."""
    tiers = torch.as_tensor(tier_CC).long()
    last = int(tiers.max()) + 1 if ranks is None else ranks
    return torch.where(tiers < 0, last, tiers).clamp(max=last)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


@dataclass(frozen=True)
class PerClass:
    """A measure for each class, NaN where it is undefined, and its mean over the classes where it is defined."""

    mean: float
    values: tuple[float, ...]


def class_similarities(cosines: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Mean cosine [C, C] of the images of each class (row) to each class mean, float64; NaN rows for absent classes.

    Args:
        cosines: [N, C] of test images to the class means of the training images, see ``nearest_class_mean``.
        labels: [N] in 0..C-1.
    """
    cosines = double(cosines)
    sums, counts = class_sums(cosines, labels.to(cosines.device), n_classes)
    return sums / counts[:, None]


def kendall_tau_b(similarities: Tensor, tier_CC: TierArray) -> PerClass:
    """Kendall's tau-b between declared nearness and cosine, over the other classes of each class.

    Classes of one tier are tied, unlisted ones tie behind the last tier. Undefined (NaN) for a class without images, or
    whose other classes are all tied.

    Args:
        similarities: [C, C] from ``class_similarities``.
    """
    from scipy.stats import kendalltau

    return _per_class(similarities, tier_CC, lambda gains, cosines: float(kendalltau(gains, cosines).statistic))


def ndcg(similarities: Tensor, tier_CC: TierArray) -> PerClass:
    """NDCG of the other classes of each class, sorted by cosine, with ``tier_gains``; tied cosines are averaged.

    Undefined (NaN) for a class without images, or whose other classes are all tied in the ranking. Chance is not 0.

    Args:
        similarities: [C, C] from ``class_similarities``.
    """
    from sklearn.metrics import ndcg_score

    return _per_class(similarities, tier_CC, lambda gains, cosines: float(ndcg_score([gains], [cosines])))


def _per_class(
    similarities: Tensor, tier_CC: TierArray, measure: Callable[[np.ndarray, np.ndarray], float]
) -> PerClass:
    """``measure(gains, cosines)`` of each class over its other classes, where both say something."""
    gains, cosines = tier_gains(tier_CC).cpu().numpy(), similarities.cpu().numpy()
    values = []
    for c in range(len(gains)):
        others = np.arange(len(gains)) != c
        declared, found = gains[c, others], cosines[c, others]
        defined = np.isfinite(found).all() and len(np.unique(declared)) > 1
        values.append(measure(declared, found) if defined else float("nan"))
    known = [value for value in values if not np.isnan(value)]
    return PerClass(float(np.mean(known)) if known else float("nan"), tuple(values))


def tier_gains(tier_CC: TierArray) -> Tensor:
    """What finding a class is worth to an anchor class, [C, C] float32: with T tiers, T + 1 - t in tier t, else 0.

    The class itself is worth T + 1 (t = 0). The gain of NDCG is this number itself, not 2 to its power.
    """
    tiers = torch.as_tensor(tier_CC).long()
    depth = tiers.amax(1, keepdim=True)
    return torch.where(tiers >= 0, depth + 1 - tiers, 0).float()


@dataclass(frozen=True)
class MistakeSeverity:
    """Mean tier of the predicted class over the mistakes, and their share within tier 1; both NaN without a mistake."""

    mean_tier: float
    tier1_share: float
    n_mistakes: int


def mistake_severity(predictions: Tensor, labels: Tensor, tier_CC: TierArray) -> MistakeSeverity:
    """How far off the wrong predictions are, by the ranking of the true class.

    An unlisted class counts as tier T + 1, where T is the number of tiers of the true class; it is never in tier 1,
    not even where T is 0. After Bertinetto et al., "Making Better Mistakes" (CVPR 2020), with tiers for the distance
    in a tree. Read it beside the accuracy: it grows when the easy mistakes vanish.

    Args:
        predictions: [N] and labels [N], class indices in 0..C-1.
    """
    tiers = torch.as_tensor(tier_CC).long()
    predictions, labels = predictions.to(tiers.device).long(), labels.to(tiers.device).long()
    wrong = predictions != labels
    tier = tiers[labels, predictions][wrong]
    severity = torch.where(tier >= 0, tier, tiers.amax(1)[labels[wrong]] + 1)
    n = len(tier)
    return MistakeSeverity(_share(int(severity.sum()), n), _share(int((tier == 1).sum()), n), n)
