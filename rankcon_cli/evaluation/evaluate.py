"""One run held against test images: every measure, as the dictionary that ``rankcon evaluate --json`` prints."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation.classify import (
    accuracy,
    class_means,
    confusion_matrix,
    knn_predict,
    linear_probe,
    nearest_class_mean,
)
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings, headline_feature
from rankcon_cli.evaluation.images import TestImages, class_counts
from rankcon_cli.evaluation.order import (
    PerClass,
    class_similarities,
    kendall_tau_b,
    mistake_severity,
    ndcg,
    order_satisfaction,
)
from rankcon_cli.evaluation.retrieval import retrieval
from rankcon_cli.ranking import Ranking, TierTable, compile_ranking
from rankcon_cli.training.run_directory import Run

FORMAT, VERSION = "rankcon/evaluation", 1
KNN_NEIGHBOURS = 20


def table_for(run: Run, ranking: Ranking | None) -> TierTable | None:
    """The tier table a run is measured by: of ``ranking`` where one is given, else of its own; None without either.

    Classes that the run does not have are dropped from the ranking; RankconError where the ranking lacks one of its.
    """
    if ranking is None:
        return run.table
    table = compile_ranking(ranking)
    if not run.record["data"]["named"] and run.ranking is None:  # the run's classes are numbers, so match by position
        table = dataclasses.replace(table, classes=tuple(str(i) for i in range(len(table.classes))))
    missing = [name for name in run.classes if name not in table.classes]
    if missing:
        raise RankconError(
            f"E110: the ranking lacks {len(missing)} of the run's classes: {', '.join(missing[:8])}",
            hint="a ranking to evaluate by must hold every class the run was trained on",
        )
    return table.withhold([name for name in table.classes if name not in run.classes]).reorder(run.classes)


def evaluate(run: Run, embedder: Embedder, test: TestImages, ranking: Ranking | None = None) -> dict[str, Any]:
    """Every measure of ``run`` on ``test``, those of the ranking by ``ranking`` or else by the run's own, if it has one.

    A measure without a value (no mistake was made, say) is NaN.

    The headline (``accuracy``, the order, the severity) is taken with the nearest class mean on the projection, or on
    the encoder output where there is no projection; what it was is in ``headline``.
    """
    table = table_for(run, ranking)
    train, _ = embedder.training()
    found = embedder.embed(test.known)
    n_classes = len(run.classes)
    headline = headline_feature(train.features())
    classifiers, predictions = _classify(train, found, n_classes)
    retrieved = {
        name: retrieval(feature, found.labels, train.features()[name], train.labels)
        for name, feature in found.features().items()
    }
    result = {
        "format": FORMAT,
        "version": VERSION,
        "run": str(run.path),
        "loss": run.config.loss.name,
        "headline": {"feature": headline, "classifier": "nearest_class_mean"},
        "data": {
            "spec": test.known.spec,
            "images": test.description,
            "n": len(test.known),
            "classes": class_counts(test.known),
            "warnings": list(test.warnings),
            "left_out": {"withheld": class_counts(test.withheld), "unknown": test.left_out},
            "skipped": [dataclasses.asdict(broken) for broken in test.known.skipped],
        },
        "withheld": list(run.withheld),
        "accuracy": classifiers[headline]["nearest_class_mean"],
        "recall_at_1": retrieved["encoder"]["recall_at_1"],
        "map_at_r": retrieved["encoder"]["map_at_r"],
        "classifiers": classifiers,
        "retrieval": retrieved,
        "confusion": {
            "classes": list(run.classes),
            "matrix": confusion_matrix(predictions[headline], found.labels, n_classes).tolist(),
        },
        "ranking": None,
    }
    if table is not None:
        trained_hash = run.record["ranking"]["hash"] if run.record["ranking"] else None
        measured_hash = compile_ranking(ranking).digest() if ranking else trained_hash
        result |= _ranking_measures(run, table, train, found, predictions, headline)
        result["ranking"] = {"hash": measured_hash, "trained_hash": trained_hash}
    return result


def headline_measures(
    run: Run, embedder: Embedder, test: TestImages, ranking: Ranking | None = None
) -> dict[str, float]:
    """The headline numbers of ``evaluate`` alone, by name: for who needs no probes, no votes and no tables by class.

    The measures of the ranking are absent where there is none.
    """
    table = table_for(run, ranking)
    train, _ = embedder.training()
    found = embedder.embed(test.known)
    feature = headline_feature(train.features())
    means = class_means(train.features()[feature], train.labels, len(run.classes))
    predictions = nearest_class_mean(means, found.features()[feature]).argmax(dim=1)
    measures = {
        "accuracy": accuracy(predictions, found.labels),
        **retrieval(found.encoder, found.labels, train.encoder, train.labels),
    }
    if table is None:
        return measures
    by_feature = _order(run, table, feature, train, found, predictions)
    return measures | {name: value for name, value in by_feature.items() if isinstance(value, float)}


def _classify(train: Embeddings, found: Embeddings, n_classes: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Accuracy by feature and classifier, and the nearest-class-mean predictions by feature."""
    accuracies: dict[str, Any] = {}
    predictions = {}
    for name, feature in found.features().items():
        gallery = train.features()[name]
        means = class_means(gallery, train.labels, n_classes)
        predictions[name] = nearest_class_mean(means, feature).argmax(dim=1)
        by_neighbours = knn_predict(gallery, train.labels, feature, KNN_NEIGHBOURS, n_classes)
        by_probe = linear_probe(gallery, train.labels, n_classes).logits(feature).argmax(dim=1)
        accuracies[name] = {
            "nearest_class_mean": accuracy(predictions[name], found.labels),
            "knn": accuracy(by_neighbours, found.labels),
            "linear_probe": accuracy(by_probe, found.labels),
        }
    if found.logits is not None:
        accuracies["encoder"]["head"] = accuracy(found.logits.argmax(dim=1), found.labels)
    return accuracies, predictions


def _ranking_measures(
    run: Run,
    table: TierTable,
    train: Embeddings,
    found: Embeddings,
    predictions: dict[str, Tensor],
    headline: str,
) -> dict[str, Any]:
    by_feature = {name: _order(run, table, name, train, found, predictions[name]) for name in found.features()}
    head = {k: v for k, v in by_feature[headline].items() if k not in ("per_class", "trained_ranks")}
    return {**head, "order": by_feature}


def _order(
    run: Run, table: TierTable, name: str, train: Embeddings, found: Embeddings, predictions: Tensor
) -> dict[str, Any]:
    """The measures of the ranking on the feature ``name``, of which ``predictions`` come."""
    tier_CC = torch.from_numpy(table.array()).long()
    feature = found.features()[name]
    declared = order_satisfaction(feature, found.labels, tier_CC)
    cosines = nearest_class_mean(class_means(train.features()[name], train.labels, len(run.classes)), feature)
    similarities = class_similarities(cosines, found.labels, len(run.classes))
    tau, gain = kendall_tau_b(similarities, tier_CC), ndcg(similarities, tier_CC)
    severity = mistake_severity(predictions, found.labels, tier_CC)
    measures = {
        "order_satisfaction": declared.all,
        "order_satisfaction_beyond_own": declared.beyond_own,
        "kendall_tau_b": tau.mean,
        "ndcg": gain.mean,
        "mistake_severity": severity.mean_tier,
        "mistakes_in_tier_1": severity.tier1_share,
        "mistakes": severity.n_mistakes,
        "per_class": {"kendall_tau_b": _named(run, tau), "ndcg": _named(run, gain)},
    }
    if ranks := run.config.loss.ranks:
        trained = order_satisfaction(feature, found.labels, tier_CC, ranks)
        measures["trained_ranks"] = {
            "ranks": ranks,
            "order_satisfaction": trained.all,
            "order_satisfaction_beyond_own": trained.beyond_own,
        }
    return measures


def _named(run: Run, measure: PerClass) -> dict[str, float]:
    return dict(zip(run.classes, measure.values, strict=True))
