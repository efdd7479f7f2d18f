"""How many questions ``rankcon rank elicit`` asks of users who answer by a similarity: the counts that the documents state.

    python benchmarks/elicit.py                     # about half a minute on one core
    python benchmarks/elicit.py --seeds 1000
    python benchmarks/elicit.py --show

Prints a table (mean, standard deviation and most over seeds) and writes it as JSON to benchmarks/results/elicit.json.
"""

import argparse
import json
import math
import platform
import random
import statistics
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

from rankcon_cli import __version__
from rankcon_cli.elicit.interview import Interview
from rankcon_cli.elicit.questions import Answer, Settings, Verdict
from rankcon_cli.files import to_json, write_atomic

RESULTS = Path(__file__).parent / "results" / "elicit.json"
Similarity = Mapping[tuple[str, str], float]

#: Number of classes, how many most similar of each, and over how many seeds at most.
SIZES = ((10, 1, 1000), (10, 3, 1000), (10, 9, 1000), (20, 3, 100), (50, 3, 5))


def unrelated(classes: tuple[str, ...], draw: random.Random) -> Similarity:
    """Every pair independently."""
    return both_ways({pair: draw.random() for pair in combinations(classes, 2)})


def points(classes: tuple[str, ...], draw: random.Random) -> Similarity:
    """Nearness of points drawn from a normal distribution in four dimensions."""
    place = {name: [draw.gauss(0, 1) for _ in range(4)] for name in classes}
    return both_ways({(a, b): -math.dist(place[a], place[b]) for a, b in combinations(classes, 2)})


def tree(classes: tuple[str, ...], draw: random.Random) -> Similarity:
    """Nearness in a random tree of groups of two and three: many are equally alike."""
    level = [[name] for name in draw.sample(classes, len(classes))]
    values, height = {}, 0
    while len(level) > 1:
        height += 1
        joined = []
        while level:
            group = [level.pop() for _ in range(min(len(level), draw.choice((2, 3))))]
            values |= {(a, b): -height for first, second in combinations(group, 2) for a in first for b in second}
            joined.append([name for names in group for name in names])
        level = joined
    return both_ways(values)


def one_sided(classes: tuple[str, ...], draw: random.Random) -> Similarity:
    """As ``unrelated``, but each direction on its own."""
    return {(a, b): draw.random() for a in classes for b in classes if a != b}


def both_ways(values: Similarity) -> Similarity:
    return {**values, **{(b, a): value for (a, b), value in values.items()}}


MODELS: dict[str, Callable[[tuple[str, ...], random.Random], Similarity]] = {
    "unrelated": unrelated,
    "points": points,
    "tree": tree,
    "one-sided": one_sided,
}


def questions(settings: Settings, similarity: Similarity) -> int:
    """How many questions a user answers who goes by ``similarity`` and says either where two are equal."""
    interview, count = Interview(settings), 0
    while interview.question is not None:
        anchor, left, right = interview.question
        difference = similarity[anchor, left] - similarity[anchor, right]
        verdict = Verdict.LEFT if difference > 0 else Verdict.RIGHT if difference < 0 else Verdict.EITHER
        interview.add(Answer(interview.question, verdict))
        count += 1
    return count


def measure(seeds: int) -> list[dict]:
    rows = []
    for number, top, most in SIZES:
        classes = tuple(f"c{i}" for i in range(number))
        for assume in ("none", "symmetric"):
            for name, model in MODELS.items():
                if assume == "symmetric" and model is one_sided:
                    continue
                settings = Settings(classes, top, assume)
                counts = [questions(settings, model(classes, random.Random(s))) for s in range(min(seeds, most))]
                rows.append(
                    {
                        "classes": number,
                        "top": top,
                        "assume": assume,
                        "similarity": name,
                        "triples": number * math.comb(number - 1, 2),
                        "bound": Interview(settings).remaining()[0],
                        "n": len(counts),
                        "mean": statistics.mean(counts),
                        "sd": statistics.stdev(counts),
                        "max": max(counts),
                    }
                )
    return rows


def show(rows: list[dict]) -> None:
    print("| classes | top | assume | similarity | all triples | bound | n | mean | sd | max |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        counts = [f"{row[key]:,}" for key in ("triples", "bound", "n")]
        spread = [f"{row['mean']:,.1f}", f"{row['sd']:.1f}", f"{row['max']:,}"]
        cells = [str(row["classes"]), str(row["top"]), row["assume"], row["similarity"], *counts, *spread]
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="similarities drawn for each row, two or more")
    parser.add_argument("--show", action="store_true", help="print the table of the result file and measure nothing")
    args = parser.parse_args()
    if not args.show:
        document = {"rankcon": __version__, "python": platform.python_version(), "rows": measure(args.seeds)}
        write_atomic(RESULTS, to_json(document) + "\n")
    show(json.loads(RESULTS.read_text())["rows"])


if __name__ == "__main__":
    main()
