"""Heat maps: what is drawn, at 10, 100, 1,000 and more classes."""

import numpy as np
import pytest

from rankcon_cli.picture import heatmap as heatmaps
from rankcon_cli.picture.heatmap import heatmap
from rankcon_cli.picture.html import html_page
from rankcon_cli.picture.levels import Pairs, count_pairs, pooled, rows_of_levels
from rankcon_cli.picture.order import by_blocks, by_label
from rankcon_cli.picture.palette import MOST_STEPS, colours, step
from rankcon_cli.picture.png import SCALE, png
from rankcon_cli.picture.scene import Raster
from rankcon_cli.picture.svg import svg_document
from rankcon_cli.ranking import Listing, Ranking, Tier, TierTable, compile_ranking


def listed(table) -> int:
    return sum(len(members) for tiers in table.tiers for members in tiers)


@pytest.mark.parametrize("name", ["cifar10", "digits", "hundred", "hostile"])
def test_a_cell_for_every_listed_class_and_every_class(name, request, picture):
    table = request.getfixturevalue(name)
    drawn = picture(svg_document(heatmap(table, by_blocks(table), name)))
    cells = [rect for rect in drawn.all("rect") if len(rect)]
    assert len(cells) == listed(table) + len(table.classes)
    assert len(drawn.all("text")) >= 2 * len(table.classes)


def test_what_a_cell_says(digits, picture):
    titles = picture(svg_document(heatmap(digits, by_label(digits), "digits"))).titles
    assert "0 lists 6: tier 1; the other way: tier 1" in titles
    assert "2 lists 3: tier 1; the other way: not listed" in titles


def test_small_cells_have_their_tier_and_one_sided_ones_a_corner(digits, cifar10, picture):
    drawn = picture(svg_document(heatmap(digits, by_label(digits), "digits")))
    digits_shown = [text for text in drawn.texts if text in "123"]
    assert len(digits_shown) >= listed(digits)
    one_sided = count_pairs(digits).one_sided
    assert len(drawn.all("path")) == one_sided + 1  # and the legend's
    assert "not listed the other way" in drawn.texts
    symmetric = picture(svg_document(heatmap(cifar10, by_label(cifar10), "cifar10")))
    assert not symmetric.all("path") and "not listed the other way" not in symmetric.texts


def test_names_stand_in_the_order_asked_for(cifar10, picture):
    order = by_blocks(cifar10)
    texts = picture(svg_document(heatmap(cifar10, order, "t"))).texts
    names = [text for text in texts if text in cifar10.classes]
    assert names == 2 * [cifar10.classes[c] for c in order]


def test_a_thousand_classes_are_one_image_for_each_theme(thousand, picture):
    drawn = picture(svg_document(heatmap(thousand, by_blocks(thousand), "many")))
    light, dark = drawn.all("image")
    assert (light.get("class"), dark.get("class"), dark.get("display")) == ("light", "dark", "none")
    assert light.get("href").startswith("data:image/png;base64,") and light.get("href") != dark.get("href")
    assert 20 < len(drawn.texts) < 120
    strips = [title for title in drawn.titles if ", tier 1: " in title]
    assert len(strips) == 1000


def test_past_the_image_pixels_stand_for_several_classes(hundred, monkeypatch, picture):
    monkeypatch.setattr(heatmaps, "MOST_CELLS", 10)
    monkeypatch.setattr(heatmaps, "_MOST_PIXELS", 50)
    scene = heatmap(hundred, by_blocks(hundred), "pooled")
    (raster,) = (shape for shape in scene.shapes if isinstance(shape, Raster))
    assert raster.pixels.shape == (50, 50)
    assert "A pixel stands for about 2.0 classes" in " ".join(picture(svg_document(scene)).texts)


def test_pooled_whole_is_the_table(cifar10):
    order = by_blocks(cifar10)
    whole = pooled(cifar10, order, 10)
    assert (whole == cifar10.array()[np.ix_(order, order)]).all()
    assert whole.tolist() == list(rows_of_levels(cifar10, order, order))


def test_pooled_takes_the_first_tier_that_enough_pairs_have(thousand):
    array, order = thousand.array(), by_blocks(thousand)
    blocks = array[np.ix_(order, order)].reshape(50, 20, 50, 20).swapaxes(1, 2).reshape(50, 50, 400)
    for share in (0.0, 0.01):
        counts = [((blocks > 0) & (blocks <= k)).sum(2) for k in (1, 2)]
        needed = max(1, 400 * share)
        expected = np.where(counts[0] >= needed, 1, np.where(counts[1] >= needed, 2, -1))
        assert (pooled(thousand, order, 50, share) == expected).all()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_pooled_of_cells_of_unequal_size(one_by_one, share):
    array, size = one_by_one.array(), 7
    cell = np.arange(300) * size // 300
    grid = pooled(one_by_one, range(300), size, share)
    for i in range(size):
        for j in range(size):
            block = array[np.ix_(cell == i, cell == j)]
            tiers = np.sort(block[block > 0])
            needed = int(np.ceil(max(1, share * block.size)))
            assert grid[i, j] == (tiers[needed - 1] if needed <= len(tiers) else -1)


def test_pooled_of_a_table_that_lists_nothing():
    table = TierTable(tuple("abcd"), ((),) * 4, (None,) * 4)
    assert pooled(table, range(4), 2).tolist() == [[-1, -1], [-1, -1]]


def test_pairs(cifar10, hostile):
    assert count_pairs(cifar10) == Pairs(22, 0)
    assert count_pairs(hostile) == Pairs(0, 24)


@pytest.mark.parametrize("name", ["cifar10", "hostile"])
def test_same_bytes_twice(name, request):
    table = request.getfixturevalue(name)
    once, again = (heatmap(table, by_blocks(table), "t") for _ in range(2))
    assert svg_document(once) == svg_document(again)
    assert png(once) == png(again)


def test_png_has_twice_the_size(cifar10):
    scene = heatmap(cifar10, by_label(cifar10), "t")
    data = png(scene)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(data[i : i + 4]) for i in (16, 20))
    assert abs(width - SCALE * scene.width) <= 1 and abs(height - SCALE * scene.height) <= 1


@pytest.mark.parametrize("classes, lists", [(("a", "b"), {}), (("a", "b", "c"), {"a": ["b"]})])
def test_little_or_nothing_listed(classes, lists, picture):
    table = compile_ranking(Ranking(classes, rankings={a: Listing((Tier(tuple(b)),)) for a, b in lists.items()}))
    scene = heatmap(table, by_blocks(table), "t")
    assert set(classes) <= set(picture(svg_document(scene)).texts)
    assert html_page(scene, table, by_blocks(table)) and png(scene)


def test_more_tiers_than_colours(picture):
    names = tuple(f"c{i}" for i in range(40))
    lists = {a: Listing(tuple(Tier((b,)) for b in names if b != a)) for a in names}
    table = compile_ranking(Ranking(names, rankings=lists))
    drawn = picture(svg_document(heatmap(table, by_label(table), "deep")))
    assert len([text for text in drawn.texts if text.startswith("tier ")]) == MOST_STEPS
    assert "tier 1–4" in drawn.texts


@pytest.mark.parametrize("depth", [1, 2, 5, 12, 13, 40])
@pytest.mark.parametrize("dark", [False, True])
def test_tiers_fall_in_contrast(depth, dark):
    from rankcon_cli.picture.palette import _luminance

    palette = colours(depth, dark=dark)
    used = [step(k, depth) for k in range(1, depth + 1)]
    assert used == sorted(used) and used[0] == 1 and used[-1] == min(depth, MOST_STEPS)
    lightness = [_luminance(palette[f"t{k}"]) for k in dict.fromkeys(used)]
    assert lightness == sorted(lightness, reverse=dark) and len(set(lightness)) == len(lightness)
    for k in set(used):  # text upon a tier is legible (WCAG AA for large text)
        low, high = sorted(_luminance(palette[role]) for role in (f"t{k}", f"on{k}"))
        assert (high + 0.05) / (low + 0.05) > 3
