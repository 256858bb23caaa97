"""All photographs in memory, with the masks of their items."""

from __future__ import annotations

import hashlib
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

import segment
from data import Sample
from scenes import Photo

_CHUNK = 256


def read(path: Path) -> np.ndarray:
    """A picture as h×w×3 uint8 RGB."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} is no picture")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _masks(paths: list[str]) -> list[np.ndarray | None]:
    """Masks of some files, as PNG: packed bits would lose the soft edge."""
    cv2.setNumThreads(1)
    found = []
    for path in paths:
        mask = segment.item_mask(read(Path(path)))
        found.append(None if mask is None else cv2.imencode(".png", mask)[1])
    return found


def load(data: Path, work: Path, samples: list[Sample], processes: int = 2) -> list[Photo]:
    """The photographs in the samples' order. Masks are cached below `work` in
    chunks, so that an interrupted run goes on where it stopped."""
    folder = work / f"masks-{segment.VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [samples[i:i + _CHUNK] for i in range(0, len(samples), _CHUNK)]
    files = [folder / (hashlib.sha256("".join(s.path for s in c).encode()).hexdigest()[:20] + ".npz") for c in chunks]
    missing = [(c, f) for c, f in zip(chunks, files) if not f.exists()]
    with Pool(processes) as pool:
        todo = ([str(data / s.path) for s in chunk] for chunk, _ in missing)
        for done, ((_, file), found) in enumerate(zip(missing, pool.imap(_masks, todo))):
            part = file.with_suffix(".part")
            with open(part, "wb") as out:
                np.savez(out, **{str(i): m for i, m in enumerate(found) if m is not None})
            part.rename(file)
            print(f"masks: {done + 1} of {len(missing)} chunks", flush=True)
    photos = []
    for chunk, file in zip(chunks, files):
        with np.load(file) as found:
            for i, sample in enumerate(chunk):
                mask = cv2.imdecode(found[str(i)], cv2.IMREAD_GRAYSCALE) if str(i) in found else None
                photos.append(Photo(read(data / sample.path), mask))
    return photos
