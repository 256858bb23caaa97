"""MobileNetV2 1.0 as its weights and as an ONNX graph.

The weights come from the initialisers of the shared backbone file (batch norm
already folded; stride-2 convolutions pad 0 before and 1 after, as TensorFlow
does). The graph written here is the plain one: Conv, Clip, Add and a mean.
Architecture: Sandler et al. 2018, arXiv:1801.04381, table 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

FEATURES = 1280
# Expansion, output channels, repeats, first stride.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
           (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@dataclass(frozen=True)
class Conv:
    """One convolution. `opens` and `adds` mark the ends of a residual."""

    index: int
    stride: int
    depthwise: bool
    clipped: bool
    opens: bool = False
    adds: bool = False


def layers() -> list[Conv]:
    """The 52 convolutions before the mean, in order."""
    found = [Conv(0, 2, False, True)]
    channels = 32
    for expansion, out, repeats, first in _STAGES:
        for i in range(repeats):
            stride = first if i == 0 else 1
            residual = stride == 1 and channels == out
            n = len(found)
            if expansion > 1:
                found.append(Conv(n, 1, False, True, opens=residual))
                n += 1
            found.append(Conv(n, stride, True, True, opens=residual and expansion == 1))
            found.append(Conv(n + 1, 1, False, False, adds=residual))
            channels = out
    found.append(Conv(len(found), 1, False, True))
    return found


def load(path: Path) -> dict[str, np.ndarray]:
    """Initialisers "mods.N.c.weight" and "mods.N.c.bias", N = 0…52; 52 is the
    ImageNet classifier (1001 classes, 0 is background)."""
    graph = onnx.load(str(path)).graph
    return {i.name: numpy_helper.to_array(i) for i in graph.initializer if i.name.startswith("mods.")}


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add an initialiser; its name."""
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node; its output's name."""
        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def backbone(self, weights: dict[str, np.ndarray], source: str) -> str:
        """Add everything from `source` (n×3×h×w) to "embedding" (n×1280)."""
        low = self.constant("zero", np.array(0, np.float32))
        high = self.constant("six", np.array(6, np.float32))
        x, kept = source, source
        for layer in layers():
            kept = x if layer.opens else kept
            weight = weights[f"mods.{layer.index}.c.weight"]
            size = weight.shape[-1]
            pads = [0, 0, 0, 0] if size == 1 else [0, 0, 1, 1] if layer.stride == 2 else [1, 1, 1, 1]
            name = f"conv{layer.index}"
            inputs = [x, self.constant(f"{name}.weight", weight),
                      self.constant(f"{name}.bias", weights[f"mods.{layer.index}.c.bias"])]
            x = self.node("Conv", inputs, name, kernel_shape=[size, size], pads=pads,
                          strides=[layer.stride] * 2, dilations=[1, 1],
                          group=weight.shape[0] if layer.depthwise else 1)
            x = self.node("Clip", [x, low, high], f"{name}.clip") if layer.clipped else x
            x = self.node("Add", [x, kept], f"{name}.add") if layer.adds else x
        x = self.node("GlobalAveragePool", [x], "pooled")
        return self.node("Flatten", [x], "embedding", axis=1)

    def save(self, path: Path, outputs: dict[str, int]) -> None:
        """Write the graph with its outputs (n×width each, by name), checked."""
        def value(name: str, shape: list[object]) -> onnx.ValueInfoProto:
            return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

        graph = onnx.helper.make_graph(
            self.nodes, "binside", [value("input", ["n", 3, 224, 224])],
            [value(name, ["n", width]) for name, width in outputs.items()], self.initialisers)
        model = onnx.helper.make_model(graph, producer_name="binside models/training",
                                       opset_imports=[onnx.helper.make_opsetid("", 13)])
        model.ir_version = 7
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
