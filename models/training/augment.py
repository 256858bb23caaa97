"""Views of a photograph: how one picture becomes 224×224 samples.

A camera above a bin sees one item at any angle on a plain surface, cut out
loosely, under uneven light, through a lens, a sensor and a codec. The
photographs are product shots on white and table-top pictures. The views here
bridge part of that: items on white are cut out and laid on other grounds.
Nothing is drawn from any test scene.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

VERSION = 1  # raise it when a view changes: cached features carry it
SIZE = 224
GREY = (114, 114, 114)
RULES = ("letterbox", "stretch", "cover")

# Colours of a bin's inside or lid, roughly; each is varied when used.
_BINS = ((40, 80, 150), (40, 110, 60), (160, 45, 40), (80, 85, 90))


def fit(image: Image.Image, rule: str, size: int = SIZE) -> np.ndarray:
    """The model's view of a crop by the card's resize rule, size×size×3 uint8."""
    w, h = image.size
    if rule == "stretch":
        return np.asarray(image.resize((size, size), Image.BILINEAR))
    scale = size / (max(w, h) if rule == "letterbox" else min(w, h))
    w, h = max(1, round(w * scale)), max(1, round(h * scale))
    scaled = image.resize((w, h), Image.BILINEAR)
    canvas = Image.new("RGB", (size, size), GREY)
    canvas.paste(scaled, ((size - w) // 2, (size - h) // 2))
    return np.asarray(canvas)


def view(image: Image.Image, name: str, rng: np.random.Generator) -> np.ndarray:
    """One view: "letterbox", "stretch", "cover" plain, "mild…" or "strong…"."""
    if name in RULES:
        return fit(image, name)
    if name.startswith("mild"):
        image = _crop(image, rng, 0.55)
        image = _light(image, rng, 0.7)
    else:
        cut = cut_out(image)
        if cut is not None and rng.random() < 0.85:
            image = _lay(cut, rng)
        else:
            image = _turn(_crop(image, rng, 0.45), rng)
        image = _light(image, rng, 1.0)
        image = _obstruct(image, rng)
        image = _codec(image, rng)
    if rng.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return fit(image, "letterbox" if rng.random() < 0.6 else "stretch")


def cut_out(image: Image.Image) -> Image.Image | None:
    """The item of a product shot with its white ground made transparent (RGBA,
    cropped to the item), or None where the ground is not white enough."""
    pixels = np.asarray(image)
    white = pixels.min(axis=2) >= 232
    border = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
    if border.mean() < 0.75:
        return None
    ground = _flood(white)
    if not 0.03 < 1 - ground.mean() < 0.8:
        return None
    alpha = Image.fromarray(np.where(ground, 0, 255).astype(np.uint8))
    alpha = alpha.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.7))
    box = alpha.point(lambda v: 255 if v > 64 else 0).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 24:
        return None
    item = image.convert("RGBA")
    item.putalpha(alpha)
    return item.crop(box)


def _flood(white: np.ndarray) -> np.ndarray:
    """White pixels joined to the border, by sweeps along rows and columns."""
    reached = np.zeros_like(white)
    reached[[0, -1]] = white[[0, -1]]
    reached[:, [0, -1]] |= white[:, [0, -1]]
    for _ in range(4):
        for flip, turn in ((False, False), (True, False), (False, True), (True, True)):
            w, r = (white.T, reached.T) if turn else (white, reached)
            w, r = (w[:, ::-1], r[:, ::-1]) if flip else (w, r)
            place = np.arange(1, w.shape[1] + 1)
            seed = np.maximum.accumulate(np.where(r, place, 0), axis=1)
            wall = np.maximum.accumulate(np.where(w, 0, place), axis=1)
            r |= w & (seed > wall)
    return reached


def _ground(w: int, h: int, rng: np.random.Generator) -> np.ndarray:
    """A plain surface with uneven light and texture, h×w×3 float."""
    kind = rng.random()
    if kind < 0.5:
        colour = np.full(3, rng.uniform(45, 215)) + rng.normal(0, 6, 3)
    elif kind < 0.65:
        colour = rng.uniform(8, 60, 3)
    elif kind < 0.85:
        colour = np.array(_BINS[rng.integers(len(_BINS))]) * rng.uniform(0.6, 1.4)
    else:
        colour = rng.uniform(20, 235, 3)
    ground = np.empty((h, w, 3), np.float32)
    ground[:] = colour
    coarse = rng.normal(0, rng.uniform(0, 18), (rng.integers(2, 9), rng.integers(2, 9)))
    patches = Image.fromarray(coarse.astype(np.float32)).resize((w, h), Image.BICUBIC)
    ground += np.asarray(patches)[..., None]
    if rng.random() < 0.3:  # brushed metal or slats: streaks along one side
        streaks = rng.normal(0, rng.uniform(2, 10), w if rng.random() < 0.5 else h)
        ground += streaks[None, :, None] if len(streaks) == w else streaks[:, None, None]
    return ground


def _lay(item: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A cut-out item laid at any angle on a surface, cropped loosely to it."""
    item = item.rotate(rng.uniform(0, 360), Image.BILINEAR, expand=True)
    box = item.getchannel("A").point(lambda v: 255 if v > 64 else 0).getbbox()
    item = item.crop(box) if box else item
    margin = np.maximum(rng.uniform(0.0, 0.35), rng.normal(0.08, 0.05, 4))
    w, h = item.size
    left, top, right, bottom = (int(m * side) for m, side in zip(margin, (w, h, w, h)))
    size = (w + left + right, h + top + bottom)
    ground = _ground(*size, rng)
    alpha = Image.new("L", size)
    alpha.paste(item.getchannel("A"), (left, top))
    if rng.random() < 0.6:
        shift = (int(rng.normal(0, 0.03) * size[0]), int(abs(rng.normal(0, 0.03)) * size[1]))
        shadow = Image.new("L", size)
        shadow.paste(alpha, shift)
        shadow = shadow.filter(ImageFilter.GaussianBlur(rng.uniform(1, 8)))
        ground *= 1 - np.asarray(shadow, np.float32)[..., None] / 255 * rng.uniform(0.1, 0.55)
    scene = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    scene.paste(item.convert("RGB"), (left, top), item.getchannel("A"))
    return scene


def _crop(image: Image.Image, rng: np.random.Generator, least: float) -> Image.Image:
    """A random part with at least `least` of the area."""
    w, h = image.size
    area, shape = rng.uniform(least, 1), math.exp(rng.normal(0, 0.15))
    cw = min(w, max(16, int(w * math.sqrt(area * shape))))
    ch = min(h, max(16, int(h * math.sqrt(area / shape))))
    x, y = int(rng.integers(0, w - cw + 1)), int(rng.integers(0, h - ch + 1))
    return image.crop((x, y, x + cw, y + ch))


def _turn(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turned: by quarter turns, or freely onto its own border's colour or grey."""
    if rng.random() < 0.4:
        return image.rotate(90 * int(rng.integers(4)), expand=True)
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fill = GREY if rng.random() < 0.3 else tuple(int(v) for v in np.median(edge, axis=0))
    return image.rotate(rng.uniform(-180, 180), Image.BILINEAR, rng.random() < 0.5, fillcolor=fill)


def _light(image: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Brightness, contrast, saturation, colour cast and a slope of light."""
    pixels = np.asarray(image).astype(np.float32)
    pixels *= math.exp(rng.normal(0, 0.22 * strength)) * np.exp(rng.normal(0, 0.07 * strength, 3))
    mean = pixels.mean()
    pixels = (pixels - mean) * math.exp(rng.normal(0, 0.2 * strength)) + mean
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * math.exp(rng.normal(-0.05, 0.25 * strength))
    if rng.random() < 0.5 * strength:
        h, w = pixels.shape[:2]
        angle, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.4)
        x = np.linspace(-1, 1, w)[None, :] * math.cos(angle)
        y = np.linspace(-1, 1, h)[:, None] * math.sin(angle)
        pixels *= (1 + slope * (x + y))[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _obstruct(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Now and then a finger at the edge or the masked side of a region."""
    w, h = image.size
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.12:
        skin = tuple(int(v) for v in np.array((205, 150, 120)) * rng.uniform(0.5, 1.15))
        x, y = (rng.uniform(0, w), float(rng.choice([0, h])))
        rx, ry = rng.uniform(0.05, 0.2) * w, rng.uniform(0.1, 0.3) * h
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=skin)
    if rng.random() < 0.15:
        a, b = rng.uniform(0.05, 0.4) * w, rng.uniform(0.2, 1) * h
        corners = [(0, 0), (a, 0), (0, b)]
        if rng.random() < 0.5:
            corners = [(w - x, y) for x, y in corners]
        if rng.random() < 0.5:
            corners = [(x, h - y) for x, y in corners]
        draw.polygon(corners, fill=GREY)
    return image


def _codec(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Few pixels, soft lens, sensor noise and JPEG."""
    if rng.random() < 0.5:
        scale = rng.uniform(0.3, 0.9)
        image = image.resize([max(24, int(side * scale)) for side in image.size], Image.BILINEAR)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.5:
        pixels = np.asarray(image).astype(np.float32)
        pixels += rng.normal(0, rng.uniform(1, 9), pixels.shape).astype(np.float32)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.6:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(35, 92)))
        image = Image.open(buffer).convert("RGB")
    return image
