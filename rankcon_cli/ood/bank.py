"""What the outlier scores see of a run: its training and validation images by feature, and any image the same way."""

import dataclasses

from torch import Tensor

from rankcon_cli.evaluation.classify import linear_probe
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings
from rankcon_cli.ood.scores import SCORES, FitData, Head, Inputs
from rankcon_cli.training.run_directory import Run

#: The feature that stands under a score on logits.
LOGITS = "logits"


@dataclasses.dataclass(frozen=True)
class Bank:
    """fits: feature (``"encoder"``, ``"projection"`` where there is one, ``"logits"``) -> what scores are fitted on.

    head: gives the logits; logits_from: whose head that is, in words.
    """

    fits: dict[str, FitData]
    head: Head
    logits_from: str

    def inputs(self, images: Embeddings) -> dict[str, Inputs]:
        """What the scores see of ``images``, by feature."""
        return _inputs(images, self.head)

    def applicable(self) -> list[tuple[str, str]]:
        """(score, feature) of every score that can be fitted here, in the order of ``SCORES``."""
        return [
            (name, feature)
            for name, score in SCORES.items()
            for feature in score.on
            if feature in self.fits and not score.missing(self.fits[feature])
        ]


def bank_of(run: Run, embedder: Embedder) -> Bank:
    """The ``Bank`` of ``run``. Where it trained no classification head, a linear probe on the training images' encoder
    output stands in for one; RankconError where that cannot be fitted."""
    train, validation = embedder.training()
    if train.logits is None:
        head, logits_from = _probe(train, len(run.classes)), "linear probe on the training features"
    else:
        head, logits_from = _own_head(run, train), "cross-entropy head"
    seen, held = _inputs(train, head), _inputs(validation, head)
    reference = _reference(run)
    fits = {
        feature: FitData(
            features=inputs.features,
            labels=train.labels,
            logits=inputs.logits,
            head=None if feature == "projection" else head,
            validation=held[feature] if len(validation.labels) else None,
            validation_labels=validation.labels if len(validation.labels) else None,
            table=run.table,
            reference=reference if feature == "projection" else None,
        )
        for feature, inputs in seen.items()
    }
    return Bank(fits, head, logits_from)


def _inputs(images: Embeddings, head: Head) -> dict[str, Inputs]:
    logits = head.logits(images.encoder.float()) if images.logits is None else images.logits
    found = {feature: Inputs(values, logits) for feature, values in images.features().items()}
    return found | {LOGITS: found["encoder"]}


def _probe(train: Embeddings, n_classes: int) -> Head:
    """The probe's standardisation folded into its weights."""
    probe = linear_probe(train.encoder, train.labels, n_classes)
    weight = (probe.weight / probe.scale).to(train.encoder.device)
    return Head(weight, probe.bias.to(weight) - weight @ probe.mean.to(weight))


def _own_head(run: Run, train: Embeddings) -> Head:
    layer = run.network().head
    return Head(layer.weight.detach().to(train.encoder), layer.bias.detach().to(train.encoder))


def _reference(run: Run) -> Tensor | None:
    """The vector that training drew known outliers to, if it did."""
    reference = getattr(run.network(), "reference", None)
    return None if reference is None else reference.detach()
