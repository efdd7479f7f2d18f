import math

import numpy as np
import pytest
import torch

from rankcon_cli.evaluation.retrieval import retrieval


def sample(n, seed, n_classes=5, dim=4):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(n_classes, (n,), generator=generator)
    centres = torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(0))
    return centres[labels] + torch.randn(n, dim, generator=generator), labels


def reference(queries, query_labels, gallery, gallery_labels):
    """One query, one position at a time."""
    first, average = [], []
    for query, c in zip(queries, query_labels.tolist(), strict=True):
        cosines = torch.nn.functional.cosine_similarity(query[None], gallery)
        order = gallery_labels[cosines.argsort(descending=True, stable=True)].tolist()
        relevant = order.count(c)
        if relevant:
            first.append(order[0] == c)
            average.append(sum(order[: i + 1].count(c) / (i + 1) for i in range(relevant) if order[i] == c) / relevant)
    return {"recall_at_1": np.mean(first), "map_at_r": np.mean(average)}


def test_retrieval_equals_a_loop():
    data = *sample(40, 1), *sample(60, 2)
    assert retrieval(*data) == pytest.approx(reference(*data), abs=1e-6)


def test_a_perfect_space_scores_one():
    labels = torch.arange(4).repeat_interleave(5)
    x = torch.nn.functional.one_hot(labels).float()
    assert retrieval(x, labels, x, labels) == pytest.approx({"recall_at_1": 1, "map_at_r": 1})


def test_queries_that_nothing_could_answer_are_left_out():
    (queries, query_labels), (gallery, gallery_labels) = sample(40, 1), sample(60, 2)
    kept = gallery_labels != 4
    data = queries, query_labels, gallery[kept], gallery_labels[kept]
    assert retrieval(*data) == pytest.approx(reference(*data), abs=1e-6)
    only_unanswerable = queries[query_labels == 4], query_labels[query_labels == 4], gallery[kept], gallery_labels[kept]
    assert all(math.isnan(value) for value in retrieval(*only_unanswerable).values())


def test_ties_go_to_the_lower_gallery_index():
    x = torch.ones(6, 3)
    labels = torch.tensor([1, 0, 0, 1, 1, 0])
    data = x[:2], torch.tensor([0, 1]), x, labels
    assert retrieval(*data) == pytest.approx(reference(*data))


def test_lengths_and_blocks_change_nothing(monkeypatch):
    from rankcon_cli.evaluation import classify

    (queries, query_labels), (gallery, gallery_labels) = sample(40, 1), sample(60, 2)
    whole = retrieval(queries, query_labels, gallery, gallery_labels)
    monkeypatch.setattr(classify, "_BLOCK", 250)
    assert retrieval(3 * queries, query_labels, gallery / 7, gallery_labels) == pytest.approx(whole, abs=1e-6)
