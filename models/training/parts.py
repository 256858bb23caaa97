"""Write the manifest of parts, as training does: models/training/work/parts.csv.

    /usr/bin/python3 models/training/parts.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import data


def main() -> int:
    """Write it and say how many photographs each part has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=data.HERE / "work")
    args = parser.parse_args()
    samples = data.read_samples(args.data)
    data.write_parts(args.work / "parts.csv", samples, args.data)
    for name in ("train", "temperature", "risk", "report"):
        print(name, sum(data.part(s) == name for s in samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
