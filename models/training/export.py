"""Writing the model: ONNX file, its check against PyTorch, card, golden values."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch

import backbone
from network import Network, to_input
from ort import Session
from strangeness import Strangeness

# As a share of the greatest logit, and at least this much.
TOLERANCE = 1e-3


def write_model(path: Path, network: Network, strange: Strangeness) -> None:
    """The whole as one graph: input → logits, embedding, strangeness. The
    temperature stays out of it: the card carries it."""
    graph = backbone.Graph()
    x = graph.backbone(network.weights(), "input")
    head = network.head
    graph.node("Gemm", [x, graph.constant("head.weight", head.weight.detach().numpy().T),
                        graph.constant("head.bias", head.bias.detach().numpy())], "logits")
    heat = graph.constant("strange.temperature", np.array(strange.temperature, np.float32))
    scaled = graph.node("Div", ["logits", heat], "strange.scaled")
    found = graph.node("ReduceLogSumExp", [scaled], "strange.log_sum", axes=[1], keepdims=1)
    below = graph.node("Sub", [graph.constant("strange.most", np.array(strange.most, np.float32)), found], "strange.below")
    size = graph.node("Mul", [below, graph.constant("strange.scale", np.array(strange.scale, np.float32))], "strange.size")
    graph.node("Relu", [size], "strangeness")
    graph.save(path, {"logits": head.out_features, "embedding": backbone.FEATURES, "strangeness": 1})


def pictures() -> dict[str, np.ndarray]:
    """Test pictures, 224×224×3 uint8, that any language can rebuild exactly;
    golden.json carries the formulas."""
    y, x = np.mgrid[0:224, 0:224]
    ramp = np.stack([x * 255 // 223, y * 255 // 223, (x + y) * 255 // 446], axis=2)
    board = ((x // 16 + y // 16) % 2)[..., None] * np.array([230, 120, 40]) + np.array([10, 60, 110])
    inside = ((x - 112) ** 2 + (y - 112) ** 2 < 6400)[..., None]
    disc = np.where(inside, np.array([200, 40, 30]), np.array([114, 114, 114]))
    state, noise = 1, np.empty(224 * 224 * 3, np.int64)
    for i in range(noise.size):
        state = (1664525 * state + 1013904223) % 2**32
        noise[i] = state >> 24
    made = {"ramp": ramp, "board": board, "disc": disc, "noise": noise.reshape(224, 224, 3)}
    return {name: picture.clip(0, 255).astype(np.uint8) for name, picture in made.items()}


FORMULAS = {
    "ramp": "r = x*255/223, g = y*255/223, b = (x+y)*255/446 (integer division)",
    "board": "(10, 60, 110), plus (230, 120, 40) where (x/16 + y/16) is odd (integer division)",
    "disc": "(200, 40, 30) where (x-112)^2 + (y-112)^2 < 6400, else (114, 114, 114)",
    "noise": "in the order y, x, channel: s = (1664525*s + 1013904223) mod 2^32 from s = 1; v = s >> 24",
}


def check(path: Path, network: Network, strange: Strangeness) -> tuple[float, dict[str, object]]:
    """Run the test pictures through ONNX Runtime and through PyTorch; the
    greatest difference of logits, and golden.json's content. Raises where the
    two disagree by more than TOLERANCE."""
    named = pictures()
    batch = to_input(np.stack(list(named.values())))
    found = Session(path, ["logits", "embedding", "strangeness"]).run(np.ascontiguousarray(batch.numpy()))
    with torch.no_grad():
        wanted, reference = (t.numpy() for t in network(batch))
    strangenesses = strange(wanted)[:, None]
    for got, want in zip(found, (wanted, reference, strangenesses)):
        if np.abs(got - want).max() > TOLERANCE * max(1.0, float(np.abs(want).max())):
            raise RuntimeError(f"the exported file differs from PyTorch by {np.abs(got - want).max()}")
    difference = float(np.abs(found[0] - wanted).max())
    golden = {
        "comment": "Logits by PyTorch for 224x224 RGB pictures that a formula gives; x to the right, "
                   "y down, 0 to 223. A sample v enters as v/127.5 - 1.",
        "tolerance": TOLERANCE,
        "pictures": [{"name": name, "formula": FORMULAS[name], "logits": [round(float(v), 5) for v in row],
                      "embedding_head": [round(float(v), 5) for v in features[:8]],
                      "strangeness": round(float(strange_value), 5)}
                     for name, row, features, strange_value in zip(named, wanted, reference, strangenesses[:, 0])],
    }
    return difference, golden


def relative_time(model: Path, base: Path, rounds: int = 7) -> float:
    """Time of the model ÷ time of the backbone, one picture, one thread: the
    median of ratios of neighbouring runs."""
    batch = np.ascontiguousarray(to_input(np.stack([pictures()["ramp"]])).numpy())
    ours, theirs = Session(model, ["logits", "strangeness"]), Session(base, ["features", "logits"])
    ratios = []
    for _ in range(rounds):
        spent = []
        for session in (ours, theirs):
            session.run(batch)
            took = []
            for _ in range(8):
                began = time.perf_counter()
                session.run(batch)
                took.append(time.perf_counter() - began)
            spent.append(min(took))
        ratios.append(spent[0] / spent[1])
    return float(np.median(ratios))


def write_card(out: Path, card: dict[str, object]) -> None:
    """card.json beside model.onnx, with the model's hash."""
    card["sha256"] = hashlib.sha256((out / "model.onnx").read_bytes()).hexdigest()
    text = json.dumps(card, ensure_ascii=False, indent=2)
    (out / "card.json").write_text(text + "\n", encoding="utf-8")
