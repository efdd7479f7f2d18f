import math

import pytest
import torch
import torch.nn.functional as F

from rankcon_cli.losses import class_mean_repulsion, exposure_loss, reference_loss


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def test_repulsion_equals_a_loop():
    outliers, embeddings, labels = draw(5, 4), draw(12, 4, seed=1), torch.tensor([0, 0, 2, 2, 2, 3, 3, 3, 3, 0, 2, 3])
    tau, total = 0.2, 0.0
    means = [unit(unit(embeddings[labels == c]).mean(0)) for c in (0, 2, 3)]
    for v in unit(outliers):
        total += tau * math.log(sum(math.exp(float(v @ mean) / tau) for mean in means) / 3)
    found = class_mean_repulsion(outliers, embeddings, labels, 5, temperature=tau)
    assert found.item() == pytest.approx(total / 5, abs=1e-12)


def test_repulsion_moves_the_outliers_alone_and_away():
    outliers, embeddings = draw(6, 4).requires_grad_(), draw(9, 4, seed=1).requires_grad_()
    labels = torch.arange(9) % 3
    before = class_mean_repulsion(outliers, embeddings, labels, 3)
    before.backward()
    assert embeddings.grad is None and outliers.grad.abs().sum() > 0
    with torch.no_grad():
        after = class_mean_repulsion(outliers - 0.05 * outliers.grad, embeddings, labels, 3)
    assert after < before and -1 <= before <= 1


def test_reference_loss_equals_a_loop_and_moves_both_sides():
    outliers, embeddings, reference = (draw(n, 4, seed=n).requires_grad_() for n in (5, 8, 1))
    tau, total, r = 0.3, 0.0, unit(reference[0]).detach()
    for v in unit(outliers).detach():
        negatives = sum(math.exp(float(v @ z) / tau) for z in unit(embeddings).detach())
        own = math.exp(float(v @ r) / tau)
        total -= math.log(own / (own + negatives))
    found = reference_loss(outliers, embeddings, reference[0], temperature=tau)
    assert found.item() == pytest.approx(total / 5, abs=1e-12)
    found.backward()
    assert all(x.grad.abs().sum() > 0 for x in (outliers, embeddings, reference))


def test_exposure_is_the_divergence_from_uniform():
    logits = draw(7, 4)
    uniform = torch.full((7, 4), 0.25, dtype=torch.float64)
    expected = F.kl_div(logits.log_softmax(1), uniform, reduction="batchmean")
    assert exposure_loss(logits).item() == pytest.approx(expected.item(), abs=1e-12)
    assert exposure_loss(torch.full((3, 4), 2.0)).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("term", ["repulsion", "reference", "exposure"])
def test_gradients_are_right(term):
    labels = torch.arange(6) % 3
    terms = {
        "repulsion": lambda v: class_mean_repulsion(v, draw(6, 4, seed=1), labels, 3),
        "reference": lambda v: reference_loss(v, draw(6, 4, seed=1), draw(4, seed=2)),
        "exposure": exposure_loss,
    }
    assert torch.autograd.gradcheck(terms[term], (draw(3, 4).requires_grad_(),))


def test_no_outlier_is_a_zero_that_is_still_connected():
    none = draw(0, 4).requires_grad_()
    embeddings, labels = draw(6, 4), torch.arange(6) % 3
    for found in (
        class_mean_repulsion(none, embeddings, labels, 3),
        reference_loss(none, embeddings, draw(4)),
        exposure_loss(none),
    ):
        assert found.item() == 0 and found.requires_grad
        found.backward()


def test_low_temperature_and_half_precision_stay_finite():
    outliers, embeddings, labels = (
        draw(5, 8, dtype=torch.bfloat16),
        draw(9, 8, seed=1, dtype=torch.bfloat16),
        torch.arange(9) % 3,
    )
    assert class_mean_repulsion(outliers, embeddings, labels, 3, temperature=0.01).isfinite()
    found = reference_loss(outliers, embeddings, draw(8, dtype=torch.bfloat16), temperature=0.01)
    assert found.isfinite() and found.dtype == torch.float32
