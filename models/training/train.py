"""Train the base model: all layers, gently, from photographs and scenes.

    /usr/bin/python3 models/training/train.py --data ../shared/data --out models/base

Writes model.onnx, card.json and golden.json to --out, and the manifest of
parts to --work. An interrupted run goes on from its last checkpoint. See
README.md beside this file for how and why.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

# Before torch is loaded: waiting threads must not spin, the drawing processes
# need the cores; and glibc must keep freed memory, for giving every activation
# back to the kernel costs half of the training time.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "4294967296",
                "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "268435456"}
if Path(sys.argv[0]).name in ("train.py", "across.py") and any(os.environ.get(k) != v for k, v in _ENVIRONMENT.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_ENVIRONMENT})

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

import backbone
import data
import finish
import photos
import scenes
from data import Sample
from network import Network, to_input
from scenes import Photo
from views import Mix, Stage, Views, collate

HERE = Path(__file__).resolve().parent
BACKBONE = "backbone/mobilenet_v2_1.0_imagenet.onnx"
SIZE = 224  # of the finished model


@dataclass(frozen=True)
class Recipe:
    """How the network is trained in one phase. README.md's log gives the
    reasons."""

    stages: tuple[Stage, ...]
    mix_of_views: Mix
    # Greatest step in shares of a tensor's own root mean square, of the layer
    # before the head; each block further down takes `depth` of the one above.
    rate: float
    anchor: float  # pull towards the phase's first weights a step (L2-SP), in shares of the rate
    smoothing: float
    mixup: float  # share of batches that are mixed (beta 0.2)
    keep: float  # weight of what the backbone said of the plain photograph
    bias: float = 1.0  # the biases' rate in shares of the weights'
    batch: int = 64
    depth: float = 0.93
    head_rate: float = 1e-3
    warm: float = 0.04  # share of the steps
    average: float = 0.998  # of the weights, exponential
    clip: float = 5.0  # greatest norm of a gradient


# Small pictures first: most of the way at a third of the price, and a network
# that was trained on smaller ones does better on larger ones than the other
# way round (Touvron et al. 2019, arXiv:1906.06423). The first phase bends the
# backbone to scenes, softly; the second learns the photographs as well.
PHASES = (
    Recipe((Stage(128, 51_200), Stage(160, 35_840), Stage(224, 10_240)),
           Mix({"mild": 0.42, "strong": 0.12, "scene": 0.46},
               {"recyclable": 0.46, "kitchen": 0.20, "hazardous": 0.16, "other": 0.18}, whole=0.7, least=(0.4, 0.15)),
           rate=0.003, anchor=0.08, smoothing=0.06, mixup=0.25, keep=0.3),
    Recipe((Stage(160, 64_000), Stage(224, 19_200)),
           Mix({"mild": 0.60, "strong": 0.08, "scene": 0.32},
               {"recyclable": 0.50, "kitchen": 0.17, "hazardous": 0.15, "other": 0.18}, whole=0.8, least=(0.55, 0.25)),
           rate=0.002, anchor=0.02, smoothing=0.03, mixup=0.1, keep=0.1, bias=0.3),
)


def teacher(network: Network, held: list[Photo]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the untouched backbone says of the plain photographs: ImageNet
    logits n×1001 (halves) and embeddings n×1280."""
    logits, features = [], []
    with torch.no_grad():
        for i in range(0, len(held), 64):
            batch = np.stack([scenes.letterbox(p.pixels, SIZE) for p in held[i:i + 64]])
            embedding = network.embed(to_input(batch))
            features.append(embedding)
            logits.append(network.imagenet(embedding).half())
    return torch.cat(logits), torch.cat(features)


def first_head(network: Network, features: torch.Tensor, classes: torch.Tensor, seed: int) -> None:
    """A linear head on the untouched features: fine-tuning from a random head
    would distort them first (Kumar et al. 2022, arXiv:2202.10054)."""
    torch.manual_seed(seed)
    count = torch.bincount(classes, minlength=network.head.out_features).clamp(min=1)
    order = torch.multinomial(count[classes].float() ** -0.5, 500 * 512, replacement=True).view(500, 512)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    optimiser = torch.optim.AdamW(network.head.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, len(order))
    for chosen in order:
        loss = F.cross_entropy(network.head(F.dropout(features[chosen], 0.2)), classes[chosen], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def start(args: argparse.Namespace, network: Network, held: list[Photo], training: list[Sample],
          names: list[str]) -> torch.Tensor:
    """Give the network its first head; the teacher's logits. Both are cached."""
    path = args.work / f"teacher-{data.digest(training)[:16]}-{args.seed}.pt"
    if path.exists():
        said, head = torch.load(path)
        network.head.load_state_dict(head)
        return said
    said, features = teacher(network, held)
    first_head(network, features, torch.tensor([names.index(s.name) for s in training]), args.seed)
    part = path.with_suffix(".part")
    torch.save((said, network.head.state_dict()), part)
    part.rename(path)
    return said


class Trainer:
    """The state of a run: network, average, optimiser, step."""

    def __init__(self, network: Network, category_of: list[int], recipe: Recipe) -> None:
        self.network, self.recipe, self.step = network, recipe, 0
        self.first = [p.detach().clone() for p in network.parameters()]
        self.average = [p.detach().clone() for p in network.parameters()]
        self.total = sum(s.views // recipe.batch for s in recipe.stages)
        table = torch.zeros(len(category_of), len(data.CATEGORIES))
        table[torch.arange(len(category_of)), torch.tensor(category_of)] = 1
        self.member = table
        groups = []
        count = len(network.kernels)
        for depth, pair in enumerate(zip(network.kernels, network.biases)):
            for tensor, share in zip(pair, (1.0, recipe.bias)):
                size = max(1e-2, float(tensor.detach().square().mean().sqrt()))
                rate = recipe.rate * share * recipe.depth ** ((count - 1 - depth) / 3)
                groups.append({"params": [tensor], "lr": rate * size})
        groups.append({"params": list(network.head.parameters()), "lr": recipe.head_rate})
        self.optimiser = torch.optim.Adam(groups, betas=(0.9, 0.98))
        self.peaks = [g["lr"] for g in groups]

    def share_of_rate(self) -> float:
        """Linear rise, then half a cosine to zero."""
        at = self.step / self.total
        if at < self.recipe.warm:
            return at / self.recipe.warm
        return 0.5 * (1 + np.cos(np.pi * (at - self.recipe.warm) / (1 - self.recipe.warm)))

    def loss(self, pictures: torch.Tensor, classes: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Half of it by class, half by category (which is what is judged), and
        what the backbone's own classifier still says against what it said."""
        r, network = self.recipe, self.network
        x = to_input(pictures.numpy())
        target = F.one_hot(classes, len(self.member)).float()
        said = F.softmax(said.float() / 2, dim=1)
        rng = np.random.default_rng((17, self.step))
        if rng.random() < r.mixup:
            share, order = float(rng.beta(0.2, 0.2)), torch.from_numpy(rng.permutation(len(x)))
            x = share * x + (1 - share) * x[order]
            target = share * target + (1 - share) * target[order]
            said = share * said + (1 - share) * said[order]
        logits, embedding = network(x.contiguous(memory_format=torch.channels_last))
        logs = F.log_softmax(logits, dim=1)
        smooth = target * (1 - r.smoothing) + r.smoothing / target.shape[1]
        by_class = -(smooth * logs).sum(dim=1).mean()
        categories = target @ self.member
        categories = categories * (1 - r.smoothing) + r.smoothing / categories.shape[1]
        by_category = -(categories * torch.log(logs.exp() @ self.member + 1e-7)).sum(dim=1).mean()
        kept = F.kl_div(F.log_softmax(network.imagenet(embedding) / 2, dim=1), said, reduction="batchmean") * 4
        return 0.5 * by_class + 0.5 * by_category + r.keep * kept

    def train_step(self, pictures: torch.Tensor, classes: torch.Tensor, said: torch.Tensor) -> float:
        """One step; its loss."""
        loss = self.loss(pictures, classes, said)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        now = self.share_of_rate()
        for group, peak in zip(self.optimiser.param_groups, self.peaks):
            group["lr"] = peak * now
        self.optimiser.step()
        self.step += 1
        pull = self.recipe.anchor * self.recipe.rate * now
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for p, first, mean in zip(self.network.parameters(), self.first, self.average):
                p.lerp_(first, pull)
                mean.lerp_(p, 1 - keep)
        return float(loss)

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {"step": self.step, "network": self.network.state_dict(), "average": self.average,
                 "first": self.first, "optimiser": self.optimiser.state_dict(), "recipe": repr(self.recipe)}
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.rename(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe, if there is one."""
        if not path.exists():
            return
        state = torch.load(path)
        if state["recipe"] != repr(self.recipe):
            print(f"{path} is of another recipe and is not used", flush=True)
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.first, self.average = state["step"], state["first"], state["average"]
        print(f"going on from step {self.step} of {self.total}", flush=True)

    def averaged(self) -> dict[str, torch.Tensor]:
        """The state of the averaged weights."""
        state = {k: v.clone() for k, v in self.network.state_dict().items()}
        for (name, _), mean in zip(self.network.named_parameters(), self.average):
            state[name] = mean.clone()
        return state


def work_of(stage: Stage, batch: int) -> int:
    """Steps times pixels of a stage: what it costs, up to a factor."""
    return stage.views // batch * stage.size**2


def run(trainer: Trainer, held: list[Photo], samples: list[Sample], names: list[str], said: torch.Tensor,
        args: argparse.Namespace, phase: int) -> None:
    """All stages of a phase from the trainer's step on."""
    recipe, before, began, done = trainer.recipe, 0, time.monotonic(), 0
    path = args.work / f"phase-{phase}.pt"
    # The first phase's views are those of the seed alone, as the committed
    # model's were.
    seed = (args.seed,) if phase == 1 else (args.seed, phase)
    # What is still to do, in steps times pixels, for the time that is left.
    cost = [work_of(s, recipe.batch) for s in recipe.stages]
    later = sum(work_of(s, r.batch) for r in PHASES[phase:] for s in r.stages) * args.scale
    for n, stage in enumerate(recipe.stages):
        steps = stage.views // recipe.batch
        start = max(0, trainer.step - before)
        views = Views(held, samples, names, stage, recipe.mix_of_views, seed, before * recipe.batch)
        order = range(start * recipe.batch, steps * recipe.batch)
        loader = DataLoader(views, recipe.batch, sampler=order, num_workers=args.processes, collate_fn=collate,
                            prefetch_factor=4, worker_init_fn=lambda _: cv2.setNumThreads(1))
        total, count = 0.0, 0
        for pictures, classes, rows in loader if start < steps else ():
            total, count = total + trainer.train_step(pictures, classes, said[rows]), count + 1
            done += stage.size**2
            if trainer.step % 50 == 0:
                left = later + sum(cost[n + 1:]) + (steps + before - trainer.step) * stage.size**2
                minutes = (time.monotonic() - began) / done * left / 60
                print(f"phase {phase} of {len(PHASES)}, step {trainer.step} of {trainer.total}, {stage.size} px: "
                      f"loss {total / count:.4f}; about {minutes:.0f} minutes left", flush=True)
                total, count = 0.0, 0
            if trainer.step % 200 == 0:
                trainer.save(path)
        before += steps
    if trainer.step % 200:
        trainer.save(path)


def phases(args: argparse.Namespace, network: Network, held: list[Photo], training: list[Sample], names: list[str],
           category_of: list[int], said: torch.Tensor) -> dict[str, torch.Tensor]:
    """All phases, each from the average of the one before; the state before
    the first. The network ends with the last one's average."""
    first = {name: value.clone() for name, value in network.state_dict().items()}
    for n, recipe in enumerate(PHASES, 1):
        stages = tuple(Stage(s.size, max(recipe.batch, int(s.views * args.scale) // recipe.batch * recipe.batch))
                       for s in recipe.stages)
        trainer = Trainer(network, category_of, replace(recipe, stages=stages))
        trainer.resume(args.work / f"phase-{n}.pt")
        run(trainer, held, training, names, said, args, n)
        network.load_state_dict(trainer.averaged())
    return first


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, images/, backbone/")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.onnx, card.json, golden.json")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="masks, checkpoints, manifest of parts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="processes that draw views")
    parser.add_argument("--without", default="", help="a source to leave out of training (leave-one-source-out)")
    parser.add_argument("--scale", type=float, default=1.0, help="length of the schedule in shares of the full one")
    parser.add_argument("--version", default="mnv2-2026.11.2")
    return parser.parse_args()


def prepare(args: argparse.Namespace) -> tuple[list[Sample], list[Sample], list[str], list[int]]:
    """All samples, those that train, class names, their categories."""
    samples = data.read_samples(args.data)
    names, category_of = data.read_taxonomy(samples)
    args.work.mkdir(parents=True, exist_ok=True)
    data.write_parts(args.work / "parts.csv", samples, args.data)
    training = [s for s in samples if data.part(s) == "train" and s.source != args.without]
    return samples, training, names, category_of


def main() -> int:
    """Train, then finish: choose, calibrate, export, check, write."""
    args = parse()
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    began = time.monotonic()
    samples, training, names, category_of = prepare(args)
    held = photos.load(args.data, args.work, training, args.processes)
    print(f"{len(held)} photographs to train on, {np.mean([p.mask is not None for p in held]):.0%} with a mask", flush=True)
    network = Network(backbone.load(args.data / BACKBONE), len(names))
    said = start(args, network, held, training, names)
    print(f"ready after {(time.monotonic() - began) / 60:.1f} minutes; training takes 50 to 60 minutes on two free cores", flush=True)
    first = phases(args, network, held, training, names, category_of, said)
    finish.finish(args, network, first, samples, training, names, category_of, PHASES)
    print(f"{(time.monotonic() - began) / 60:.0f} minutes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
