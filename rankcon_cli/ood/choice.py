"""A way to score, as a user writes it: ``knn``, ``rmd@projection``, ``knn@encoder:k=10``."""

import ast
import dataclasses
import inspect
from typing import Any

from rankcon_cli.errors import UsageError
from rankcon_cli.ood.scores import SCORES
from rankcon_cli.wording import did_you_mean


@dataclasses.dataclass(frozen=True)
class Choice:
    """A key of ``SCORES``, the feature it looks at, and parameters that differ from its defaults."""

    score: str
    feature: str
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        written = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.score}@{self.feature}" + (f":{written}" if written else "")


#: The score shown first and deployed where none is asked for, fixed before any OOD image is looked at: no score wins
#: everywhere, and kNN on the encoder output has no parameter that data could have been peeked at for.
DEFAULT = Choice("knn", "encoder")


def parse_choice(text: str) -> Choice:
    """``text`` taken apart: a score, then ``@`` a feature (the first that the score takes), then ``:`` parameters.

    Raises UsageError, with a suggestion, for a score, a feature or a parameter that there is not.
    """
    named, _, written = text.partition(":")
    name, _, feature = named.partition("@")
    if name not in SCORES:
        raise UsageError(
            f"there is no outlier score {name!r}{did_you_mean(name, SCORES)}",
            hint=f"the scores are {', '.join(SCORES)}",
        )
    score = SCORES[name]
    if feature and feature not in score.on:
        raise UsageError(
            f"the score {name} is not taken on {feature!r}", hint=f"it is taken on {' or '.join(score.on)}"
        )
    known = list(inspect.signature(score.fit).parameters)[1:]
    return Choice(name, feature or score.on[0], dict(_parameter(name, part, known) for part in _parts(written)))


def _parts(written: str) -> list[str]:
    return [part for part in written.split(",") if part]


def _parameter(score: str, text: str, known: list[str]) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    if key not in known:
        raise UsageError(
            f"the score {score} has no parameter {key!r}{did_you_mean(key, known)}",
            hint=f"it has {', '.join(known)}" if known else "it has none",
        )
    try:
        number = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"{key}={value} of the score {score} must be a number")
    return key, number
