"""A run as one module of tensors: images in, embedding, similarities, outlier score and verdict out."""

import torch
from torch import Tensor, nn

from rankcon_cli.errors import UsageError
from rankcon_cli.models import Network
from rankcon_cli.ood.bank import Bank
from rankcon_cli.ood.choice import Choice
from rankcon_cli.ood.detector import Detector
from rankcon_cli.ood.scores import FitData
from rankcon_cli.ood.scores.distance import default_k
from rankcon_cli.ood.scores.gaussian import Whitened, shared, shared_and_overall

#: What ``Deployed`` gives, in this order. ``projection`` is there only where the network has one.
OUTPUTS = ("encoder", "projection", "similarity", "score", "unknown")


def unit(x: Tensor) -> Tensor:
    """The rows of ``x`` at unit length, without the branches of ``evaluation.classify.unit``."""
    return x / x.norm(dim=1, keepdim=True).clamp_min(1e-12)


class Cosine(nn.Module):
    """Minus the largest cosine to a class mean, of features [n, D]; means [C, D] at unit length."""

    def __init__(self, means: Tensor):
        super().__init__()
        self.register_buffer("means", means.double())

    def forward(self, features: Tensor) -> Tensor:
        return -(unit(features.double()) @ self.means.T).amax(1)


class KthNeighbour(nn.Module):
    """Distance to the k-th nearest of the training images, whose unit-length features [N, D] the module carries along."""

    def __init__(self, gallery: Tensor, k: int):
        super().__init__()
        self.k = k
        self.register_buffer("gallery", gallery.float())

    def forward(self, features: Tensor) -> Tensor:
        x = unit(features.float())
        found = (x @ self.gallery.T).topk(self.k, dim=1).indices[:, -1]
        return (x.double() - self.gallery[found].double()).norm(dim=1)


class ToClasses(nn.Module):
    """Squared Mahalanobis distances [n, C] of unit-length features [n, D] to class centres, in float64."""

    def __init__(self, whitened: Whitened):
        super().__init__()
        identity = torch.eye(len(whitened.root)).to(whitened.root)
        inverse = torch.linalg.solve_triangular(whitened.root, identity, upper=False)
        self.register_buffer("origin", whitened.origin)
        self.register_buffer("inverse", inverse.T.contiguous())
        self.register_buffer("targets", whitened.targets)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.origin) @ self.inverse
        squares = (x * x).sum(1, keepdim=True) - 2 * x @ self.targets.T + (self.targets * self.targets).sum(1)
        return squares.clamp_min(0)


class Mahalanobis(nn.Module):
    """Squared Mahalanobis distance to the nearest class; ``overall``: less that to all training images (``rmd``)."""

    def __init__(self, classes: Whitened, overall: Whitened | None = None):
        super().__init__()
        self.classes = ToClasses(classes)
        self.overall = None if overall is None else ToClasses(overall)

    def forward(self, features: Tensor) -> Tensor:
        x = unit(features.double())
        nearest = self.classes(x).amin(1)
        return nearest if self.overall is None else nearest - self.overall(x)[:, 0]


class OnLogits(nn.Module):
    """A score on the logits of a linear head on the encoder output: ``msp``, ``maxlogit`` or ``energy``."""

    def __init__(self, kind: str, weight: Tensor, bias: Tensor):
        super().__init__()
        self.kind = kind
        self.register_buffer("weight", weight.float())
        self.register_buffer("bias", bias.float())

    def forward(self, features: Tensor) -> Tensor:
        logits = (features @ self.weight.T + self.bias).double()
        if self.kind == "maxlogit":
            return -logits.amax(1)
        return -logits.softmax(1).amax(1) if self.kind == "msp" else -logits.logsumexp(1)


def _knn(fit: FitData, k: int | None = None) -> nn.Module:
    n = len(fit.features)
    return KthNeighbour(unit(fit.features.float()), min(k or default_k(n), n))


def _on_logits(kind: str, fit: FitData) -> nn.Module:
    return OnLogits(kind, fit.head.weight, fit.head.bias)


def _cosine(fit: FitData) -> nn.Module:
    classes, labels = fit.labels.unique(return_inverse=True)
    x = unit(fit.features.double())
    return Cosine(unit(torch.stack([x[labels == c].sum(0) for c in range(len(classes))])))


#: The scores that can be exported: (what they are fitted on, parameters) -> module of features [n, D], scores [n].
MODULES = {
    "cosine": _cosine,
    "knn": _knn,
    "mahalanobis": lambda fit: Mahalanobis(shared(fit)),
    "rmd": lambda fit: Mahalanobis(*shared_and_overall(fit)),
    "msp": lambda fit: _on_logits("msp", fit),
    "maxlogit": lambda fit: _on_logits("maxlogit", fit),
    "energy": lambda fit: _on_logits("energy", fit),
}


def score_module(choice: Choice, bank: Bank) -> nn.Module:
    """The score of ``choice`` as a module; UsageError for one that is not exported."""
    if choice.score not in MODULES:
        raise UsageError(
            f"the score {choice.score} is not exported", hint=f"those that are: {', '.join(MODULES)}; see --score"
        )
    return MODULES[choice.score](bank.fits[choice.feature], **choice.parameters).cpu()


class Deployed(nn.Module):
    """The network of a run with class means, outlier score and threshold.

    Args:
        network: in evaluation mode; normalises by itself.
        detector: gives the class means, the score's fit and the threshold.
    """

    def __init__(self, network: Network, detector: Detector):
        super().__init__()
        self.network = network.cpu().eval()
        self.on_projection = detector.choice.feature == "projection"
        self.means_on_projection = detector.feature == "projection"
        self.score = score_module(detector.choice, detector.bank)
        self.register_buffer("means", detector.means.float().cpu())
        self.register_buffer("threshold", torch.tensor(detector.threshold.value, dtype=torch.float64))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs for images, uint8 [n, channels, S, S].

        Returns:
            encoder h [n, D] and, where the network has one, projection z [n, P], float32, not of unit length; similarity
            [n, C] float32, cosines to the class means; score [n] float64, larger = more out-of-distribution; unknown [n] bool.
        """
        found = self.network(images.float() / 255)
        h, z = found.encoder, found.projection
        similarity = unit(z if self.means_on_projection else h) @ self.means.T
        score = self.score(z if self.on_projection else h)
        unknown = ~(score <= self.threshold)  # a score that is no number must not pass for known
        embeddings = (h,) if z is None else (h, z)
        return *embeddings, similarity, score, unknown

    def names(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return tuple(name for name in OUTPUTS if name != "projection" or self.network.projection is not None)
