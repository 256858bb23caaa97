"""From trained weights to the model's folder: choose, calibrate, export, check."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

import calibrate
import data
import export
import photos
import scenes
import strangeness
from data import Sample
from metrics import summary
from network import Network, to_input
from views import held_scenes

if TYPE_CHECKING:
    from train import Recipe

SIZE = 224
# Shares of the way from the first weights to the trained ones (Wortsman et al.
# 2022, arXiv:2109.01903): less of it forgets less.
WAYS = (0.6, 0.7, 0.8, 0.9, 1.0)
HERE = Path(__file__).resolve().parent


def outputs(network: Network, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Logits n×C and embeddings n×1280 of 224×224 pictures."""
    found = []
    with torch.no_grad():
        for i in range(0, len(pictures), 64):
            found.append([t.numpy() for t in network(to_input(np.stack(pictures[i:i + 64])))])
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


class Part:
    """A held part: its photographs plain and as scenes, and what they are."""

    def __init__(self, args: argparse.Namespace, samples: list[Sample], name: str, names: list[str],
                 category_of: list[int]) -> None:
        self.samples = [s for s in samples if data.part(s) == name]
        held = photos.load(args.data, args.work, self.samples, args.processes)
        self.plain = [scenes.letterbox(p.pixels, SIZE) for p in held]
        self.scenes = held_scenes(held, SIZE, args.seed)
        self.classes = np.array([names.index(s.name) for s in self.samples])
        self.truth = np.array(category_of)[self.classes]


def interpolate(first: dict[str, torch.Tensor], last: dict[str, torch.Tensor], way: float) -> dict[str, torch.Tensor]:
    """Weights `way` of the way from first to last."""
    return {name: torch.lerp(first[name].float(), last[name].float(), way).to(last[name].dtype) for name in last}


def choose(network: Network, first: dict[str, torch.Tensor], part: Part, member: np.ndarray) -> tuple[float, list[dict[str, float]]]:
    """Load the best of WAYS, by the losses on the temperature part's plain
    photographs and scenes, as they are drawn and with every category counting
    alike; what each gave."""
    last = {name: value.clone() for name, value in network.state_dict().items()}
    tried = []
    for way in WAYS:
        network.load_state_dict(interpolate(first, last, way))
        figures: dict[str, float] = {"way": way}
        for kind, pictures in (("plain", part.plain), ("scenes", part.scenes)):
            logits, _ = outputs(network, pictures)
            said = (calibrate.softmax(logits) @ member).argmax(axis=1)
            figures[f"{kind}_accuracy"] = round(float((said == part.truth).mean()), 4)
            figures[f"{kind}_balanced"] = round(float(np.mean(
                [(said == part.truth)[part.truth == k].mean() for k in np.unique(part.truth)])), 4)
            heat = calibrate.fit_temperature(logits, member, part.truth)
            figures[f"{kind}_loss"] = round(calibrate.category_loss(logits / heat, member, part.truth), 4)
            figures[f"{kind}_balanced_loss"] = round(calibrate.balanced_loss(logits / heat, member, part.truth), 4)
        tried.append(figures)
        print(figures, flush=True)
    cost = [sum(value for name, value in f.items() if name.endswith("loss")) for f in tried]
    # Of ways that are as good, the one that forgets least.
    best = next(f for f, c in zip(tried, cost) if c <= 1.01 * min(cost))
    network.load_state_dict(interpolate(first, last, best["way"]))
    return best["way"], tried


def finish(args: argparse.Namespace, network: Network, first: dict[str, torch.Tensor], samples: list[Sample], training: list[Sample],
           names: list[str], category_of: list[int], phases: tuple[Recipe, ...]) -> None:
    """Write the model's folder."""
    member = np.eye(len(data.CATEGORIES))[category_of]
    part = Part(args, samples, "temperature", names, category_of)
    way, tried = choose(network, first, part, member)
    logits, _ = outputs(network, part.plain + part.scenes)
    twice = np.concatenate([part.truth, part.truth])
    heat = {"plain": calibrate.fit_temperature(logits[:len(part.truth)], member, part.truth),
            "scenes": calibrate.fit_temperature(logits[len(part.truth):], member, part.truth),
            "both": calibrate.fit_temperature(logits, member, twice)}
    strange = strangeness.fit(logits, heat["both"])
    args.out.mkdir(parents=True, exist_ok=True)
    model = args.out / "model.onnx"
    export.write_model(model, network, strange)
    difference, golden = export.check(model, network, strange)
    (args.out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    report = Part(args, samples, "report", names, category_of)
    figures = {kind: _figures(network, pictures, report, heat["both"], category_of)
               for kind, pictures in (("photographs", report.plain), ("scenes", report.scenes))}
    ratio = export.relative_time(model, args.data / "backbone/mobilenet_v2_1.0_imagenet.onnx")
    export.write_card(args.out, make_card(args, names, samples, training, heat["both"], figures, {
        "tried": tried, "way": way, "temperatures": {k: round(v, 4) for k, v in heat.items()},
        "time_to_backbone": round(ratio, 3), "phases": [asdict(recipe) for recipe in phases]}))
    print(json.dumps(figures, indent=1))
    print(f"temperatures {heat}; logits within {difference:.1e} of PyTorch's; time {ratio:.3f} of the backbone's; "
          f"{model.stat().st_size / 1e6:.1f} MB", flush=True)


def _figures(network: Network, pictures: list[np.ndarray], part: Part, heat: float,
             category_of: list[int]) -> dict[str, object]:
    logits, _ = outputs(network, pictures)
    return summary(calibrate.softmax(logits / heat), category_of, part.classes, [s.source for s in part.samples])


def make_card(args: argparse.Namespace, names: list[str], samples: list[Sample], training: list[Sample],
              heat: float, figures: dict[str, object], extra: dict[str, object]) -> dict[str, object]:
    """The card as models/card.go reads it, less the hash."""
    half = [0.5, 0.5, 0.5]
    without = f" --without {args.without}" if args.without else ""
    scale = f" --scale {args.scale}" if args.scale != 1 else ""
    return {
        "version": args.version,
        "classes": names,
        "input": {"name": "input", "width": SIZE, "height": SIZE, "colour": "rgb", "resize": "letterbox",
                  "fill": list(scenes.GREY), "mean": half, "deviation": half},
        "output": {"logits": "logits", "embedding": "embedding", "strangeness": "strangeness"},
        "temperature": round(heat, 4),
        "metrics": {"set": "report part: groups of near-duplicates that neither training nor calibration saw; same "
                           "sources as training. Scenes: the same items composed into pictures of a tray", **figures, **extra},
        "data": {"digest": data.digest(training), "sources": sorted({s.source for s in training}),
                 "train": len(training), "val": len(samples) - len([s for s in samples if data.part(s) == "train"])},
        "sha256": "",
        "licence": "Apache-2.0 for the backbone (MobileNetV2 1.0 with ImageNet weights, from "
                   "github.com/google-coral/test_data) and for what was trained here. The training "
                   "photographs are not part of the model: gd256 (authors state MIT elsewhere), wcnn and "
                   "zju26 (no licence stated).",
        "notes": (HERE / "notes.txt").read_text(encoding="utf-8").strip().replace("\n", " ")
        + f" Command: models/training/train.py --data ../shared/data --out models/base --seed {args.seed}"
        + f"{scale}{without} --version {args.version}",
    }
