"""Outlier scores that look at the encoder output together with the head on it."""

import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks, double, unit
from rankcon_cli.ood.scores.base import FitData, Inputs, Score, Scorer
from rankcon_cli.ood.scores.distance import nearest
from rankcon_cli.ood.scores.moments import scatter, sums
from rankcon_cli.ood.scores.parameters import number, whole

# pytorch-ood's ViM works in float32 alone and has no answer for features of low rank; its fDBD holds [C, C, D]
# differences and divides by 0 for two classes of equal weights; its SHE stops at a class without a correct prediction
# and at a gap in the labels; its NNGuide refuses fewer training images than neighbours.


def _vim(fit: FitData, dim: int | None = None) -> Scorer:
    """ViM: the norm of what lies outside the principal space, as a logit, less the energy (Wang et al., CVPR 2022).

    alpha |residual of x - u| - logsumexp(logits), with u = -pinv(W) b the origin in which the head has no bias, and alpha
    such that the virtual logit is on average as large as the largest real one in training.

    Args:
        dim: of the principal space; half the directions in which training images vary (256 for a ResNet-18, as usual)
            unless given, and always fewer than all of them.

    Raises:
        RankconError: training features without any variation around u, or largest logits negative on average.
    """
    origin = _origin(fit)
    residual = _residual_space(fit.features, origin, None if dim is None else whole("dim", dim, 0))

    def norms(features: Tensor) -> Tensor:
        return ((double(features) - origin) @ residual).norm(dim=1)

    virtual = sum(norms(fit.features[rows]).sum() for rows in blocks(*fit.features.shape))
    alpha = double(fit.logits.amax(1)).sum() / virtual
    if not alpha > 0:
        raise RankconError("the outlier score 'vim' needs largest logits that are positive on average in training")
    return lambda inputs: alpha * norms(inputs.features) - double(inputs.logits).logsumexp(1)


def _origin(fit: FitData) -> Tensor:
    """-pinv(W) b, float64 [D]. The weights are float32 at best: a direction that they lack but for rounding (all rows
    of a linear probe sum to 0) must not be inverted."""
    weight, bias = double(fit.head.weight), double(fit.head.bias)
    return -(torch.linalg.pinv(weight, rtol=max(weight.shape) * torch.finfo(torch.float32).eps) @ bias)


def _residual_space(features: Tensor, origin: Tensor, dim: int | None) -> Tensor:
    """Orthonormal columns, float64 [D, D - dim], of the directions in which ``features`` vary least around ``origin``."""
    around = scatter(features, origin[None], torch.zeros(len(features), dtype=torch.long))
    values, vectors = torch.linalg.eigh(around)  # in ascending order
    rank = int((values > 1e-12 * values[-1]).sum())
    if rank == 0:
        raise RankconError("the outlier score 'vim' cannot be fitted: the training features do not vary at all")
    # Were the principal space to take up every direction of the training images, their residual would be rounding.
    kept = rank // 2 if dim is None else min(dim, rank - 1)
    return vectors[:, : len(origin) - kept]


def _nnguide(fit: FitData, k: int = 10, alpha: float = 1.0) -> Scorer:
    """Energy guided by neighbours (Park et al., ICCV 2023): minus the log-sum-exp of the logits times the mean of the
    ``k`` largest products of the cosine to a training image and that image's own log-sum-exp.

    Args:
        k: capped at the number of training images in the bank.
        alpha: share of the training images in the bank, evenly spaced.
    """
    n_train, alpha = len(fit.features), number("alpha", alpha, 0, 1)
    n = max(1, round(alpha * n_train))
    chosen = (torch.arange(n) * n_train // n).to(fit.features.device)
    bank = unit(fit.features[chosen])
    bank = bank * double(fit.logits[chosen]).logsumexp(1).to(bank)[:, None]
    k = min(whole("k", k), n)

    def scorer(inputs: Inputs) -> Tensor:
        parts = [products for _, products, _ in nearest(unit(inputs.features), bank, k)]
        return -double(torch.cat(parts)).mean(1) * double(inputs.logits).logsumexp(1)

    return scorer


def _fdbd(fit: FitData) -> Scorer:
    """Minus the mean distance to the decision boundaries, by the distance to the training mean (Liu and Qin, ICML 2024).

    The boundary between the predicted class a and c lies (logit_a - logit_c) / |w_a - w_c| away; classes with the weights
    of a have no boundary with it and are left out of the mean.
    """
    weight = double(fit.head.weight)
    between = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")  # [C, C]
    boundaries = (between > 0).sum(1)
    if (boundaries == 0).any():
        raise RankconError("the outlier score 'fdbd' needs a head that tells each known class from another")
    between.masked_fill_(between == 0, torch.inf)
    centre = sums(fit.features, torch.zeros_like(fit.labels), 1)[0][0] / len(fit.features)

    def scorer(inputs: Inputs) -> Tensor:
        logits = double(inputs.logits)
        largest, predicted = logits.max(1)
        distances = ((largest[:, None] - logits) / between[predicted]).sum(1) / boundaries[predicted]
        return -distances / (double(inputs.features) - centre).norm(dim=1).clamp_min(1e-8)

    return scorer


def _she(fit: FitData) -> Scorer:
    """Minus the inner product with the pattern of the predicted class (Zhang et al., ICLR 2023).

    The pattern is the mean of the training features that are predicted rightly; of all of the class where none is. A
    class without a training image has a pattern of zeros: nothing of it is remembered.
    """
    n_classes = fit.logits.shape[1]
    wrong = fit.logits.argmax(1) != fit.labels
    total, counts = sums(fit.features, fit.labels + n_classes * wrong, 2 * n_classes)
    means = total / counts.clamp_min(1)[:, None]
    patterns = torch.where(counts[:n_classes, None] > 0, means[:n_classes], means[n_classes:])
    return lambda inputs: -(double(inputs.features) * patterns[inputs.logits.argmax(1).to(patterns.device)]).sum(1)


_NEEDS = ("head", "logits")

HEAD_SCORES = {
    "vim": Score(
        _vim,
        on=("encoder",),
        title="Virtual-logit matching (ViM)",
        source="Wang et al., CVPR 2022",
        assumes="known images fill few directions; an unknown one leaves them or has small logits",
        needs=_NEEDS,
        grid={"dim": (16, 32, 64, 128, 256, 512)},
    ),
    "nnguide": Score(
        _nnguide,
        on=("encoder",),
        title="Nearest-neighbour guidance (NNGuide)",
        source="Park et al., ICCV 2023",
        assumes="a known image is classified surely and so are the training images near it",
        needs=_NEEDS,
        grid={"k": (1, 10, 100), "alpha": (0.01, 0.1, 1.0)},
    ),
    "fdbd": Score(
        _fdbd,
        on=("encoder",),
        title="Distance to the decision boundaries (fDBD)",
        source="Liu and Qin, ICML 2024",
        assumes="an unknown image lies close to decision boundaries, for its distance from the training mean",
        needs=_NEEDS,
    ),
    "she": Score(
        _she,
        on=("encoder",),
        title="Simplified Hopfield energy (SHE)",
        source="Zhang et al., ICLR 2023",
        assumes="a known image's features are large and point where those of its predicted class do",
        needs=_NEEDS,
    ),
}
