#!/usr/bin/env python3
"""The classic comparison: the whole way from a photo's file to its labels, in one table, in one run.

    .backends/venv/bin/python tools/compare_pipelines.py MODEL.onnx... [--precision fp32] [--threads 2] [--rounds 7]
        [--folder 500 [--folder-seconds 60]] [--sizes 600x400,1920x1080,4000x3000] [--cache DIR] [--only NAME,...]
        [--markdown FILE]

Ways: timm's transform (Pillow) before PyTorch's inductor; torchvision's JPEG decoder and transforms v2 before the same;
Pillow and NumPy before ONNX Runtime; ONNX Runtime on the model that `fovea bake --resize bytes` wrote; OpenVINO with its
PrePostProcessor, which does not antialias; fovea in its three modes. Each is a process of its own; they take turns, a photo
each, and the table has medians of milliseconds, stage by stage, and how much longer each way takes than fovea's exact one.
With --folder N, each then classifies N photos at its best speed: images a second, decoding and model on all threads. With
--folder-seconds S, a way that is too slow for that takes as many of them as it would do in S seconds one by one, and the
table says how many. MODEL needs MODEL.torch.json beside it and its recipe inside (tools/export_reference.py). A way that
cannot run is a row that says why. --cache keeps the photos (12 megapixels take seconds to make) and what inductor compiled for
the next run; no way's loading and compiling is in any figure. A line on stderr says how long each model took as a whole.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "tools/peers"
STAGES = ("decode", "preprocess", "infer", "postprocess")
FOVEA = {"fovea exact": "exact", "fovea float": "float", "fovea scaled": "scaled"}


def make_photos(folder, sizes, count):
    """JPEGs of the sizes asked for, from this repository's photos: enlarged, with the grain that a sensor has. Those that
    the folder has already stay; a run that is stopped leaves none that is half."""
    sources = sorted(path for path in (ROOT / "models/photos").glob("*.jpg"))
    numbers = np.random.default_rng(0)
    made = {}
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in sizes:
        made[width, height] = [folder / f"{width}x{height}-{index}.jpg" for index in range(count)]
        if all(path.exists() for path in made[width, height]):
            continue
        grain = numbers.normal(0, 4, (height, width, 3))
        for index, path in enumerate(made[width, height]):
            image = Image.open(sources[index % len(sources)]).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            pixels = np.clip(np.asarray(image) + np.roll(grain, 97 * index, (0, 1)), 0, 255).astype(np.uint8)
            half = path.with_suffix(".part")
            Image.fromarray(pixels).save(half, format="JPEG", quality=90)
            os.replace(half, path)
    return made


class Way:
    """A worker process, as docs/bench-workers.md has it."""

    def __init__(self, name, command, model, arguments, folder, first_photo):
        self.name, self.command, self.reason, self.process = name, command, None, None
        outputs = folder / name.replace(" ", "_")
        inputs = []
        if name in FOVEA:
            size = arguments.input_size
            np.save(folder / "zeros.npy", np.zeros((1, 3, *size), np.float32))
            inputs = [{"name": arguments.input_name, "file": str(folder / "zeros.npy")}]
        request = {"model": str(model), "precision": arguments.precision, "batch": 1, "threads": arguments.threads,
                   "inputs": inputs, "outputs": str(outputs), "photo": str(first_photo)}
        environment = dict(os.environ)
        if arguments.cache:
            environment["TORCHINDUCTOR_CACHE_DIR"] = str(arguments.cache.resolve() / "inductor")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, env=environment)
        self.library = self.ask({"load": request}).get("loaded", {}).get("library", "")

    def ask(self, request):
        if self.reason:
            return {}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or '{"failed": "the process ended"}')
        except (OSError, ValueError) as error:
            answer = {"failed": str(error)}
        if "failed" in answer:
            self.reason = answer["failed"]
            return {}
        return answer

    def stages(self, photo):
        request = {"photos": [str(photo)], "runs": 1}
        if self.name in FOVEA:
            request["resize"] = FOVEA[self.name]
        return self.ask({"stages": request}).get("stages", [None])[0]

    def folder(self, photos, arguments, model):
        """Images a second over the photos, without loading."""
        if self.name not in FOVEA:
            seconds = self.ask({"folder": {"photos": [str(photo) for photo in photos]}}).get("folder", {}).get("seconds")
            return seconds and len(photos) / seconds
        # The clock starts when the plan is made and what was decoded meanwhile is answered.
        first = arguments.threads + 2
        command = [arguments.fovea, "classify", model, *(photos[:1] * first), *photos, "--topk", "5", "--format", "json", "-q",
                   "--resize", FOVEA[self.name], "--threads", arguments.threads, "--precision", arguments.precision]
        process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        times = [time.perf_counter() for _ in process.stdout]
        error = process.stderr.read().strip()
        if process.wait() != 0 or len(times) != first + len(photos):
            self.reason = error.splitlines()[-1] if error else "no answers"
            return None
        return len(photos) / (times[-1] - times[first - 1])

    def stop(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.write('{"stop": {}}\n')
                self.process.stdin.close()
                self.process.wait(20)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()


def ways_of(model, arguments, folder, photo):
    baked = folder / f"{model.stem}.baked.onnx"
    done = subprocess.run([arguments.fovea, "bake", model, "-o", baked, "--resize", "bytes", "-q"], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{model.stem}: not baked: {done.stderr.strip()}", file=sys.stderr)
    python = sys.executable
    commands = {
        "timm + inductor": [python, PEERS / "timm_pipeline.py", "--compile"],
        "torchvision + inductor": [python, PEERS / "torchvision_pipeline.py", "--compile"],
        "Pillow + ONNX Runtime": [python, PEERS / "onnxruntime_pipeline.py"],
        "ONNX Runtime, baked": [python, PEERS / "onnxruntime_pipeline.py", "--baked", baked],
        "OpenVINO PrePostProcessor": [python, PEERS / "openvino_pipeline.py"],
        **{name: [arguments.fovea, "bench-worker"] for name in FOVEA},
    }
    for name, command in commands.items():
        if not arguments.only or any(word in name for word in arguments.only):
            yield Way(name, [*map(str, command)], model, arguments, folder, photo)


def fitting(photos, arguments, whole_ms):
    """As many photos as --folder and --folder-seconds allow, repeated where there are fewer."""
    count = arguments.folder
    if arguments.folder_seconds and whole_ms:
        count = min(count, max(2 * arguments.threads, int(1e3 * arguments.folder_seconds / whole_ms)))
    return (photos * (count // len(photos) + 1))[:count]


def compare(model, photos, arguments, folder, out):
    import onnx

    proto = onnx.load(str(model), load_external_data=False)
    recipe = json.loads({entry.key: entry.value for entry in proto.metadata_props}["fovea.recipe"])
    arguments.input_name, arguments.input_size = proto.graph.input[0].name, recipe["input_size"][-2:]
    ways = list(ways_of(model, arguments, folder, next(iter(photos.values()))[0]))
    print(f"\n### {model.stem}, {arguments.precision}, {arguments.threads} threads\n", file=out)
    print("| photo | way | decode | preprocess | infer | labels | whole, ms | times fovea exact |" +
          (" images/s |" if arguments.folder else ""), file=out)
    print("| --- | --- " + "| ---: " * (7 if arguments.folder else 6) + "|", file=out)
    for (width, height), files in photos.items():
        rows = {way.name: [] for way in ways}
        for number in range(arguments.rounds + 1):
            for way in ways[number % len(ways):] + ways[:number % len(ways)]:
                passed = way.stages(files[number % len(files)])
                if passed and number > 0:
                    rows[way.name].append([passed[stage] for stage in STAGES])
        whole = {name: statistics.median(map(sum, passes)) for name, passes in rows.items() if passes}
        many = {way.name: fitting(files, arguments, whole.get(way.name)) for way in ways if way.name in whole}
        speeds = {way.name: way.folder(many[way.name], arguments, model) for way in ways
                  if arguments.folder and way.name in whole}
        for way in ways:
            line = f"| {width}x{height} | {way.name}{': ' + way.reason if way.reason else ''} |"
            if way.name in whole:
                medians = [statistics.median(column) for column in zip(*rows[way.name])]
                base = whole.get("fovea exact")
                ratio = f"{whole[way.name] / base:.2f}" if base else ""
                line += "".join(f" {value:.1f} |" for value in medians) + f" {whole[way.name]:.1f} | {ratio} |"
            else:
                line += " |" * 6
            if arguments.folder:
                taken = len(many.get(way.name, ()))
                cut = f" ({taken} photos)" if taken < arguments.folder else ""
                line += f" {speeds[way.name]:.1f}{cut} |" if speeds.get(way.name) else " |"
            print(line, file=out, flush=True)
    print("\n" + "; ".join(f"{way.name}: {way.library}" for way in ways if way.library), file=out, flush=True)
    for way in ways:
        way.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=int, default=0, help="photos of a folder to classify, too")
    parser.add_argument("--folder-seconds", type=float, default=0, help="at most about so long for each way's folder")
    parser.add_argument("--cache", type=Path, help="keep the photos in this folder, for the next run")
    parser.add_argument("--photos", type=int, default=4, help="different photos of each size")
    parser.add_argument("--sizes", default="600x400,1920x1080,4000x3000", help="width x height")
    parser.add_argument("--only", default="", help="ways whose names contain one of these words")
    parser.add_argument("--fovea", default=str(ROOT / "build/fovea"))
    parser.add_argument("--markdown", type=Path, help="write the tables here instead of to stdout")
    arguments = parser.parse_args()
    arguments.only = [word for word in arguments.only.split(",") if word]
    sizes = [tuple(map(int, size.split("x"))) for size in arguments.sizes.split(",")]
    out = arguments.markdown.open("w") if arguments.markdown else sys.stdout
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        photos = make_photos(arguments.cache or folder, sizes, arguments.photos)
        for model in arguments.models:
            start = time.perf_counter()
            compare(model, photos, arguments, folder, out)
            print(f"{model.stem}, {arguments.precision}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
