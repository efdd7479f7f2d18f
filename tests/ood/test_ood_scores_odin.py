import numpy as np
import pytest
import torch

from rankcon_cli.models import Network
from rankcon_cli.ood.scores import ODIN, SCORES, Head, odin_scores

MEAN, STD = [0.4, 0.5, 0.3], [0.2, 0.3, 0.1]
CPU = torch.device("cpu")


def pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)


def network(n_classes=4, seed=0):
    torch.manual_seed(seed)
    return Network("conv", 3, 8, MEAN, STD, None, n_classes).eval()


def head(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return Head(torch.randn(4, 128, generator=generator), torch.randn(4, generator=generator))


def test_odin_equals_a_slow_reference_of_a_linear_network():
    linear = network(n_classes=None)
    linear.encoder = torch.nn.Flatten()
    rng = np.random.default_rng(2)
    weight, bias = rng.normal(size=(4, 192)), rng.normal(size=4)
    temperature, epsilon = 3.0, 0.02

    def softmax(x):
        return np.exp((weight @ x + bias) / temperature) / np.exp((weight @ x + bias) / temperature).sum()

    expected = []
    for image in pictures(6):
        x = ((image / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))).ravel()
        p = softmax(x)
        gradient = -(weight[p.argmax()] - p @ weight) / temperature  # of -log of the largest probability
        step = epsilon / np.repeat(STD, 64)  # epsilon in the units of images in 0..1: x is normalised
        expected.append(-softmax(x - step * np.sign(gradient)).max())
    layer = Head(torch.from_numpy(weight), torch.from_numpy(bias))
    got = odin_scores(linear, layer, pictures(6), device=CPU, temperature=temperature, epsilon=epsilon)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("own", [True, False])  # the network's own head, and one that is given
def test_odin_equals_pytorch_ood(own):
    from pytorch_ood.detector import ODIN as Theirs

    model = network(4 if own else None)
    images = pictures(10)

    def logits(normalised):
        features = model.encoder(normalised)
        return model.head(features) if own else head().logits(features)

    normalised = (torch.from_numpy(images).float() / 255 - model.mean) / model.std
    expected = Theirs(logits, eps=0.0014, temperature=1000.0, norm_std=STD).predict(normalised)
    got = odin_scores(model, head(), images, device=CPU)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(got.argsort()[[0, -1]], expected.argsort()[[0, -1]])


def test_batches_inference_mode_and_empty_sets_change_nothing():
    model, images = network(), pictures(10)
    whole = odin_scores(model, head(), images, device=CPU)
    np.testing.assert_allclose(odin_scores(model, head(), images, device=CPU, batch_size=3), whole, rtol=1e-6)
    with torch.inference_mode():
        np.testing.assert_allclose(odin_scores(model, head(), images, device=CPU), whole, rtol=1e-6)
    assert odin_scores(model, head(), images[:0], device=CPU).shape == (0,)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_odin_is_described_but_takes_no_cached_features():
    assert (ODIN.name, ODIN.source) == ("odin", "Liang et al., ICLR 2018")
    assert ODIN.title
    assert ODIN.assumes
    assert "odin" not in SCORES
