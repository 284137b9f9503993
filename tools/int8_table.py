#!/usr/bin/env python3
"""The int8 table of a classifier: accuracy, size and time of fp32, bf16 and int8, by calibration photos and method.

    tools/int8_table.py signs.onnx --work DIR [--held-out 1900] [--photos 20,50,200,1000] [--methods entropy,minmax,...]

MODEL comes from tools/train_signs.py. Photos are drawn by tools/signs.py into DIR: 1000 to calibrate with and the held-out
ones, with seeds that training never uses. Each int8 model is made by `fovea quantize --sample N --method M` and, like the
float one, answers all held-out photos by `fovea classify`; `ms` is the median time of the model alone, so run it on a quiet
machine. The drop is in points of accuracy against fp32, with its standard error from the photos on which the two disagree.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import signs

ROOT = Path(__file__).resolve().parent.parent
CALIBRATION_SEED, HELD_OUT_SEED = 2_000_000_000, 3_000_000_000


def classify(fovea, model, folder, flags):
    """Right or wrong for each photo, and the median time of the model in ms; nothing where the backend cannot."""
    done = subprocess.run([fovea, "classify", model, folder, "--topk", "1", "--format", "json", "-q", *flags], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1] if done.stderr else "failed"
    right, times = {}, []
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        right[answer["image"]] = answer["top"][0]["label"] == Path(answer["image"]).parent.name
        times.append(answer["ms"]["infer"])
    return right, statistics.median(times)


def drop(before, after):
    lost = sum(before[p] and not after[p] for p in before)
    won = sum(after[p] and not before[p] for p in before)
    return 100 * (lost - won) / len(before), 100 * math.sqrt(max(lost + won, 1)) / len(before)


def size_of(model):
    beside = Path(str(model) + ".data")
    return (model.stat().st_size + (beside.stat().st_size if beside.exists() else 0)) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for photos and models; what lies there is used again")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/fovea")
    parser.add_argument("--held-out", type=int, default=1900)
    parser.add_argument("--photos", default="20,50,200,1000")
    parser.add_argument("--methods", default="entropy,minmax,percentile,average")
    parser.add_argument("--backend", default="native", help="what classifies the held-out photos")
    parser.add_argument("--flags", nargs="*", default=[], help="more for fovea quantize")
    options = parser.parse_args()
    counts = [int(count) for count in options.photos.split(",")]
    calibration, held_out = options.work / "calibration", options.work / "held_out"
    signs.write_folder(calibration, max(counts), CALIBRATION_SEED)
    signs.write_folder(held_out, options.held_out, HELD_OUT_SEED)
    backend = ["--backend", options.backend]
    exact, ms = classify(options.fovea, options.model, held_out, backend)
    if exact is None:
        sys.exit(f"{options.model}: {ms}")
    print(f"{options.held_out} held-out photos, {options.backend}\n")
    print("| model | calibration | method | accuracy | drop, points | size, MB | ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(f"| fp32 | | | {100 * sum(exact.values()) / len(exact):.2f} % | | {size_of(options.model):.1f} | {ms:.2f} |", flush=True)
    right, ms = classify(options.fovea, options.model, held_out, [*backend, "--precision", "bf16"])
    if right is None:
        print(f"| bf16 | | | not here: {ms} | | | |", flush=True)
    else:
        points, error = drop(exact, right)
        print(f"| bf16 | | | {100 * sum(right.values()) / len(right):.2f} % | {points:.2f} ± {error:.2f} | {size_of(options.model):.1f} | {ms:.2f} |",
              flush=True)
    for method in options.methods.split(","):
        for count in counts:
            made = options.work / f"{options.model.stem}.{method}.{count}.onnx"
            subprocess.run([options.fovea, "quantize", options.model, "--images", calibration, "-o", made, "--sample", str(count),
                            "--hold-out", "0", "--method", method, "--compare", "0", "-q", *options.flags],
                           check=True, stdout=subprocess.DEVNULL)
            right, ms = classify(options.fovea, made, held_out, backend)
            if right is None:
                print(f"| int8 | {count} | {method} | failed: {ms} | | | |", flush=True)
                continue
            points, error = drop(exact, right)
            print(f"| int8 | {count} | {method} | {100 * sum(right.values()) / len(right):.2f} % | {points:.2f} ± {error:.2f} | "
                  f"{size_of(made):.1f} | {ms:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
