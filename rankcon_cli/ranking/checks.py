"""The checks as others call them: the ranking alone, against a data set, against a batch size."""

from collections.abc import Sequence

from rankcon_cli.ranking.collector import collector_paused
from rankcon_cli.ranking.consistency import check_consistency
from rankcon_cli.ranking.document import Ranking
from rankcon_cli.ranking.expansion import expand
from rankcon_cli.ranking.issues import Findings, Issue
from rankcon_cli.ranking.lint import lint
from rankcon_cli.ranking.syntax import locate
from rankcon_cli.ranking.table import TierTable
from rankcon_cli.wording import counted, did_you_mean, listed, quoted


def check(ranking: Ranking) -> tuple[Issue, ...]:
    """Every finding that needs no data set, in file order.

    Warnings are looked for once there are no errors: in a ranking half understood most would be noise.
    """
    return inspect(ranking)[0]


@collector_paused()
def inspect(ranking: Ranking) -> tuple[tuple[Issue, ...], TierTable | None]:
    """What ``check`` finds, and the compiled table where the ranking can be compiled."""
    expansion = expand(ranking)
    if expansion.issues:
        return locate(ranking.text, expansion.issues), None
    findings = Findings()
    explicit = {c for c, name in enumerate(ranking.classes) if name in ranking.rankings}
    lint(ranking, expansion, findings)
    check_consistency(expansion.table, explicit, ranking.symmetric, findings)
    return locate(ranking.text, findings.issues), expansion.table


def check_against(ranking: Ranking, data_classes: Sequence[str], named: bool) -> tuple[Issue, ...]:
    """E110 where the classes of a data set are not those of the ranking.

    Args:
        ranking: the ranking.
        data_classes: the data set's classes in label order.
        named: the data has names of its own, and classes match by name in any order; otherwise
            ``data_classes`` are mere numbers, classes match by position, and only how many there are can be checked.
    """
    findings = Findings()
    if not named:
        if len(data_classes) != len(ranking.classes):
            ours, theirs = counted(len(ranking.classes), "class"), counted(len(data_classes), "class")
            findings.add("E110", f"the ranking has {ours}, the data {theirs} (without names)", "classes")
        return locate(ranking.text, findings.issues)
    data = set(data_classes)
    known = set(ranking.classes)
    for c, name in enumerate(ranking.classes):
        if name not in data:
            unmatched = [other for other in data_classes if other not in known]
            findings.add(
                "E110", f"the data has no class {quoted(name)}{findings.suggest(name, unmatched)}", "classes", c
            )
    missing = [name for name in data_classes if name not in known]
    if missing:
        one = did_you_mean(missing[0], ranking.classes) if len(missing) == 1 else ""
        noun = "class" if len(missing) == 1 else "classes"
        findings.add("E110", f"the ranking lacks the {noun} {listed(missing)} of the data{one}", "classes")
    return locate(ranking.text, findings.issues)


def check_batch(table: TierTable, batch_size: int, ranks: int | None = None) -> tuple[Issue, ...]:
    """W211 for every class with a tier of which a batch holds less than one sample on average.

    See ``expected_per_batch`` for the arguments and what is expected.
    """
    findings = Findings()
    for name, expected in zip(table.classes, expected_per_batch(table, batch_size, ranks), strict=True):
        rare = [f"{share:.2g} of tier {k}" for k, share in enumerate(expected, 1) if share < 1]
        if rare:
            more = f" and of {counted(len(rare) - 3, 'more tier')}" if len(rare) > 3 else ""
            message = f"a batch of {batch_size} holds on average {', '.join(rare[:3])}{more} of {quoted(name)}"
            findings.add("W211", message)
    return tuple(findings.issues)


def expected_per_batch(table: TierTable, batch_size: float, ranks: int | None = None) -> tuple[tuple[float, ...], ...]:
    """How many samples of each tier an anchor meets in one view of a class-balanced batch, on average.

    Args:
        table: C classes.
        batch_size: images in a batch, drawn so that each class gets ``batch_size / C`` of them.
        ranks: trained ranks, the class itself included: only the first ``ranks - 1`` tiers count. None: all tiers.

    Returns:
        One tuple a class with one number a tier: (classes in the tier) x ``batch_size`` / C.
    """
    share = batch_size / len(table.classes)
    last = None if ranks is None else ranks - 1
    return tuple(tuple(len(members) * share for members in tiers[:last]) for tiers in table.tiers)
