"""What can be done with the tiers of one class: the edits that ask nothing, and those that ask."""

from collections.abc import Sequence

from rankcon_cli.columns import Line, cut, names_in_line, shown, some_names
from rankcon_cli.editor.desk import Desk
from rankcon_cli.editor.lists import Row, searchable
from rankcon_cli.editor.picker import Picker
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import Listing, Ranking
from rankcon_cli.ranking import edit as change
from rankcon_cli.ranking.document import as_member
from rankcon_cli.ranking.edit import ClassTier
from rankcon_cli.ranking.notation import format_tiers, parse_tiers
from rankcon_cli.ranking.suggest import suggestions
from rankcon_cli.wording import counted

# -- edits that ask nothing ------------------------------------------------------------------------------


def shift(desk: Desk, name: str, tiers: Sequence[ClassTier], chosen: Sequence[str], step: int) -> None:
    """Move classes of one tier half a tier up (``step`` -1) or down (1).

    Classes that share their tier with others get one of their own beside it; a whole tier joins the next one.
    Any order, with any ties, is reached by these steps.
    """
    k = tier_of(tiers, chosen)
    if k is None:
        desk.tell("the marked classes stand in several tiers: t moves them to one", "class:warning")
        return
    whole = len(chosen) == len(tiers[k - 1].names)
    to = k + step if whole or step > 0 else k
    if whole and not 1 <= to <= len(tiers):
        desk.tell("this is the first tier" if step < 0 else "this is the last tier", "class:quiet")
        return
    alone = "put in its own tier" if len(chosen) == 1 else "put in a tier of their own"
    where = f"joined to tier {to}" if whole else alone
    desk.edit(lambda r: change.move(r, name, chosen, to, new=not whole), f"{some_names(chosen)} {where}")


def tier_of(tiers: Sequence[ClassTier], chosen: Sequence[str]) -> int | None:
    """The number of the tier that holds all of ``chosen``, from 1, or None."""
    return next((k for k, tier in enumerate(tiers, 1) if set(chosen) <= set(tier.names)), None)


def merge(desk: Desk, name: str, tiers: Sequence[ClassTier], k: int) -> None:
    """Make one tier of tier ``k`` and the next."""
    if k >= len(tiers):
        desk.tell("there is no tier below to merge with", "class:quiet")
    else:
        desk.edit(lambda r: change.merge_tiers(r, name, k), f"tiers {k} and {k + 1} of {shown(name)} merged")


def split(desk: Desk, name: str, tiers: Sequence[ClassTier], chosen: Sequence[str]) -> None:
    """Give classes of one tier a tier of their own right below it."""
    k = tier_of(tiers, chosen)
    if k is None or len(chosen) == len(tiers[k - 1].names):
        desk.tell("to split a tier, mark some of its classes, not all", "class:quiet")
    else:
        desk.edit(lambda r: change.split_tier(r, name, k, chosen), f"tier {k} of {shown(name)} split")


def remove(desk: Desk, name: str, chosen: Sequence[str]) -> None:
    desk.edit(lambda r: change.remove(r, name, chosen), f"{some_names(chosen)} removed from {shown(name)}")


def use_groups(desk: Desk, name: str) -> None:
    """Drop the class's own list."""
    if name in desk.ranking.rankings:
        desk.edit(lambda r: change.use_groups(r, name), f"{shown(name)} goes by its groups")
    else:
        desk.tell(f"{shown(name)} has no list of its own", "class:quiet")


def empty(desk: Desk, name: str) -> None:
    desk.edit(lambda r: change.set_listing(r, name, Listing(())), f"nothing is similar to {shown(name)}")


def list_back(desk: Desk, name: str, tiers: Sequence[ClassTier], chosen: Sequence[str]) -> None:
    """Let those of ``chosen`` that do not list ``name`` list it too."""
    lacking = [other for other in chosen if not desk.facts.lists(other, name)]
    if lacking:
        desk.edit(lambda r: _both_ways(r, name, tiers, lacking), f"{shown(name)} added to {some_names(lacking)}")
    else:
        desk.tell(f"{some_names(chosen)} {'list' if len(chosen) > 1 else 'lists'} {shown(name)} already", "class:quiet")


def _both_ways(ranking: Ranking, name: str, tiers: Sequence[ClassTier], others: Sequence[str]) -> Ranking:
    """``name`` listed with each of ``others``, in the tier that they have with it, or last where they have fewer."""
    for other in others:
        last = len(change.class_tiers(ranking, other)) + 1
        ranking = change.add(ranking, other, [name], min(tier_of(tiers, [other]) or last, last))
    return ranking


# -- edits that ask --------------------------------------------------------------------------------------


def add_classes(desk: Desk, name: str, tier: int | None = None, *, into: bool = False) -> list[str]:
    """Pick classes until Escape: each time a tier of its own, last or before ``tier``; ``into``: all into ``tier``.

    Afterwards those that do not list ``name`` are asked about, all at once. Returns what was added.
    """
    added: list[str] = []
    while True:
        tiers = change.class_tiers(desk.ranking, name)
        if sum(len(t.names) for t in tiers) == len(desk.ranking.classes) - 1:
            desk.tell(f"{shown(name)} lists every class", "class:quiet")
            break
        place = f"into tier {tier}" if into else f"as tier {len(tiers) + 1 if tier is None else tier}"
        picked = desk.terminal.show(_candidates(desk, name, place, tiers))
        if picked is None:
            break
        done = desk.edit(
            lambda r, picked=picked, tier=tier: change.add(r, name, picked, tier, new=tier is not None and not into),
            f"{some_names(picked)} added to {shown(name)}",
        )
        if not done:
            break
        added += picked
        tier = tier + 1 if tier is not None and not into else tier
    if added:
        ask_back(desk, name, added)
    return added


def _candidates(desk: Desk, name: str, place: str, tiers: Sequence[ClassTier]) -> Picker:
    facts = desk.facts
    hint = "the most similar first"
    if tiers:
        hint = "so far: " + ("… > " if len(tiers) > 3 else "") + _in_line(tiers[-3:])

    def draw(other: str, width: int) -> Line:
        line: Line = [("", cut(shown(other), width))]
        return [*line, ("class:quiet", f"  lists {shown(name)}")] if facts.lists(other, name) else line

    rows = [searchable(other, shown(other)) for other in suggestions(desk.ranking, name)]
    return Picker(f"add to {shown(name)}, {place}", rows, draw, hint=hint, marks=(), done="done")


def _in_line(tiers: Sequence[ClassTier]) -> str:
    """``a > b, c``, short enough for a question."""
    return cut(" > ".join(names_in_line(tier.names) for tier in tiers[:50]), 200)


def ask_back(desk: Desk, name: str, others: Sequence[str]) -> None:
    """Ask "b is similar to a: also a to b?" about all of ``others`` that do not list ``name``."""
    lacking = [other for other in dict.fromkeys(others) if not desk.facts.lists(other, name)]
    if not lacking:
        return
    tiers = change.class_tiers(desk.ranking, name)
    if len(lacking) == 1:
        question = f"{shown(lacking[0])} is similar to {shown(name)}: also {shown(name)} to {shown(lacking[0])}?"
        choices = [("yes", "all"), ("no", None)]
    else:
        question = f"{some_names(lacking)} are similar to {shown(name)}: also {shown(name)} to them?"
        choices = [("yes, to all", "all"), ("to some of them", "some"), ("no", None)]
    chosen = desk.terminal.choose(question, choices)
    if chosen == "some":
        lacking = desk.terminal.tick(f"{shown(name)} is added to", [(shown(other), other) for other in lacking]) or []
    if chosen and lacking:
        list_back(desk, name, tiers, lacking)


def ask_tier(desk: Desk, name: str, tiers: Sequence[ClassTier], chosen: Sequence[str]) -> None:
    """Move classes to a tier that is picked, or to a new one between."""
    places: list[tuple[int, bool]] = []
    for k in range(1, len(tiers) + 1):
        places += [(k, True), (k, False)]
    places.append((len(tiers) + 1, True))

    def text(place: tuple[int, bool]) -> str:
        k, new = place
        if not new:
            return f"{k}  {names_in_line(tiers[k - 1].names)}"
        return "   a new first tier" if k == 1 else "   a new last tier" if k > len(tiers) else "   a new tier between"

    rows = [Row(place, f" {text(place).lower()}") for place in places]
    title = f"move {some_names(chosen)} to"
    picked = desk.terminal.show(Picker(title, rows, lambda place, width: [("", cut(text(place), width))]))
    if picked is not None:
        k, new = picked[0]
        where = "a new tier" if new else f"tier {k}"
        desk.edit(lambda r: change.move(r, name, chosen, k, new=new), f"{some_names(chosen)} moved to {where}")


def ask_scores(desk: Desk, name: str, tiers: Sequence[ClassTier]) -> None:
    """Scores of all tiers in one line; nothing takes them away."""
    if not tiers:
        desk.tell("there are no tiers to score", "class:quiet")
        return
    n = len(tiers)
    given = [tier.score for tier in tiers]
    default = [round(1 - k / (n + 1), 3) for k in range(1, n + 1)] if None in given else given
    wanted = "a score" if n == 1 else f"{n} falling scores"
    question = f"{wanted} between 0 and 1, nothing for none"
    about = f"{shown(name)}: {_in_line(tiers)}"
    answer = desk.terminal.text(question, " ".join(map(str, default)), lambda t: _scores_fault(t, n), about=about)
    if answer is not None:
        scores = _scores(answer) or None
        what = f"scores of {shown(name)} {'set' if scores else 'taken away'}"
        desk.edit(lambda r: change.set_scores(r, name, scores), what)


def _scores(text: str) -> list[float]:
    return [float(word) for word in text.replace(",", " ").split()]


def _scores_fault(text: str, n: int) -> str | None:
    try:
        scores = _scores(text)
    except ValueError:
        return "numbers with blanks between, such as 0.8 0.5"
    if scores and len(scores) != n:
        return f"{counted(n, 'score')}, one a tier, not {len(scores)}"
    if not all(a > b for a, b in zip([1.0, *scores], [*scores, 0.0], strict=True)) and scores:
        return "below 1, above 0, each less than the one before"
    return None


def ask_text(desk: Desk, name: str) -> None:
    """The list of a class as one line of text."""
    listing = desk.ranking.rankings.get(name)
    if listing is None:
        listing = Listing((), rest_of_groups=bool(change.class_tiers(desk.ranking, name)))

    def fault(text: str) -> str | None:
        try:
            change.set_listing(desk.ranking, name, parse_tiers(text))
        except RankconError as error:
            return error.message
        return None

    about = f"the tiers of {shown(name)}, most similar first, such as: a > b, c > @group"
    answer = desk.terminal.text(shown(name), format_tiers(listing), fault, about=about)
    if answer is not None:
        listing = parse_tiers(answer)
        what = "written" if listing != Listing(()) else "says: nothing similar; d drops the list"
        desk.edit(lambda r: change.set_listing(r, name, listing), f"list of {shown(name)} {what}")


def ask_note(desk: Desk, key: str) -> None:
    """The note on a class or a group."""
    notes = desk.ranking.notes
    old = notes.get(key, "") if notes is not None and not isinstance(notes, str) else ""
    answer = desk.terminal.text(f"note on {shown(key)}", old)
    if answer is not None and answer.strip() != old:
        text = answer.strip() or None
        what = f"note on {shown(key)} {'written' if text else 'removed'}"
        desk.edit(lambda r: change.set_note(r, key, text), what)


def ask_groups(desk: Desk, name: str) -> None:
    """The groups that name the class."""
    member = as_member(name)
    names = list(desk.ranking.groups)
    if not names:
        desk.tell("there are no groups yet: g on the map makes some", "class:quiet")
        return
    held = [group for group in names if member in desk.ranking.groups[group].of]
    rows = [searchable(group, shown(group)) for group in names]

    def draw(group: str, width: int) -> Line:
        members = names_in_line(desk.ranking.groups[group].of)
        return [("class:group", f"@{shown(group)}  "), ("class:quiet", cut(members, max(1, width - len(group) - 3)))]

    picked = desk.terminal.show(Picker(f"groups of {shown(name)}", rows, draw, marks=held, takes_pointed=False))
    if picked is not None:
        desk.edit(lambda r: _in_groups(r, name, held, picked), f"groups of {shown(name)} changed")


def _in_groups(ranking: Ranking, name: str, before: Sequence[str], after: Sequence[str]) -> Ranking:
    for group in (group for group in before if group not in after):
        ranking = change.remove_from_group(ranking, group, [name])
    for group in (group for group in after if group not in before):
        ranking = change.add_to_group(ranking, group, [name])
    return ranking
