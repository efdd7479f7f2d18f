"""The screen's lines in windows of many sizes: never too wide, never too many, the question and its choices first."""

import pytest
from hypothesis import given, settings, strategies
from prompt_toolkit.utils import get_cwidth

from rankcon_cli.elicit.layout import Choice, Page, laid_out, wrapped

PAGE = Page(
    [
        "Class 2 of 10. 14 answers; at most 126 questions more, about 111.",
        "Last: bird is more like airplane than frog.",
    ],
    "Which is more like airplane?",
    [Choice("← 1", "bird", "class:name"), Choice("→ 2", "大きな船", "class:name")],
    [Choice(*pair) for pair in (("e", "either: equally like it"), ("?", "cannot say"), ("u", "back"), ("q", "stop"))],
)


def texts(page, columns, rows):
    return ["".join(text for _, text in line) for line in laid_out(page, columns, rows)]


def test_all_of_it_where_there_is_room():
    assert texts(PAGE, 80, 24) == [
        *PAGE.asides,
        "",
        PAGE.title,
        "",
        "  ← 1  bird",
        "  → 2  大きな船",
        "    e  either: equally like it",
        "    ?  cannot say",
        "    u  back",
        "    q  stop",
    ]


def test_what_is_told_beside_gives_way_first_the_last_of_it_at_first():
    assert PAGE.asides[0] in texts(PAGE, 80, 10) and PAGE.asides[1] not in texts(PAGE, 80, 10)
    assert texts(PAGE, 80, 8) == ["Which is more like airplane?", "", *texts(PAGE, 80, 24)[5:]]
    assert texts(PAGE, 80, 7) == ["Which is more like airplane?", *texts(PAGE, 80, 24)[5:]]
    assert texts(PAGE, 80, 4) == ["Which is more like airplane?", "  ← 1  bird", "  → 2  大きな船", "e ? u q"]
    assert texts(PAGE, 20, 5) == ["Which is more like", "airplane?", "← 1  bird", "→ 2  大きな船", "e ? u q"]


def test_long_names_are_cut_where_they_must_be():
    page = PAGE._replace(
        title=f"Which is more like {'大' * 60}?", choices=[Choice("← 1", "a b " * 15), Choice("→ 2", "c")]
    )
    assert texts(page, 20, 5) == [
        "Which is more like",
        "大大大大大大大大大…",
        "← 1  a b a b a b a…",
        "→ 2  c",
        "e ? u q",
    ]
    assert texts(page, 80, 24)[3:6] == ["Which is more like", "大" * 39, "大" * 21 + "?"]


names = strategies.text(strategies.sampled_from("ab 大e\u0301🛩️"), min_size=1, max_size=60).filter(str.strip)


@settings(max_examples=50, deadline=None)
@given(names, names, names, strategies.integers(16, 100), strategies.integers(3, 30))
def test_the_question_and_its_choices_are_there_and_nothing_is_too_wide(anchor, left, right, columns, rows):
    page = PAGE._replace(title=f"Which? {anchor}", choices=[Choice("← 1", left), Choice("→ 2", right)])
    lines = texts(page, columns, rows)
    assert len(lines) <= rows and max(map(get_cwidth, lines)) < columns
    for start in ("Which?", "← 1", "→ 2"):
        assert any(line.lstrip().startswith(start) for line in lines)


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 2), (5, 3), (0, 0)])
def test_no_window_is_too_small_to_draw(columns, rows):
    assert len(laid_out(PAGE, columns, rows)) <= rows


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a bird or a frog", 8, ["a bird", "or a", "frog"]),
        ("大きな 飛行機 船", 9, ["大きな", "飛行機 船"]),
        ("x 大きな飛行機", 5, ["x", "大き", "な飛", "行機"]),
        ("", 5, []),
    ],
)
def test_wrapping_goes_by_columns_between_words(text, width, lines):
    assert wrapped(text, width) == lines
