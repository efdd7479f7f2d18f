import numpy as np

from rankcon_cli.ood.compare import Looked, detection_rates, false_alarms, misses, swallowed
from rankcon_cli.ood.intervals import wilson
from rankcon_cli.ood.result import Swallowed

KNOWN = ("cat", "dog", "wolf")


def looked(name, scores, classes=None, cosines=None, read=None):
    n = len(scores)

    def image(i):
        if read is not None:
            read.append(i)
        return np.full((1, 2, 2), i, np.uint8)

    return Looked(
        set=name,
        names=[f"{i}.png" for i in range(n)],
        class_names=classes or ["fox"] * n,
        scores=np.asarray(scores, float),
        cosines=np.eye(3)[[1] * n] if cosines is None else cosines,
        image=image,
    )


def test_swallowed_counts_by_unknown_class_largest_first():
    classes = ["fox", "owl", "fox", "fox", "owl", "fox"]
    wild = looked("wild", np.zeros(6), classes, np.eye(3)[[2, 0, 1, 2, 0, 0]])
    assert swallowed(wild, KNOWN) == (
        Swallowed("wild", "fox", "wolf", 2, 4),
        Swallowed("wild", "fox", "cat", 1, 4),
        Swallowed("wild", "fox", "dog", 1, 4),
        Swallowed("wild", "owl", "cat", 2, 2),
    )


def test_misses_are_the_lowest_and_only_they_are_read():
    read = []
    cosines = np.array([[0.1, 0.9, 0]] * 4 + [[0.7, 0.3, 0]])
    wild = looked("wild", [0.9, 0.2, 0.5, 0.2, 0.1], ["fox"] * 4 + ["owl"], cosines, read)
    rows = misses(wild, looked("id", [0.0, 0.15, 0.3, 0.2]), KNOWN, k=3)
    assert read == [4, 1, 3]
    assert [(row.name, row.score, row.share) for row in rows] == [
        ("4.png", 0.1, 0.75),
        ("1.png", 0.2, 0.25),
        ("3.png", 0.2, 0.25),
    ]
    first = rows[0]
    assert (first.set, first.true_class, first.nearest_class, first.similarity) == ("wild", "owl", "cat", 0.7)
    assert (first.image == 4).all()


def test_false_alarms_are_the_highest_against_all_unknowns():
    known = looked("id", [0.1, 0.8, 0.3, 0.8], ["cat", "dog", "cat", "dog"])
    wild, far = looked("wild", [0.2, 0.8]), looked("far", [0.9, 0.5])
    rows = false_alarms(known, [wild, far], KNOWN, k=2)
    assert [(row.set, row.name, row.true_class, row.share) for row in rows] == [
        ("id", "1.png", "dog", 0.5),
        ("id", "3.png", "dog", 0.5),
    ]


def test_worst_images_of_equal_score_keep_their_order():
    scores = np.arange(200)[::-1] // 100  # the last hundred tie below the first
    rows = misses(looked("wild", scores), looked("id", [0.0]), KNOWN, k=50)
    assert [row.name for row in rows] == [f"{i}.png" for i in range(100, 150)]


def test_detection_rates_by_set_and_class_at_the_threshold():
    known = looked("id", [0.1, 0.5, 0.6, 0.4], ["cat", "cat", "dog", "dog"])
    wild = looked("wild", [0.5, 0.9], ["owl", "fox"])
    rates = detection_rates([known, wild], threshold=0.5)
    assert [(r.set, r.class_name, r.flagged, r.n) for r in rates] == [
        ("id", "", 0.25, 4),
        ("id", "cat", 0.0, 2),
        ("id", "dog", 0.5, 2),
        ("wild", "", 0.5, 2),
        ("wild", "fox", 1.0, 1),
        ("wild", "owl", 0.0, 1),  # a score at the threshold is known
    ]
    assert all((r.low, r.high) == wilson(round(r.flagged * r.n), r.n) for r in rates)
