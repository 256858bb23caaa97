"""How unlike everything it was trained on a picture looks to the network.

The least Mahalanobis distance of the embedding to a class (Lee et al. 2018,
arXiv:1807.03888), in the directions in which the training's embeddings differ
most, squared, in shares of what nearly all photographs of known things stay
below. As matrices, so that it runs within the model's own graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DIRECTIONS = 96
# Share of the photographs of known things, unseen in training, that may be
# called strange: each of them goes to a person.
STRANGE = 0.01


@dataclass
class Strangeness:
    """strangeness(e) = min over classes of |e·turn + shift - mean|² · scale."""

    turn: np.ndarray  # 1280×D
    shift: np.ndarray  # D
    means: np.ndarray  # C×D
    scale: float = 1.0

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """n×1280 → n."""
        z = embeddings @ self.turn + self.shift
        distance = (z**2).sum(axis=1)[:, None] - 2 * z @ self.means.T + (self.means**2).sum(axis=1)
        return distance.min(axis=1) * self.scale


def fit(embeddings: np.ndarray, classes: np.ndarray, known: np.ndarray, directions: int = DIRECTIONS) -> Strangeness:
    """From training embeddings n×1280 with classes n (every class at least
    once); scaled on the embeddings `known` of unseen photographs."""
    count = int(classes.max()) + 1
    means = np.stack([embeddings[classes == c].mean(axis=0) for c in range(count)])
    middle = embeddings.mean(axis=0)
    # Directions of the whole cloud, each scaled by the spread within classes.
    _, _, basis = np.linalg.svd(embeddings - middle, full_matrices=False)
    basis = basis[:directions].T
    within = (embeddings - means[classes]) @ basis
    covariance = within.T @ within / len(within)
    values, vectors = np.linalg.eigh(covariance + 1e-6 * np.trace(covariance) / directions * np.eye(directions))
    turn = (basis @ vectors / np.sqrt(values)).astype(np.float32)
    found = Strangeness(turn, (-middle @ turn).astype(np.float32), ((means - middle) @ turn).astype(np.float32))
    found.scale = float(1 / np.quantile(found(known), 1 - STRANGE))
    return found
