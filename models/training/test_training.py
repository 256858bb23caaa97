"""Tests of the training code that need neither the photographs nor a model:

    /usr/bin/python3 -m unittest discover -s models/training
"""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

import cv2
import numpy as np

import backbone
import calibrate
import data
import metrics
import ort
import scenes
import segment
import strangeness
from data import Sample
from scenes import Photo
from views import Mix, Stage, Views


MIX = Mix({"mild": 0.5, "strong": 0.2, "scene": 0.3},
          {"recyclable": 0.5, "kitchen": 0.2, "hazardous": 0.15, "other": 0.15}, whole=0.7, least=(0.4, 0.2))


def ring(ground: int = 250) -> np.ndarray:
    """A red ring on a plain ground, 90×120×3."""
    image = np.full((90, 120, 3), ground, np.uint8)
    cv2.circle(image, (60, 45), 28, (160, 40, 30), 9)
    return image


def samples(counts: dict[str, int], category: str = "other") -> list[Sample]:
    return [Sample(f"{name}/{i}", category, "s", name, name, f"{name}{i // 2}", "train", f"{name},{i}")
            for name, n in counts.items() for i in range(n)]


class Masks(unittest.TestCase):
    def test_the_item_is_cut_off_its_ground(self) -> None:
        for ground in (250, 20, 128):
            mask = segment.item_mask(ring(ground))
            assert mask is not None
            self.assertEqual(mask[2, 2], 0)
            self.assertGreater(mask[45, 32], 200)

    def test_noise_has_no_item(self) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (120, 120, 3)).astype(np.uint8)
        self.assertIsNone(segment.item_mask(noise))


class Scenes(unittest.TestCase):
    def test_views_depend_on_the_seed_alone(self) -> None:
        photo = Photo(ring(), segment.item_mask(ring()))
        bare = Photo(ring(), None)
        for seed in range(12):
            for make in (lambda r: scenes.mild(photo, 96, r, 0.5), lambda r: scenes.strong(photo, 96, r),
                         lambda r: scenes.scene([photo, bare], 96, r)):
                one, two = (make(np.random.default_rng(seed)) for _ in range(2))
                self.assertEqual((one.shape, one.dtype), ((96, 96, 3), np.uint8))
                np.testing.assert_array_equal(one, two)

    def test_the_item_is_in_the_scene(self) -> None:
        photo = Photo(ring(), segment.item_mask(ring()))
        red = 0
        for seed in range(20):
            picture = scenes.scene([photo], 96, np.random.default_rng(seed)).astype(int)
            red += (picture[..., 0] - picture[..., 2] > 25).mean() > 0.005
        self.assertGreater(red, 14)

    def test_letterbox_centres_and_fills(self) -> None:
        fitted = scenes.letterbox(np.full((50, 100, 3), (255, 0, 0), np.uint8), 224)
        self.assertEqual(fitted.shape, (224, 224, 3))
        self.assertEqual(tuple(fitted[0, 0]), scenes.GREY)
        self.assertEqual(tuple(fitted[112, 5]), (255, 0, 0))

    def test_categories_are_drawn_as_stated(self) -> None:
        some = samples({"a": 90}, "recyclable") + samples({"food_scraps": 4, "b": 9}, "kitchen")
        names = ["a", "b", "food_scraps"]
        views = Views([Photo(ring(), None)] * len(some), some, names, Stage(32, 10), MIX, (1,), 0)
        self.assertAlmostEqual(views.share.sum(), 1)
        self.assertGreater(views.share[2], 0.1)  # four photographs, but not forgotten
        self.assertEqual(views[3][1:], views[3][1:])


class Parts(unittest.TestCase):
    def test_groups_stay_whole_and_every_part_has_some(self) -> None:
        found: dict[str, set[str]] = {}
        for sample in samples({"a": 800}):
            found.setdefault(sample.group, set()).add(data.part(sample))
        self.assertTrue(all(len(parts) == 1 for parts in found.values()))
        self.assertEqual({p for parts in found.values() for p in parts}, {"train", "temperature", "risk", "report"})

    def test_paths_are_relative_to_the_manifest(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "work" / "parts.csv"
            data.write_parts(table, samples({"a": 2}), Path(folder) / "data")
            self.assertIn("../data/a/0,other,s,a,a,a0,", table.read_text(encoding="utf-8"))


class Calibration(unittest.TestCase):
    def test_the_temperature_undoes_what_was_done(self) -> None:
        rng = np.random.default_rng(1)
        logits = rng.normal(0, 2, (4000, 6))
        said = calibrate.softmax(logits)
        classes = np.array([rng.choice(6, p=p) for p in said])
        member = np.eye(3)[[0, 0, 1, 1, 2, 2]]
        found = calibrate.fit_temperature(logits * 2.5, member, np.array([0, 0, 1, 1, 2, 2])[classes])
        self.assertAlmostEqual(found, 2.5, delta=0.25)

    def test_the_vague_are_strange(self) -> None:
        rng = np.random.default_rng(1)
        known = rng.normal(0, 1, (2000, 8))
        known[np.arange(2000), rng.integers(0, 8, 2000)] += 12
        found = strangeness.fit(known, 1.3)
        self.assertEqual(found(known).min(), 0)
        self.assertAlmostEqual((found(known) > 1).mean(), strangeness.STRANGE, delta=0.002)
        self.assertGreater((found(rng.normal(0, 1, (500, 8))) > 1).mean(), 0.99)


class Figures(unittest.TestCase):
    def test_wilson_against_known_values(self) -> None:
        low, high = metrics.wilson(81, 263)  # Newcombe 1998, table I
        self.assertAlmostEqual(low, 0.2553, places=3)
        self.assertAlmostEqual(high, 0.3662, places=3)

    def test_calibration_error_of_the_certain_and_wrong(self) -> None:
        said = np.array([[1.0, 0, 0, 0]] * 4)
        self.assertAlmostEqual(metrics.calibration_error(said, np.array([0, 0, 1, 1])), 0.5)


class Layers(unittest.TestCase):
    def test_layers_are_those_of_mobilenet_v2(self) -> None:
        layers = backbone.layers()
        self.assertEqual([layer.index for layer in layers], list(range(52)))
        self.assertEqual(sum(layer.depthwise for layer in layers), 17)
        self.assertEqual(sum(layer.adds for layer in layers), 10)
        self.assertEqual(sum(layer.stride == 2 for layer in layers), 5)

    def test_runtime_by_ctypes(self) -> None:
        if not ort.default_library().exists() and not os.environ.get("CI"):
            self.skipTest("no ONNX Runtime library: npm ci in models/ort")
        graph = backbone.Graph()
        matrix = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
        graph.node("GlobalAveragePool", ["input"], "mean")
        flat = graph.node("Flatten", ["mean"], "embedding", axis=1)
        graph.node("MatMul", [flat, graph.constant("matrix", matrix)], "logits")
        batch = np.random.default_rng(2).normal(size=(2, 3, 224, 224)).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            graph.save(Path(folder) / "m.onnx", {"logits": 5, "embedding": 3})
            logits, _ = ort.Session(Path(folder) / "m.onnx", ["logits", "embedding"]).run(batch)
            np.testing.assert_allclose(logits, batch.mean(axis=(2, 3)) @ matrix, atol=1e-5)
            with self.assertRaisesRegex(RuntimeError, "ONNX Runtime"):
                ort.Session(Path(folder) / "none.onnx", ["logits"])


if __name__ == "__main__":
    unittest.main()
