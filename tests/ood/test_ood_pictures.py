import numpy as np
import pytest
import torch

from rankcon_cli.data import ImageSet
from rankcon_cli.evaluation.classify import unit
from rankcon_cli.ood.pictures import (
    MOST_POINTS,
    Cloud,
    pictures,
    project,
    projecting,
    quotas,
    thumbnails,
    tier_1_edges,
)
from rankcon_cli.ranking import TierTable


def some_features(n, dim=6, seed=0):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(dim, 0, -1.0)


def cloud(name, n, seed=0, size=8):
    images = ImageSet(
        spec=name,
        split="all",
        images=np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), dtype=np.uint8),
        labels=np.zeros(n, np.int64),
        classes=("a",),
        named=True,
        names=tuple(f"{name}/{i}" for i in range(n)),
    )
    return Cloud(name, ["a"] * n, np.arange(float(n)), images)


def test_pca_is_that_of_the_known_images_and_both_methods_draw_the_same_points():
    features = {"id": some_features(40), "wild": some_features(25, seed=1)}
    clouds = [cloud("id", 40), cloud("wild", 25, seed=1)]
    tsne, pca = pictures(project(features, seed=0), clouds, None)
    assert (tsne.method, pca.method) == ("t-SNE", "PCA")
    x = unit(features["id"]).numpy().astype(np.float64)
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:2]
    for drawn, given in zip(pca.clouds, clouds, strict=True):
        expected = (unit(features[given.set]).numpy() - x.mean(0)) @ axes.T
        np.testing.assert_allclose(np.abs(drawn.xy), np.abs(expected), atol=1e-5)
        assert drawn.names == given.images.names
        np.testing.assert_array_equal(drawn.scores, given.scores)
        np.testing.assert_array_equal(drawn.images, given.images.images)
    assert [c.names for c in tsne.clouds] == [c.names for c in pca.clouds]
    assert all(np.isfinite(c.xy).all() for c in tsne.clouds)


def test_points_that_are_chosen_keep_what_belongs_to_them():
    n = MOST_POINTS + 500
    known = some_features(n)
    (pca,) = pictures(project({"id": known}, seed=0, tsne=False), [cloud("id", n, size=1)], None)
    chosen = pca.clouds[0].scores.astype(int)  # the scores count the images
    assert len(chosen) == MOST_POINTS
    assert pca.clouds[0].names == tuple(f"id/{i}" for i in chosen)
    x = unit(known[chosen]).numpy().astype(np.float64)
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(pca.clouds[0].xy), np.abs((x - x.mean(0)) @ axes.T), atol=1e-5)


def test_the_same_seed_draws_the_same_picture_in_a_thread_too():
    features = {"id": some_features(60), "wild": some_features(30, seed=1)}
    once, again = project(features, seed=3), projecting(features, seed=3).result()
    for method, plane in once.planes.items():
        for name, xy in plane.items():
            np.testing.assert_array_equal(xy, again.planes[method][name])


def test_what_goes_wrong_in_the_thread_is_heard_of():
    with pytest.raises(KeyError):
        projecting({"wild": some_features(5)}, seed=0).result()


@pytest.mark.parametrize(
    "sizes",
    [{"id": 10, "a": 5}, {"id": 9000, "a": 10}, {"id": 9000, "a": 9000, "b": 40}, {"id": 20, "a": 9000, "b": 9000}],
)
def test_quotas_fill_the_picture_and_never_exceed_it(sizes):
    found = quotas(sizes)
    assert all(0 < found[name] <= n for name, n in sizes.items())
    assert sum(found.values()) == min(MOST_POINTS, sum(sizes.values()))


@pytest.mark.parametrize("case", ["one point", "one dimension", "no spread"])
def test_too_little_to_draw_leaves_pca_alone(case):
    known = some_features(1 if case == "one point" else 20, dim=1 if case == "one dimension" else 6)
    planes = project({"id": torch.ones(20, 6) if case == "no spread" else known}, seed=0).planes
    assert "PCA" in planes and np.isfinite(planes["PCA"]["id"]).all()
    assert ("t-SNE" in planes) == (case == "one dimension")


def test_edges_are_the_first_tier():
    table = TierTable(("a", "b", "c"), (((1, 2),), ((0,), (2,)), ()), (None, None, None))
    assert tier_1_edges(table) == (("a", "b"), ("a", "c"), ("b", "a"))
    assert tier_1_edges(None) == ()


def test_large_images_become_thumbnails():
    images = np.zeros((2, 3, 64, 64), np.uint8)
    images[:, :, :, 32:] = 200
    small = thumbnails(images)
    assert small.shape == (2, 3, 32, 32) and small.dtype == np.uint8
    assert (small[..., :16] == 0).all() and (small[..., 16:] == 200).all()
    assert thumbnails(images[:, :1, :8, :8]).shape == (2, 1, 8, 8)
