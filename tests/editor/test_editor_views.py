"""The screens by their keys, without a terminal: what each does to the ranking, and that every line fits."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.editor.class_edits import shift
from rankcon_cli.editor.class_view import ClassView
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.draft import place_of
from rankcon_cli.editor.facts import MOST_LIVE
from rankcon_cli.editor.group_view import GroupView
from rankcon_cli.editor.map_view import MapView
from rankcon_cli.editor.session import Session
from rankcon_cli.editor.terminal import PASTED
from rankcon_cli.ranking import Listing, Ranking, Tier, check, parse, write
from rankcon_cli.ranking.edit import class_tiers
from tests.editor.conftest import ANIMALS, Script

DeskOf = Callable[..., Desk]


def tiers(desk: Desk, name: str) -> list[tuple[str, ...]]:
    return [tier.names for tier in class_tiers(desk.ranking, name)]


def text(view: object, width: int = 79, height: int = 23) -> str:
    return "\n".join("".join(text for _, text in line) for line in view.lines(width, height))


def played(desk: Desk, name: str) -> Desk:
    """The desk after the script was played in the view of a class and left by its last key."""
    desk.terminal.show(ClassView(desk, name))
    assert not desk.terminal.script
    return desk


# -- a class -------------------------------------------------------------------------------------------


def test_the_class_view_shows_tiers_groups_and_one_way_likenesses(desk: DeskOf):
    shown = text(ClassView(desk(), "bird"))
    assert "1   cat" in shown and "2   dog" in shown and "one-way" in shown
    assert "2 tiers by a list of its own" in shown
    shown = text(ClassView(desk(), "cat"))
    assert "@pet" in shown and "@mammal" in shown
    assert "listed by, not listing: bird" in shown
    assert "not ranked yet" in text(ClassView(desk(), "car"))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("x", [("dog", "horse")]),
        ("J", [("cat", "dog", "horse")]),
        ("K", [("cat",), ("dog", "horse")]),
        ("jK", [("cat",), ("dog",), ("horse",)]),
        ("jKK", [("cat", "dog"), ("horse",)]),
        ("jKKK", [("dog",), ("cat",), ("horse",)]),
        ("jJ", [("cat",), ("horse",), ("dog",)]),
        ("m", [("cat", "dog", "horse")]),
        ("jp", [("cat",), ("horse",), ("dog",)]),
        ("j jp", [("cat",), ("horse",), ("dog",)]),
        ("j  x", [("cat",)]),
        ("j  K", [("cat", "dog", "horse")]),
        ("   K", [("cat",), ("dog", "horse")]),
        ("   x", []),
        ("0", []),
        ("0u", [("cat",), ("dog", "horse")]),
        ("xxxuuuUU", [("horse",)]),
        ("d", []),
    ],
)
def test_edits_of_one_key(desk: DeskOf, keys: str, expected: list[tuple[str, ...]]):
    assert tiers(played(desk(*keys, "escape"), "bird"), "bird") == expected


def test_moving_half_a_tier_reaches_every_order_with_every_tie(desk: DeskOf):
    start = desk()
    found = {tuple(tiers(start, "bird")): start.session}
    open_orders = [start.session]
    for session in open_orders:
        for name in ("cat", "dog", "horse"):
            for step in (-1, 1):
                start.session = session
                shift(start, "bird", class_tiers(session.ranking, "bird"), [name], step)
                order = tuple(tiers(start, "bird"))
                if order not in found:
                    found[order] = start.session
                    open_orders.append(start.session)
    assert len(found) == 13  # the weak orders of three


def test_adding_types_to_filter_and_makes_a_tier_each_time(desk: DeskOf):
    script = ["a", *"ho", "enter", *"do", "tab", *"bi", "tab", "enter", "escape", None, "escape"]
    added = played(desk(*script), "car")
    assert tiers(added, "car") == [("horse",), ("dog", "bird")]
    assert added.terminal.asked == ["horse, dog, bird are similar to car: also car to them?"]
    assert [step.what for step in added.session.past] == ["horse added to car", "dog, bird added to car"]


def test_the_other_way_round_is_offered_and_is_one_edit(desk: DeskOf):
    added = played(desk("a", *"bird", "enter", "escape", "all", "escape"), "car")
    assert added.terminal.asked == ["bird is similar to car: also car to bird?"]
    assert tiers(added, "bird") == [("cat", "car"), ("dog", "horse")]
    assert len(added.session.past) == 2


def test_some_of_several_can_be_chosen_for_the_other_way(desk: DeskOf):
    script = ["a", *"horse", "enter", *"bird", "enter", "escape", "some", ["horse"], "escape"]
    added = played(desk(*script), "car")
    assert tiers(added, "horse")[0] == ("cat", "dog", "car")
    assert "car" not in sum(tiers(added, "bird"), ())


def test_a_symmetric_ranking_is_not_asked_about(desk: DeskOf):
    both = Ranking(("a", "b", "c"), symmetric=True)
    added = played(desk("a", "b", "enter", "escape", "escape", ranking=both), "a")
    assert tiers(added, "b") == [("a",)]
    assert not added.terminal.asked


def test_adding_before_and_into_a_tier(desk: DeskOf):
    before = played(desk(*"ji", "enter", None, "escape"), "bird")
    assert tiers(before, "bird") == [("cat",), ("car",), ("dog", "horse")]
    into = played(desk("A", "enter", None, "escape"), "bird")
    assert tiers(into, "bird") == [("cat", "car"), ("dog", "horse")]


def test_the_likeliest_class_comes_first(desk: DeskOf):
    added = played(desk("a", "enter", "escape", "escape"), "cat")
    assert tiers(added, "cat")[-1] == ("bird",)  # which lists cat; so there is nothing to ask


def test_moving_to_a_tier_of_choice(desk: DeskOf):
    moved = played(desk("t", "end", "enter", "escape"), "bird")
    assert tiers(moved, "bird") == [("dog", "horse"), ("cat",)]
    moved = played(desk("t", *"2", "enter", "escape"), "bird")
    assert tiers(moved, "bird") == [("cat", "dog", "horse")]


def test_scores_for_all_tiers_or_none(desk: DeskOf):
    scored = played(desk("s", "0.8 0.5", "escape"), "bird")
    assert [tier.score for tier in class_tiers(scored.ranking, "bird")] == [0.8, 0.5]
    assert "0.8" in text(ClassView(scored, "bird"))
    scored.terminal.script = ["s", "", "escape"]
    assert [tier.score for tier in class_tiers(played(scored, "bird").ranking, "bird")] == [None, None]


@pytest.mark.parametrize("answer", ["0.8", "0.5 0.8", "1 0.5", "0.5 0", "high low", "nan 0.5", "0.8 0.5 0.2"])
def test_faulty_scores_are_not_taken(desk: DeskOf, answer: str):
    with pytest.raises(AssertionError):  # the script's way to say that the question is asked again
        played(desk("s", answer, "escape"), "bird")


def test_the_list_as_text_the_note_and_the_groups(desk: DeskOf):
    edited = played(desk("e", "car > @pet", "n", "a note", "escape"), "horse")
    assert edited.ranking.rankings["horse"] == Listing((Tier(("car",)), Tier(("@pet",))))
    assert edited.ranking.notes == {"horse": "a note"}
    grouped = played(desk("g", "tab", "enter", "escape"), "bird")
    assert grouped.ranking.groups["pet"].of == ("cat", "dog", "bird")


def test_listing_back_by_key(desk: DeskOf):
    assert tiers(played(desk("b", "escape"), "bird"), "cat")[0] == ("dog", "bird")


def test_going_on_to_the_next_class(desk: DeskOf):
    on = desk("right", "left", "tab", "escape")
    assert on.terminal.show(ClassView(on, "bird")) == "car"


def test_an_emptied_list_says_what_it_means(desk: DeskOf):
    emptied = played(desk("e", "", "escape"), "bird")
    assert emptied.ranking.rankings["bird"] == Listing(())
    assert emptied.session.past[-1].what == "list of bird says: nothing similar; d drops the list"


@pytest.mark.parametrize("screen", [ClassView, lambda desk, name: MapView(desk), lambda desk, name: GroupView(desk)])
def test_pasted_text_is_ignored(desk: DeskOf, screen: Callable):
    one = desk()
    view = screen(one, "bird")
    assert view.press(PASTED) is None
    assert "pasted text is ignored here" in text(view)
    assert not one.session.past


@pytest.mark.parametrize(("width", "state"), [(19, "saved"), (39, "my.json · saved")])
def test_the_name_of_the_class_stays_in_sight(desk: DeskOf, width: int, state: str):
    title = text(ClassView(desk(), "horse"), width).splitlines()[0]
    assert title.startswith(" horse") and title.endswith(state)


def test_findings_of_the_class_screen_lead_on(desk: DeskOf):
    led = desk("f", "enter", "escape")
    last = led.terminal.show(ClassView(led, "car"))
    assert last == led.facts.subject(led.facts.issues[0]) == "cat"


# -- the map, groups, findings -------------------------------------------------------------------------


def test_the_map_counts_and_warns(desk: DeskOf):
    shown = text(MapView(desk()))
    assert "5 classes: 1 not ranked, 1 listed, 3 by groups (@)" in shown
    assert "W201" in shown
    assert "cat > dog, horse" in shown


def test_the_map_finds_a_class_and_opens_it(desk: DeskOf):
    found = desk("/", *"bi", "enter", "x", "escape", "q", "drop")
    assert found.terminal.show(MapView(found)) == "my.json: left as it was"
    assert [step.what for step in found.session.past] == ["cat removed from bird"]


def test_saving_writes_canonically_and_quitting_then_asks_nothing(desk: DeskOf):
    saved = desk("end", "up", "enter", "x", "escape", "w", "q")
    assert saved.terminal.show(MapView(saved)) == "my.json: saved"
    ranking = parse(saved.place.path.read_text(), "my.json")
    assert ranking == saved.ranking
    assert ranking.rankings["bird"] == Listing((Tier(("dog", "horse")),))
    assert not saved.place.draft.exists()


def test_findings_lead_to_their_class(desk: DeskOf):
    led = desk("f", "enter", "escape", "q")
    led.terminal.show(MapView(led))
    shown = text(MapView(led))
    assert "W201" in shown


def test_groups_are_made_changed_renamed_scored_and_removed(desk: DeskOf):
    script = ["a", "sky", *"bird", "tab", *"car", "tab", "enter", "r", "air", "s", "0.4", "n", "they fly", "escape"]
    made = desk(*script)
    made.terminal.show(GroupView(made))
    assert made.ranking.groups["air"] == Tier(("bird", "car"), 0.4)
    assert made.ranking.notes == {"air": "they fly"}
    made.terminal.script = ["end", "x", "?", "escape", "u", "escape"]
    made.terminal.show(GroupView(made))
    assert "air" in made.ranking.groups


def test_a_new_group_takes_the_member_pointed_at_and_shows_its_note(desk: DeskOf):
    made = desk("a", "sky", *"bird", "enter", "n", "they fly", "escape")
    made.terminal.show(GroupView(made))
    assert made.ranking.groups["sky"] == Tier(("bird",))
    assert "note: they fly" in text(GroupView(made, "sky"))
    assert "note" not in text(GroupView(made, "pet"))


def test_an_edit_that_would_bring_an_error_is_refused_in_words(desk: DeskOf):
    refused = desk("enter", *"@mammal", "tab", "enter", "escape")
    view = GroupView(refused)
    refused.terminal.show(view)
    assert not refused.session.past


# -- names and sizes -----------------------------------------------------------------------------------

HOSTILE = (
    "plain",
    "🐦 bird \N{MAN}\u200d\N{WOMAN}",
    "right\u202eto left\u200f",
    "a" * 400,
    "鳥" * 60,
    "[bold]x[/bold]",
    'quo"ted, > (0.5)',
    "@home",
    "<script>",
    "../../etc",
)


def test_hostile_names_are_shown_safely_and_fit(desk: DeskOf):
    ranking = Ranking(HOSTILE, notes={"plain": "line\nbreak \u202e"})
    script = ["enter", "a", *["enter"] * len(HOSTILE[1:]), "all"]
    script += ["end", "K", "K", " ", "s", None, "n", None, "escape", "g", "a", "\N{MAN}", "tab", "enter"]
    script += ["escape", "f", "escape", "?", "down", "escape", "w", "q"]
    shown = desk(*script, ranking=ranking)
    assert shown.terminal.show(MapView(shown)) == "my.json: saved"
    drawn = text(MapView(shown)) + text(ClassView(shown, "plain"))
    assert all(letter.isprintable() or letter == "\n" for letter in drawn)
    assert parse(shown.place.path.read_text(), "my.json") == shown.ranking


def test_a_thousand_classes_are_drawn_and_found(desk: DeskOf):
    names = tuple(f"class {i}" for i in range(1000))
    many = desk("/", *"class 99", "down", "enter", "escape", "q", ranking=Ranking(names, {"all": Tier(names)}))
    many.terminal.show(MapView(many))
    view = MapView(many)
    view.press("/")
    for letter in "997":
        view.press(letter)
    assert "class 997" in text(view) and "1 of 1,000" in text(view)
    assert "↓ 98" in text(MapView(many))


class Mashed(Script):
    """A terminal at which keys are hit at random; questions get no answer, and the end of the script is an IndexError."""

    def choose(self, question: str, choices: Sequence[tuple[str, Any]]) -> Any:
        return None

    def text(self, question: str, default: str = "", fault: Callable = lambda text: None, *, about: str = "") -> Any:
        return None if fault(default) else default


KEYS = (
    *"abcdefghijklmnopqrstuvwxyzAKJU0/? ",
    *("enter", "escape", "tab", "up", "down", "left", "right", "home", "end", "pagedown", "pageup"),
    *("backspace", "delete", "c-u", "c-z", "c-y", "c-s", "s-up", "f1"),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(KEYS), max_size=60))
def test_no_keys_break_the_editor_or_undo(keys: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my.json"
        path.write_text(write(ANIMALS))
        mashed = Desk(Session(ANIMALS, ANIMALS), place_of(path, "my.json"), Mashed(*keys))
        with contextlib.suppress(IndexError):
            mashed.terminal.show(MapView(mashed))
        assert not [issue for issue in check(mashed.ranking) if issue.severity == "error"]
        while mashed.session.past:
            mashed.press("u")
        assert mashed.ranking is ANIMALS


def test_what_is_dear_to_check_is_checked_on_demand(desk: DeskOf):
    names = tuple(f"class {i}" for i in range(300))
    listing = {a: Listing((Tier(tuple(b for b in names if b != a)),)) for a in names}
    assert sum(len(tier.of) for one in listing.values() for tier in one.tiers) > MOST_LIVE
    dear = desk(ranking=Ranking(names, rankings=listing))
    view = MapView(dear)
    assert "c checks now" in text(view)
    view.press("c")
    assert "W209" in text(view)
    dear.edit(lambda ranking: Ranking(names, rankings={**listing, "class 0": Listing(())}), "an edit")
    assert "c checks now" in text(view)
