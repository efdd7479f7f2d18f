import numpy as np
import torch

from rankcon_cli.ood import compare
from rankcon_cli.ood.metrics import ood_metrics
from rankcon_cli.ood.result import Measurement, Swallowed


def test_measurement_names_and_counts():
    id_scores, ood_scores = np.arange(10.0), np.arange(5.0, 12.0)
    row = compare.measurement("ranked", "withheld", "knn", "encoder", id_scores, ood_scores)
    assert row == Measurement(
        run="ranked",
        ood="withheld",
        score="knn",
        feature="encoder",
        **ood_metrics(id_scores, ood_scores),
        n_id=10,
        n_ood=7,
    )


def test_swallowed_counts_by_unknown_class_largest_first():
    classes = ["fox", "owl", "fox", "fox", "owl", "fox"]
    cosines = np.eye(3)[[2, 0, 1, 2, 0, 0]]
    assert compare.swallowed("wild", classes, cosines, ["cat", "dog", "wolf"]) == (
        Swallowed("wild", "fox", "wolf", 2, 4),
        Swallowed("wild", "fox", "cat", 1, 4),
        Swallowed("wild", "fox", "dog", 1, 4),
        Swallowed("wild", "owl", "cat", 2, 2),
    )


def test_id_share_more_outlying_equals_a_loop():
    rng = np.random.default_rng(0)
    id_scores, ood_scores = rng.integers(0, 6, 40), rng.integers(-1, 8, 30)
    expected = [np.mean(id_scores > score) for score in ood_scores]
    np.testing.assert_allclose(compare.id_share_more_outlying(id_scores, ood_scores), expected, atol=1e-12)


def test_fooled_images_are_the_lowest_and_only_they_are_read():
    read = []

    def image(i):
        read.append(i)
        return np.full((1, 2, 2), i, np.uint8)

    ood_scores = np.array([0.9, 0.2, 0.5, 0.2, 0.1])
    cosines = np.array([[0.1, 0.9]] * 4 + [[0.7, 0.3]])
    rows = compare.fooled_images(
        "wild",
        np.array([0.0, 0.15, 0.3, 0.2]),
        ood_scores,
        cosines,
        names=[f"{i}.png" for i in range(5)],
        ood_classes=["fox"] * 4 + ["owl"],
        id_classes=["cat", "dog"],
        image=image,
        k=3,
    )
    assert read == [4, 1, 3]
    assert [row.name for row in rows] == ["4.png", "1.png", "3.png"]
    assert [row.id_share_more_outlying for row in rows] == [0.75, 0.25, 0.25]
    first = rows[0]
    assert (first.ood, first.ood_class, first.nearest_class, first.similarity) == ("wild", "owl", "cat", 0.7)
    assert (first.image == 4).all()


def test_fooled_images_of_equal_score_keep_their_order():
    n = 200
    scores = np.arange(n)[::-1] // 100  # the last hundred tie below the first
    names = [str(i) for i in range(n)]
    image = np.zeros((n, 1, 2, 2), np.uint8).__getitem__
    rows = compare.fooled_images("wild", scores, scores, np.ones((n, 1)), names, ["fox"] * n, ["cat"], image, k=50)
    assert [row.name for row in rows] == names[100:150]


def clouds():
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(2500, 6, generator=generator) * torch.tensor([9.0, 4, 1, 1, 1, 1])
    unknown = torch.randn(30, 6, generator=generator)
    return {"id": (known, [str(i) for i in range(2500)]), "wild": (unknown, ["fox"] * 30)}


def test_pca_points_are_the_projection_on_the_main_axes_of_id():
    sets = clouds()
    known, unknown = compare.pca_points(sets, seed=1)
    assert (known.set, known.xy.shape, unknown.set, unknown.xy.shape) == ("id", (2000, 2), "wild", (30, 2))
    assert unknown.class_names == ("fox",) * 30
    rows = [int(name) for name in known.class_names]  # the names tell which images were drawn
    drawn = torch.nn.functional.normalize(sets["id"][0], dim=1)[rows]
    axes = torch.linalg.svd(drawn - drawn.mean(0), full_matrices=False).Vh[:2]
    for points, x in ((known, drawn), (unknown, torch.nn.functional.normalize(sets["wild"][0], dim=1))):
        expected = (x - drawn.mean(0)) @ axes.T
        np.testing.assert_allclose(np.abs(points.xy), expected.abs(), atol=1e-4)


def test_pca_points_follow_the_seed():
    def drawn(seed):
        return compare.pca_points(clouds(), seed)[0]

    np.testing.assert_array_equal(drawn(1).xy, drawn(1).xy)
    assert drawn(1).class_names != drawn(2).class_names


def test_pca_points_of_one_dimension_are_padded():
    x = torch.tensor([[2.0], [-1.0], [3.0]])  # at unit length: 1, -1, 1
    (points,) = compare.pca_points({"id": (x, ["a", "b", "a"])}, seed=0)
    np.testing.assert_allclose(np.abs(points.xy), [[2 / 3, 0], [4 / 3, 0], [2 / 3, 0]], atol=1e-6)
