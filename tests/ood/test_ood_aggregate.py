from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from rankcon_cli.ood import aggregate
from rankcon_cli.ood.aggregate import KNOWN_MEASURES, aggregates, comparisons, targets
from rankcon_cli.ood.intervals import COMPARED, from_samples
from rankcon_cli.ood.metrics import METRICS, ood_metrics
from rankcon_cli.ood.resampling import paired_differences
from rankcon_cli.ood.result import ID, Comparison, Estimate, Group, Measurement, OodSet, RunSummary

KINDS = {"withheld": "withheld", "cifar100": "near", "tiny": "near", "mnist": "far"}
SETS = tuple(OodSet(name, f"npz:{name}", kind, 10, ("x",)) for name, kind in KINDS.items())
HEADLINE = ("knn", "projection")


def summary(name, seed=0, **measures):
    return RunSummary(name, f"runs/{name}", "ranked", measures, seed=seed)


def measurement(run, ood, value, score="knn", feature="projection", oscr=None, intervals=None):
    """All metrics from one number, so that a mix-up shows."""
    metrics = dict(zip(METRICS[:5], (value, value + 1, value + 2, value + 3, value + 4), strict=True))
    return Measurement(run, ood, score, feature, **metrics, n_id=9, n_ood=10, oscr=oscr, intervals=intervals or {})


def row(rows, *key):
    (found,) = [a for a in rows if (a.group, a.target, a.score, a.feature) == key]
    return found.metrics


def test_targets_are_the_sets_and_after_them_their_kind():
    assert targets(SETS) == {
        "withheld": ("withheld",),
        "cifar100": ("cifar100",),
        "tiny": ("tiny",),
        "near": ("cifar100", "tiny"),
        "mnist": ("mnist",),
        "far": ("mnist",),
    }
    assert targets(SETS[3:]) == {"mnist": ("mnist",), "far": ("mnist",)}
    met = OodSet("withheld-outliers", "npz:a", "withheld", 10, ("y",), trained_outliers=True)
    assert targets((SETS[0], met)) == {"withheld": ("withheld",), "withheld-outliers": ("withheld-outliers",)}
    assert targets((met,)) == {"withheld-outliers": ("withheld-outliers",)}, "nothing of them was unknown"


def test_means_over_sets_are_taken_by_run_and_then_over_seeds():
    group = Group("ranked", ("r0", "r1"))
    runs = (summary("r0", 0), summary("r1", 1))
    values = {("r0", "cifar100"): 0.6, ("r0", "tiny"): 0.8, ("r1", "cifar100"): 0.7, ("r1", "tiny"): 0.3}
    rows = aggregates((group,), runs, SETS[1:3], [measurement(*key, value) for key, value in values.items()])
    assert [a.target for a in rows] == ["cifar100", "tiny", "near"]
    assert row(rows, "ranked", "tiny", *HEADLINE)["auroc"] == Estimate(fmean([0.8, 0.3]), 2, stdev([0.8, 0.3]))
    near = row(rows, "ranked", "near", *HEADLINE)
    assert list(near) == list(METRICS[:5])
    for plus, estimate in enumerate(near.values()):
        assert (estimate.value, estimate.sd) == pytest.approx((plus + 0.6, stdev([0.7, 0.5])))
        assert (estimate.n, estimate.low, estimate.high) == (2, None, None)


def test_one_run_has_the_interval_of_a_set_and_none_of_several():
    intervals = {"auroc": (0.5, 0.9), "oscr": (0.2, 0.3)}
    found = [measurement("r", name, 0.7, oscr=0.25, intervals=intervals) for name in ("cifar100", "tiny", "mnist")]
    rows = aggregates((Group("r", ("r",)),), (summary("r"),), SETS[1:], found)
    for target in ("cifar100", "far"):
        metrics = row(rows, "r", target, *HEADLINE)
        assert metrics["auroc"] == Estimate(0.7, low=0.5, high=0.9)
        assert metrics["oscr"] == Estimate(0.25, low=0.2, high=0.3)
        assert metrics["aupr_in"] == Estimate(1.7)
    assert row(rows, "r", "near", *HEADLINE)["auroc"] == Estimate(0.7)


def test_a_run_that_lacks_a_set_or_a_metric_is_left_out_of_what_needs_it():
    found = [
        measurement("r0", "cifar100", 0.6, oscr=0.5),
        measurement("r0", "tiny", 0.8),
        measurement("r1", "cifar100", 0.7, oscr=0.1),
    ]
    rows = aggregates((Group("r", ("r0", "r1")),), (summary("r0", 0), summary("r1", 1)), SETS[1:3], found)
    assert row(rows, "r", "near", *HEADLINE)["auroc"] == Estimate(pytest.approx(0.7))
    assert "oscr" not in row(rows, "r", "near", *HEADLINE)
    assert row(rows, "r", "cifar100", *HEADLINE)["oscr"].n == 2
    assert row(rows, "r", "tiny", *HEADLINE)["auroc"] == Estimate(0.8)


def test_every_score_and_feature_of_a_group_has_its_rows():
    found = [measurement("a", "mnist", 0.5, "knn", "encoder"), measurement("a", "mnist", 0.4, "msp", "logits")]
    found += [measurement("b", "mnist", 0.3)]
    groups = Group("A", ("a",)), Group("B", ("b",))
    rows = aggregates(groups, (summary("a"), summary("b")), SETS, found)
    assert [(a.group, a.score, a.feature, a.target) for a in rows] == [
        ("A", "knn", "encoder", "mnist"),
        ("A", "knn", "encoder", "far"),
        ("A", "msp", "logits", "mnist"),
        ("A", "msp", "logits", "far"),
        ("B", "knn", "projection", "mnist"),
        ("B", "knn", "projection", "far"),
    ]


def test_a_repeated_seed_counts_once():
    runs = (summary("r0", 0), summary("again", 0), summary("r1", 1))
    values = {"r0": 0.6, "again": 0.8, "r1": 0.4}
    found = [measurement(run, "mnist", value, intervals={"auroc": (0, 1)}) for run, value in values.items()]
    rows = aggregates((Group("r", tuple(values)),), runs, SETS, found)
    expected = Estimate(pytest.approx(0.55), 2, pytest.approx(stdev([0.7, 0.4])))
    assert row(rows, "r", "mnist", *HEADLINE)["auroc"] == expected
    rows = aggregates((Group("r", ("r0", "again")),), runs, SETS, found)
    assert row(rows, "r", "mnist", *HEADLINE)["auroc"] == Estimate(pytest.approx(0.7))


def find(rows, other, metric, target=""):
    (found,) = [c for c in rows if (c.other, c.metric, c.target) == (other, metric, target)]
    return found


def test_equal_seeds_are_paired():
    ours, theirs = {0: 0.9, 1: 0.8, 2: 0.95, 7: 0.1}, {2: 0.7, 0: 0.85, 1: 0.6}
    runs = [summary(f"a{seed}", seed, accuracy=value) for seed, value in ours.items()]
    runs += [summary(f"b{seed}", seed, accuracy=value - 0.1) for seed, value in theirs.items()]
    found = [measurement(f"a{seed}", "mnist", value) for seed, value in ours.items()]
    found += [measurement(f"b{seed}", "mnist", value) for seed, value in theirs.items()]
    groups = Group("A", tuple(f"a{s}" for s in ours)), Group("B", tuple(f"b{s}" for s in theirs))
    rows = comparisons(groups, runs, SETS, found, HEADLINE, scores={})
    test = stats.ttest_rel([0.9, 0.8, 0.95], [0.85, 0.6, 0.7])
    bounds = test.confidence_interval()
    expected = pytest.approx((0.5 / 3, bounds.low, bounds.high, test.pvalue))
    paired = find(rows, "B", "auroc", "mnist")
    assert (paired.difference, paired.low, paired.high, paired.p) == expected
    assert (paired.subject, paired.how, paired.n) == ("A", "paired seeds", 3)
    assert find(rows, "B", "accuracy").difference == pytest.approx(0.5 / 3 + 0.1)
    assert [(c.metric, c.target) for c in rows] == [
        ("accuracy", ""),
        *((metric, "mnist") for metric in COMPARED),  # and not again for "far", which is that set alone
    ]
    assert aggregate.tested(rows) == len(rows) == 4


def scored(run, feature="projection", shift=1.0, seed=0):
    """Scores of the same images: of every run the same plus noise of its own. Returns scores and measurements."""
    images, own = np.random.default_rng(0), np.random.default_rng(seed)
    sizes = {ID: 200, "cifar100": 80, "tiny": 70, "mnist": 60}
    scores = {
        (run, "knn", feature, name): images.normal(0 if name == ID else shift, 1, n) + own.normal(0, 0.5, n)
        for name, n in sizes.items()
    }
    known = scores[run, "knn", feature, ID]
    found = [
        Measurement(run, name, "knn", feature, **ood_metrics(known, values), n_id=200, n_ood=len(values))
        for (_, _, _, name), values in scores.items()
        if name != ID
    ]
    return scores, found


def test_single_runs_are_bootstrapped_on_the_same_images():
    (a, measured_a), (b, measured_b) = scored("a", seed=1), scored("b", feature="encoder", shift=0.2, seed=2)
    runs = [summary("a", 3, accuracy=0.9, mistake_severity=1.5), summary("b", 4, accuracy=0.7, mistake_severity=None)]
    groups = Group("A", ("a",)), Group("B", ("b",))
    rows = comparisons(groups, runs, SETS[1:], measured_a + measured_b, HEADLINE, a | b, resamples=200, seed=9)

    def samples(stream, name):
        sides = [(found[key], found[*key[:3], name]) for found in (a, b) for key in found if key[3] == ID]
        return paired_differences(*sides, COMPARED, resamples=200, seed=9, stream=stream)["auroc"]

    drawn = {name: samples(stream, name) for stream, name in enumerate(("cifar100", "tiny", "mnist"))}
    value = {m.ood: m.auroc for m in measured_a}, {m.ood: m.auroc for m in measured_b}
    for target, names in {"tiny": ["tiny"], "near": ["cifar100", "tiny"], "mnist": ["mnist"]}.items():
        expected = from_samples(
            fmean(value[0][name] for name in names) - fmean(value[1][name] for name in names),
            np.mean([drawn[name] for name in names], axis=0),
        )
        got = find(rows, "B", "auroc", target)
        assert (got.difference, got.low, got.high, got.p) == (
            pytest.approx(expected.value),
            expected.low,
            expected.high,
            expected.p,
        )
        assert (got.how, got.n) == ("bootstrap", 1)
        assert got.p < 0.02
    accuracy = Comparison("A", "B", "accuracy", "", pytest.approx(0.2), None, None, None, "none", 1)
    assert find(rows, "B", "accuracy") == accuracy
    assert not [c for c in rows if c.metric in KNOWN_MEASURES and c != accuracy]
    assert aggregate.tested(rows) == len(rows) - 1


def test_without_scores_only_the_difference_is_known():
    measured = scored("a")[1] + scored("b", seed=1)[1]
    groups = Group("A", ("a",)), Group("B", ("b",))
    scores = scored("a")[0] | scored("b", seed=1)[0]
    runs = [summary("a"), summary("b")]
    for more in ({}, {"scores": scores, "resamples": 0}, {"scores": scored("a")[0]}):
        rows = comparisons(groups, runs, SETS[1:], measured, HEADLINE, **more)
        assert {(c.how, c.n, c.low, c.high, c.p) for c in rows} == {("none", 1, None, None, None)}
    assert aggregate.tested(rows) == 0


def test_one_seed_in_common_compares_the_runs_that_have_it():
    (a, measured_a), (b, measured_b) = scored("a1", seed=1), scored("b1", shift=0.2, seed=2)
    found = [*measured_a, *measured_b, *(measurement("a0", name, 0.1) for name in ("cifar100", "tiny", "mnist"))]
    runs = [summary("a0", 0, accuracy=0.1), summary("a1", 1, accuracy=0.8), summary("b1", 1, accuracy=0.7)]
    groups = Group("A", ("a0", "a1")), Group("B", ("b1",))
    rows = comparisons(groups, runs, SETS[1:], found, HEADLINE, a | b, resamples=50)
    tiny = find(rows, "B", "auroc", "tiny")
    assert (tiny.how, tiny.n) == ("bootstrap", 1)
    assert tiny.difference == pytest.approx(measured_a[1].auroc - measured_b[1].auroc)
    assert find(rows, "B", "accuracy") == Comparison(
        "A", "B", "accuracy", "", pytest.approx(0.1), None, None, None, "none", 1
    )


def test_groups_without_a_seed_in_common_are_not_tested():
    runs = [summary(f"a{seed}", seed, accuracy=0.8 + seed / 10) for seed in (0, 1)]
    runs += [summary(f"b{seed}", seed, accuracy=0.1 * seed) for seed in (5, 6)]
    groups = Group("A", ("a0", "a1")), Group("B", ("b5", "b6"))
    found = [measurement(run.name, "mnist", 0.5) for run in runs]
    rows = comparisons(groups, runs, SETS, found, HEADLINE)
    assert find(rows, "B", "accuracy") == Comparison(
        "A", "B", "accuracy", "", pytest.approx(0.3), None, None, None, "none", 0
    )
    assert {(c.how, c.p) for c in rows} == {("none", None)}


def test_a_group_that_lacks_the_headline_feature_stands_with_its_encoder():
    found = [measurement("a", "mnist", 0.9), measurement("a", "mnist", 0.1, feature="encoder")]
    found += [measurement("b", "mnist", 0.3, feature="logits"), measurement("b", "mnist", 0.6, feature="encoder")]
    found += [measurement("c", "mnist", 0.2, score="msp")]
    groups = [Group(name.upper(), (name,)) for name in "abc"]
    rows = comparisons(groups, [summary(name) for name in "abc"], SETS, found, HEADLINE)
    assert find(rows, "B", "auroc", "mnist").difference == pytest.approx(0.3)
    assert not [c for c in rows if c.other == "C"]


def test_a_single_group_is_compared_with_nothing():
    assert comparisons([Group("A", ("a",))], [summary("a")], SETS, [measurement("a", "mnist", 0.5)], HEADLINE) == ()
