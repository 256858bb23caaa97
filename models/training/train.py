"""Train the base model and write model.onnx, card.json and golden.json.

    /usr/bin/python3 models/training/train.py --data ../shared/data --out models/base

See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

import augment
import backbone
import data
import export
from data import Sample
from features import extract
from head import Head, Recipe, fit_temperature, train
from metrics import summary

HERE = Path(__file__).resolve().parent
BACKBONE = "backbone/mobilenet_v2_1.0_imagenet.onnx"
# A plain view of training photographs, then augmented ones.
PLAIN_VIEW = "letterbox"
AUGMENTED_VIEWS = ("strong1", "mild1", "strong2", "strong3")


def gather(args: argparse.Namespace, samples: list[Sample]) -> tuple[np.ndarray, list[Sample]]:
    """Features of all views of training samples, and the sample of each row."""
    parts, owners = [], []
    for view in (PLAIN_VIEW, *AUGMENTED_VIEWS[:args.views]):
        limit = args.plain if view == PLAIN_VIEW else args.augmented
        chosen = data.in_turn(samples, view, limit)
        parts.append(extract(args.data, args.data / BACKBONE, args.work, chosen, view,
                             args.seed, args.processes))
        owners += chosen
    return np.concatenate(parts), owners


def fit(args: argparse.Namespace, samples: list[Sample], names: list[str],
        weights: dict[str, np.ndarray], recipe: Recipe) -> Head:
    """The head, trained on all but the calibration groups, with its temperature
    from the augmented views of those: they are nearer to what a bin camera sees
    than the plain ones, on which the head may be surer of itself."""
    features, owners = gather(args, samples)
    targets = np.array([names.index(s.name) for s in owners])
    held = np.array([data.held_for_calibration(s) for s in owners])
    head = train(features[~held], targets[~held], names, weights, recipe)
    judged = held.copy()
    if args.views:
        judged[:len(data.in_turn(samples, PLAIN_VIEW, args.plain))] = False
    head.temperature = fit_temperature(head, features[judged], targets[judged])
    head.notes = {"rows": int((~held).sum()), "calibration_rows": int(judged.sum())}
    return head


def evaluate(args: argparse.Namespace, head: Head, samples: list[Sample], names: list[str],
             category_of: list[int]) -> dict[str, dict[str, object]]:
    """Figures of the validation split under each resize rule."""
    classes = np.array([names.index(s.name) for s in samples])
    found = {}
    for rule in augment.RULES if args.rules else (args.rule,):
        features = extract(args.data, args.data / BACKBONE, args.work, samples, rule,
                           args.seed, args.processes)
        probabilities = head.probabilities(features)
        found[rule] = summary(probabilities, category_of, classes, [s.source for s in samples])
    return found


def make_card(args: argparse.Namespace, names: list[str], training: list[Sample], validation: list[Sample],
              head: Head, found: dict[str, dict[str, object]], extra: dict[str, object]) -> dict[str, object]:
    """The card as models/card.go reads it, less the hash."""
    rule = args.rule
    metrics = {"set": "validation split of the shared photographs, groups of near-duplicates whole; "
                      "same sources as training, not pictures of a bin camera", **found[rule],
               "by_resize_rule": {name: {"accuracy": f["accuracy"]["value"],
                                         "balanced_accuracy": f["balanced_accuracy"]}
                                  for name, f in found.items()}, **extra}
    half = [0.5, 0.5, 0.5]
    return {
        "version": args.version,
        "classes": names,
        "input": {"name": "input", "width": augment.SIZE, "height": augment.SIZE, "colour": "rgb",
                  "resize": rule, "fill": list(augment.GREY), "mean": half, "deviation": half},
        "output": {"logits": "logits", "embedding": "embedding"},
        "temperature": round(head.temperature, 4),
        "metrics": metrics,
        "data": {"digest": data.digest(training), "sources": sorted({s.source for s in training}),
                 "train": len(training), "val": len(validation)},
        "sha256": "",
        "licence": "Apache-2.0 for the backbone (MobileNetV2 1.0 with ImageNet weights, from "
                   "github.com/google-coral/test_data) and for what was trained here. The training "
                   "photographs are not part of the model: gd256 (authors state MIT elsewhere), wcnn and "
                   "zju26 (no licence stated).",
        "notes": (HERE / "notes.txt").read_text(encoding="utf-8").strip().replace("\n", " ")
        + f" Command: {command(args)}",
    }


def command(args: argparse.Namespace) -> str:
    """The command line that made the model, without machine paths."""
    text = f"models/training/train.py --data ../shared/data --out models/base --seed {args.seed}"
    text += f" --plain {args.plain} --augmented {args.augmented} --views {args.views} --rule {args.rule} --version {args.version}"
    if args.recipe:
        text += f" --recipe '{args.recipe}'"
    return text


def parse() -> argparse.Namespace:
    """The command line; `recipe` holds changes to head.Recipe as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, images/, backbone/")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.onnx, card.json, golden.json")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="cache of features")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", type=int, default=100_000, help="plain training views, at most")
    parser.add_argument("--augmented", type=int, default=6_000, help="training views of each augmentation, at most")
    parser.add_argument("--validation", type=int, default=100_000, help="validation photographs, at most")
    parser.add_argument("--views", type=int, default=len(AUGMENTED_VIEWS), help="augmented views, 0 to 4")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rule", choices=augment.RULES, default="letterbox", help="resize rule of the card")
    parser.add_argument("--rules", action=argparse.BooleanOptionalAction, default=True,
                        help="evaluate all resize rules, not only --rule")
    parser.add_argument("--recipe", default="", help='changes to the head\'s recipe, as {"decay": 1e-3}')
    parser.add_argument("--version", default="mnv2-2026.11.1")
    return parser.parse_args()


def main() -> int:
    """Train, export, check, write."""
    import torch

    args = parse()
    torch.set_num_threads(2)
    began = time.monotonic()
    recipe = Recipe(**{"seed": args.seed, **(json.loads(args.recipe) if args.recipe else {})})
    samples = data.read_samples(args.data)
    names, category_of = data.read_taxonomy(samples)
    training = [s for s in samples if s.split == "train"]
    validation = data.shuffled([s for s in samples if s.split == "val"])[:args.validation]
    weights = backbone.load(args.data / BACKBONE)
    head = fit(args, training, names, weights, recipe)
    found = evaluate(args, head, validation, names, category_of)
    args.out.mkdir(parents=True, exist_ok=True)
    model = args.out / "model.onnx"
    export.write_model(model, weights, head)
    difference, golden = export.check(model, weights, head)
    (args.out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    ratio = export.relative_time(model, args.data / BACKBONE)
    export.write_card(args.out, make_card(args, names, training, validation, head, found, {
        "time_to_backbone": round(ratio, 3), "recipe": asdict(recipe),
        "views": [PLAIN_VIEW, *AUGMENTED_VIEWS[:args.views]], **head.notes}))
    print(json.dumps(found[args.rule], indent=1))
    print({name: (f["accuracy"]["value"], f["balanced_accuracy"]) for name, f in found.items()})
    print(f"temperature {head.temperature:.3f}; logits within {difference:.1e} of PyTorch's; time {ratio:.3f} of "
          f"the backbone's; {model.stat().st_size / 1e6:.1f} MB; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
