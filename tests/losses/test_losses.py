"""The losses against float64 loops written from the equations, and the properties that users rely on."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rankcon_cli.losses import (
    RankedContrastiveLoss,
    SupConLoss,
    rank_table,
    ranked_contrastive_loss,
    supcon_loss,
    temperature_table,
)
from rankcon_cli.ranking import TierTable

CLASSES = ("a", "b", "c", "d", "e")
TABLE = TierTable(
    classes=CLASSES,
    tiers=(((1,), (2, 3)), ((0,), (2,)), ((4,),), (), ((0, 1), (2,), (3,))),
    scores=(None, (0.7, 0.2), None, None, None),
)


def reference_ranked(x, labels, table, ranks, variant, tau_min, tau_max):
    """The equations, sample by sample, in-batch: no masks, no tricks."""
    tier = table.array()
    h = x @ x.T
    n = len(x)
    total = x.new_zeros(())
    for i in range(1, ranks + 1):
        per_anchor = []
        for q in range(n):
            rank = {}
            for m in range(n):
                if m == q:
                    continue
                t = int(tier[labels[q], labels[m]])
                rank[m] = t + 1 if 0 <= t < ranks else ranks + 1
            scores = table.scores[labels[q]]
            s = 1 - (i - 1) / ranks
            if i > 1 and scores is not None and i - 2 < len(scores):
                s = scores[i - 2]
            tau = tau_min + (1 - s) * (tau_max - tau_min)
            positives = [m for m in rank if rank[m] == i]
            if not positives:
                continue
            lower = [m for m in rank if rank[m] > i]
            if variant == "in" or (variant == "out-in" and i > 1):
                up = sum(torch.exp(h[q, p] / tau) for p in positives)
                down = sum(torch.exp(h[q, p] / tau) for p in positives + lower)
                per_anchor.append(-torch.log(up / down))
            else:
                negatives = sum(torch.exp(h[q, m] / tau) for m in lower) if lower else x.new_zeros(())
                terms = [
                    -torch.log(torch.exp(h[q, p] / tau) / (torch.exp(h[q, p] / tau) + negatives)) for p in positives
                ]
                per_anchor.append(sum(terms) / len(terms))
        if per_anchor:
            total = total + sum(per_anchor) / len(per_anchor)
    return total / ranks


def batch(n=18, d=8, seed=0, classes=5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (n,), generator=generator)


def value_and_gradient(function, x):
    x = x.detach().clone().requires_grad_()
    loss = function(x)
    loss.backward()
    return loss.detach(), x.grad


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_ranked_equals_the_equations(variant, ranks):
    x, labels = batch()
    loss = RankedContrastiveLoss(TABLE, ranks, variant, 0.1, 0.6)
    expected, expected_grad = value_and_gradient(
        lambda e: reference_ranked(F.normalize(e, dim=1), labels, TABLE, ranks, variant, 0.1, 0.6), x
    )
    value, grad = value_and_gradient(lambda e: loss(e, labels), x.float())
    assert abs(value.double() - expected) <= 1e-6 * abs(expected)
    assert (grad.double() - expected_grad).norm() <= 1e-6 * expected_grad.norm()


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_ranked_gradcheck(variant):
    x, labels = batch(n=9, d=4)
    loss = RankedContrastiveLoss(TABLE, 3, variant)
    assert torch.autograd.gradcheck(lambda e: loss(e, labels), x.requires_grad_())


def test_separate_contrast_equals_in_batch():
    """Anchors and contrast as different tensors (a queue, a gathered batch) give the in-batch value."""
    x, labels = batch()
    x = F.normalize(x, dim=1)
    rank_CC, tau_CR = rank_table(TABLE, 3), temperature_table(TABLE, 3, 0.1, 0.6)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    value = ranked_contrastive_loss(x, labels, x[order], labels[order], rank_CC, tau_CR, self_columns=order.argsort())
    assert torch.allclose(value, RankedContrastiveLoss(TABLE, 3)(x, labels))


def test_supcon_equals_l_out():
    x, labels = batch()
    x = F.normalize(x, dim=1)
    expected = []
    for q in range(len(x)):
        others = [m for m in range(len(x)) if m != q]
        positives = [m for m in others if labels[m] == labels[q]]
        if not positives:
            continue
        denominator = sum(math.exp(float(x[q] @ x[m]) / 0.1) for m in others)
        expected.append(
            -sum(math.log(math.exp(float(x[q] @ x[p]) / 0.1) / denominator) for p in positives) / len(positives)
        )
    assert math.isclose(float(SupConLoss(0.1)(x, labels)), sum(expected) / len(expected), rel_tol=1e-12)


def test_supcon_gradcheck():
    x, labels = batch(n=9, d=4)
    assert torch.autograd.gradcheck(lambda e: SupConLoss()(e, labels), x.requires_grad_())


def test_in_with_one_rank_has_the_gradient_of_l_in():
    """L_in of SupCon: -log of the mean over positives of exp(h_p)/D; it differs from ``in`` by log |P| only."""
    x, labels = batch()

    def l_in(e):
        unit = F.normalize(e, dim=1)
        logits = (unit @ unit.T / 0.1).fill_diagonal_(-1e9)
        positive = (labels[:, None] == labels) & ~torch.eye(len(e), dtype=torch.bool)
        has = positive.any(1)
        mean = (logits.softmax(1) * positive).sum(1) / positive.sum(1).clamp(min=1)
        return -torch.log(mean[has]).mean()

    value, grad = value_and_gradient(l_in, x)
    loss = RankedContrastiveLoss(TABLE, 1, "in", 0.1, 0.6)
    ranked_value, ranked_grad = value_and_gradient(lambda e: loss(e, labels), x)
    assert torch.allclose(grad, ranked_grad)
    counts = torch.bincount(labels)[labels] - 1
    assert torch.allclose(value - ranked_value, torch.log(counts[counts > 0].double()).mean())


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_batch_without_positives_is_a_connected_zero(variant):
    x = torch.randn(2, 4, requires_grad=True)
    labels = torch.tensor([0, 4])
    table = TierTable(CLASSES, ((), (), (), (), ()), (None,) * 5)
    loss = RankedContrastiveLoss(table, 3, variant)(x, labels)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(x.grad, torch.zeros_like(x))


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_anchor_without_a_sample_of_a_rank_gets_nothing_from_it(variant):
    """Only class d (no tiers) is present beside e: rank 2 exists for no anchor, so r = 3 is a third of r = 1."""
    x, _ = batch(n=6, d=4)
    labels = torch.tensor([3, 3, 3, 1, 1, 1])
    table = TierTable(CLASSES, (((1,),), (), (), (), ()), (None,) * 5)
    one, one_grad = value_and_gradient(lambda e: RankedContrastiveLoss(table, 1, variant)(e, labels), x)
    three, three_grad = value_and_gradient(lambda e: RankedContrastiveLoss(table, 3, variant)(e, labels), x)
    assert torch.allclose(three, one / 3)
    assert torch.allclose(three_grad, one_grad / 3)


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_badly_placed_anchors_keep_their_gradient_at_low_temperature(variant):
    """tau = 0.05, positives opposite and negatives on top of the anchor: about 2/tau, not zero (a published fault)."""
    # Unlike heights: at equal ones the pull of the positive and the push of the negative cancel for two of the four.
    x = torch.tensor([[1.0, 0.0], [-1.0, 1e-3], [1.0, 3e-3], [-1.0, 7e-3]], requires_grad=True)
    labels = torch.tensor([0, 0, 3, 3])
    loss = RankedContrastiveLoss(TABLE, 1, variant, 0.05, 0.05)(x, labels)
    loss.backward()
    assert 39 < loss.item() < 42
    assert torch.isfinite(x.grad).all()
    assert (x.grad.norm(dim=1) > 1e-3).all()


@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_permuting_the_batch_and_relabelling_change_nothing(variant):
    x, labels = batch()
    expected = RankedContrastiveLoss(TABLE, 3, variant)(x, labels)
    generator = torch.Generator().manual_seed(3)
    order = torch.randperm(len(x), generator=generator)
    assert torch.allclose(RankedContrastiveLoss(TABLE, 3, variant)(x[order], labels[order]), expected)
    new = torch.randperm(5, generator=generator)  # class c is called new[c] from here on
    old = new.argsort()
    renamed = TierTable(
        classes=tuple(CLASSES[i] for i in old),
        tiers=tuple(tuple(tuple(int(new[m]) for m in tier) for tier in TABLE.tiers[i]) for i in old),
        scores=tuple(TABLE.scores[i] for i in old),
    )
    assert torch.allclose(RankedContrastiveLoss(renamed, 3, variant)(x, new[labels]), expected)


def test_full_precision_under_autocast():
    x, labels = batch(n=64, d=16)
    x = x.float()
    loss = RankedContrastiveLoss(TABLE, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(x, labels)
        supcon_inside = SupConLoss()(x, labels)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss(x, labels))
    assert torch.equal(supcon_inside, SupConLoss()(x, labels))


def test_rank_table_turns_untrained_tiers_into_negatives():
    assert rank_table(TABLE, 2)[0].tolist() == [1, 2, 3, 3, 3]
    assert rank_table(TABLE, 3)[0].tolist() == [1, 2, 3, 3, 4]


def test_temperatures_follow_scores_or_equal_steps():
    tau = temperature_table(TABLE, 3, 0.1, 0.6)
    np.testing.assert_allclose(tau[0], [0.1, 0.1 + 0.5 / 3, 0.1 + 1.0 / 3], rtol=1e-6)
    np.testing.assert_allclose(tau[1], [0.1, 0.1 + 0.3 * 0.5, 0.1 + 0.8 * 0.5], rtol=1e-6)


def test_supcon_without_positives_is_a_connected_zero():
    x = torch.eye(3, requires_grad=True)
    labels = torch.arange(3)
    loss = supcon_loss(x, labels, x, labels, self_columns=torch.arange(3))
    loss.backward()
    assert loss.item() == 0.0 and torch.equal(x.grad, torch.zeros(3, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("variant", ["in", "out", "out-in"])
def test_cuda_equals_cpu(variant):
    x, labels = batch(n=64)
    loss = RankedContrastiveLoss(TABLE, 3, variant)
    expected = loss(x, labels)
    assert torch.allclose(loss.cuda()(x.cuda(), labels.cuda()).cpu(), expected)
