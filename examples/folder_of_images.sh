#!/usr/bin/env bash
# The four commands on a folder of images, from a ranking file to an OOD report.
#
#   bash examples/folder_of_images.sh [OUT]
#
# The images are scikit-learn's digits, written as PNG files the way your own photos would lie: train/CLASS/*.png.
set -euo pipefail
out=${1:-example-out}

python - "$out" <<'PYTHON'
import pathlib, sys
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

out = pathlib.Path(sys.argv[1])
names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
digits = load_digits()
for i, (image, label) in enumerate(zip(digits.images, digits.target)):
    part = "unknown" if label in (8, 9) else "train" if i < 1100 else "test"
    folder = out / "photos" / part / names[label]
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(image * 255 / 16)).save(folder / f"{i:04d}.png")
PYTHON

cat >"$out/shapes.json" <<'JSON'
{
  "format": "rankcon/ranking",
  "version": 1,
  "classes": ["zero", "one", "two", "three", "four", "five", "six", "seven"],
  "groups": {"round": ["zero", "six"], "straight": ["one", "four", "seven"], "curved": ["two", "three", "five"]},
  "rankings": {"one": [["seven"], ["four"]], "seven": [["one"], ["two"], ["four"]]}
}
JSON

rankcon rank validate "$out/shapes.json" --data "folder:$out/photos/train"
rankcon train --ranking "$out/shapes.json" --data "folder:$out/photos/train" --epochs 20 --batch-size 128 \
    --out "$out/runs/ranked" --force
rankcon evaluate "$out/runs/ranked" --data "folder:$out/photos/test"
rankcon ood-report "$out/runs/ranked" --data "folder:$out/photos/test" --ood "folder:$out/photos/unknown" \
    --out "$out/report" --force
