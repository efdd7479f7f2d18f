"""The compiled ranking: what training and the measures work with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from rankcon_cli.errors import RankconError
from rankcon_cli.wording import did_you_mean, quoted

if TYPE_CHECKING:
    import numpy as np

#: A tier: class indices in ascending order.
Members = tuple[int, ...]


@dataclass(frozen=True)
class TierTable:
    """The tiers of every class, expanded. Sparse: what a class does not list takes no room.

    Attributes:
        classes: C names in label order.
        tiers: ``tiers[c][k - 1]`` holds the classes in tier k of class c, never empty.
        scores: ``scores[c]`` holds one similarity in (0, 1) a tier of class c, falling; None where c has none.
    """

    classes: tuple[str, ...]
    tiers: tuple[tuple[Members, ...], ...]
    scores: tuple[tuple[float, ...] | None, ...]

    @property
    def depth(self) -> int:
        """Most tiers of any class."""
        return max(map(len, self.tiers), default=0)

    def n_tiers(self, c: int) -> int:
        """How many tiers class ``c`` has; the class itself is not counted."""
        return len(self.tiers[c])

    def array(self) -> "np.ndarray":
        """int16 [C, C]: in row c 0 for c itself, k for a class in tier k of c, -1 for one that c does not list."""
        import numpy as np

        table = np.full((len(self.classes), len(self.classes)), -1, dtype=np.int16)
        np.fill_diagonal(table, 0)
        for c in range(len(self.classes)):
            listed, tiers = self.listed(c)
            table[c, listed] = tiers
        return table

    def listed(self, c: int) -> tuple["np.ndarray", "np.ndarray"]:
        """Two int64 [N]: the classes that class ``c`` lists, tier after tier, and the tier of each."""
        import numpy as np

        sizes = [len(members) for members in self.tiers[c]]
        listed = np.fromiter(chain.from_iterable(self.tiers[c]), dtype=np.int64, count=sum(sizes))
        return listed, np.repeat(np.arange(1, len(sizes) + 1), sizes)

    def index(self, name: str) -> int:
        """The label of a class; RankconError for a name that the ranking lacks."""
        try:
            return self.classes.index(name)
        except ValueError:
            message = f"the ranking has no class {quoted(name)}{did_you_mean(name, self.classes)}"
            raise RankconError(message, hint="'rankcon rank show FILE' lists the classes") from None

    def withhold(self, names: Collection[str]) -> "TierTable":
        """The table without ``names``: gone as anchors and from every tier.

        Tiers left empty close up; the others keep their scores. RankconError for an unknown name, or where
        fewer than two classes would be left.
        """
        dropped = {self.index(name) for name in names}
        kept = [c for c in range(len(self.classes)) if c not in dropped]
        if len(kept) < 2:
            raise RankconError(
                f"withholding {len(dropped)} of {len(self.classes)} classes leaves {len(kept)}, and a ranking needs two"
            )
        return self.select(kept)

    def reorder(self, classes: Sequence[str]) -> "TierTable":
        """The same ranking with its labels in the order of ``classes``, which must be the same names."""
        if len(classes) != len(self.classes) or set(classes) != set(self.classes):
            raise RankconError("the classes to order by are not those of the ranking")
        label = {name: c for c, name in enumerate(self.classes)}
        return self.select([label[name] for name in classes])

    def digest(self) -> str:
        """``sha256:`` and the hash of class names, tiers and scores: what the ranking means, however it is written.

        It is the SHA-256 of the compact JSON of ``[classes, tiers, scores]`` in UTF-8.
        """
        import hashlib
        import json

        def text(value: Any) -> str:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

        sha = hashlib.sha256(f"[{text(self.classes)},[".encode())
        texts: dict[int, str] = {}  # by identity: classes derived from one group share its tuples
        for c, tiers in enumerate(self.tiers):
            for members in tiers:
                if id(members) not in texts:
                    texts[id(members)] = f"[{','.join(map(str, members))}]"
            row = ",".join(texts[id(members)] for members in tiers)
            sha.update(f"{',' if c else ''}[{row}]".encode())
        sha.update(f"],{text(self.scores)}]".encode())
        return f"sha256:{sha.hexdigest()}"

    def select(self, kept: Sequence[int]) -> "TierTable":
        """The table over the classes ``kept`` alone, in that order; tiers left empty close up."""
        label = {old: new for new, old in enumerate(kept)}
        mapped: dict[int, Members] = {}  # by identity, so that what was shared stays shared
        rows, scores = [], []
        for c in kept:
            for members in self.tiers[c]:
                if id(members) not in mapped:
                    mapped[id(members)] = tuple(sorted(label[b] for b in members if b in label))
            row = [mapped[id(members)] for members in self.tiers[c]]
            left = [k for k, members in enumerate(row) if members]
            given = self.scores[c]
            rows.append(tuple(row[k] for k in left))
            scores.append(None if given is None or not left else tuple(given[k] for k in left))
        return TierTable(tuple(self.classes[c] for c in kept), tuple(rows), tuple(scores))


def to_json_dict(table: TierTable, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The table as ``rank show --json`` prints it: all classes, or only ``names``."""
    shown = range(len(table.classes)) if names is None else [table.index(name) for name in names]
    return {
        "format": "rankcon/tiers",
        "version": 1,
        "hash": table.digest(),
        "classes": list(table.classes),
        "tiers": {table.classes[c]: tiers_of(table, c) for c in shown},
    }


def tiers_of(table: TierTable, c: int) -> list[dict[str, Any]]:
    """The tiers of class ``c`` as JSON documents hold them: ``{"classes": names, "score": one or None}`` each."""
    return [
        {"classes": [table.classes[b] for b in members], "score": score}
        for members, score in zip(table.tiers[c], scores_of(table, c), strict=True)
    ]


def scores_of(table: TierTable, c: int) -> Sequence[float | None]:
    """One score, or None, for each tier of class ``c``."""
    scores = table.scores[c]
    return [None] * table.n_tiers(c) if scores is None else scores


def random_ranking(classes: Sequence[str], shape_like: TierTable, seed: int) -> TierTable:
    """A control: tiers of the sizes (and scores) of ``shape_like``, their members drawn at random.

    The same seed gives the same ranking.
    """
    if len(classes) != len(shape_like.classes):
        raise RankconError(
            f"a random ranking of {len(classes)} classes cannot have the shape of one of {len(shape_like.classes)}"
        )
    import random

    draw = random.Random(seed)
    rows = []
    for c, tiers in enumerate(shape_like.tiers):
        others = draw.sample(range(len(classes) - 1), sum(map(len, tiers)))
        drawn = iter([b + (b >= c) for b in others])  # skips c itself
        rows.append(tuple(tuple(sorted(next(drawn) for _ in members)) for members in tiers))
    return TierTable(tuple(classes), tuple(rows), shape_like.scores)
