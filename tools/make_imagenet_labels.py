#!/usr/bin/env python3
"""Write ImageNet's 1000 class names as a C++ table, from the WordNet lemmas that timm ships (Apache-2.0).

    tools/make_imagenet_labels.py [-o src/tasks/imagenet_labels.inc]

Needs tools/requirements-export.txt. One string literal a line, in the order of the classes, to be included inside
braces.
"""

import argparse
import json
from pathlib import Path

from timm.data import ImageNetInfo

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "tasks" / "imagenet_labels.inc"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    names = ImageNetInfo("imagenet-1k").label_descriptions()
    if len(names) != 1000 or not all(name.isascii() for name in names):
        raise SystemExit(f"timm's list has {len(names)} names, or some that are not plain ASCII: look before using it")
    lines = [
        "// ImageNet-1k's class names (WordNet lemmas) from timm's list; written by tools/make_imagenet_labels.py.\n"
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(lines + [f"{json.dumps(name)},\n" for name in names]))
    print(f"wrote {output}: {len(names)} names, {names[0]!r} to {names[-1]!r}")


if __name__ == "__main__":
    main()
