"""How unlike everything it was trained on a picture looks to the network.

The free energy of the logits, -T·log Σ exp(logit/T) (Liu et al. 2020,
arXiv:2010.03759), shifted and scaled so that the surest photograph of a known
thing has 0 and all but a few of them stay below 1. It is part of the model's
own graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Share of the pictures of known things, unseen in training, that may be called
# strange: each of them goes to a person.
STRANGE = 0.01


@dataclass
class Strangeness:
    """strangeness(logits) = max(0, (most - log Σ exp(logit/T)) · scale)."""

    temperature: float
    most: float
    scale: float

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """n×C → n."""
        return np.maximum(0, (self.most - log_sum(logits / self.temperature)) * self.scale)


def log_sum(scaled: np.ndarray) -> np.ndarray:
    """log Σ exp along the last axis, without overflow."""
    top = scaled.max(axis=-1)
    return top + np.log(np.exp(scaled - top[..., None]).sum(axis=-1))


def fit(logits: np.ndarray, temperature: float) -> Strangeness:
    """Scaled on the logits n×C of known things that training never saw."""
    found = log_sum(logits / temperature)
    most, least = float(found.max()), float(np.quantile(found, STRANGE))
    return Strangeness(temperature, most, 1 / (most - least))
