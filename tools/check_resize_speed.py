#!/usr/bin/env python3
"""How many times as fast as Pillow fovea resizes a photo, both on one thread and to the same bits.

    ninja -C build fovea_parity
    tools/check_resize_speed.py build/src/fovea_parity [--photos 600x400,1920x1080,4000x3000] [--short-side 448] [--least 8]

Photos of this repository are enlarged to the sizes (width x height) and resized as timm does, bicubic. The two take turns;
times are the least of each turn, the ratio is the median over the turns. The exit code is 1 where a value differs, or where
the ratio of the largest photo is below --least. Run nothing else meanwhile.
"""
import argparse
import io
import statistics
import struct
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from check_pillow_parity import Fovea

ROOT = Path(__file__).resolve().parent.parent


def pillow_ms(photo, size, repeat):
    least = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        resized = photo.resize(size, Image.Resampling.BICUBIC)
        least = min(least, 1e3 * (time.perf_counter() - start))
    return least, np.asarray(resized)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    parser.add_argument("--photos", default="600x400,1920x1080,4000x3000")
    parser.add_argument("--short-side", type=int, default=448)
    parser.add_argument("--least", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=5, help="resizes in each turn")
    arguments = parser.parse_args()
    fovea = Fovea(arguments.driver)
    source = Image.open(ROOT / "models/photos/coffee.jpg").convert("RGB")
    good, ratio = True, 0
    for text in arguments.photos.split(","):
        width, height = map(int, text.split("x"))
        file = io.BytesIO()
        source.resize((width, height), Image.Resampling.BICUBIC).save(file, format="JPEG", quality=90)
        photo = Image.open(file).convert("RGB")
        scale = arguments.short_side / min(width, height)
        size = tuple(arguments.short_side if side == min(width, height) else int(side * scale) for side in (width, height))
        turns = []
        for _ in range(arguments.rounds):
            theirs, expected = pillow_ms(photo, size, arguments.repeat)
            answer = fovea.ask(file.getvalue(), op="time_resize", size=f"{size[1]}x{size[0]}", filter="bicubic", repeat=arguments.repeat)
            if isinstance(answer, str):
                print(f"{text}: {answer}")
                return 1
            pixels = np.frombuffer(answer[2][:-8], np.uint8).reshape(answer[0], answer[1], 3)
            turns.append((theirs, struct.unpack("d", answer[2][-8:])[0], int((pixels != expected).sum())))
        ratio = statistics.median(theirs / ours for theirs, ours, _ in turns)
        differing = max(turn[2] for turn in turns)
        good = good and differing == 0
        print(f"{text} to {size[0]}x{size[1]}: Pillow {min(t[0] for t in turns):.2f} ms, fovea {min(t[1] for t in turns):.2f} ms, "
              f"{ratio:.1f} times as fast, {differing} of {expected.size} values differ", flush=True)
    return 0 if good and ratio >= arguments.least else 1


if __name__ == "__main__":
    sys.exit(main())
