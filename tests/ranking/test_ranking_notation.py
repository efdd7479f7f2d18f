"""Tiers in one line: what people may type, and that what is printed reads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Listing, Tier
from rankcon_cli.ranking.document import as_member, name_fault
from rankcon_cli.ranking.notation import format_tiers, parse_members, parse_tiers


@pytest.mark.parametrize(
    ("text", "listing"),
    [
        ("", Listing(())),
        ("  ", Listing(())),
        ("ship", Listing((Tier(("ship",)),))),
        (" bird >ship , truck ", Listing((Tier(("bird",)), Tier(("ship", "truck"))))),
        ("bird (0.6) > ship,truck(.25)", Listing((Tier(("bird",), 0.6), Tier(("ship", "truck"), 0.25)))),
        ("bird > @road > @groups", Listing((Tier(("bird",)), Tier(("@road",))), True)),
        ("@groups", Listing((), True)),
        ('"salt, pepper" > "a > b"', Listing((Tier(("salt, pepper",)), Tier(("a > b",))))),
        ('"x (2)" (0.5)', Listing((Tier(("x (2)",), 0.5),))),
        (r'"say \"hi\""', Listing((Tier(('say "hi"',)),))),
        ("crane (bird) > crane (machine)", Listing((Tier(("crane (bird)",)), Tier(("crane (machine)",))))),
        ("@@home > ship's bell", Listing((Tier(("@@home",)), Tier(("ship's bell",))))),
    ],
)
def test_what_people_type(text, listing):
    assert parse_tiers(text) == listing


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a >", "tier 2 is empty"),
        ("> a", "tier 1 is empty"),
        ("a,,b", "can name nothing"),
        ('"a', "not closed"),
        ('"a" b', "no name in double quotes"),
        ("a (1..2)", "is no score"),
        ("@", "can name nothing"),
        ("a (0.5) > (0.2)", "tier 2 is empty"),
        ('"a\\u0000"', "control character"),
    ],
)
def test_what_is_refused(text, fault):
    with pytest.raises(RankconError) as refused:
        parse_tiers(text)
    assert fault in refused.value.message and refused.value.hint


names = st.text(st.sampled_from("ab ,>()\"\\@#'[]0.5é猫🐈\u200f"), min_size=1, max_size=8).filter(
    lambda n: not name_fault(n)
)
tiers = st.builds(
    Tier,
    st.lists(names.map(as_member), min_size=1, max_size=3).map(tuple),
    st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
)


@given(st.builds(Listing, st.lists(tiers, max_size=4).map(tuple), st.booleans()))
@settings(max_examples=200, deadline=None)
def test_what_is_printed_reads_back(listing):
    assert parse_tiers(format_tiers(listing)) == listing


def test_members():
    assert parse_members('cat, @pet,"a, b"') == ("cat", "@pet", "a, b")
