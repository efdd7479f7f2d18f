"""How long ``rankcon ood-report`` takes from cached embeddings, and how much memory: 50,000 training and 10,000 test images.

    python benchmarks/report_speed.py            # four minutes; let nothing else run
    python benchmarks/report_speed.py --show benchmarks/results/report-speed.json

Embeddings are made up: Gaussian classes of 512 dimensions behind a ReLU, projections of 128, a tenth of the test images unknown.
They are put into the cache of an untrained run, so that the command does all that it does for a real one (probe, every score on
cached features, bootstrap, t-SNE on 3,000 points, all files), but no forward pass. The bar: 90 s on 2 cores with 4 GiB.
"""

import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from records import provenance, timing

from rankcon_cli.data import DataOptions, ImageSet, fingerprint
from rankcon_cli.demo import DIGITS
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings
from rankcon_cli.evaluation.images import test_images, training_images
from rankcon_cli.training.checkpoint import save_weights
from rankcon_cli.training.config import DataConfig, ModelConfig
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.run_directory import WEIGHTS, Run, create_run

N_TRAIN, N_VALIDATION, N_KNOWN, N_UNKNOWN, D, P = 50_000, 2_000, 9_000, 1_000, 512, 128


def measured(repeat: int) -> dict:
    with tempfile.TemporaryDirectory() as scratch:
        run = made_up_run(Path(scratch))
        found = [measure(run, Path(scratch) / f"report-{i}") for i in range(repeat)]
    sizes = {
        "train": N_TRAIN,
        "validation": N_VALIDATION,
        "known": N_KNOWN,
        "unknown": N_UNKNOWN,
        "encoder": D,
        "projection": P,
    }
    return {"sizes": sizes, "measured": found}


def made_up_run(root: Path) -> Run:
    """A run on tiny noise images of ten digits, two of them withheld, whose embeddings lie in its cache."""
    rng = np.random.default_rng(0)
    per_class = (N_TRAIN + N_VALIDATION) // 8
    train, test = (
        np.repeat(np.arange(8), per_class),
        np.repeat(np.arange(10), [N_KNOWN // 8] * 8 + [N_UNKNOWN // 2] * 2),
    )
    data = root / "noise.npz"
    np.savez(
        data,
        train_images=rng.integers(0, 256, (len(train), 8, 8), dtype=np.uint8),
        train_labels=train,
        test_images=rng.integers(0, 256, (len(test), 8, 8), dtype=np.uint8),
        test_labels=test,
        class_names=np.array([str(i) for i in range(10)]),
    )
    fraction = N_VALIDATION / (N_TRAIN + N_VALIDATION)
    config = dataclasses.replace(
        DIGITS,
        data=DataConfig(spec=f"npz:{data}", withhold=("8", "9"), val_fraction=fraction),
        model=ModelConfig(encoder="resnet18", projection_dim=P),
    )
    run = create_run(root / "run", make_plan(config))
    save_weights(run.path / WEIGHTS, run.untrained_network())
    embedder = Embedder(run)
    tested = test_images(run, None, DataOptions())
    for images in (training_images(run), tested.known, tested.withheld):
        put_into_cache(embedder, images, unknown=images is tested.withheld)
    return run


def put_into_cache(embedder: Embedder, images: ImageSet, *, unknown: bool) -> None:
    generator = torch.Generator().manual_seed(len(images))
    centres = torch.randn(10, D, generator=torch.Generator().manual_seed(0))
    labels = torch.from_numpy(images.labels)
    h = (centres[labels + 8 * unknown] + 1.2 * torch.randn(len(labels), D, generator=generator)).relu()
    z = h @ torch.randn(D, P, generator=torch.Generator().manual_seed(1)) / D**0.5
    embedder._write(embedder._path(fingerprint(images)), Embeddings(h, z, None, labels))


def measure(run: Run, out: Path) -> dict[str, float]:
    """Wall seconds and peak resident memory of one ``rankcon ood-report`` in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "rankcon_cli", "ood-report", str(run.path), "--out", str(out), "--json", "--quiet"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    results = len(json.loads(done.stdout)["results"])
    return {
        "seconds": seconds,
        "peak_gib": peak,
        "results": results,
        "html_mib": os.path.getsize(out / "report.html") / 2**20,
    }


def show(entry: dict) -> None:
    found = entry["measured"]
    seconds = [row["seconds"] for row in found]
    print(f"ood-report, {entry['sizes']}: {found[0]['results']} results")
    print(
        f"median {statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}, n = {len(seconds)}), "
        f"peak {max(row['peak_gib'] for row in found):.2f} GiB, page {found[0]['html_mib']:.1f} MiB; {provenance(entry)}"
    )


if __name__ == "__main__":
    timing("report-speed", __doc__, measured, show)
