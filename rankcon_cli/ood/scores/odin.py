"""ODIN: an outlier score that needs the images and the network itself, so it is taken on request alone."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rankcon_cli.evaluation.classify import double
from rankcon_cli.models import Network
from rankcon_cli.ood.result import ScoreInfo
from rankcon_cli.ood.scores.base import Head

ODIN = ScoreInfo(
    name="odin",
    title="ODIN: softmax at a high temperature, of images moved towards their predicted class",
    source="Liang et al., ICLR 2018",
    assumes="a small step towards the predicted class makes the network surer of a known image than of an unknown one",
)


def odin_scores(
    network: Network,
    head: Head,
    images: np.ndarray,
    *,
    device: torch.device,
    temperature: float = 1000.0,
    epsilon: float = 0.0014,
    batch_size: int = 256,
) -> np.ndarray:
    """Outlier scores, float64 [n]: minus the largest softmax probability at ``temperature``, of perturbed images.

    Each image x takes one step against the gradient of -log max_c S_c(x; T): x - epsilon sign(gradient) (Liang et al.,
    arXiv 1706.02690, equations 1 and 2). ``epsilon`` is in the units of images in 0..1, as in the authors' code and in
    OpenOOD, which bring the sign of a normalised image's gradient back to them: 0.0014 is a third of a grey level.

    Args:
        network: in evaluation mode, on ``device``.
        head: gives the logits from the encoder output where the network has no head of its own.
        images: uint8 [n, C, S, S].
    """
    scores = [np.empty(0)]
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(images[start : start + batch_size]).to(device).float() / 255
        moved = batch - epsilon * _gradient(network, head, batch, temperature).sign()
        with torch.no_grad():
            logits = double(_logits(network, head, moved)) / temperature
        scores.append(-logits.softmax(1).amax(1).cpu().numpy())
    return np.concatenate(scores)


def _gradient(network: Network, head: Head, images: Tensor, temperature: float) -> Tensor:
    """Gradient [n, C, S, S] of -log of the largest softmax probability with respect to ``images``.

    Only its sign is used, which dividing by the normalisation's deviation does not change.
    """
    with torch.inference_mode(False), torch.enable_grad():
        images = images.clone().requires_grad_()
        logits = _logits(network, head, images) / temperature
        loss = cross_entropy(logits, logits.argmax(1), reduction="sum")
        return torch.autograd.grad(loss, images)[0]


def _logits(network: Network, head: Head, images: Tensor) -> Tensor:
    found = network(images)
    return head.logits(found.encoder) if found.logits is None else found.logits
