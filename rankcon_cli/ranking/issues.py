"""What can be wrong with a ranking: the table of all codes, one finding, and the error that carries findings."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rankcon_cli.errors import RankconError
from rankcon_cli.wording import did_you_mean

Severity = Literal["error", "warning", "information"]

#: Keys and list positions from the top of the file to the place that is meant.
Path = tuple[str | int, ...]

#: Findings past these are not reported, nor given a suggestion: a wrong file has as many as it has words.
MOST_ISSUES = 1000
MOST_SUGGESTIONS = 20


class Code(NamedTuple):
    name: str
    severity: Severity
    meaning: str


#: Every code there is. docs/ranking-file.md says what to do about each.
CODES: dict[str, Code] = {
    "E001": Code("syntax", "error", "not valid JSON (or XML), or a key stands twice in one object"),
    "E002": Code("format-version", "error", "the format or its version is missing, wrong, or newer than this rankcon"),
    "E003": Code("unknown-key", "error", "a key that the format does not have"),
    "E004": Code("wrong-shape", "error", "a value of the wrong kind, or a required key that is missing"),
    "E005": Code(
        "bad-name", "error", "a class or group name that is blank, begins with @, or holds control characters"
    ),
    "E006": Code("unclear-graph", "error", "a class graph whose meaning is not plain"),
    "E101": Code("duplicate-class", "error", "a class stands twice in the list of classes"),
    "E102": Code("unknown-class", "error", "a class that is not in the list of classes"),
    "E103": Code("unknown-group", "error", "a group that is not defined"),
    "E104": Code("group-named-like-class", "error", "a group has the name of a class"),
    "E105": Code("group-cycle", "error", "a group holds itself, directly or through others"),
    "E106": Code("own-tier", "error", "a class stands in a tier of its own"),
    "E107": Code("repeated-class", "error", "a class is named twice in the tiers of one class"),
    "E108": Code("bad-scores", "error", "scores that do not fall, lie outside (0, 1), or stand on some tiers only"),
    "E109": Code("ambiguous-groups", "error", "a derived class lies in two groups neither of which holds the other"),
    "E110": Code("classes-differ", "error", "the classes of the data set are not those of the ranking"),
    "E111": Code("too-large", "error", "more classes, or more listed pairs after expansion, than can be held"),
    "W201": Code("one-sided", "warning", "a class lists another that does not list it (an error under symmetric)"),
    "W202": Code("unequal-tiers", "warning", "two classes list each other in tiers that are far apart"),
    "W203": Code("contradiction", "warning", "no symmetric similarity can produce the ranking"),
    "W204": Code("not-a-tree", "information", "not ultrametric: no tree of classes gives the ranking"),
    "W205": Code("unranked-class", "warning", "a class has neither a ranking nor a group"),
    "W206": Code("empty-tier", "warning", 'nothing is left of a tier, or of "@groups", after expansion'),
    "W207": Code("singleton-group", "warning", "a group of fewer than two classes"),
    "W208": Code("unused-group", "warning", "a group that no tier comes from"),
    "W209": Code("flat", "warning", "every class has all the others in one tier"),
    "W210": Code("uneven-depth", "warning", "some classes have far more tiers than others"),
    "W211": Code("rare-in-batch", "warning", "a batch holds less than one sample of a tier on average"),
    "W212": Code("similar-names", "warning", "names that differ only by case, separators or plural"),
    "W213": Code("hidden-group-mates", "warning", "an explicit ranking hides group-mates"),
    "W214": Code("not-checked", "information", "a check was too dear for a ranking of this size, or stopped early"),
}


@dataclass(frozen=True)
class Issue:
    """One finding.

    Attributes:
        code: a key of ``CODES``.
        severity: that of the code, save W201, which is an error under ``symmetric``.
        message: what is wrong, with the names concerned.
        path: keys and positions that lead to the place in the file; empty for the ranking as a whole.
        line, column: where that is, from 1, in characters; None where the ranking has no text.
    """

    code: str
    severity: Severity
    message: str
    path: Path = ()
    line: int | None = None
    column: int | None = None

    @property
    def name(self) -> str:
        """The short name of the code, such as ``group-cycle``."""
        return CODES[self.code].name

    @property
    def where(self) -> str:
        """The path as people write it: ``rankings.bird[1]``."""
        parts = []
        for key in self.path:
            if isinstance(key, int):
                parts.append(f"[{key}]")
            elif re.fullmatch(r"[\w$-]+", key):
                parts.append(f".{key}")
            else:
                parts.append(f"[{key!r}]")
        return "".join(parts).removeprefix(".")

    def text(self, file: str) -> str:
        """One line for people and editors: ``file:line:column: E102 unknown-class message``; information is a note."""
        place = file if self.line is None else f"{file}:{self.line}:{self.column}"
        pointer = f" [{self.where}]" if self.line is None and self.path else ""
        note = "note: " if self.severity == "information" else ""
        return f"{place}: {self.code} {self.name} {note}{self.message}{pointer}"

    def to_json_dict(self) -> dict[str, object]:
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity,
            "message": self.message,
            "where": self.where,
            "line": self.line,
            "column": self.column,
        }


def make_issue(code: str, message: str, *path: str | int, severity: Severity | None = None) -> Issue:
    """An issue with the severity of its code unless told otherwise."""
    return Issue(code, severity or CODES[code].severity, message, path)


class Findings:
    """Gathers issues and stops at ``MOST_ISSUES``."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._suggestions = 0

    def add(self, code: str, message: str, *path: str | int, severity: Severity | None = None) -> None:
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(make_issue(code, message, *path, severity=severity))
        elif len(self.issues) == MOST_ISSUES:
            self.issues.append(make_issue("W214", f"there is more; reporting stopped after {MOST_ISSUES:,} findings"))

    @property
    def full(self) -> bool:
        """Whether no more is reported; who looks for faults one by one may stop."""
        return len(self.issues) > MOST_ISSUES

    def suggest(self, name: str, candidates: Collection[str]) -> str:
        """``did_you_mean``, which costs a look at every candidate, for the first few names."""
        self._suggestions += 1
        return did_you_mean(name, candidates) if self._suggestions <= MOST_SUGGESTIONS else ""


class RankingError(RankconError):
    """A ranking that cannot be used; ``issues`` holds everything that was found in ``file``."""

    def __init__(self, issues: Iterable[Issue], file: str):
        self.issues = tuple(issues)
        self.file = file
        errors = [issue for issue in self.issues if issue.severity == "error"]
        more = f" (and {len(errors) - 1:,} more)" if len(errors) > 1 else ""
        hint = f"'rankcon rank validate {file}' lists everything" if more else None
        super().__init__(errors[0].text(file) + more, hint=hint)


def in_file_order(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Issues by line and column; those without a place last."""
    return tuple(sorted(issues, key=lambda issue: (issue.line is None, issue.line or 0, issue.column or 0)))
