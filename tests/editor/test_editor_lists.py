"""Moving, filtering and marking in a list."""

import pytest

from rankcon_cli.editor.lists import Listed, Row, fold, pointed, pressed, searchable, toggled, view, with_rows


def listed(*names: str, **state: object) -> Listed:
    return Listed(tuple(searchable(name, name) for name in names), **state)


def after(state: Listed, *keys: str) -> Listed:
    for key in keys:
        state = pressed(state, key, page=2) or state
    return state


def test_the_pointer_moves_and_goes_round():
    state = listed("a", "b", "c", "d", "e")
    assert after(state, "down", "j").value == "c"
    assert after(state, "up").value == "e"
    assert after(state, "end", "down").value == "a"
    assert after(state, "pagedown", "pagedown", "pagedown").value == "e"
    assert after(state, "end", "pageup", "k").value == "b"
    assert pressed(state, "x") is None


def test_typing_filters_and_words_that_begin_so_come_first():
    state = listed("bobcat", "cattle", "wild cat", "dog", "CAT", typing=True)
    state = after(state, "c", "a", "t")
    assert [row.value for row in state.shown] == ["cattle", "wild cat", "CAT", "bobcat"]
    assert after(state, "backspace", "backspace", "backspace").shown == state.rows
    assert after(state, "escape").query == ""
    assert pressed(after(state, "escape"), "escape") is None


@pytest.mark.parametrize(
    ("name", "typed"),
    [("Äpfel", "apf"), ("naïve bird", "bir"), ("aquarium_fish", "fish"), ("猫 cat", "猫"), ("T-shirt/top", "top")],
)
def test_names_are_found_by_any_of_their_words_without_accents(name: str, typed: str):
    state = after(listed("other", name, typing=True), *typed)
    assert [row.value for row in state.shown] == [name]
    assert f" {fold(typed)}" in state.shown[0].search


def test_blanks_can_be_typed_and_nothing_found_is_nothing_pointed_at():
    state = after(listed("ice cream", "icecap", typing=True), *"ice c")
    assert [row.value for row in state.shown] == ["ice cream"]
    assert after(state, "z").value is None
    assert after(state, "z", "down", "end").value is None


def test_other_rows_keep_the_pointer_and_the_marks_that_are_left():
    state = toggled(toggled(pointed(listed("a", "b", "c"), "b"), "a"), "c")
    assert state.marks == ("a", "c")
    changed = with_rows(state, [Row("c"), Row("x"), Row("b")])
    assert (changed.value, changed.marks) == ("b", ("c",))
    assert with_rows(state, [Row("y"), Row("z")]).value == "z"
    assert with_rows(state, []).value is None
    assert toggled(state, "a").marks == ("c",)


@pytest.mark.parametrize(
    ("n", "at", "height"), [(1000, 0, 10), (1000, 999, 10), (1000, 500, 10), (5, 4, 10), (3, 0, 1)]
)
def test_the_row_pointed_at_is_always_drawn(n: int, at: int, height: int):
    start, end = view(n, at, height)
    assert 0 <= start <= at < end <= n
    assert end - start == min(n, height)
