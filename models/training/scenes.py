"""Scenes: what a camera above a bin sees, composed of photographed items.

One crumpled, dirty, cut-open or partly hidden item, often small and off the
centre, at any angle on a plain grey, metal or dirty tray, under uneven light,
through a lens, a sensor and a codec. Items come from photographs by segment.py;
the grounds are made by formula. Nothing is taken from any test scene.

All pictures are h×w×3 uint8 RGB unless said otherwise; every function draws
its chances from the generator that it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

GREY = (114, 114, 114)


@dataclass(frozen=True)
class Photo:
    """A photograph and the mask of its item (h×w uint8), None where it has none."""

    pixels: np.ndarray
    mask: np.ndarray | None


def letterbox(image: np.ndarray, size: int) -> np.ndarray:
    """Longest side to `size`, centred, the rest grey: the card's resize rule."""
    h, w = image.shape[:2]
    scale = size / max(h, w)
    h, w = max(1, round(h * scale)), max(1, round(w * scale))
    how = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
    canvas = np.empty((size, size, 3), np.uint8)
    canvas[:] = GREY
    top, left = (size - h) // 2, (size - w) // 2
    canvas[top:top + h, left:left + w] = cv2.resize(image, (w, h), interpolation=how)
    return canvas


def fit(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """To the model's input: mostly letterbox, now and then stretched."""
    if rng.random() < 0.75:
        return letterbox(image, size)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def mild(photo: Photo, size: int, rng: np.random.Generator, least: float) -> np.ndarray:
    """The photograph itself: a crop of at least `least` of its area, a mirror,
    a little light."""
    image = crop(photo.pixels, rng, least)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.3:
        image = turn(image, rng, 25)
    image = fit(image, size, rng)
    image = light(image, rng, 0.6)
    return blind(image, rng) if rng.random() < 0.15 else image


def strong(photo: Photo, size: int, rng: np.random.Generator) -> np.ndarray:
    """The photograph as a bad camera would show it: any angle, bad light."""
    image = crop(photo.pixels, rng, 0.3)
    image = turn(image, rng, 180)
    image = fit(image, size, rng)
    image = stain(image, rng) if rng.random() < 0.3 else image
    image = light(image, rng, 1.0)
    return camera(image, rng)


def scene(photos: list[Photo], size: int, rng: np.random.Generator) -> np.ndarray:
    """The items of the photographs (all of one class) on a tray. Of a
    photograph without a mask a torn piece is laid."""
    h = w = size
    if rng.random() < 0.4:
        h = round(size * rng.uniform(0.55, 0.95))
        h, w = (h, w) if rng.random() < 0.75 else (w, h)
    picture = tray(h, w, rng)
    several = len(photos) > 1
    for n, photo in enumerate(photos):
        item, alpha = take(photo, rng)
        item, alpha = deform(item, alpha, rng)
        reach = rng.uniform(0.3, 0.7) if several else _reach(rng)
        item, alpha = pose(item, alpha, reach * min(h, w), rng)
        item = relight(item, alpha, rng)
        picture = lay(picture, item, alpha, rng, spread=0.25 if several else 0.14)
    picture = hide(picture, rng)
    picture = fit(picture, size, rng)
    picture = light(picture, rng, 1.0)
    return camera(picture, rng)


def _reach(rng: np.random.Generator) -> float:
    """Longest side of the item in shares of the picture's shorter side."""
    return float(rng.uniform(0.35, 0.65) if rng.random() < 0.25 else rng.uniform(0.65, 1.35))


def crop(image: np.ndarray, rng: np.random.Generator, least: float) -> np.ndarray:
    """A random part with at least `least` of the area."""
    h, w = image.shape[:2]
    area, shape = rng.uniform(least, 1), math.exp(rng.normal(0, 0.2))
    cw, ch = min(w, max(24, int(w * math.sqrt(area * shape)))), min(h, max(24, int(h * math.sqrt(area / shape))))
    x, y = int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1))
    return image[y:y + ch, x:x + cw]


def turn(image: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Turned by up to `most` degrees on its own mirrored border, or on grey."""
    h, w = image.shape[:2]
    angle = rng.uniform(-most, most)
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, rng.uniform(0.9, 1.25))
    border = cv2.BORDER_REFLECT_101 if rng.random() < 0.7 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=GREY)


def noise(h: int, w: int, cells: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise, h×w float32 of deviation about 1, `cells` bumps a side."""
    n = max(2, int(cells))
    grid = rng.standard_normal((n + 1, n + 1)).astype(np.float32)
    return cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)


def tray(h: int, w: int, rng: np.random.Generator) -> np.ndarray:
    """A ground, h×w×3 float32: mostly grey, plain, with dirt and streaks."""
    kind = rng.random()
    if kind < 0.68:
        colour = np.full(3, rng.uniform(60, 235)) + rng.normal(0, 4, 3)
    elif kind < 0.78:
        colour = np.full(3, rng.uniform(8, 70)) + rng.normal(0, 4, 3)
    elif kind < 0.9:  # wood, cardboard, soil
        colour = np.array((165, 135, 100)) * rng.uniform(0.5, 1.35) + rng.normal(0, 8, 3)
    else:
        colour = rng.uniform(20, 235, 3)
    ground = np.empty((h, w, 3), np.float32)
    ground[:] = colour
    ground += (noise(h, w, rng.integers(1, 5), rng) * rng.uniform(0, 16))[..., None]
    if rng.random() < 0.6:
        ground += (noise(h, w, rng.integers(12, 60), rng) * rng.uniform(0, 9))[..., None]
    if rng.random() < 0.3:  # brushed metal, slats, boards
        along = rng.standard_normal((1, w) if rng.random() < 0.5 else (h, 1)).astype(np.float32)
        ground += (cv2.GaussianBlur(along, (0, 0), rng.uniform(0.5, 5)) * rng.uniform(3, 22))[..., None]
    if rng.random() < 0.25:  # the tray's edge or a seam
        angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.65)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        side = (x / w - 0.5) * math.cos(angle) + (y / h - 0.5) * math.sin(angle) - offset
        ground += np.clip(side * rng.uniform(10, 80), 0, 1)[..., None] * rng.uniform(-90, 60, 1)
    if rng.random() < 0.4:
        ground = stain(ground, rng)
    return ground


def stain(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dirt: brownish or dark blotches and crumbs over the picture."""
    h, w = image.shape[:2]
    field = noise(h, w, rng.integers(3, 14), rng) + 0.4 * noise(h, w, rng.integers(20, 50), rng)
    cover = np.clip((field - rng.uniform(0.5, 1.8)) * rng.uniform(0.4, 2.5), 0, 1) * rng.uniform(0.15, 0.75)
    colour = np.array((95, 70, 45)) * rng.uniform(0.3, 1.6) + rng.normal(0, 12, 3)
    mixed = image * (1 - cover[..., None]) + colour * cover[..., None]
    return mixed.astype(np.float32) if image.dtype == np.float32 else mixed.clip(0, 255).astype(np.uint8)


def take(photo: Photo, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The item and its alpha, cropped to it (h×w×3, h×w uint8)."""
    if photo.mask is not None:
        ys, xs = np.where(photo.mask > 40)
        box = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
        return photo.pixels[box], photo.mask[box]
    image = crop(photo.pixels, rng, 0.35)
    h, w = image.shape[:2]
    alpha = np.zeros((h, w), np.uint8)
    corners = int(rng.integers(5, 14))
    at = np.sort(rng.uniform(0, 2 * math.pi, corners))
    far = rng.uniform(0.7, 1.25, corners)
    points = np.stack([w / 2 * (1 + np.cos(at) * far), h / 2 * (1 + np.sin(at) * far)], axis=1)
    cv2.fillPoly(alpha, [points.astype(np.int32)], 255, lineType=cv2.LINE_AA)
    return image, alpha


def deform(item: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Crumpled (a displacement field, shaded by its slope) or cut open."""
    h, w = alpha.shape
    if rng.random() < 0.35:
        cells = rng.integers(2, 7)
        strength = rng.uniform(0.2, 0.9) * min(h, w) / (cells * 4)
        dx, dy = noise(h, w, cells, rng) * strength, noise(h, w, cells, rng) * strength
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        item = cv2.remap(item, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        alpha = cv2.remap(alpha, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        slope = cv2.Sobel(dx, cv2.CV_32F, 1, 0) + cv2.Sobel(dy, cv2.CV_32F, 0, 1)
        shade = 1 + np.clip(slope * rng.uniform(0.03, 0.2), -0.5, 0.5)
        item = (item * shade[..., None]).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.22:  # a part is missing beyond a wavy cut
        angle = rng.uniform(0, 2 * math.pi)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        side = (x / w - 0.5) * math.cos(angle) + (y / h - 0.5) * math.sin(angle)
        cut = side + noise(h, w, 6, rng) * 0.03 > rng.uniform(0.05, 0.35)
        left = np.where(cut, 0, alpha).astype(np.uint8)
        alpha = left if (left > 127).sum() > 0.35 * (alpha > 127).sum() else alpha
    return item, alpha


def pose(item: np.ndarray, alpha: np.ndarray, reach: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scaled so that the longest side is `reach` pixels, sheared a little as
    from a camera that looks askance, turned to any angle."""
    h, w = alpha.shape
    scale = reach / max(h, w)
    angle = rng.uniform(0, 2 * math.pi)
    turned = np.array(((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))))
    shear = np.eye(2) + rng.normal(0, 0.1, (2, 2))
    matrix = scale * turned @ shear
    if rng.random() < 0.5:
        matrix[:, 0] *= -1
    corners = matrix @ np.array(((0, w, 0, w), (0, 0, h, h)), float)
    low, high = corners.min(axis=1), corners.max(axis=1)
    size = tuple(int(v) for v in np.ceil(high - low).clip(8, 4096))
    full = np.concatenate([matrix, -low[:, None]], axis=1)
    if scale < 0.6:
        item, alpha = cv2.GaussianBlur(item, (0, 0), 0.35 / scale), cv2.GaussianBlur(alpha, (0, 0), 0.35 / scale)
    item = cv2.warpAffine(item, full, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return item, cv2.warpAffine(alpha, full, size, flags=cv2.INTER_LINEAR)


def relight(item: np.ndarray, alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The item's own light and dirt: it was photographed elsewhere."""
    if rng.random() < 0.35:
        item = stain(item, rng)
    gain = math.exp(rng.normal(-0.08, 0.22)) * np.exp(rng.normal(0, 0.05, 3))
    shade = 1.0
    if rng.random() < 0.5:
        shade = 1 + (noise(*alpha.shape, 2, rng) * rng.uniform(0, 0.2))[..., None]
    return (item * gain * shade).clip(0, 255).astype(np.uint8)


def lay(ground: np.ndarray, item: np.ndarray, alpha: np.ndarray, rng: np.random.Generator, spread: float) -> np.ndarray:
    """The item on the ground with its shadow, near the centre or beyond the
    edge; at least about a third of it stays in the picture."""
    h, w = ground.shape[:2]
    ih, iw = alpha.shape
    cx = w / 2 + np.clip(rng.normal(0, spread), -0.42, 0.42) * w
    cy = h / 2 + np.clip(rng.normal(0, spread), -0.45, 0.45) * h
    x, y = int(cx - iw / 2), int(cy - ih / 2)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + iw, w), min(y + ih, h)
    if right - left < 4 or bottom - top < 4:
        return ground
    cover = np.zeros((h, w), np.float32)
    part = slice(top - y, bottom - y), slice(left - x, right - x)
    cover[top:bottom, left:right] = alpha[part].astype(np.float32) / 255
    if rng.random() < 0.75:
        reach = rng.uniform(0.5, 0.06 * max(h, w))
        shadow = cv2.GaussianBlur(cover, (0, 0), max(0.6, reach))
        shift = np.float32(((1, 0, rng.normal(0, reach)), (0, 1, rng.normal(0, reach))))
        shadow = cv2.warpAffine(shadow, shift, (w, h))
        ground = ground * (1 - shadow * rng.uniform(0.1, 0.65))[..., None]
    full = np.zeros((h, w, 3), np.float32)
    full[top:bottom, left:right] = item[part]
    return ground * (1 - cover[..., None]) + full * cover[..., None]


def hide(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Now and then a hand, a bar or a masked corner before the item."""
    h, w = picture.shape[:2]
    picture = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.1:
        skin = tuple(int(v) for v in np.array((205, 150, 120)) * rng.uniform(0.35, 1.15))
        centre = (int(rng.uniform(0, w)), int(rng.choice([0, h])))
        axes = (int(rng.uniform(0.05, 0.2) * w), int(rng.uniform(0.1, 0.35) * h))
        cv2.ellipse(picture, centre, axes, rng.uniform(-40, 40), 0, 360, skin, cv2.FILLED, cv2.LINE_AA)
    if rng.random() < 0.12:
        blind(picture, rng)
    if rng.random() < 0.1:
        a, b = int(rng.uniform(0.05, 0.4) * w), int(rng.uniform(0.2, 1) * h)
        corners = np.array(((0, 0), (a, 0), (0, b)))
        corners = corners if rng.random() < 0.5 else np.array((w, 0)) - corners * (1, -1)
        corners = corners if rng.random() < 0.5 else np.array((0, h)) + corners * (1, -1)
        cv2.fillPoly(picture, [corners.astype(np.int32)], GREY)
    return picture


def blind(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A plain rectangle over up to a sixth of the picture, in place on a copy."""
    h, w = picture.shape[:2]
    picture = np.ascontiguousarray(picture)
    bw, bh = int(rng.uniform(0.1, 0.42) * w), int(rng.uniform(0.1, 0.42) * h)
    x, y = int(rng.integers(0, w - bw + 1)), int(rng.integers(0, h - bh + 1))
    picture[y:y + bh, x:x + bw] = rng.integers(30, 220) + rng.normal(0, 6, 3)
    return picture


def light(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Brightness, contrast, saturation, colour cast and a slope of light."""
    pixels = image.astype(np.float32)
    pixels *= (math.exp(rng.normal(0, 0.22 * strength)) * np.exp(rng.normal(0, 0.045 * strength, 3))).astype(np.float32)
    mean = float(pixels.mean())
    pixels = (pixels - mean) * math.exp(rng.normal(0, 0.2 * strength)) + mean
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * math.exp(rng.normal(-0.08, 0.28 * strength))
    if rng.random() < 0.5 * strength:
        h, w = pixels.shape[:2]
        angle, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.45)
        x = np.linspace(-1, 1, w, dtype=np.float32)[None, :] * math.cos(angle)
        y = np.linspace(-1, 1, h, dtype=np.float32)[:, None] * math.sin(angle)
        pixels *= (1 + slope * (x + y)).astype(np.float32)[..., None]
    return pixels.clip(0, 255).astype(np.uint8)


def camera(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Few pixels, soft lens, motion, sensor noise and JPEG."""
    h, w = image.shape[:2]
    if rng.random() < 0.35:
        scale = rng.uniform(0.35, 0.9)
        small = cv2.resize(image, (int(w * scale), int(h * scale)), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3) * h / 224)
    if rng.random() < 0.15:
        length = int(rng.integers(3, 10) * h / 224) + 2
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, math.pi)
        half = (length - 1) / 2
        end = (int(round(half + half * math.cos(angle))), int(round(half + half * math.sin(angle))))
        start = (int(round(half - half * math.cos(angle))), int(round(half - half * math.sin(angle))))
        cv2.line(kernel, start, end, 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    if rng.random() < 0.4:
        grain = rng.standard_normal((h, w, 1 if rng.random() < 0.5 else 3), dtype=np.float32) * rng.uniform(1, 10)
        image = (image + grain).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 92))))
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image
