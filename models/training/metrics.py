"""Figures of a head: by category, with intervals."""

from __future__ import annotations

import math

import numpy as np

from data import CATEGORIES


def wilson(hits: int, n: int) -> list[float]:
    """Wilson's 95% interval of a share (Wilson 1927)."""
    if n == 0:
        return [0.0, 1.0]
    z, p = 1.959964, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return [round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4)]


def share(hits: int, n: int) -> dict[str, object]:
    """A share as the card writes it."""
    return {"value": round(hits / n, 4) if n else None, "n": n, "interval95": wilson(hits, n)}


def to_categories(probabilities: np.ndarray, category_of: list[int]) -> np.ndarray:
    """n×C class probabilities → n×4 category probabilities."""
    table = np.zeros((len(category_of), len(CATEGORIES)))
    table[np.arange(len(category_of)), category_of] = 1
    return probabilities @ table


def calibration_error(categories: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the first category, equal-width bins."""
    confidence, right = categories.max(axis=1), categories.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(total)


def summary(probabilities: np.ndarray, category_of: list[int], classes: np.ndarray,
            sources: list[str]) -> dict[str, object]:
    """All figures of one set, in the shape of the card's metrics. `classes` are
    the true class indices; a picture's true category is its class's."""
    truth = np.array(category_of)[classes]
    categories = to_categories(probabilities, category_of)
    right = categories.argmax(axis=1) == truth
    recalls = {}
    precisions = {}
    for i, name in enumerate(CATEGORIES):
        of, said = truth == i, categories.argmax(axis=1) == i
        recalls[name] = share(int(right[of].sum()), int(of.sum()))
        precisions[name] = share(int(right[said].sum()), int(said.sum()))
    values = [r["value"] for r in recalls.values() if r["n"]]
    by_source = {}
    for source in sorted(set(sources)):
        of = np.array([s == source for s in sources])
        by_source[source] = share(int(right[of].sum()), int(of.sum()))
    hits = probabilities.argmax(axis=1) == classes
    return {
        "n": len(truth),
        "accuracy": share(int(right.sum()), len(right)),
        "balanced_accuracy": round(float(np.mean(values)), 4),
        "recall": recalls,
        "precision": precisions,
        "accuracy_by_source": by_source,
        "class_accuracy": share(int(hits.sum()), len(hits)),
        "calibration_error": round(calibration_error(categories, truth), 4),
    }
