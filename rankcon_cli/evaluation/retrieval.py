"""Retrieval with test images as queries and training images as the gallery: Recall@1 and mAP@R."""

import torch
from torch import Tensor

from rankcon_cli.evaluation.classify import neighbours, unit


def retrieval(queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> dict[str, float]:
    """How well the gallery, sorted by cosine to a query, starts with what belongs there; means over the queries.

    ``recall_at_1``: the nearest image is of the query's class. ``map_at_r``: mAP@R of Musgrave et al., "A Metric Learning
    Reality Check" (ECCV 2020): with R gallery images of the query's class, (1/R) sum over i <= R of precision at i
    where image i is of that class.

    Of equal cosines the lower gallery index counts as nearer. A query whose class the gallery lacks is left out; a
    measure without queries is NaN.

    Args:
        queries: [N, D], query_labels [N], gallery [M, D], gallery_labels [M]; labels are class indices.
    """
    query_labels, gallery_labels = query_labels.long(), gallery_labels.long()
    n_classes = int(torch.cat([query_labels, gallery_labels]).max()) + 1
    own = torch.bincount(gallery_labels, minlength=n_classes)[query_labels]
    depth = max(1, int(own.max()))
    position = torch.arange(1, depth + 1, device=queries.device)
    hits, precisions = [], []
    for rows, _, indices in neighbours(unit(queries), unit(gallery), depth):
        same = gallery_labels[indices] == query_labels[rows, None]
        hits.append(same[:, 0].float())
        counted = same & (position <= own[rows, None])
        precision = same.cumsum(1, dtype=torch.float32) / position
        precisions.append((precision * counted).sum(1) / own[rows])
    answerable = own > 0
    return {
        "recall_at_1": torch.cat(hits)[answerable].mean().item(),
        "map_at_r": torch.cat(precisions)[answerable].mean().item(),
    }
