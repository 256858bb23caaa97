"""MobileNetV2 with our classifier as a PyTorch module, to train all of it.

The shared weights carry their batch norm folded into the convolutions, so
nothing normalises the activations here: steps are kept small in relation to
each tensor's own size (see train.py).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import backbone


class Network(nn.Module):
    """n×3×h×w in [-1, 1] → class logits n×C and embedding n×1280.

    `imagenet` is the backbone's own classifier (1001 classes), kept as it came:
    what it says of the embedding is compared with what it said before training,
    so that the network forgets little of what it knew (train.py).
    """

    def __init__(self, weights: dict[str, np.ndarray], classes: int) -> None:
        super().__init__()
        self.layers = backbone.layers()
        self.kernels, self.biases = nn.ParameterList(), nn.ParameterList()
        for layer in self.layers:
            kernel = torch.from_numpy(weights[f"mods.{layer.index}.c.weight"].copy())
            self.kernels.append(nn.Parameter(kernel.contiguous(memory_format=torch.channels_last)))
            self.biases.append(nn.Parameter(torch.from_numpy(weights[f"mods.{layer.index}.c.bias"].copy())))
        self.head = nn.Linear(backbone.FEATURES, classes)
        rows = torch.from_numpy(weights["mods.52.c.weight"].reshape(-1, backbone.FEATURES).copy())
        self.register_buffer("imagenet_weight", rows)
        self.register_buffer("imagenet_bias", torch.from_numpy(weights["mods.52.c.bias"].copy()))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Features after the mean over positions, n×1280."""
        kept = x
        for layer, kernel, bias in zip(self.layers, self.kernels, self.biases):
            kept = x if layer.opens else kept
            pad = 1 if kernel.shape[-1] == 3 else 0
            if pad and layer.stride == 2:  # as TensorFlow pads: 0 before, 1 after
                x, pad = F.pad(x, (0, 1, 0, 1)), 0
            x = F.conv2d(x, kernel, bias, layer.stride, pad, groups=x.shape[1] if layer.depthwise else 1)
            x = F.relu6(x) if layer.clipped else x
            x = x + kept if layer.adds else x
        return x.mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and embedding."""
        embedding = self.embed(x)
        return self.head(embedding), embedding

    def imagenet(self, embedding: torch.Tensor) -> torch.Tensor:
        """What the backbone's own classifier says, n×1001 logits."""
        return F.linear(embedding, self.imagenet_weight, self.imagenet_bias)

    def weights(self) -> dict[str, np.ndarray]:
        """The convolutions by the names that backbone.Graph reads."""
        found = {}
        for layer, kernel, bias in zip(self.layers, self.kernels, self.biases):
            found[f"mods.{layer.index}.c.weight"] = np.ascontiguousarray(kernel.detach().numpy())
            found[f"mods.{layer.index}.c.bias"] = bias.detach().numpy()
        return found


def to_input(pictures: np.ndarray) -> torch.Tensor:
    """n×h×w×3 uint8 RGB → n×3×h×w float32 in [-1, 1], channels last."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    return x.to(torch.float32, memory_format=torch.channels_last).mul_(1 / 127.5).sub_(1)
