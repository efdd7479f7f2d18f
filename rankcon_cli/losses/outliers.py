"""What outliers add to a training loss: repulsion from class means, a reference vector of their own, outlier exposure."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from rankcon_cli.losses.dense import MASKED
from rankcon_cli.losses.pairs import in_full_precision, mean_over, unit


def class_mean_repulsion(
    outliers: Tensor, embeddings: Tensor, labels: Tensor, n_classes: int, *, temperature: float = 0.1
) -> Tensor:
    """Mean over outliers v of tau log( 1/C sum_c exp(cos(v, mu_c)/tau) ), over the C classes that ``labels`` holds.

    A smooth maximum of the cosines to the class means: between -1 and 1, at most tau log C below the largest cosine,
    with a gradient that goes to the nearest means. mu_c is the direction of the mean of the unit-length embeddings of
    class c. It is held fixed (no gradient), so that the term moves the outliers alone: the means of two relatives are
    not driven apart because outliers lie between them, and where classes stand remains the ranking's to say.

    Args:
        outliers: [V, D] of any length.
        embeddings: [N, D] of any length, those of known images.
        labels: [N] int64 in 0..n_classes - 1, the classes of ``embeddings``.
        n_classes: an upper bound of the labels.
        temperature: tau.

    Returns:
        scalar in float32 (float64 for float64 input), also under autocast; without outliers (V = 0) a zero, still
        connected to the graph they come from.
    """
    with in_full_precision(outliers, embeddings) as (outliers, embeddings):
        member_NC = F.one_hot(labels, n_classes).to(embeddings.dtype)
        mean_CD = unit(member_NC.T @ unit(embeddings.detach()))
        absent_C = member_NC.sum(dim=0) == 0
        logits_VC = (unit(outliers) @ mean_CD.T / temperature).masked_fill(absent_C, MASKED)
        count = (~absent_C).sum().to(logits_VC.dtype)
        term_V = temperature * (logits_VC.logsumexp(dim=1) - count.log())
        return _mean(term_V)


def reference_loss(outliers: Tensor, embeddings: Tensor, reference: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Mean over outliers v of -log exp(v.r/tau) / [exp(v.r/tau) + sum_z exp(v.z/tau)], all at unit length.

    The reference r is an outlier's only similar class; every known embedding z of the batch is a negative, and is itself
    moved away from v. arXiv 2208.06083 proposes it (conclusion) and does not run it.

    Args:
        outliers: [V, D]. embeddings: [N, D]. reference: [D]. Of any length; the reference may be a parameter.
        temperature: tau.

    Returns:
        scalar as for ``class_mean_repulsion``.
    """
    with in_full_precision(outliers, embeddings, reference) as (outliers, embeddings, reference):
        outliers, embeddings = unit(outliers), unit(embeddings)
        positive_V = outliers @ F.normalize(reference, dim=0) / temperature
        negative_V = (outliers @ embeddings.T / temperature).logsumexp(dim=1)
        # -log e^p / (e^p + D) = -log sigmoid(p - log D), as in the ranked loss.
        return _mean(-F.logsigmoid(positive_V - negative_V))


def exposure_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy from the uniform distribution to the softmax of outliers' logits [V, C].

    Outlier exposure (Hendrycks, Mazeika and Dietterich, ICLR 2019, arXiv 1812.04606, section 4.3), less the constant
    log C: the divergence from uniform, zero where the head cannot tell.

    Returns:
        scalar as for ``class_mean_repulsion``.
    """
    with in_full_precision(logits) as (logits,):
        return _mean(-logits.log_softmax(dim=1).mean(dim=1) - math.log(logits.shape[1]))


def _mean(term_V: Tensor) -> Tensor:
    return mean_over(torch.ones_like(term_V, dtype=torch.bool), term_V)
