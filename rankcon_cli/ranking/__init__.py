"""The ranking file: read, check, write, compile, withhold. Free of torch, and of numpy until an array is asked for."""

from rankcon_cli.ranking.checks import check, check_against, check_batch, expected_per_batch
from rankcon_cli.ranking.document import Listing, Ranking, Tier
from rankcon_cli.ranking.expansion import compile_ranking
from rankcon_cli.ranking.issues import CODES, Issue, RankingError
from rankcon_cli.ranking.reader import parse
from rankcon_cli.ranking.sources import load, shipped
from rankcon_cli.ranking.table import TierTable, random_ranking, to_json_dict
from rankcon_cli.ranking.writer import write

__all__ = [
    "CODES",
    "Issue",
    "Listing",
    "Ranking",
    "RankingError",
    "Tier",
    "TierTable",
    "check",
    "check_against",
    "check_batch",
    "compile_ranking",
    "expected_per_batch",
    "load",
    "parse",
    "random_ranking",
    "shipped",
    "to_json_dict",
    "write",
]
