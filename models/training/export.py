"""Writing the model: ONNX file, its check against PyTorch, card, golden values."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import numpy as np

import backbone
import concepts
from features import normalise
from head import Head
from ort import Session

# As a share of the greatest logit, and at least this much.
TOLERANCE = 1e-3


def write_model(path: Path, weights: dict[str, np.ndarray], head: Head) -> None:
    """Backbone and head as one graph: input → logits, embedding. The
    temperature stays out of it: the card carries it."""
    graph = backbone.Graph()
    x = graph.backbone(weights, "input")
    last = "linear" if head.mix.any() else "logits"
    graph.node("Gemm", [x, graph.constant("head.weight", head.weight),
                        graph.constant("head.bias", head.bias)], last)
    if head.mix.any():
        rows = graph.node("Gemm", [x, graph.constant("concept.rows", head.rows),
                                   graph.constant("concept.bias", head.row_bias)], "concept.logits")
        soft = graph.node("Softmax", [rows], "concept.softmax", axis=1)
        group = graph.node("MatMul", [soft, graph.constant("concept.groups", concepts.membership())],
                           "concept.shares")
        floor = graph.constant("concept.floor", np.array(concepts.FLOOR, np.float32))
        held = graph.node("Add", [group, floor], "concept.floored")
        logs = graph.node("Log", [held], "concept.logs")
        mixed = graph.node("MatMul", [logs, graph.constant("concept.mix", head.mix)], "concept.mixed")
        graph.node("Add", ["linear", mixed], "logits")
    graph.save(path, len(head.bias))


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


def check(path: Path, weights: dict[str, np.ndarray], head: Head) -> tuple[float, dict[str, object]]:
    """Run the test pictures through ONNX Runtime and through PyTorch; the
    greatest difference of logits, and golden.json's content. Raises where the
    two disagree by more than TOLERANCE."""
    named = pictures()
    batch = normalise(np.stack(list(named.values())))
    logits, embedding = Session(path, ["logits", "embedding"]).run(batch)
    reference = backbone.forward(weights, batch)
    wanted = head.logits(reference)
    difference = float(np.abs(logits - wanted).max())
    bound = TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    if difference > bound or np.abs(embedding - reference).max() > bound:
        raise RuntimeError(f"exported logits differ from PyTorch's by {difference}")
    golden = {
        "comment": "Logits by PyTorch for 224x224 RGB pictures that a formula gives; x to the right, "
                   "y down, 0 to 223. A sample v enters as v/127.5 - 1.",
        "tolerance": TOLERANCE,
        "pictures": [{"name": name, "formula": FORMULAS[name], "logits": [round(float(v), 5) for v in row],
                      "embedding_head": [round(float(v), 5) for v in features[:8]]}
                     for name, row, features in zip(named, wanted, reference)],
    }
    return difference, golden


def relative_time(model: Path, base: Path, rounds: int = 7) -> float:
    """Time of the model ÷ time of the backbone, one picture, one thread: the
    median of ratios of neighbouring runs."""
    batch = normalise(np.stack([pictures()["ramp"]]))
    ours, theirs = Session(model, ["logits", "embedding"]), Session(base, ["features", "logits"])
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
