"""Temperature, and what the classes' logits are raised or lowered by."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def category_loss(logits: np.ndarray, member: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log likelihood of the true category: logits n×C, member
    C×K (1 where a class belongs to a category), truth n."""
    chosen = (softmax(logits) @ member)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chosen, 1e-9)).mean())


def balanced_loss(logits: np.ndarray, member: np.ndarray, truth: np.ndarray) -> float:
    """As category_loss, every category counting alike: most photographs are of
    one, and the recall of each is what is asked for."""
    return float(np.mean([category_loss(logits[truth == k], member, truth[truth == k]) for k in np.unique(truth)]))


def fit_temperature(logits: np.ndarray, member: np.ndarray, truth: np.ndarray) -> float:
    """The temperature of least loss (Guo et al. 2017, arXiv:1706.04599), by
    golden section over its logarithm. By category, which is what is judged."""
    low, high, ratio = np.log(0.2), np.log(5.0), (5**0.5 - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        costs = [category_loss(logits / np.exp(v), member, truth) for v in (a, b)]
        low, high = (low, b) if costs[0] < costs[1] else (a, high)
    return float(np.exp((low + high) / 2))
