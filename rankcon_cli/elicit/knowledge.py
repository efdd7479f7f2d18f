"""What follows from the answers: an order of the pairs of classes, closed under chaining."""

from collections.abc import Iterator, Sequence

from rankcon_cli.elicit.questions import Answer, Verdict

#: How a pair of classes compares to another: more similar, as similar, less similar.
MORE, ALIKE, LESS = 1, 0, -1


class Knowledge:
    """A growing order of pairs: an answer at anchor a on b and c compares the pairs (a, b) and (a, c).

    Within one anchor the order is transitive. Where similarity is taken as symmetric, (a, b) and (b, a) are one pair
    and chains run through any number of anchors; otherwise the pairs of different anchors never meet. Pairs are
    numbered as they turn up; which pairs lie above and below each is kept as bit sets (Python integers), so that a
    comparison is a look-up and an answer costs the pairs that it connects.

    An answer that contradicts what is known already holds for its own question and nothing is concluded from it.
    """

    def __init__(self, *, symmetric: bool):
        self._symmetric = symmetric
        self._number: dict[tuple[str, str], int] = {}
        self._below: list[int] = []
        self._above: list[int] = []
        self._unlike = 0  # the pairs that are not alike at all, closed downwards
        self._given: dict[tuple[str, str, str], int] = {}  # (anchor, b, c) -> the sign answered
        self._undecided: set[tuple[str, str, str]] = set()

    def learn(self, answer: Answer) -> None:
        """Take in one answer and all that follows from it."""
        (anchor, left, right), verdict = answer.question, answer.verdict
        u, v = self._pair(anchor, left), self._pair(anchor, right)
        if verdict is Verdict.NEITHER:
            self._unlike |= 1 << u | 1 << v | self._below[u] | self._below[v]
        elif verdict is Verdict.CANNOT_SAY:
            self._undecided |= {(anchor, left, right), (anchor, right, left)}
        else:
            sign = {Verdict.LEFT: MORE, Verdict.RIGHT: LESS, Verdict.EITHER: ALIKE}[verdict]
            if self.concluded(anchor, left, right) in (None, sign):
                self._connect(*((u, v) if sign != LESS else (v, u)))
                if sign == ALIKE:
                    self._connect(v, u)
            self._given[anchor, left, right], self._given[anchor, right, left] = sign, -sign

    def compare(self, anchor: str, b: str, c: str) -> int | None:
        """MORE, ALIKE or LESS: how like b is to the anchor against c; None where it must be asked.

        Two that are not like the anchor at all are ALIKE, and what is above one such is above all. What the user
        said of this very question comes before what follows from other answers, but that comes before "cannot say".
        """
        u, v = self._pair(anchor, b), self._pair(anchor, c)
        unlike_b, unlike_c = self._unlike >> u & 1, self._unlike >> v & 1
        if unlike_b and unlike_c:
            return ALIKE
        given = self._given.get((anchor, b, c))
        if given is not None:
            return given
        if unlike_c and self._below[u] & self._unlike:
            return MORE
        if unlike_b and self._below[v] & self._unlike:
            return LESS
        concluded = self.concluded(anchor, b, c)
        return ALIKE if concluded is None and (anchor, b, c) in self._undecided else concluded

    def concluded(self, anchor: str, b: str, c: str) -> int | None:
        """What follows by chaining alone."""
        u, v = self._pair(anchor, b), self._pair(anchor, c)
        more, less = self._below[u] >> v & 1, self._below[v] >> u & 1
        return None if not more and not less else more - less

    def is_unlike(self, anchor: str, b: str) -> bool:
        """Whether b is known not to be like the anchor at all."""
        return bool(self._unlike and self._unlike >> self._pair(anchor, b) & 1)

    def known_pair(self, anchor: str, firsts: Sequence[str], seconds: Sequence[str]) -> tuple[str, str] | None:
        """One of ``firsts`` and another of ``seconds`` whose order is known by chaining; None where there are none."""
        names = {self._pair(anchor, name): name for name in seconds}
        wanted = sum(1 << v for v in names)
        for name in firsts:
            u = self._pair(anchor, name)
            known = (self._below[u] | self._above[u]) & wanted & ~(1 << u)
            if known:
                return name, names[next(_members(known))]
        return None

    def _pair(self, a: str, b: str) -> int:
        key = (a, b) if not self._symmetric or a < b else (b, a)
        number = self._number.setdefault(key, len(self._below))
        if number == len(self._below):
            self._below.append(0)
            self._above.append(0)
        return number

    def _connect(self, u: int, v: int) -> None:
        """Pair u is at least as similar as pair v, and with it all above u and all below v."""
        if self._below[u] >> v & 1:
            return
        upper, lower = self._above[u] | 1 << u, self._below[v] | 1 << v
        for x in _members(upper):
            self._below[x] |= lower
        for x in _members(lower):
            self._above[x] |= upper
        if self._unlike >> u & 1:
            self._unlike |= lower


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
