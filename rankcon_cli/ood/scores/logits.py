"""Outlier scores that look at logits alone."""

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import blocks, double
from rankcon_cli.ood.scores.base import FitData, Inputs, Score, Scorer
from rankcon_cli.ood.scores.parameters import number, whole

# pytorch-ood's Entropy and GEN cut probabilities off at 1e-7, which makes all sure images alike, and its KLMatching
# puts -1e308 for the logarithm of a probability that underflowed, two of which make an infinite score. A few lines
# on the logarithms of the probabilities need no cut.


def _msp(fit: FitData) -> Scorer:
    """Minus the largest softmax probability (Hendrycks and Gimpel, ICLR 2017)."""
    from pytorch_ood.detector import MaxSoftmax

    _require_two_classes("msp", fit)
    return lambda inputs: MaxSoftmax.score(double(inputs.logits))


def _maxlogit(_: FitData) -> Scorer:
    """Minus the largest logit (Hendrycks et al., ICML 2022)."""
    from pytorch_ood.detector import MaxLogit

    return lambda inputs: MaxLogit.score(double(inputs.logits))


def _energy(_: FitData) -> Scorer:
    """Minus the log-sum-exp of the logits (Liu et al., NeurIPS 2020)."""
    from pytorch_ood.detector import EnergyBased

    return lambda inputs: EnergyBased.score(double(inputs.logits))


def _entropy(fit: FitData) -> Scorer:
    """Shannon entropy of the softmax, in nats."""
    _require_two_classes("entropy", fit)

    def scorer(inputs: Inputs) -> Tensor:
        logs = log_softmax(double(inputs.logits), 1)
        return -(logs.exp() * logs).sum(1)

    return scorer


def _gen(fit: FitData, gamma: float = 0.1, m: int = 100) -> Scorer:
    """Generalised entropy: sum of p^gamma (1 - p)^gamma over the ``m`` largest probabilities (Liu et al., CVPR 2023).

    gamma: above 0, the smaller the more the small probabilities count. m: all classes where there are fewer.
    """
    _require_two_classes("gen", fit)
    gamma, m = number("gamma", gamma, 1e-3, 100), whole("m", m)

    def scorer(inputs: Inputs) -> Tensor:
        ordered = double(inputs.logits).softmax(1).sort(dim=1, descending=True).values
        rest = 1 - ordered
        rest[:, 0] = ordered[:, 1:].sum(1)  # 1 - p is 0 for the p of a sure image, the sum of the others is not
        return (ordered * rest)[:, :m].pow(gamma).sum(1)

    return scorer


def _klm(fit: FitData) -> Scorer:
    """KL divergence to the nearest typical posterior (Hendrycks et al., ICML 2022).

    The typical posterior d_k is the mean softmax of the training images (the paper: validation images, of which there may be
    too few here for every class) that are predicted as k; the score is
    min_k KL(p || d_k) over the classes that are predicted for a training image at all.
    """
    _require_two_classes("klm", fit)
    predicted = fit.logits.argmax(1)
    typical = torch.stack([_log_mean_softmax(fit.logits[predicted == k]) for k in predicted.unique()])

    def scorer(inputs: Inputs) -> Tensor:
        logs = log_softmax(double(inputs.logits), 1)
        p = logs.exp()
        # KL is never negative; the difference of its two sums may be, by rounding.
        return ((p * logs).sum(1) - (p @ typical.T).amax(1)).clamp_min(0)

    return scorer


def _log_mean_softmax(logits: Tensor) -> Tensor:
    """Logarithm [C] of the mean softmax of ``logits`` [n, C], finite however sure they are."""
    parts = [log_softmax(double(logits[rows]), 1).logsumexp(0) for rows in blocks(*logits.shape)]
    return torch.stack(parts).logsumexp(0) - torch.tensor(len(logits)).to(parts[0]).log()


def _require_two_classes(name: str, fit: FitData) -> None:
    if fit.logits.shape[1] < 2:
        raise RankconError(f"the outlier score {name!r} needs two known classes: with one, every image scores the same")


LOGIT_SCORES = {
    "msp": Score(
        _msp,
        on=("logits",),
        title="Maximum softmax probability",
        source="Hendrycks and Gimpel, ICLR 2017",
        assumes="an unknown image makes the classifier unsure",
        needs=("logits",),
    ),
    "maxlogit": Score(
        _maxlogit,
        on=("logits",),
        title="Maximum logit",
        source="Hendrycks et al., ICML 2022",
        assumes="an unknown image has no large logit, even where one class is likelier than the others",
        needs=("logits",),
    ),
    "energy": Score(
        _energy,
        on=("logits",),
        title="Energy",
        source="Liu et al., NeurIPS 2020",
        assumes="an unknown image has small logits altogether",
        needs=("logits",),
    ),
    "entropy": Score(
        _entropy,
        on=("logits",),
        title="Entropy of the softmax",
        source="Shannon; as an OOD score Hendrycks and Gimpel, ICLR 2017",
        assumes="an unknown image spreads its probability over classes",
        needs=("logits",),
    ),
    "gen": Score(
        _gen,
        on=("logits",),
        title="Generalised entropy (GEN)",
        source="Liu et al., CVPR 2023",
        assumes="an unknown image leaves some probability to classes that a known one all but rules out",
        needs=("logits",),
        grid={"gamma": (0.01, 0.1, 0.5, 1, 2, 5), "m": (10, 50, 100)},
    ),
    "klm": Score(
        _klm,
        on=("logits",),
        title="KL matching",
        source="Hendrycks et al., ICML 2022",
        assumes="a known image's probabilities resemble those of the training images predicted alike",
        needs=("logits",),
    ),
}
