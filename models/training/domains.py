"""Pictures of other domains, to evaluate on; nothing is trained or chosen on them.

    /usr/bin/python3 models/training/domains.py --data ../shared/data --out models/training/work/domains

Writes JPEGs and a manifest that `binside eval --manifest` takes, with three
sources: `scenes`, the report part's items (never seen in training) composed
into pictures of a tray; `cut-outs`, the demonstration's items (photographs of
Debian's tuxpaint-stamps-default, drawn by nobody's training) on the same
trays; and `cut-outs-plain`, the same on plain grey.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import yaml

import data
import photos
import scenes
from scenes import Photo

SIZE = 320  # of a scene; larger than the model's input, as a camera's crop is
ITEMS = data.HERE.parent.parent / "camera" / "simulate" / "items.yaml"
EACH = {"scenes": 2, "cut-outs": 4}


def stamp(path: Path) -> Photo:
    """A photograph with transparency, longest side at most 320 pixels."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise ValueError(f"{path} is no picture with transparency")
    scale = min(1.0, SIZE / max(pixels.shape[:2]))
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Photo(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB), pixels[..., 3])


def plain(photo: Photo, grey: int) -> np.ndarray:
    """The item as it is on plain grey."""
    alpha = photo.mask[..., None].astype(np.float32) / 255
    return (photo.pixels * alpha + grey * (1 - alpha)).astype(np.uint8)


def main() -> int:
    """Write the pictures and the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=data.HERE / "work", help="cache of masks")
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows: list[list[str]] = []

    def write(source: str, name: str, picture: np.ndarray, category: str, item: str, group: str) -> None:
        path = f"{source}-{name}.jpg"
        cv2.imwrite(str(args.out / path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 92))
        rows.append([path, category, source, item, group, "report"])

    samples = [s for s in data.read_samples(args.data) if data.part(s) == "report"]
    for n, (sample, photo) in enumerate(zip(samples, photos.load(args.data, args.work, samples))):
        for turn in range(EACH["scenes"]):
            picture = scenes.scene([photo], SIZE, np.random.default_rng((args.seed, 1, n, turn)))
            write("scenes", f"{n}-{turn}", picture, sample.category, sample.name, sample.group)
    with open(data.TAXONOMY, encoding="utf-8") as file:
        category_of = {c["id"]: c["category"] for c in yaml.safe_load(file)["classes"]}
    with open(ITEMS, encoding="utf-8") as file:
        items = yaml.safe_load(file)["items"]
    for n, item in enumerate(items):
        photo = stamp(args.stamps / item["file"])
        category = category_of[item["class"]]
        write("cut-outs-plain", str(n), plain(photo, 128), category, item["class"], item["file"])
        for turn in range(EACH["cut-outs"]):
            picture = scenes.scene([photo], SIZE, np.random.default_rng((args.seed, 2, n, turn)))
            write("cut-outs", f"{n}-{turn}", picture, category, item["class"], item["file"])
    with open(args.out / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "category", "source", "item_class", "group", "split"])
        table.writerows(rows)
    print(f"{len(rows)} pictures in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
