"""Retrieval with test images as queries and training images as the gallery: Recall@1, mAP@R, tier-aware NDCG@k."""

import torch
from torch import Tensor

from rankcon_cli.evaluation.classify import neighbours, unit
from rankcon_cli.evaluation.order import TierTable, tier_gains


def retrieval(
    queries: Tensor,
    query_labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    tiers: TierTable | None = None,
    k: int = 100,
) -> dict[str, float]:
    """How well the gallery, sorted by cosine to a query, starts with what belongs there; means over the queries.

    ``recall_at_1``: the nearest image is of the query's class.
    ``map_at_r``: mAP@R of Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020): with R gallery images of the
    query's class, (1/R) times the sum, over positions i <= R that hold an image of that class, of the precision at i.
    ``ndcg_at_<k>`` (only with ``tiers``): NDCG of the first k images with the gain of ``order.tier_gains`` (the own
    class most, then tier by tier, unlisted 0) and discount 1 / log2(1 + position). Tiers matter to it only where k
    exceeds R: the best first R images are all of the query's class.

    Of equal cosines the lower gallery index counts as nearer. A query that nothing in the gallery could answer
    is left out; a measure without queries is NaN.

    Args:
        queries: [N, D], query_labels [N], gallery [M, D], gallery_labels [M], on one device; N and M at least 1.
        tiers: [C, C] tier table (0 the class itself, t tier t, -1 unlisted), or None without a ranking.
        k: capped at M in the computation, not in the name.
    """
    device = queries.device
    query_labels, gallery_labels = query_labels.long(), gallery_labels.long()
    n_classes = int(torch.cat([query_labels, gallery_labels]).max()) + 1 if tiers is None else len(tiers)
    counts = torch.bincount(gallery_labels, minlength=n_classes)
    own = counts[query_labels]
    depth = min(max(int(own.max()), 1 if tiers is None else k), len(gallery))
    position = torch.arange(1, depth + 1, device=device)
    discount = 1 / (position[:k] + 1).log2()
    gains = None if tiers is None else tier_gains(tiers).to(device)
    hits, precisions, found = [], [], []
    for rows, _, indices in neighbours(unit(queries), unit(gallery), depth):
        classes = gallery_labels[indices]
        same = classes == query_labels[rows, None]
        hits.append(same[:, 0].float())
        counted = same & (position <= own[rows, None])
        precisions.append((same.cumsum(1) / position * counted).sum(1) / own[rows])
        if gains is not None:
            found.append(gains[query_labels[rows, None], classes[:, :k]] @ discount)
    measures = {"recall_at_1": _mean(hits, own > 0), "map_at_r": _mean(precisions, own > 0)}
    if gains is not None:
        best = _best_gain(gains, counts, discount)[query_labels]
        measures[f"ndcg_at_{k}"] = _mean([torch.cat(found) / best], best > 0)
    return measures


def _mean(parts: list[Tensor], defined: Tensor) -> float:
    return torch.cat(parts)[defined].mean().item()


def _best_gain(gains: Tensor, counts: Tensor, discount: Tensor) -> Tensor:
    """The discounted gain [C] of a perfectly sorted gallery with ``counts`` [C] images a class."""
    gains, order = gains.sort(dim=1, descending=True)
    end = counts[order].cumsum(1).clamp(max=len(discount))
    total = torch.cat([discount.new_zeros(1), discount.cumsum(0)])
    start = torch.cat([end.new_zeros(len(end), 1), end[:, :-1]], dim=1)
    return (gains * (total[end] - total[start])).sum(1)
