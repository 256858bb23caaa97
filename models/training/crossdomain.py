"""Another domain, for evaluation only: photographs of items with transparency
(Debian's tuxpaint-stamps-default) laid on plain grounds by augment's own code.

    /usr/bin/python3 models/training/crossdomain.py --model models/base

Nothing is trained, tuned or chosen on these pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import augment
from data import CATEGORIES, TAXONOMY
from features import normalise
from head import softmax
from metrics import share, to_categories
from ort import Session

# Folder or file below the stamps' folder → category. Only photographs.
ITEMS = {
    "kitchen": [("food/fruit", "*.png"), ("food/vegetables", "*.png")],
    "recyclable": [("household/tools", f"{name}.png") for name in
                   ("wrench", "plyers", "saw", "hammer", "mallet_metal", "wrench_adjustable",
                    "wrench_plumbers", "spade")] + [("household", "kettle.png"), ("household", "key.png"),
                                                    ("household/dishes", "glass.png")],
    "other": [("household/dishes", f"{name}.png") for name in ("mug", "teapot", "pitcher_small")],
}
VIEWS = 4


def main() -> int:
    """Recall per category over items × views, and the items most often wrong."""
    import yaml

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    args = parser.parse_args()
    card = json.loads((args.model / "card.json").read_text(encoding="utf-8"))
    table = {c["id"]: c["category"] for c in yaml.safe_load(TAXONOMY.read_text(encoding="utf-8"))["classes"]}
    category_of = [CATEGORIES.index(table[name]) for name in card["classes"]]
    session = Session(args.model / "model.onnx", ["logits"])
    wrong: list[str] = []
    for category, patterns in ITEMS.items():
        files = sorted(path for folder, name in patterns for path in (args.stamps / folder).glob(name))
        hits = 0
        for file in files:
            item = Image.open(file).convert("RGBA")
            item.thumbnail((300, 300))
            rng = np.random.default_rng(len(file.name))
            views = [augment._codec(augment._light(augment._lay(item, rng), rng, 0.7), rng) for _ in range(VIEWS)]
            batch = normalise(np.stack([augment.fit(view, card["input"]["resize"]) for view in views]))
            logits = np.concatenate([session.run(batch[i:i + 1])[0] for i in range(VIEWS)])
            found = to_categories(softmax(logits / card["temperature"]), category_of)
            right = int((found.argmax(axis=1) == CATEGORIES.index(category)).sum())
            hits += right
            if right < VIEWS:
                top = [card["classes"][i] for i in logits.argmax(axis=1)]
                wrong.append(f"{category}: {file.stem} {right}/{VIEWS} as {', '.join(top)}")
        print(category, len(files), "items,", json.dumps(share(hits, len(files) * VIEWS)), flush=True)
    print("\n".join(wrong))
    return 0


if __name__ == "__main__":
    sys.exit(main())
