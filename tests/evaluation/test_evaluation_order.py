import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from rankcon_cli.evaluation import order

# A sparse, asymmetric ranking of six classes: class 4 lists nothing, class 5 is listed once.
TIERS = np.array(
    [
        [0, 1, 1, 2, -1, -1],
        [2, 0, 1, 3, -1, -1],
        [-1, -1, 0, 1, -1, 2],
        [3, 2, 1, 0, 4, 5],
        [-1, -1, -1, -1, 0, -1],
        [1, 2, 3, -1, -1, 0],
    ],
    dtype=np.int16,
)


def sample(n=60, seed=1, n_classes=6, dim=5):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(n_classes, (n,), generator=generator)
    centres = torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(0))
    return centres[labels] + torch.randn(n, dim, generator=generator), labels


def satisfied_by_loops(x, labels, tiers, ranks):
    every, beyond = [], []
    for q in range(len(x)):
        groups = {}
        for p in range(len(x)):
            tier = int(tiers[labels[q], labels[p]])
            limit = ranks - 1 if ranks else 10
            rank = tier + 1 if 0 <= tier <= limit else 99
            if p != q:
                groups.setdefault(rank, []).append(float(cosine_similarity(x[q].double(), x[p].double(), dim=0)))
        for i, j in combinations(sorted(groups), 2):
            right = np.mean(groups[i]) > np.mean(groups[j])
            every.append(right)
            if i > 1:
                beyond.append(right)
    share = [float(np.mean(pairs)) if pairs else math.nan for pairs in (every, beyond)]
    return order.OrderSatisfaction(*share, len(every), len(beyond))


@pytest.mark.parametrize("ranks", [None, 1, 2, 3, 6, 9])
@pytest.mark.parametrize("n", [60, 7])  # 7 images: classes absent, or alone in their class
def test_order_satisfaction_equals_the_double_loop(ranks, n):
    x, labels = sample(n)
    got, expected = order.order_satisfaction(x, labels, TIERS, ranks), satisfied_by_loops(x, labels, TIERS, ranks)
    assert (got.n_pairs, got.n_pairs_beyond_own) == (expected.n_pairs, expected.n_pairs_beyond_own)
    assert (got.all, got.beyond_own) == pytest.approx((expected.all, expected.beyond_own), nan_ok=True)


def test_order_satisfaction_of_one_rank_has_no_pair_beyond_the_own_class():
    got = order.order_satisfaction(*sample(), TIERS, 1)
    assert got.n_pairs_beyond_own == 0
    assert math.isnan(got.beyond_own)


@pytest.mark.parametrize("dim", [1, 3, 64])
def test_a_constant_embedding_satisfies_nothing(dim):
    _, labels = sample(500)
    row = torch.randn(1, dim, generator=torch.Generator().manual_seed(dim))
    got = order.order_satisfaction(row.expand(500, dim), labels, TIERS)
    assert (got.all, got.beyond_own) == (0.0, 0.0)


def test_a_random_embedding_is_at_chance_and_an_arc_in_order():
    labels = torch.arange(5).repeat(200)
    tiers = (torch.arange(5)[:, None] - torch.arange(5)).abs()
    x = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    assert order.order_satisfaction(x, labels, tiers).beyond_own == pytest.approx(0.5, abs=0.05)
    angle = labels * 0.3
    arc = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert order.order_satisfaction(arc, labels, tiers).all == 1


def test_relabelling_and_scaling_change_nothing():
    x, labels = sample()
    perm = torch.tensor([3, 0, 5, 1, 4, 2])
    tiers = np.empty_like(TIERS)
    tiers[np.ix_(perm, perm)] = TIERS
    shuffle = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    moved = order.order_satisfaction(5 * x[shuffle], perm[labels][shuffle], torch.from_numpy(tiers), 3)
    assert moved == order.order_satisfaction(x, labels, TIERS, 3)


def test_class_similarities_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    cosines, labels = torch.rand(30, 4, generator=generator), torch.randint(3, (30,), generator=generator)
    got = order.class_similarities(cosines, labels, 4)
    for c in range(3):
        np.testing.assert_allclose(got[c], cosines[labels == c].mean(0), atol=1e-6)
    assert got[3].isnan().all()


def tau_b_by_pairs(a, b):
    concordant = discordant = only_a = only_b = 0
    for i, j in combinations(range(len(a)), 2):
        product = np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
        concordant += product > 0
        discordant += product < 0
        only_a += a[i] != a[j] and b[i] == b[j]
        only_b += a[i] == a[j] and b[i] != b[j]
    both = concordant + discordant
    return (concordant - discordant) / math.sqrt((both + only_a) * (both + only_b))


def dcg(gains):
    return sum(gain / math.log2(i + 2) for i, gain in enumerate(gains))


def test_kendall_and_ndcg_equal_slow_references():
    similarities = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)).double()
    tau, ndcg = order.kendall_tau_b(similarities, TIERS), order.ndcg(similarities, TIERS)
    for c in (0, 1, 2, 3, 5):
        others = [other for other in range(6) if other != c]
        depth = max(TIERS[c])
        gains = [int(depth + 1 - TIERS[c, o]) if TIERS[c, o] > 0 else 0 for o in others]
        cosines = [float(similarities[c, o]) for o in others]
        assert tau.values[c] == pytest.approx(tau_b_by_pairs(gains, cosines))
        found = [gain for _, gain in sorted(zip(cosines, gains, strict=True), reverse=True)]
        assert ndcg.values[c] == pytest.approx(dcg(found) / dcg(sorted(gains, reverse=True)))
    for measure in (tau, ndcg):
        assert math.isnan(measure.values[4])  # lists nothing: there is no order to obey
        assert measure.mean == pytest.approx(np.nanmean(measure.values))


def test_kendall_and_ndcg_ignore_the_class_itself_and_reach_their_bounds():
    tiers = (torch.arange(5)[:, None] - torch.arange(5)).abs()
    similarities = -tiers.double() - 100 * torch.eye(5)
    assert order.kendall_tau_b(similarities, tiers).mean == pytest.approx(1)
    assert order.ndcg(similarities, tiers).mean == pytest.approx(1)
    assert order.kendall_tau_b(-similarities, tiers).mean == pytest.approx(-1)


def test_kendall_and_ndcg_without_any_order_are_undefined():
    flat = torch.ones(3, 3, dtype=torch.long).fill_diagonal_(0)
    similarities = torch.rand(3, 3)
    for measure in (order.kendall_tau_b, order.ndcg):
        assert math.isnan(measure(similarities, flat).mean)
        assert math.isnan(measure(similarities.fill_(math.nan), TIERS[:3, :3]).mean)
    assert math.isnan(order.kendall_tau_b(torch.ones(3, 3), TIERS[:3, :3]).mean)


def test_mistake_severity_by_hand():
    labels = torch.tensor([0, 0, 0, 0, 4, 3, 3])
    predictions = torch.tensor([0, 2, 3, 5, 1, 5, 3])
    # tiers: right, 1, 2, unlisted of two tiers: 3, unlisted of none: 1, 5, right
    got = order.mistake_severity(predictions, labels, TIERS)
    assert got == order.MistakeSeverity(mean_tier=12 / 5, tier1_share=1 / 5, n_mistakes=5)


def test_no_mistake_has_no_severity():
    got = order.mistake_severity(torch.tensor([1, 2]), torch.tensor([1, 2]), TIERS)
    assert (math.isnan(got.mean_tier), math.isnan(got.tier1_share), got.n_mistakes) == (True, True, 0)
