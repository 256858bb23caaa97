"""Tests of the training code that need neither the photographs nor a model:

    /usr/bin/python3 -m unittest discover -s models/training
"""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import augment
import backbone
import concepts
import data
import metrics
import ort
from data import Sample


def product_shot() -> Image.Image:
    """A ring on white: its hole is white, but no ground."""
    image = Image.new("RGB", (120, 90), (250, 250, 250))
    ImageDraw.Draw(image).ellipse((30, 15, 90, 75), outline=(120, 40, 30), width=12)
    return image


def samples(counts: dict[str, int]) -> list[Sample]:
    return [Sample(f"{name}/{i}", "other", "s", name, name, f"{name}{i // 2}", "train", f"{name},{i}")
            for name, n in counts.items() for i in range(n)]


class Views(unittest.TestCase):
    def test_cut_out_takes_the_ground_but_not_the_hole(self) -> None:
        item = augment.cut_out(product_shot())
        assert item is not None
        alpha = np.asarray(item.getchannel("A"))
        self.assertEqual(alpha[0, 0], 0)
        self.assertEqual(alpha[alpha.shape[0] // 2, alpha.shape[1] // 2], 255)

    def test_a_dark_ground_is_left_alone(self) -> None:
        self.assertIsNone(augment.cut_out(Image.new("RGB", (80, 80), (60, 60, 60))))

    def test_letterbox_centres_and_fills(self) -> None:
        fitted = augment.fit(Image.new("RGB", (100, 50), (255, 0, 0)), "letterbox")
        self.assertEqual(fitted.shape, (224, 224, 3))
        self.assertEqual(tuple(fitted[0, 0]), augment.GREY)
        self.assertEqual(tuple(fitted[112, 5]), (255, 0, 0))

    def test_views_depend_on_the_seed_alone(self) -> None:
        for name in ("mild1", "strong1", *augment.RULES):
            for seed in range(20):
                one, two = (augment.view(product_shot(), name, np.random.default_rng(seed)) for _ in range(2))
                self.assertEqual(one.shape, (224, 224, 3))
                np.testing.assert_array_equal(one, two)


class Lists(unittest.TestCase):
    def test_a_smaller_limit_is_a_beginning_of_a_larger(self) -> None:
        everyone = samples({"a": 40, "b": 3, "c": 9})
        few, more = data.in_turn(everyone, "v", 9), data.in_turn(everyone, "v", 30)
        self.assertEqual(few, more[:9])
        self.assertEqual([s.name for s in few].count("b"), 3)

    def test_calibration_keeps_groups_whole(self) -> None:
        held: dict[str, set[bool]] = {}
        for sample in samples({"a": 400}):
            held.setdefault(sample.group, set()).add(data.held_for_calibration(sample))
        self.assertTrue(all(len(marks) == 1 for marks in held.values()))
        self.assertGreater(sum(True in marks for marks in held.values()), 0)


class Figures(unittest.TestCase):
    def test_wilson_against_known_values(self) -> None:
        low, high = metrics.wilson(81, 263)  # Newcombe 1998, table I
        self.assertAlmostEqual(low, 0.2553, places=3)
        self.assertAlmostEqual(high, 0.3662, places=3)

    def test_calibration_error_of_the_certain_and_wrong(self) -> None:
        said = np.array([[1.0, 0, 0, 0]] * 4)
        self.assertAlmostEqual(metrics.calibration_error(said, np.array([0, 0, 1, 1])), 0.5)


class Network(unittest.TestCase):
    def test_layers_are_those_of_mobilenet_v2(self) -> None:
        layers = backbone.layers()
        self.assertEqual([layer.index for layer in layers], list(range(52)))
        self.assertEqual(sum(layer.depthwise for layer in layers), 17)
        self.assertEqual(sum(layer.adds for layer in layers), 10)
        self.assertEqual(sum(layer.stride == 2 for layer in layers), 5)

    def test_every_concept_is_a_class_and_no_row_names_two(self) -> None:
        table = concepts.membership()
        self.assertTrue((table.sum(axis=1) == 1).all())
        with open(data.HERE / "classes.csv", encoding="utf-8") as file:
            merged = {line.strip().split(",")[2] for line in file}
        self.assertLessEqual(set(concepts.CONCEPTS), merged)

    @unittest.skipUnless(ort.default_library().exists(), "no ONNX Runtime library: npm ci in models/ort")
    def test_runtime_by_ctypes(self) -> None:
        graph = backbone.Graph()
        matrix = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
        graph.node("GlobalAveragePool", ["input"], "mean")
        flat = graph.node("Flatten", ["mean"], "embedding", axis=1)
        graph.node("MatMul", [flat, graph.constant("matrix", matrix)], "logits")
        batch = np.random.default_rng(2).normal(size=(2, 3, 224, 224)).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            graph.save(Path(folder) / "m.onnx", 5)
            logits, _ = ort.Session(Path(folder) / "m.onnx", ["logits", "embedding"]).run(batch)
            np.testing.assert_allclose(logits, batch.mean(axis=(2, 3)) @ matrix, atol=1e-5)
            with self.assertRaisesRegex(RuntimeError, "ONNX Runtime"):
                ort.Session(Path(folder) / "none.onnx", ["logits"])


if __name__ == "__main__":
    unittest.main()
