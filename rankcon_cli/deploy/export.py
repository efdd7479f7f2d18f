"""A run as files that need no rankcon: ``torch.export`` and ONNX, proved on the spot to answer as the run does."""

import contextlib
import dataclasses
import hashlib
import io
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rankcon_cli.deploy.module import Deployed
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.classify import nearest_class_mean
from rankcon_cli.evaluation.embeddings import Embedder, Embeddings
from rankcon_cli.evaluation.images import training_images
from rankcon_cli.files import to_json, write_atomic
from rankcon_cli.ood.detector import Detector
from rankcon_cli.progress import Progress, silent
from rankcon_cli.training.environment import package_versions
from rankcon_cli.training.run_directory import Run
from rankcon_cli.training.run_files import WEIGHTS

FORMAT, VERSION = "rankcon/export", 1
FILES = {"torch": "model.pt2", "onnx": "model.onnx"}
RECORD, USAGE = "model.json", "example.py"
#: Largest difference from the run's own answers that passes, as a share of the largest absolute value of an output.
TOLERANCE = 1e-4
_PROOF = 256  # images that the files are proved on, at most
_BATCHES = (1, 7, _PROOF)


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far a file's answers lie from the run's: the largest differences by output, absolute and as a share of the
    output's largest absolute value. classes, flags: images for which the class or the verdict differs, those whose score
    lies within the tolerance of the threshold not counted but in ``at_threshold``.
    """

    file: str
    absolute: dict[str, float]
    relative: dict[str, float]
    classes: int
    flags: int
    at_threshold: int

    @property
    def passes(self) -> bool:
        return max(self.relative.values()) <= TOLERANCE and not self.classes and not self.flags


def export_run(
    run: Run,
    detector: Detector,
    out: Path,
    formats: Sequence[str] = tuple(FILES),
    *,
    force: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write the files of ``formats``, ``model.json`` and ``example.py`` to ``out``; returns what ``model.json`` holds.

    Nothing appears in ``out`` before every file was loaded back and gave the run's answers.

    Raises:
        UsageError: ``out`` is there already and ``force`` is not given; the score cannot be exported.
        RankconError: a package is missing, a model cannot be written in a format, or the proof fails.
    """
    check_free(out, force=force)
    _require_packages(formats)
    images, described = proof_images(run)
    deployed = Deployed(run.network(), detector)
    with _beside(out) as folder, _quiet():
        program = _exported(deployed, torch.from_numpy(images))
        answers = {}
        for kind in progress(formats, "exporting", len(formats)):
            WRITERS[kind](program, deployed, folder / FILES[kind])
            answers[kind] = READERS[kind](folder / FILES[kind])
        expected = _expected(run, detector, images)
        found = [compare(FILES[kind], answers[kind], images, expected, detector) for kind in formats]
        _require_equal(found)
        document = _document(run, detector, deployed, folder, [FILES[kind] for kind in formats])
        document["proof"] = {
            "images": described,
            "n": len(images),
            "batch_sizes": sorted({min(n, len(images)) for n in _BATCHES}),
            "tolerance": TOLERANCE,
            "differences": [dataclasses.asdict(one) for one in found],
        }
        write_atomic(folder / RECORD, to_json(document) + "\n")
        write_atomic(folder / USAGE, _usage(run, formats))
        _move(folder, out)
    return document


def check_free(out: Path, *, force: bool) -> None:
    """UsageError where ``out`` may not be written to: a file, or something in it without ``force``."""
    if os.path.lexists(out) and not out.is_dir():  # lexists: a link to nothing is in the way as well
        raise UsageError(f"{out} is a file", hint="choose another --out")
    if out.exists() and any(out.iterdir()) and not force:
        raise UsageError(f"{out} is not empty", hint="--force replaces the files of an earlier export there")


def proof_images(run: Run) -> tuple[np.ndarray, str]:
    """At most 256 images uint8 [n, C, S, S] and what they are: the run's validation images, its training images where it
    kept none, or noise where all of them are gone."""
    train, validation = run.splits()
    kind, rows = ("validation", validation) if len(validation) else ("training", train)
    try:
        return training_images(run).images[rows[:_PROOF]], f"{kind} images of the run"
    except RankconError:
        shape = (64, run.channels, run.image_size, run.image_size)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        return noise, "images of noise (the run's own are gone)"


def compare(
    file: str,
    answer: Callable[[np.ndarray], dict[str, np.ndarray]],
    images: np.ndarray,
    expected: dict[str, np.ndarray],
    detector: Detector,
) -> Difference:
    """The ``Difference`` of a file's answers, at batches of 1, of 7 and of all, from those ``expected``."""
    absolute: dict[str, float] = {}
    classes = flags = at_threshold = 0
    scale = {name: max(float(np.abs(values).max()), 1e-6) for name, values in expected.items()}
    close = np.abs(expected["score"] - detector.threshold.value) <= TOLERANCE * scale["score"]
    for size in _BATCHES:
        some = images[:size]
        found = answer(some)
        for name, values in expected.items():
            if name != "unknown":
                apart = np.abs(found[name].astype(np.float64) - values[: len(some)])
                largest = float(apart.max()) if np.isfinite(apart).all() else float("inf")
                absolute[name] = max(absolute.get(name, 0.0), largest)
        differ = found["similarity"].argmax(1) != expected["similarity"][: len(some)].argmax(1)
        margin = np.sort(expected["similarity"][: len(some)], axis=1)[:, -2:]
        tied = margin[:, -1] - margin[:, 0] <= TOLERANCE * scale["similarity"] if margin.shape[1] > 1 else False
        classes += int((differ & ~np.asarray(tied)).sum())
        flagged = found["unknown"] != expected["unknown"][: len(some)]
        flags += int((flagged & ~close[: len(some)]).sum())
        at_threshold += int((flagged & close[: len(some)]).sum())
    relative = {name: value / scale[name] for name, value in absolute.items()}
    return Difference(file, absolute, relative, classes, flags, at_threshold)


def _expected(run: Run, detector: Detector, images: np.ndarray) -> dict[str, np.ndarray]:
    """What the run itself answers, by the code that evaluates it, on the CPU in float32."""
    found: Embeddings = Embedder(run, "cpu").outputs(images)
    verdicts = detector.judge(found)
    answers = {name: values.numpy() for name, values in found.features().items()}
    return answers | {
        "similarity": nearest_class_mean(detector.means.cpu(), found.features()[detector.feature]).numpy(),
        "score": np.array([v.score for v in verdicts]),
        "unknown": np.array([v.unknown for v in verdicts]),
    }


def _require_equal(found: Sequence[Difference]) -> None:
    for one in found:
        if not one.passes:
            worst = max(one.relative, key=one.relative.__getitem__)
            raise RankconError(
                f"{one.file} does not answer as the run does: {worst} differs by {one.relative[worst]:.2g} of its size "
                f"(at most {TOLERANCE:g} passes), {one.classes} classes and {one.flags} verdicts differ; nothing was written",
                hint="try the other --format, another --score, and please tell us: 'rankcon doctor' has the versions",
            )


def _exported(deployed: Deployed, images: Tensor) -> "torch.export.ExportedProgram":
    batch = torch.export.Dim("n", min=1, max=2**20)
    example = images[:1].expand(3, -1, -1, -1).contiguous()  # more than one: a batch of 1 would be taken for a constant
    with torch.no_grad():
        return torch.export.export(deployed, (example,), dynamic_shapes=({0: batch},))


def _write_torch(program: "torch.export.ExportedProgram", _: Deployed, path: Path) -> None:
    # Not to the path: where the disk is full, torch aborts the whole process.
    content = io.BytesIO()
    torch.export.save(program, content)
    path.write_bytes(content.getbuffer())


def _write_onnx(program: "torch.export.ExportedProgram", deployed: Deployed, path: Path) -> None:
    try:
        torch.onnx.export(
            program,
            (),
            path,
            input_names=["images"],
            output_names=list(deployed.names()),
            dynamo=True,
            external_data=False,
        )
    except OSError:
        raise
    except Exception as error:  # what it raises is its own, and of many kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RankconError(f"ONNX cannot hold this model: {reason}", hint="--format torch works without it") from error


def _read_torch(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    loaded = torch.export.load(path)
    module = loaded.module()
    names = _output_names(len(loaded.graph_signature.user_outputs))

    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            found = module(torch.from_numpy(images))
        return {name: tensor.numpy() for name, tensor in zip(names, found, strict=True)}

    return answer


def _read_onnx(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(None, {"images": images}), strict=True))


def _output_names(n: int) -> tuple[str, ...]:
    """The outputs' names by their number: there are five with a projection and four without."""
    return ("encoder", *(("projection",) if n == 5 else ()), "similarity", "score", "unknown")


#: format -> how it is written, and how it is read back for the proof.
WRITERS = {"torch": _write_torch, "onnx": _write_onnx}
READERS = {"torch": _read_torch, "onnx": _read_onnx}


def _require_packages(formats: Sequence[str]) -> None:
    if "onnx" not in formats:
        return
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise RankconError(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint="pip install 'rankcon[onnx]', or write torch.export alone: --format torch",
        )


@contextlib.contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that vanishes in the end. RankconError, naming ``out``, on any OSError of the block."""
    folder = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:50]}."))
        yield folder
    except OSError as error:
        raise RankconError(f"cannot write {out}: {error.strerror or error}", hint="choose another --out") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, out: Path) -> None:
    """The files of ``folder`` into ``out``, in place of all that an earlier export left: it would speak of other weights."""
    out.mkdir(exist_ok=True)
    written = {path.name for path in folder.iterdir()}
    for name in written:
        os.replace(folder / name, out / name)
    for name in (*FILES.values(), RECORD, USAGE):
        if name not in written:
            (out / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the log, warnings and prints of the exporters: what matters is proved."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnx", "onnxscript", "onnx_ir", "onnxruntime")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _document(run: Run, detector: Detector, deployed: Deployed, folder: Path, files: Sequence[str]) -> dict[str, Any]:
    data = run.record["data"]
    tiers = run.table.tiers if run.table else None
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": str(run.path.resolve()),
        "weights": hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest(),
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        "input": {
            "name": "images",
            "dtype": "uint8",
            "shape": ["n", run.channels, run.image_size, run.image_size],
            "channels": "RGB" if run.channels == 3 else "grey",
            "resize": f"short side to {run.image_size} pixels (bicubic, with antialiasing), then the centre",
            "normalisation": {"inside": True, "mean": data["mean"], "std": data["std"]},
        },
        "outputs": list(deployed.names()),
        "classes": list(run.classes),
        "similarity": f"cosine of the {detector.feature} to each class mean",
        "tiers": None
        if tiers is None
        else {
            name: [[run.classes[c] for c in tier] for tier in own] for name, own in zip(run.classes, tiers, strict=True)
        },
        "score": {"choice": str(detector.choice), "larger": "more out-of-distribution"},
        "threshold": dataclasses.asdict(detector.threshold),
        "packages": package_versions(),
    }


def _usage(run: Run, formats: Sequence[str]) -> str:
    """A script that runs the exported model on image files, with nothing of rankcon's."""
    mode = "RGB" if run.channels == 3 else "L"
    layout = ".transpose(2, 0, 1)" if run.channels == 3 else "[None]"
    if "onnx" in formats:
        load = (
            'import onnxruntime\n\nmodel = onnxruntime.InferenceSession(folder / "model.onnx")\n'
            'outputs = dict(zip(record["outputs"], model.run(None, {"images": images})))\n'
        )
    else:
        load = (
            'import torch\n\nmodel = torch.export.load(folder / "model.pt2").module()\n'
            "with torch.inference_mode():\n"
            '    outputs = dict(zip(record["outputs"], (out.numpy() for out in model(torch.from_numpy(images)))))\n'
        )
    return f'''"""What the exported model makes of image files: python example.py a.jpg b.jpg (numpy and Pillow needed)."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

folder = Path(__file__).parent
record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
size = {run.image_size}


def pixels(path):
    """What rankcon sees of an image file: turned as its EXIF says, 16 bits scaled to 8, transparency laid on white."""
    image = Image.open(path)
    image.draft(None, (2 * size, 2 * size))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.asarray(ImageOps.fit(image.convert("{mode}"), (size, size), Image.Resampling.BICUBIC)){layout}


images = np.stack([pixels(path) for path in sys.argv[1:]])

{load}
for path, cosines, score, unknown in zip(sys.argv[1:], outputs["similarity"], outputs["score"], outputs["unknown"]):
    print(path, "unknown" if unknown else record["classes"][cosines.argmax()], f"{{score:.4f}}", sep="\\t")
'''
