#!/usr/bin/env python3
"""Check models that `fovea bake` writes: onnx.checker, then ONNX Runtime and OpenVINO on raw photos of ten sizes.

    tools/check_bake.py [MODEL...] [--fovea build/fovea] [--onnxruntime] [--sizes 10]

Each MODEL (default: models/demo.onnx) is baked in the three ways of --resize. What a runtime answers to the photo's bytes
is compared with fovea's own way of the same arithmetic: `operator` with the baked model in fovea, which resizes in float
from end to end; `bytes` and `matmul`, which round as Pillow does, with fovea's exact preprocessing before the model as it
was. The relative L2 distance may be 1e-3. Top-1 must be that of timm's transform (with Pillow where timm is missing) before
the model in ONNX Runtime, unless its two best lie closer together than the two answers. With --onnxruntime OpenVINO
is left out; where it runs, it gets `matmul` alone: it ignores antialias without a word.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-3
WAYS = ["operator", "bytes", "matmul"]
# Height and width: of photos, and the extremes in which rounding shows.
SIZES = [(480, 640), (128, 128), (601, 397), (97, 1001), (900, 60), (31, 47), (333, 500), (1080, 1920), (1537, 2049), (3000, 4000)]
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}


def photos(count):
    """Photos of this repository at the sizes above; what is made larger is a photo still, only blurred."""
    files = sorted(path for path in (ROOT / "models/photos").iterdir() if path.suffix in (".jpg", ".png"))
    for (height, width), path in zip(SIZES[:count], files[1:]):
        yield Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def pillow_transform(recipe, height, width):
    """timm's evaluation transform, crop modes "center" and "squash", with Pillow alone."""
    def resized(image):
        scale = (int(height / recipe["crop_pct"]), int(width / recipe["crop_pct"]))
        if recipe.get("crop_mode") == "squash":
            return image.resize((scale[1], scale[0]), FILTERS[recipe["interpolation"]])
        if height == width:
            short = min(image.size)
            target = [scale[0] if side == short else int(scale[0] * side / short) for side in image.size]
        else:
            ratio = min(image.height / scale[0], image.width / scale[1])
            target = [round(side / ratio) for side in image.size]
        return image.resize(target, FILTERS[recipe["interpolation"]])

    def transform(image):
        image = resized(image)
        left, top = int(round((image.width - width) / 2.0)), int(round((image.height - height) / 2.0))
        pixels = np.asarray(image.crop((left, top, left + width, top + height)), np.float32) / np.float32(255)
        return ((pixels - np.float32(recipe["mean"])) / np.float32(recipe["std"])).transpose(2, 0, 1)[None]

    return transform


def timm_transform(recipe, height, width):
    try:
        from timm.data import create_transform
    except ImportError:
        return pillow_transform(recipe, height, width)
    wanted = {key: recipe[key] for key in ("interpolation", "mean", "std", "crop_pct", "crop_mode")}
    transform = create_transform(input_size=(3, height, width), is_training=False, **wanted)
    return lambda image: transform(image).numpy()[None]


class Fovea:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments), "-q"], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"fovea {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stderr}")

    def run(self, model, name, tensor):
        np.save(self.folder / "in.npy", tensor)
        self("run", model, "-i", f"{name}={self.folder / 'in.npy'}", "-o", self.folder / "out")
        return np.load(next((self.folder / "out").glob("*.npy")))

    def exact(self, model, name, image):
        image.save(self.folder / "photo.png")
        self("preprocess", self.folder / "photo.png", model, "-o", self.folder / "exact.npy")
        return self.run(model, name, np.load(self.folder / "exact.npy"))


def onnxruntime_engine(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})[0]


def openvino_engine(path):
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(path)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda tensor: np.array(compiled(tensor)[0])


def distance(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def same_top(answer, wanted):
    """Whether the best class is the same; two that lie closer than the answers differ may change places."""
    first, second = np.sort(wanted[0])[:-3:-1]
    return answer[0].argmax() == wanted[0].argmax() or first - second <= 2 * np.abs(answer - wanted).max()


def check_model(model, program, count, with_openvino):
    """Prints a line for each way and runtime; returns how many were right and wrong."""
    passed = failed = 0
    proto = onnx.load(str(model), load_external_data=False)
    recipe = json.loads({entry.key: entry.value for entry in proto.metadata_props}["fovea.recipe"])
    name = proto.graph.input[0].name
    height, width = (d.dim_value or recipe["input_size"][-1] for d in proto.graph.input[0].type.tensor_type.shape.dim[2:])
    transform, original = timm_transform(recipe, height, width), onnxruntime_engine(model)
    images = list(photos(count))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        fovea = Fovea(program, folder)
        wanted = [original(transform(image)) for image in images]
        exact = [fovea.exact(model, name, image) for image in images]
        for way in WAYS:
            baked = folder / f"{way}.onnx"
            fovea("bake", model, "-o", baked, "--resize", way)
            onnx.checker.check_model(str(baked), full_check=True)
            engines = {"onnxruntime": onnxruntime_engine(baked)}
            if with_openvino and way == "matmul":
                engines["openvino"] = openvino_engine(baked)
            reference = exact
            if way == "operator":
                reference = [fovea.run(baked, "photo", np.asarray(image)[None]) for image in images]
            for engine, run in engines.items():
                answers = [run(np.asarray(image)[None]) for image in images]
                twice = run(np.stack([np.asarray(images[0])] * 2))
                far = max(distance(answer, other) for answer, other in zip(answers, reference))
                far_timm = max(distance(answer, other) for answer, other in zip(answers, wanted))
                tops = sum(bool(same_top(answer, other)) for answer, other in zip(answers, wanted))
                batch = distance(twice[1:], answers[0]) < 1e-5
                good = far <= TOLERANCE and tops == len(images) and batch
                passed, failed = passed + good, failed + (not good)
                print(f"{model.stem:<14} {way:<9} {engine:<12} largest distance from fovea {far:.1e}, from timm's pipeline {far_timm:.1e}; "
                      f"top-1 {tops} of {len(images)}{'' if batch else '; a batch of two differs'}  {'ok' if good else 'FAILED'}", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=[ROOT / "models/demo.onnx"])
    parser.add_argument("--fovea", default="build/fovea")
    parser.add_argument("--onnxruntime", action="store_true", help="leave OpenVINO out even where it is there")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the ten sizes")
    arguments = parser.parse_args()
    try:
        if arguments.onnxruntime:
            raise ImportError
        import openvino  # noqa: F401
        with_openvino = True
    except ImportError:
        with_openvino = False
    counts = [check_model(model, arguments.fovea, arguments.sizes, with_openvino) for model in arguments.models]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
