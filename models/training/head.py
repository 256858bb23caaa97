"""The classifier on top of the frozen features: training, temperature, folding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import concepts
from backbone import FEATURES


@dataclass(frozen=True)
class Recipe:
    """How a head is trained. The defaults are what the experiments chose."""

    concept: float = 0.5  # first weight of a concept's log share; 0 leaves them out
    decay: float = 3e-4  # of the linear weights
    hold: float = 1e-2  # pull of the concept weights to their first value
    dropout: float = 0.3  # of features
    smoothing: float = 0.05
    balance: float = 0.5  # a class of n pictures is drawn as n^(1-balance)
    steps: int = 800
    batch: int = 512
    rate: float = 2e-3
    seed: int = 1


@dataclass
class Head:
    """Logits = features·weight + bias + log(floor + share(features))·mix, where
    share is softmax(features·rows + row_bias)·membership."""

    weight: np.ndarray  # 1280×C
    bias: np.ndarray  # C
    rows: np.ndarray  # 1280×R
    row_bias: np.ndarray  # R
    mix: np.ndarray  # G×C, all zero without concepts
    temperature: float = 1.0
    notes: dict[str, float] = field(default_factory=dict)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """n×1280 → n×C."""
        found = features @ self.weight + self.bias
        if self.mix.any():
            found += shares(features, self.rows, self.row_bias) @ self.mix
        return found

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """n×1280 → n×C, calibrated."""
        return softmax(self.logits(features) / self.temperature)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def shares(features: np.ndarray, rows: np.ndarray, row_bias: np.ndarray) -> np.ndarray:
    """Log of each concept's share, n×G, in [log floor, 0]."""
    return np.log(softmax(features @ rows + row_bias) @ concepts.membership() + concepts.FLOOR)


def imagenet_rows(weights: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The backbone's classifier, only the rows that name a concept: 1280×R, R."""
    used = concepts.rows()
    weight = weights["mods.52.c.weight"].reshape(-1, FEATURES)[used].T
    return np.ascontiguousarray(weight), weights["mods.52.c.bias"][used].copy()


def train(features: np.ndarray, targets: np.ndarray, names: list[str],
          weights: dict[str, np.ndarray], recipe: Recipe, emphasis: np.ndarray | None = None) -> Head:
    """Fit a head to n×1280 features with class indices n. `emphasis` (n) scales
    how often a row is drawn."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    rows, row_bias = imagenet_rows(weights)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 0.05
    x = torch.from_numpy((features - mean) / deviation)
    y = torch.from_numpy(targets)
    known = [c for c in concepts.CONCEPTS]
    first = np.zeros((len(known), len(names)), np.float32)
    for g, name in enumerate(known):
        if name in names:
            first[g, names.index(name)] = recipe.concept
    start = torch.from_numpy(first)
    hints = torch.from_numpy(shares(features, rows, row_bias)) if recipe.concept else None
    linear, mix = nn.Linear(FEATURES, len(names)), start.clone().requires_grad_()
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    groups = [{"params": [linear.weight], "weight_decay": recipe.decay / recipe.rate},
              {"params": [linear.bias] + ([mix] if recipe.concept else []), "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    count = np.bincount(targets, minlength=len(names)).clip(1)
    draw = count[targets] ** -recipe.balance * (1 if emphasis is None else emphasis)
    order = torch.from_numpy(rng.choice(len(y), (recipe.steps, recipe.batch), p=draw / draw.sum()))
    for step in range(recipe.steps):
        chosen = order[step]
        logits = linear(F.dropout(x[chosen], recipe.dropout))
        loss = 0.0
        if hints is not None:
            logits = logits + hints[chosen] @ mix
            loss = recipe.hold * (mix - start).square().sum()
        loss = loss + F.cross_entropy(logits, y[chosen], label_smoothing=recipe.smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    weight = linear.weight.detach().numpy().T / deviation[:, None]
    bias = linear.bias.detach().numpy() - mean @ weight
    return Head(weight.astype(np.float32), bias.astype(np.float32), rows, row_bias, mix.detach().numpy())


def fit_temperature(head: Head, features: np.ndarray, targets: np.ndarray) -> float:
    """The temperature of least negative log likelihood (Guo et al. 2017,
    arXiv:1706.04599), by golden section over its logarithm."""
    logits = head.logits(features)

    def cost(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        chosen = scaled[np.arange(len(targets)), targets]
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - chosen))

    low, high, ratio = np.log(0.1), np.log(10.0), (5**0.5 - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if cost(a) < cost(b) else (a, high)
    return float(np.exp((low + high) / 2))
