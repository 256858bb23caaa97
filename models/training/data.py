"""The labelled photographs: which there are, what each is called, who trains.

Reads the manifest of ../shared/data, the committed table of merged item classes
(classes.csv) and the taxonomy; never decides where a class belongs.
"""

from __future__ import annotations

import csv
import hashlib
import os
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
    """No group of near-duplicates lies in two parts."""
    found: dict[str, str] = {}
    for sample in samples:
        if found.setdefault(sample.group, part(sample)) != part(sample):
            raise ValueError(f"group {sample.group} is in two parts")


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


def part(sample: Sample) -> str:
    """What a photograph is for: "train", or one of the three parts that
    training never sees: "temperature" (fits the calibration, chooses between
    trained weights), "risk" (chooses the verdict's thresholds), "report" (is
    only ever reported).

    Decided by group alone, so that near-duplicates stay together. The shared
    validation split is shared out between risk and report; 6% of the training
    groups are held for the temperature, and of the thin categories some more
    for the other two, whose bounds need them.
    """
    mark = int.from_bytes(hashlib.sha256(f"part {sample.group}".encode()).digest()[:4], "big") / 2**32
    if sample.split == "val":
        return "risk" if mark < 0.5 else "report"
    if mark < 0.06:
        return "temperature"
    if sample.category != "recyclable" and mark < 0.13:
        return "risk" if mark < 0.10 else "report"
    return "train"


def write_parts(path: Path, samples: list[Sample], data: Path) -> None:
    """A manifest of the shape of the shared one, its paths relative to itself,
    with the parts as splits and the model's class in a column of its own: what
    `binside eval` and `binside calibrate` read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", "category", "source", "item_class", "class", "group", "split"])
        for s in samples:
            relative = os.path.relpath(data / s.path, path.parent)
            table.writerow([relative, s.category, s.source, s.item_class, s.name, s.group, part(s)])


def digest(samples: list[Sample]) -> str:
    """Hex SHA-256 over the manifest rows used, in the manifest's order."""
    text = "".join(sample.line + "\n" for sample in samples)
    return hashlib.sha256(text.encode()).hexdigest()
