"""How many image files ``rankcon score`` judges in a second, start-up not counted: 2,000 small PNG and JPEG files.

    python benchmarks/score_speed.py            # half a minute; let nothing else run
    python benchmarks/score_speed.py --show benchmarks/results/score-speed.json

The files are digits brought to 32x32 pixels, the run is a ResNet-8 on the same whose weights are as they were drawn: they
change no time. Names go in by a pipe and JSON lines come out by another.
"""

import dataclasses
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from records import provenance, timing
from sklearn.datasets import load_digits

from rankcon_cli.demo import DIGITS
from rankcon_cli.training.checkpoint import save_weights
from rankcon_cli.training.config import DataConfig, ModelConfig
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import WEIGHTS, Run, create_run

N_FILES = 2000


def measured(repeat: int) -> dict:
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        run = untrained_run(Path(scratch) / "run")
        for kind in ("png", "jpg"):
            names = write_files(Path(scratch) / kind, kind)
            rate(run, names[:10])  # the embeddings of the training images are in the cache from here on
            found[kind] = [rate(run, names) for _ in range(repeat)]
    return {"encoder": "resnet8", "pixels": 32, "files": N_FILES, "images_a_second": found}


def untrained_run(out: Path) -> Run:
    data = DataConfig(spec="digits", withhold=("8", "9"), val_fraction=1 / 6, image_size=32)
    run = create_run(out, make_plan(dataclasses.replace(DIGITS, data=data, model=ModelConfig(encoder="resnet8"))))
    save_weights(run.path / WEIGHTS, run.untrained_network())
    return run


def write_files(folder: Path, kind: str) -> list[str]:
    folder.mkdir()
    images = np.resize(np.uint8(load_digits().images * 255 / 16), (N_FILES, 8, 8))
    names = [str(folder / f"{i}.{kind}") for i in range(N_FILES)]
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC).save(name)
    return names


def rate(run: Run, names: list[str]) -> float:
    """Images a second, as the command says in the end."""
    command = [sys.executable, "-m", "rankcon_cli", "score", str(run.path), "-", "--json"]
    done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(names)
    return float(re.search(r"([\d,]+) a second", done.stderr)[1].replace(",", ""))


def show(entry: dict) -> None:
    for kind, found in entry["images_a_second"].items():
        print(
            f"{kind}: median {statistics.median(found):,.0f} images a second ({min(found):,.0f} to {max(found):,.0f}, "
            f"n = {len(found)}), {entry['encoder']}, {entry['pixels']}x{entry['pixels']}, {entry['files']:,} files"
        )
    print(provenance(entry))


if __name__ == "__main__":
    timing("score-speed", __doc__, measured, show)
