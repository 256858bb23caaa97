"""Leave one source out: how well does it go on photographs of another origin?

    /usr/bin/python3 models/training/across.py --data ../shared/data --out models/base

For each source a network is trained on the others by the ordinary recipe,
shortened to SCALE, and judged on every photograph of the source that it never
saw. Classes that only the left-out source has cannot be named; the category
still can. The figures go into the card beside the model (leave_one_source_out),
whose own weights are trained on all sources.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import train  # first: it sets the environment

import numpy as np
import torch

import backbone
import calibrate
import data
import finish
import photos
import scenes
from metrics import summary
from network import Network

SCALE = 0.2


def judge(args: argparse.Namespace, source: str) -> dict[str, object]:
    """Train without a source, judge on it."""
    args.without = source
    args.work = args.work_root / f"without-{source}"
    samples, training, names, category_of = train.prepare(args)
    everyone = [s for s in samples if data.part(s) == "train"]
    held = [p for p, s in zip(photos.load(args.data, args.work_root, everyone, args.processes), everyone)
            if s.source != source]
    args.scale = SCALE
    network = Network(backbone.load(args.data / train.BACKBONE), len(names))
    said = train.start(args, network, held, training, names)
    train.phases(args, network, held, training, names, category_of, said)
    unseen = [s for s in samples if s.source == source]
    logits, _ = finish.outputs(network, [scenes.letterbox(photos.read(args.data / s.path), train.SIZE) for s in unseen])
    classes = np.array([names.index(s.name) for s in unseen])
    return {"trained_on": sorted({s.source for s in training}), "train": len(training),
            **summary(calibrate.softmax(logits), category_of, classes, [s.source for s in unseen])}


def main() -> int:
    """All sources in turn; figures of an interrupted run are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder with the card")
    parser.add_argument("--work", type=Path, default=train.HERE / "work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    args.work_root = args.work
    torch.set_num_threads(2)
    path = args.work_root / "across.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for source in sorted({s.source for s in data.read_samples(args.data)}):
        if source not in found:
            print(f"without {source}", flush=True)
            found[source] = judge(args, source)
            path.write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(source, json.dumps(found[source]["accuracy"]), flush=True)
    card = json.loads((args.out / "card.json").read_text(encoding="utf-8"))
    card["metrics"]["leave_one_source_out"] = {"scale": SCALE, **found}
    (args.out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
