#!/usr/bin/env python3
"""The int8 table of a classifier: accuracy, size and time of fp32, bf16 and int8, by calibration photos, method and options.

    tools/int8_table.py signs.onnx --work DIR [--held-out 1900] [--photos 20,50,200,1000] [--methods entropy,minmax,...]
    tools/int8_table.py signs.onnx --work DIR --times        # only the column ms, of the models that lie in DIR

MODEL comes from tools/train_signs.py. Photos are drawn by tools/signs.py into DIR: 1000 to calibrate with and the held-out
ones, with seeds that training never uses. A model is calibrated once for each number of photos; the methods share what was
observed. Each int8 model answers all held-out photos, as the float one does, by `fovea classify`. The drop is in points of
accuracy against fp32, with its standard error from the photos on which the two disagree.

What is found lies in DIR/results.json and is not measured again; so an interrupted run goes on. `--times` runs the models in
turn, several rounds, each on the same photos: the median time of the model alone. It wants a quiet machine; accuracies do not.
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
EXTRAS = {"symmetric": ["--symmetric"], "equalize": ["--equalize"], "correct-bias": ["--correct-bias"],
          "equalize, correct-bias": ["--equalize", "--correct-bias"]}


class Table:
    def __init__(self, options):
        self.options, self.file = options, options.work / "results.json"
        self.rows = json.loads(self.file.read_text()) if self.file.exists() else {}

    def save(self):
        self.file.write_text(json.dumps(self.rows))

    def classify(self, model, photos, flags):
        """One answer a photo, in JSON."""
        done = subprocess.run([self.options.fovea, "classify", model, *photos, "--topk", "1", "--format", "json", "-q",
                               "--backend", self.options.backend, *flags], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "failed")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def answer(self, key, model, held_out, *flags, **facts):
        """Right or wrong for each held-out photo, as row `key`."""
        if key in self.rows:
            return
        try:
            answers = self.classify(model, [held_out], flags)
        except RuntimeError as error:
            print(f"{key}: {error}", file=sys.stderr)
            return
        right = {Path(a["image"]).stem: a["top"][0]["label"] == Path(a["image"]).parent.name for a in answers}
        self.rows[key] = {"model": str(model), "flags": flags, "right": right, "size": size_of(model), **facts}
        self.save()
        print(f"{key}: {100 * sum(right.values()) / len(right):.2f} %", file=sys.stderr, flush=True)

    def quantize(self, made, calibration, *flags):
        """What `fovea quantize` reports, as JSON."""
        done = subprocess.run([self.options.fovea, "quantize", self.options.model, "--images", calibration, "-o", made, "-q",
                               "--format", "json", *flags], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{made}: {done.stderr}")
        return json.loads(done.stdout)

    def int8(self, count, method, name, calibration, held_out, *flags, hold_out=0, compare=0, keep=None):
        key = f"int8 {method} {count} {name}".strip()
        if key in self.rows:
            return
        made = self.options.work / (key.replace(" ", "_").replace(",", "") + ".onnx")
        kept = ["--calibration", keep, "--resume"] if keep else []
        report = self.quantize(made, calibration, "--sample", str(count), "--hold-out", str(hold_out), "--compare", str(compare),
                               "--method", method, *kept, *flags)
        self.answer(key, made, held_out, photos=count, method=method, name=name, layers=report["layers"])

    def times(self, held_out):
        photos = sorted(held_out.rglob("*.jpg"))[:: max(1, self.options.held_out // 38)]
        found = {key: [] for key in self.rows}
        for _ in range(self.options.rounds):
            for key, row in self.rows.items():
                answers = self.classify(row["model"], photos, [*row["flags"], "--threads", str(self.options.threads)])
                found[key].append(statistics.median(answer["ms"]["infer"] for answer in answers))
        for key, times in found.items():
            self.rows[key]["ms"] = statistics.median(times)
        self.save()

    def text(self):
        exact = self.rows["fp32"]["right"]
        lines = ["| model | photos | method | options | accuracy | drop, points | layers in float | size, MB | ms |",
                 "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for key, row in self.rows.items():
            points, error = drop(exact, row["right"])
            layers = row.get("layers")
            cells = [key.split()[0], row.get("photos", ""), row.get("method", ""), row.get("name", ""),
                     f"{100 * sum(row['right'].values()) / len(row['right']):.2f} %", "" if key == "fp32" else f"{points:.2f} ± {error:.2f}",
                     layers["all"] - layers["int8"] if layers else "", f"{row['size']:.1f}", f"{row['ms']:.2f}" if "ms" in row else ""]
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        return "\n".join(lines)


def drop(before, after):
    lost = sum(before[p] and not after[p] for p in before)
    won = sum(after[p] and not before[p] for p in before)
    return 100 * (lost - won) / len(before), 100 * math.sqrt(lost + won) / len(before)


def size_of(model):
    beside = Path(str(model) + ".data")
    return (model.stat().st_size + (beside.stat().st_size if beside.exists() else 0)) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for photos, models and results")
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/fovea")
    parser.add_argument("--held-out", type=int, default=1900)
    parser.add_argument("--photos", default="20,50,200,1000")
    parser.add_argument("--methods", default="entropy,minmax,percentile")
    parser.add_argument("--options-with", type=int, default=200, help="photos that the rows with options calibrate with")
    parser.add_argument("--max-drop", default="0,0.25", help="for rows that keep layers in float, chosen on 380 other photos")
    parser.add_argument("--backend", default="native", help="what classifies the held-out photos")
    parser.add_argument("--times", action="store_true", help="measure the times of the models that are there, nothing else")
    parser.add_argument("--rounds", type=int, default=5, help="of --times")
    parser.add_argument("--threads", type=int, default=2, help="of --times")
    options = parser.parse_args()
    counts = [int(count) for count in options.photos.split(",")]
    calibration, held_out = options.work / "calibration", options.work / "held_out"
    table = Table(options)
    if options.times:
        table.times(held_out)
        print(table.text())
        return 0
    signs.write_folder(held_out, options.held_out, HELD_OUT_SEED)
    signs.write_folder(calibration, max(counts), CALIBRATION_SEED)
    table.answer("fp32", options.model, held_out)
    if "fp32" not in table.rows:
        return 1
    table.answer("bf16", options.model, held_out, "--precision", "bf16")
    for count in counts:
        for method in options.methods.split(","):
            table.int8(count, method, "", calibration, held_out, keep=options.work / f"observed.{count}")
    for name, flags in EXTRAS.items():
        table.int8(options.options_with, "entropy", name, calibration, held_out, *flags)
    for points in options.max_drop.split(",") if options.max_drop else []:
        table.int8(options.options_with, "entropy", f"max-drop {points}", calibration, held_out, "--max-drop", points,
                   hold_out=380, compare=380)
    print(f"{options.held_out} held-out photos, {options.backend}\n\n{table.text()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
