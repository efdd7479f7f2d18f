"""Top-k selection and merge insertion alone: right results, and never over their bounds."""

import itertools

import pytest

from rankcon_cli.elicit.schemes import View, bound, merge_bound, scheme, select, selection_bound, sort

NOTHING_KNOWN = View(is_unlike=lambda name: False, known_pair=lambda firsts, seconds: None)


def run(made, value):
    """Play a scheme with a value for each candidate; its tiers and how many comparisons it made."""
    count, sign, announced = 0, None, None
    while True:
        try:
            step = made.send(sign)
        except StopIteration as end:
            return end.value, count
        announced = step.at_most if announced is None else announced
        count += 1
        assert count + step.at_most - 1 <= announced
        left, right = value[step.left], value[step.right]
        sign = (left > right) - (left < right)


def true_tiers(value, top):
    tiers = [[n for n in value if value[n] == v] for v in sorted(set(value.values()), reverse=True)]
    sizes = itertools.accumulate(map(len, tiers), initial=0)
    return [set(tier) for tier, before in zip(tiers, sizes, strict=False) if before < top]


@pytest.mark.parametrize("made", [select, sort])
@pytest.mark.parametrize("n", range(1, 7))
def test_every_weak_order_of_a_few_candidates(made, n):
    candidates = [f"c{i}" for i in range(n)]
    levels = range(n) if n < 6 else range(3)
    for top in {1, 2, n}:
        limit = selection_bound(n, top) if made is select else merge_bound(n)
        for values in itertools.product(levels, repeat=n):
            value = dict(zip(candidates, values, strict=True))
            tiers, count = run(made(candidates, top, NOTHING_KNOWN), value)
            assert list(map(set, tiers)) == true_tiers(value, top)
            assert count <= limit


@pytest.mark.parametrize("n", [7, 8])
def test_every_order_of_some_more_candidates(n):
    candidates = [f"c{i}" for i in range(n)]
    orders = itertools.islice(itertools.permutations(range(n)), 0, None, 7)
    worst = 0
    for values in orders:
        value = dict(zip(candidates, values, strict=True))
        tiers, count = run(select(candidates, 3, NOTHING_KNOWN), value)
        assert list(map(set, tiers)) == true_tiers(value, 3)
        worst = max(worst, count)
    assert worst <= selection_bound(n, 3)


def test_merge_insertion_makes_the_comparisons_of_ford_and_johnson():
    assert [merge_bound(n) for n in range(1, 14)] == [0, 1, 3, 5, 7, 10, 13, 16, 19, 22, 26, 30, 34]
    candidates = [f"c{i}" for i in range(21)]
    value = {name: i for i, name in enumerate(candidates)}
    assert run(sort(candidates, 21, NOTHING_KNOWN), value)[1] <= merge_bound(21) == 66


def test_the_worst_order_of_five_meets_the_bound_of_merge_insertion():
    candidates = list("abcde")
    counts = {
        run(sort(candidates, 5, NOTHING_KNOWN), dict(zip(candidates, values, strict=True)))[1]
        for values in itertools.permutations(range(5))
    }
    assert max(counts) == merge_bound(5) == 7


def test_the_cheaper_scheme_is_taken():
    """9 candidates: selection for the top 1 to 4, the whole order from there on."""
    assert [selection_bound(9, top) for top in range(1, 6)] == [8, 11, 14, 17, 20]
    assert [bound(9, top) for top in range(1, 7)] == [8, 11, 14, 17, 19, 19]
    candidates = [f"c{i}" for i in range(9)]
    for top, limit in ((3, 14), (9, 19)):
        first = next(scheme(candidates, top, NOTHING_KNOWN))
        assert first.at_most == limit


@pytest.mark.parametrize(("n", "top"), [(0, 3), (1, 3), (2, 3), (3, 1)])
def test_few_candidates(n, top):
    candidates = [f"c{i}" for i in range(n)]
    tiers, count = run(scheme(candidates, top, NOTHING_KNOWN), {name: i for i, name in enumerate(candidates)})
    assert [name for tier in tiers for name in tier] == candidates[::-1][:top]
    assert count <= bound(n, top)


def test_known_pairs_are_paired_first():
    view = View(is_unlike=lambda name: False, known_pair=lambda firsts, seconds: ("a", "d"))
    step = next(select(list("abcd"), 2, view))
    assert (step.left, step.right) == ("a", "d")
