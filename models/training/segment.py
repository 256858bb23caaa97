"""The item of a photograph cut off its ground.

Many photographs show one item on a plain ground; a scene can only be composed
of an item that was cut out cleanly, so what looks wrong is refused: a mask is
either good or absent.
"""

from __future__ import annotations

import cv2
import numpy as np

VERSION = 1  # raise it when a mask changes: the cache carries it


def item_mask(image: np.ndarray) -> np.ndarray | None:
    """h×w×3 uint8 → h×w uint8 (255 item, soft edge), or None where no mask can
    be trusted. First by a ground of one colour, then by GrabCut (Rother et al.
    2004) from a frame that is taken for ground."""
    for find in (_plain_ground, _grab_cut):
        mask = find(image)
        if mask is not None and _plausible(mask):
            return cv2.GaussianBlur(mask, (0, 0), 0.8)
    return None


def _border(image: np.ndarray, width: int = 3) -> np.ndarray:
    """The pixels of the frame, n×3."""
    sides = (image[:width], image[-width:], image[:, :width].swapaxes(0, 1), image[:, -width:].swapaxes(0, 1))
    return np.concatenate([side.reshape(-1, image.shape[2]) for side in sides])


def _plain_ground(image: np.ndarray) -> np.ndarray | None:
    """Not the ground: pixels joined to the frame whose colour is the frame's."""
    soft = cv2.GaussianBlur(image, (0, 0), 1.0)
    lab = cv2.cvtColor(soft, cv2.COLOR_RGB2LAB).astype(np.float32)
    frame = _border(lab)
    colour = np.median(frame, axis=0)
    spread = np.abs(frame - colour).max(axis=1)
    if np.quantile(spread, 0.8) > 14:
        return None
    near = (np.abs(lab - colour).max(axis=2) < max(8.0, 2.5 * float(np.quantile(spread, 0.75)))).astype(np.uint8)
    h, w = near.shape
    padded = cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(padded, None, (0, 0), 2)
    item = np.where(padded[1:h + 1, 1:w + 1] == 2, 0, 255).astype(np.uint8)
    return _tidy(item)


def _grab_cut(image: np.ndarray, side: int = 112) -> np.ndarray | None:
    h, w = image.shape[:2]
    scale = side / max(h, w)
    small = cv2.resize(image, (max(16, round(w * scale)), max(16, round(h * scale))), interpolation=cv2.INTER_AREA)
    sh, sw = small.shape[:2]
    inset = max(2, round(0.04 * side))
    mask = np.zeros((sh, sw), np.uint8)
    try:
        cv2.setRNGSeed(1)
        cv2.grabCut(small, mask, (inset, inset, sw - 2 * inset, sh - 2 * inset),
                    np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:
        return None
    item = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    item = cv2.resize(item, (w, h), interpolation=cv2.INTER_LINEAR)
    return _tidy(np.where(item > 127, 255, 0).astype(np.uint8))


def _tidy(item: np.ndarray) -> np.ndarray | None:
    """The greatest piece and those at least a tenth of it, holes filled, one
    pixel off the edge (where the ground shines through)."""
    item = cv2.morphologyEx(item, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(item)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    keep = [i + 1 for i, area in enumerate(areas) if area >= 0.1 * areas.max()]
    item = np.where(np.isin(labels, keep), 255, 0).astype(np.uint8)
    contours, _ = cv2.findContours(item, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [c for c in contours if cv2.contourArea(c) < 0.002 * item.size]
    cv2.drawContours(item, holes, -1, 255, cv2.FILLED)
    return cv2.erode(item, np.ones((3, 3), np.uint8))


def _plausible(mask: np.ndarray) -> bool:
    """A size that an item has, hardly touching the frame, and not in shreds."""
    share = float((mask > 127).mean())
    if not 0.05 < share < 0.82:
        return False
    touching = float((_border(mask[..., None], 2) > 127).mean())
    if touching > 0.22:
        return False
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    area = sum(cv2.contourArea(c) for c in contours)
    around = sum(cv2.arcLength(c, True) for c in contours)
    # Ragged masks have long edges: for a disc this is 1, for a strip of 1:8 about 0.35.
    return len(contours) <= 5 and area > 0 and 4 * np.pi * area / around**2 > 0.08
