import dataclasses

import numpy as np
import pytest
import torch

from rankcon_cli.data import ImageSet
from rankcon_cli.evaluation.classify import unit
from rankcon_cli.ood.pictures import MOST_POINTS, Cloud, pictures, quotas, thumbnails, tier_1_edges
from rankcon_cli.ranking import TierTable


def cloud(name, n, dim=6, seed=0, size=8):
    generator = torch.Generator().manual_seed(seed)
    images = ImageSet(
        spec=name,
        split="all",
        images=np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), dtype=np.uint8),
        labels=np.zeros(n, np.int64),
        classes=("a",),
        named=True,
        names=tuple(f"{name}/{i}" for i in range(n)),
    )
    features = torch.randn(n, dim, generator=generator) * torch.arange(dim, 0, -1.0)
    return Cloud(name, features, ["a"] * n, np.arange(float(n)), images)


def test_pca_is_that_of_the_known_images_and_both_methods_draw_the_same_points():
    known, wild = cloud("id", 40), cloud("wild", 25, seed=1)
    tsne, pca = pictures([known, wild], None, seed=0)
    assert (tsne.method, pca.method) == ("t-SNE", "PCA")
    x = unit(known.features).numpy().astype(np.float64)
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:2]
    for drawn, given in zip(pca.clouds, (known, wild), strict=True):
        expected = (unit(given.features).numpy() - x.mean(0)) @ axes.T
        np.testing.assert_allclose(np.abs(drawn.xy), np.abs(expected), atol=1e-5)
        assert drawn.names == given.images.names
        np.testing.assert_array_equal(drawn.scores, given.scores)
        np.testing.assert_array_equal(drawn.images, given.images.images)
    assert [c.names for c in tsne.clouds] == [c.names for c in pca.clouds]
    assert all(np.isfinite(c.xy).all() for c in tsne.clouds)


def test_the_same_seed_draws_the_same_picture():
    clouds = [cloud("id", 60), cloud("wild", 30, seed=1)]
    once, again = (pictures(clouds, None, seed=3) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        for a, b in zip(one.clouds, other.clouds, strict=True):
            np.testing.assert_array_equal(a.xy, b.xy)


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
    known = cloud("id", 1 if case == "one point" else 20, dim=1 if case == "one dimension" else 6)
    if case == "no spread":
        known = dataclasses.replace(known, features=torch.ones(20, 6))
    drawn = {picture.method: picture for picture in pictures([known], None, seed=0)}
    assert "PCA" in drawn and np.isfinite(drawn["PCA"].clouds[0].xy).all()
    assert ("t-SNE" in drawn) == (case == "one dimension")


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
