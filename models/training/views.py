"""Which views the network is trained on, and in which order.

View i of a run depends on the seed and on i alone, not on how many processes
draw or where a run was interrupted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

import scenes
from data import CATEGORIES, Sample
from scenes import Photo

# Within a category a class of n photographs is drawn as n^0.5.
CLASS_POWER = 0.5
# Several things of one class in a scene; for food also several kinds of it.
HEAP, FOOD_HEAP = 0.12, 0.35


@dataclass(frozen=True)
class Mix:
    """What is drawn how often."""

    views: dict[str, float]  # share of mild, strong and scene
    # Share of each category: the thin ones more often than there are
    # photographs of them (recyclable is 80%), less than evenly, for they would
    # be learnt by heart.
    categories: dict[str, float]
    # A mild view keeps at least least[0] of the photograph's area with chance
    # `whole`, else least[1].
    whole: float
    least: tuple[float, float]


@dataclass(frozen=True)
class Stage:
    """A part of the training: input side, number of views."""

    size: int
    views: int


class Views(Dataset):
    """Training views of one stage: (picture size×size×3 uint8, class, row of
    the photograph)."""

    def __init__(self, photos: list[Photo], samples: list[Sample], names: list[str], stage: Stage,
                 mix: Mix, seed: tuple[int, ...], first: int) -> None:
        self.photos, self.stage, self.mix, self.seed, self.first = photos, stage, mix, seed, first
        self.classes = np.array([names.index(s.name) for s in samples])
        self.food = names.index("food_scraps") if "food_scraps" in names else -1
        self.rows: dict[int, list[int]] = defaultdict(list)
        category = {}
        for row, sample in enumerate(samples):
            self.rows[int(self.classes[row])].append(row)
            category[int(self.classes[row])] = sample.category
        self.known = sorted(self.rows)
        self.kitchen = [c for c in self.known if category[c] == "kitchen"]
        share = np.zeros(len(self.known))
        for name in CATEGORIES:
            of = np.array([category[c] == name for c in self.known])
            size = np.array([len(self.rows[c]) ** CLASS_POWER for c in self.known]) * of
            if size.sum() > 0:
                share += mix.categories[name] * size / size.sum()
        self.share = share / share.sum()

    def __len__(self) -> int:
        return self.stage.views

    def __getitem__(self, index: int) -> tuple[np.ndarray, int, int]:
        rng = np.random.default_rng((*self.seed, self.first + index))
        chosen = self.known[rng.choice(len(self.known), p=self.share)]
        row = int(rng.choice(self.rows[chosen]))
        kind = rng.choice(list(self.mix.views), p=list(self.mix.views.values()))
        size = self.stage.size
        if kind == "mild":
            least = self.mix.least[0 if rng.random() < self.mix.whole else 1]
            return scenes.mild(self.photos[row], size, rng, least), chosen, row
        if kind == "strong":
            return scenes.strong(self.photos[row], size, rng), chosen, row
        heap = [row]
        if rng.random() < (FOOD_HEAP if chosen in self.kitchen else HEAP):
            others = [chosen]
            if chosen in self.kitchen and rng.random() < 0.6:
                others, chosen = self.kitchen, self.food
            heap += [int(rng.choice(self.rows[int(rng.choice(others))])) for _ in range(rng.integers(1, 5))]
        return scenes.scene([self.photos[r] for r in heap], size, rng), chosen, row


def collate(batch: list[tuple[np.ndarray, int, int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures n×size×size×3 uint8, classes n, rows n."""
    pictures, classes, rows = zip(*batch)
    return torch.from_numpy(np.stack(pictures)), torch.tensor(classes), torch.tensor(rows)


def held_scenes(photos: list[Photo], size: int, seed: int, each: int = 1) -> list[np.ndarray]:
    """Scenes of photographs that training never sees, `each` of every one."""
    return [scenes.scene([photo], size, np.random.default_rng((seed, 7_000_000 + row, n)))
            for row, photo in enumerate(photos) for n in range(each)]
