import math

import numpy as np
import pytest
import torch

from rankcon_cli.evaluation.retrieval import retrieval

# A sparse, asymmetric ranking of five classes: class 4 lists nothing, class 0 has two classes in its tier 1.
TIERS = np.array(
    [
        [0, 1, 1, 2, -1],
        [2, 0, 1, -1, -1],
        [-1, -1, 0, 1, -1],
        [3, 2, 1, 0, -1],
        [-1, -1, -1, -1, 0],
    ],
    dtype=np.int16,
)


def sample(n, seed, n_classes=5, dim=4):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(n_classes, (n,), generator=generator)
    centres = torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(0))
    return centres[labels] + torch.randn(n, dim, generator=generator), labels


def reference(queries, query_labels, gallery, gallery_labels, tiers, k):
    """One query, one position at a time."""
    first, average, gains = [], [], []
    for query, c in zip(queries, query_labels.tolist(), strict=True):
        cosines = torch.nn.functional.cosine_similarity(query[None], gallery)
        order = gallery_labels[cosines.argsort(descending=True, stable=True)].tolist()

        def gain(other, c=c):
            return 0 if tiers[c][other] < 0 else max(tiers[c]) + 1 - tiers[c][other]

        def dcg(classes, gain=gain):
            return sum(gain(other) / math.log2(i + 2) for i, other in enumerate(classes[:k]))

        relevant = order.count(c)
        if relevant:
            first.append(order[0] == c)
            average.append(sum(order[: i + 1].count(c) / (i + 1) for i in range(relevant) if order[i] == c) / relevant)
        best = dcg(sorted(order, key=gain, reverse=True))
        if best:
            gains.append(dcg(order) / best)
    return {"recall_at_1": np.mean(first), "map_at_r": np.mean(average), f"ndcg_at_{k}": np.mean(gains)}


@pytest.mark.parametrize("k", [1, 5, 40, 60, 100])
def test_retrieval_equals_a_loop(k):
    data = *sample(40, 1), *sample(60, 2)
    assert retrieval(*data, TIERS, k) == pytest.approx(reference(*data, TIERS, k), abs=1e-6)


def test_without_a_ranking_there_is_no_ndcg():
    data = *sample(40, 1), *sample(60, 2)
    expected = reference(*data, TIERS, 5)
    del expected["ndcg_at_5"]
    assert retrieval(*data) == pytest.approx(expected, abs=1e-6)


def test_a_perfect_space_scores_one_and_a_reversed_ranking_less():
    # Classes on an arc: the nearer in angle, the nearer in the ranking.
    labels = torch.arange(4).repeat_interleave(5)
    angle = labels * 0.4
    x = torch.stack([angle.cos(), angle.sin()], dim=1)
    tiers = (labels[::5, None] - labels[None, ::5]).abs()
    perfect = retrieval(x, labels, x, labels, tiers, 20)
    assert perfect == pytest.approx({"recall_at_1": 1, "map_at_r": 1, "ndcg_at_20": 1})
    wrong = torch.where(tiers == 0, 0, tiers.amax(1, keepdim=True) + 1 - tiers)
    assert retrieval(x, labels, x, labels, wrong, 20)["ndcg_at_20"] < 0.99


def test_queries_that_nothing_could_answer_are_left_out():
    (queries, query_labels), (gallery, gallery_labels) = sample(40, 1), sample(60, 2)
    kept = gallery_labels != 4
    data = queries, query_labels, gallery[kept], gallery_labels[kept]
    assert retrieval(*data, TIERS, 10) == pytest.approx(reference(*data, TIERS, 10), abs=1e-6)
    only_unanswerable = queries[query_labels == 4], query_labels[query_labels == 4], gallery[kept], gallery_labels[kept]
    assert all(math.isnan(value) for value in retrieval(*only_unanswerable, TIERS, 10).values())


def test_ties_go_to_the_lower_gallery_index():
    x = torch.ones(6, 3)
    labels = torch.tensor([1, 0, 0, 1, 1, 0])
    data = x[:2], torch.tensor([0, 1]), x, labels
    tiers = np.array([[0, 1], [-1, 0]])
    assert retrieval(*data, tiers, 4) == pytest.approx(reference(*data, tiers, 4))


def test_lengths_and_blocks_change_nothing(monkeypatch):
    from rankcon_cli.evaluation import classify

    (queries, query_labels), (gallery, gallery_labels) = sample(40, 1), sample(60, 2)
    whole = retrieval(queries, query_labels, gallery, gallery_labels, TIERS, 50)
    monkeypatch.setattr(classify, "_BLOCK", 250)
    again = retrieval(3 * queries, query_labels, gallery / 7, gallery_labels, torch.from_numpy(TIERS), 50)
    assert again == pytest.approx(whole, abs=1e-6)
