"""The columns of every measure: its name, how it is printed, and which way is better."""

from rankcon_cli.report.cells import Column, hundredths

PERCENT = "\u00a0%"

AUROC = Column("auroc", "AUROC", +1)
FPR95 = (
    Column("fpr95_ood_pos", "FPR95, OOD positive", -1, hundredths, PERCENT),
    Column("fpr95_id_pos", "FPR95, ID positive", -1, hundredths, PERCENT),
)
HEADLINE_METRICS = (AUROC, *FPR95)
OSCR = Column("oscr", "OSCR", +1)
METRICS = (AUROC, Column("aupr_in", "AUPR-IN", +1), Column("aupr_out", "AUPR-OUT", +1), *FPR95)

#: Measures of a run that have a direction; any other is printed as it is.
MEASURES = {
    column.key: column
    for column in (
        Column("accuracy", "Accuracy", +1, hundredths, PERCENT),
        Column("order_satisfaction", "Order satisfaction", +1),
        Column("order_satisfaction_beyond_own", "Order satisfaction beyond own class", +1),
        Column("mistake_severity", "Mistake severity", -1),
        Column("mistakes_in_tier_1", "Mistakes in tier 1", +1, hundredths, PERCENT),
        Column("recall_at_1", "Recall@1", +1, hundredths, PERCENT),
        Column("map_at_r", "mAP@R", +1, hundredths, PERCENT),
    )
}

#: Wall-clock time of training.
SECONDS = Column("seconds", "Training time", -1, lambda value: f"{value:,.1f}", "\u00a0s")


def column_of(key: str) -> Column:
    """The column of any measure or metric, by its key."""
    known = {column.key: column for column in (*METRICS, OSCR, SECONDS)} | MEASURES
    return known.get(key, Column(key, key.replace("_", " ")))
