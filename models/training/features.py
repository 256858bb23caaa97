"""Features of the frozen backbone for views of photographs, cached on disk.

A view of a picture depends only on the seed, the view's name and the picture's
path, so that chunks can be made in any order, by any number of processes, and
an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

import augment
from data import Sample
from ort import Session

CHUNK = 128
BATCH = 1  # larger ones gain nothing on a CPU and touch far more memory
_session: Session | None = None


def normalise(pixels: np.ndarray) -> np.ndarray:
    """n×h×w×3 uint8 → n×3×h×w float32 in [-1, 1], as the backbone was trained."""
    return pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def picture(data: Path, path: str, name: str, seed: int) -> np.ndarray:
    """One view of one photograph, 224×224×3 uint8."""
    mark = hashlib.sha256(f"{seed} {name} {path}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(mark[:8], "little"))
    with Image.open(data / path) as file:
        return augment.view(file.convert("RGB"), name, rng)


def _chunk(job: tuple[str, str, str, int, list[str], str]) -> None:
    data, backbone, name, seed, paths, target = job
    global _session
    if _session is None:
        _session = Session(Path(backbone), ["features"], threads=1)
    parts = []
    for start in range(0, len(paths), BATCH):
        views = [picture(Path(data), p, name, seed) for p in paths[start:start + BATCH]]
        parts.append(_session.run(normalise(np.stack(views)))[0])
    partial = Path(target).with_suffix(".part.npy")
    np.save(partial, np.concatenate(parts).astype(np.float16))
    partial.rename(target)


def extract(data: Path, backbone: Path, work: Path, samples: list[Sample], name: str,
            seed: int, processes: int = 2) -> np.ndarray:
    """Features of one view of each sample, len(samples)×1280 float32."""
    folder = work / "features"
    folder.mkdir(parents=True, exist_ok=True)
    jobs, targets = [], []
    for start in range(0, len(samples), CHUNK):
        paths = [s.path for s in samples[start:start + CHUNK]]
        key = f"{augment.VERSION} {seed} {name} {backbone.stat().st_size} " + " ".join(paths)
        target = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        targets.append(target)
        if not target.exists():
            jobs.append((str(data), str(backbone), name, seed, paths, str(target)))
    if jobs:
        began = time.monotonic()
        with ProcessPoolExecutor(processes) as pool:
            for done, _ in enumerate(pool.map(_chunk, jobs), 1):
                spent = time.monotonic() - began
                print(f"  {name}: {done}/{len(jobs)} chunks, {spent:.0f} s", file=sys.stderr, flush=True)
    return np.concatenate([np.load(t) for t in targets]).astype(np.float32)
