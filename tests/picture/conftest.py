"""Rankings of three sizes and one of hostile names, and pictures taken apart."""

import random
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.ranking import Listing, Ranking, Tier, TierTable, compile_ranking, load, write
from rankcon_cli.ranking.document import as_member

HOSTILE = (
    "<script>alert(1)</script>",
    "]]>&amp;\"'",
    "\u0645\u0644\u0641 \u0642\u0637\u0629",
    "猫と犬" * 12,
    "\U0001f469\u200d\U0001f467 family",
    "[bold]x[/bold]",
    "a/b\\c, d",
    "$x_2$ \\frac",
    "\u202eevil",
    "x" * 3000,
    "@home",
    "e\u0301\u0327\u0302",
)


def ring(names: tuple[str, ...]) -> Ranking:
    """Each class lists the next one, and the one after as tier 2: every pair is one-sided."""
    following = {name: (names[(i + 1) % len(names)], names[(i + 2) % len(names)]) for i, name in enumerate(names)}
    lists = {name: Listing(tuple(Tier((as_member(b),)) for b in others)) for name, others in following.items()}
    return Ranking(names, rankings=lists, name="<b>& \u202e" + "y" * 300)


def grouped(n: int, size: int, seed: int) -> Ranking:
    """n classes, shuffled, in groups of ``size``."""
    names = [f"class {i:04}" for i in range(n)]
    groups = {f"group {i}": Tier(tuple(names[i * size : (i + 1) * size])) for i in range(n // size)}
    random.Random(seed).shuffle(names)
    return Ranking(tuple(names), groups=groups, name="grouped")


def sparse(n: int, seed: int) -> Ranking:
    """n classes that each list two others in each of two tiers, at random."""
    draw = random.Random(seed)
    names = tuple(f"class {i:04}" for i in range(n))
    lists = {}
    for name in names:
        a, b, c, d = draw.sample([other for other in names if other != name], 4)
        lists[name] = Listing((Tier((a, b)), Tier((c, d))))
    return Ranking(names, rankings=lists, name="sparse")


@pytest.fixture(scope="session")
def cifar10() -> TierTable:
    return compile_ranking(load("cifar10"))


@pytest.fixture(scope="session")
def digits() -> TierTable:
    return compile_ranking(load("digits"))


@pytest.fixture(scope="session")
def hostile() -> TierTable:
    return compile_ranking(ring(HOSTILE))


@pytest.fixture(scope="session")
def hundred() -> TierTable:
    return compile_ranking(grouped(100, 5, seed=0))


@pytest.fixture(scope="session")
def thousand() -> TierTable:
    return compile_ranking(sparse(1000, seed=0))


@pytest.fixture(scope="session")
def one_by_one() -> TierTable:
    """300 classes that each list all others, a tier each: class a the others from a + 1 on, and round."""
    n = 300
    tiers = tuple(tuple(((a + k) % n,) for k in range(1, n)) for a in range(n))
    return TierTable(tuple(f"class {a}" for a in range(n)), tiers, (None,) * n)


@pytest.fixture
def hostile_file(tmp_path) -> str:
    path = tmp_path / "hostile.json"
    path.write_text(write(ring(HOSTILE)), encoding="utf-8")
    return str(path)


class Picture:
    """An SVG element, taken apart."""

    def __init__(self, svg: str):
        self.root = ET.fromstring(svg.encode())

    def all(self, tag: str) -> list[ET.Element]:
        return [element for element in self.root.iter() if element.tag.rpartition("}")[2] == tag]

    @property
    def texts(self) -> list[str]:
        """What each text shows; a tooltip is no part of it."""
        return ["".join([element.text or "", *(child.tail or "" for child in element)]) for element in self.all("text")]

    @property
    def titles(self) -> list[str]:
        return [element.text or "" for element in self.all("title")]


@pytest.fixture
def picture() -> Callable[[str], Picture]:
    return Picture


@pytest.fixture
def rankcon(capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """rankcon("plot", ...) -> exit code, stdout and stderr of ``rankcon rank``."""

    def run(*arguments: object) -> tuple[int, str, str]:
        console.quiet = False
        capsys.readouterr()
        code = main(["rank", *(str(a) for a in arguments)])
        return int(code), *capsys.readouterr()

    return run
