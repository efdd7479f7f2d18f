"""What each rank sees in one step: what ``--dry-run`` shows, and what is warned of."""

import dataclasses

from rankcon_cli.ranking import expected_per_batch
from rankcon_cli.training.batches import classes_per_batch
from rankcon_cli.training.plan import VIEWS, Plan


@dataclasses.dataclass(frozen=True)
class RankInBatch:
    """What rank ``rank`` sees in one step: of all classes, how many have it, and the expected samples an anchor finds.

    fewest, mean: over the classes that have the rank; both views counted, the anchor itself not.
    """

    rank: int
    classes: int
    fewest: float
    mean: float


def ranks_in_batch(plan: Plan) -> tuple[RankInBatch, ...]:
    """``RankInBatch`` of every trained rank of a ranked plan; empty for other losses."""
    if plan.config.loss.name != "ranked" or plan.table is None:
        return ()
    # An anchor's own class is in its batch for certain, even where a batch holds few of the classes.
    n_classes, width = len(plan.classes), classes_per_batch(len(plan.classes), plan.batch_size)
    own = VIEWS * plan.batch_size / width - 1
    found = [RankInBatch(1, n_classes, own, own)]
    # The anchor's class takes one of the batch's places for classes, so another has width - 1 chances among the others.
    others = n_classes * (width - 1) / (width * (n_classes - 1))
    expected = expected_per_batch(plan.table, VIEWS * plan.batch_size * others, plan.config.loss.ranks)
    for rank in range(2, plan.config.loss.ranks + 1):
        samples = [tiers[rank - 2] for tiers in expected if len(tiers) >= rank - 1]
        found.append(RankInBatch(rank, len(samples), min(samples), sum(samples) / len(samples)))
    return tuple(found)
