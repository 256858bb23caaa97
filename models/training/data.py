"""The labelled photographs: which there are, what each is called, who trains.

Reads the manifest of ../shared/data, the committed table of merged item classes
(classes.csv) and the taxonomy; never decides where a class belongs.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

CATEGORIES = ("recyclable", "kitchen", "hazardous", "other")
HERE = Path(__file__).resolve().parent
TAXONOMY = HERE.parent.parent / "datasets" / "taxonomy" / "urban-four.yaml"


@dataclass(frozen=True)
class Sample:
    """One photograph. `name` is the merged item class, `line` its manifest row."""

    path: str
    category: str
    source: str
    item_class: str
    name: str
    group: str
    split: str
    line: str


def read_samples(data: Path) -> list[Sample]:
    """All photographs of the manifest, in its order, with merged class names."""
    with open(HERE / "classes.csv", newline="", encoding="utf-8") as file:
        merged = {(r["source"], r["item_class"]): r["merged_class"] for r in csv.DictReader(file)}
    samples = []
    with open(data / "manifest.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["source"], row["item_class"])
            if key not in merged:
                raise ValueError(f"classes.csv does not name {key}")
            samples.append(Sample(
                row["path"], row["category"], row["source"], row["item_class"],
                merged[key], row["group"], row["split"], ",".join(row.values()),
            ))
    _check_groups(samples)
    return samples


def _check_groups(samples: list[Sample]) -> None:
    """No group of near-duplicates lies in two splits."""
    split: dict[str, str] = {}
    for sample in samples:
        if split.setdefault(sample.group, sample.split) != sample.split:
            raise ValueError(f"group {sample.group} is in two splits")


def read_taxonomy(samples: list[Sample], path: Path = TAXONOMY) -> tuple[list[str], list[int]]:
    """Class names, sorted, and for each the index of its category.

    The photographs' own categories must agree with the table: a disagreement
    would train the model against the rule that it is judged by.
    """
    with open(path, encoding="utf-8") as file:
        table = {c["id"]: c["category"] for c in yaml.safe_load(file)["classes"]}
    names = sorted({s.name for s in samples})
    for sample in samples:
        if table.get(sample.name) != sample.category:
            raise ValueError(f"{sample.path}: {sample.category}, but the taxonomy puts "
                             f"{sample.name} in {table.get(sample.name)}")
    return names, [CATEGORIES.index(table[name]) for name in names]


def in_turn(samples: list[Sample], view: str, limit: int) -> list[Sample]:
    """At most `limit` photographs, the classes taking turns, in an order of
    each view's own: rare classes come in whole, and a smaller limit gives a
    beginning of a larger one's list, so that its cached features serve both."""
    def mark(sample: Sample) -> str:
        return hashlib.sha256(f"{view} {sample.path}".encode()).hexdigest()

    turns: list[tuple[int, str, Sample]] = []
    for name in sorted({s.name for s in samples}):
        of = sorted((s for s in samples if s.name == name), key=mark)
        turns += [(turn, name, sample) for turn, sample in enumerate(of)]
    return [sample for _, _, sample in sorted(turns, key=lambda t: t[:2])][:limit]


def shuffled(samples: list[Sample]) -> list[Sample]:
    """All of them in an order that has nothing to do with class or source."""
    return sorted(samples, key=lambda s: hashlib.sha256(f"order {s.path}".encode()).hexdigest())


def held_for_calibration(sample: Sample, share: float = 0.08) -> bool:
    """Whether a training photograph is kept from the head, to tune it and fit
    the temperature. Decided by group, so that near-duplicates stay together."""
    mark = hashlib.sha256(f"calibration {sample.group}".encode()).digest()
    return sample.split == "train" and mark[0] / 256 < share


def digest(samples: list[Sample]) -> str:
    """Hex SHA-256 over the manifest rows used, in the manifest's order."""
    text = "".join(sample.line + "\n" for sample in samples)
    return hashlib.sha256(text.encode()).hexdigest()
