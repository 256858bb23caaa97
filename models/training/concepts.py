"""What the backbone already knows: ImageNet classes that name an item class.

The photographs of some classes are few and alike (27 classes, some with 70
pictures, nearly no whole fruit), while the backbone's own classifier has seen
a thousand photographs of each of these things on every ground. The head may
lean on it: for each item class named here it is given the log of the share
that the ImageNet classes of its row have among all ImageNet classes below.
Indices are those of ILSVRC 2012 (0 = tench); the backbone's are one higher.
"""

from __future__ import annotations

import numpy as np

FLOOR = 1e-3  # added to a share before the logarithm: bounds a concept at -6.9

CONCEPTS: dict[str, tuple[int, ...]] = {
    # Vegetables, fruit, mushrooms, bread, dishes.
    "food_scraps": (*range(924, 939 + 1), *range(940, 958), 959, *range(961, 966), 987, 988,
                    989, 992, 996, 997, 998),
    # Tools, pots, tins, locks, screws.
    "metal": (473, 499, 505, 507, 512, 567, 587, 596, 600, 606, 618, 623, 653, 677, 695, 740,
              783, 784, 792, 813, 909, 902),
    # Cup, mug, teapot, pitcher, vase, mixing and soup bowl.
    "ceramic": (504, 659, 725, 809, 849, 883, 968),
    "glass": (438, 440, 441, 572, 901, 907),
    "plastic": (728, 737, 898, 631),
    "cardboard": (478,),
    "paper": (549, 917, 918, 921, 922),
    "shoes": (502, 514, 630, 770, 774),
    "hat": (439, 452, 515, 793, 808),
    "textiles": (411, 434, 474, 533, 578, 608, 610, 617, 655, 689, 735, 806, 824, 834, 841, 869, 911),
    "ball": (430, 522, 574, 722, 768, 805, 852, 890),
    "broom": (462, 840),
    "sanitary_waste": (419, 529, 643, 700, 999),
    "seashell": (112, 113, 117),
    "lighter": (626,),
    "pills": (720,),
    "fluorescent_lamp": (818,),
}


def rows() -> list[int]:
    """Rows of the backbone's classifier that are used, without repeats."""
    return sorted({index + 1 for indices in CONCEPTS.values() for index in indices})


def membership() -> np.ndarray:
    """len(rows())×len(CONCEPTS): 1 where a row belongs to a concept."""
    place = {row: i for i, row in enumerate(rows())}
    table = np.zeros((len(place), len(CONCEPTS)), np.float32)
    for column, indices in enumerate(CONCEPTS.values()):
        for index in indices:
            table[place[index + 1], column] = 1
    return table
