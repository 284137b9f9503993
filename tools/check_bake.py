#!/usr/bin/env python3
"""Check models that `fovea bake` writes: onnx.checker, then ONNX Runtime and OpenVINO on raw photos of ten sizes.

    .backends/venv/bin/python tools/check_bake.py [MODEL...] [--fovea build/fovea] [--onnxruntime] [--sizes 10]

Each MODEL (default: models/demo.onnx) is baked in the three ways of --resize. What a runtime answers to the photo's bytes
is compared with the native engine on what fovea preprocesses in the same arithmetic: `operator`, which resizes in one go,
with --resize float; `bytes` and `matmul`, which round between the passes as Pillow does, with --resize exact. The largest
relative L2 distance over all photos may be 1e-3; the table has that from the other mode, too. Top-1 must be that of timm's
transform (with Pillow where timm is missing) before the model in ONNX Runtime, unless its two best lie closer together
than the two answers. A photo twice in one batch must answer as alone. With --onnxruntime OpenVINO is left out; where it
runs, it gets `matmul` alone: it ignores antialias without a word.
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
WAYS = {"operator": "float", "bytes": "exact", "matmul": "exact"}  # and the mode of fovea with the same arithmetic
COLUMNS = ("model", "baked", "runtime", "from float", "from exact", "held to", "from timm", "top-1 as timm", "batch of 2",
           "checker", "")
WIDTHS = (14, 8, 11, 10, 10, 7, 9, 13, 10, 7, 6)
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

    def answer(self, model, name, image, mode):
        """The native engine's, after fovea's own preprocessing."""
        image.save(self.folder / "photo.png")
        self("preprocess", self.folder / "photo.png", model, "-o", self.folder / "input.npy", "--resize", mode)
        return self.run(model, name, np.load(self.folder / "input.npy"))


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
    return bool(answer[0].argmax() == wanted[0].argmax() or first - second <= 2 * np.abs(answer - wanted).max())


def print_row(cells):
    print("| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS)) + " |", flush=True)


def checked(path):
    try:
        onnx.checker.check_model(str(path), full_check=True)
        return True
    except onnx.checker.ValidationError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False


def check_model(model, program, count, with_openvino):
    """Prints a row for each way and runtime; returns how many were right and wrong."""
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
        timms = [original(transform(image)) for image in images]
        native = {mode: [fovea.answer(model, name, image, mode) for image in images] for mode in ("float", "exact")}
        for way, mode in WAYS.items():
            baked = folder / f"{way}.onnx"
            fovea("bake", model, "-o", baked, "--resize", way)
            sound = checked(baked)
            engines = {"onnxruntime": onnxruntime_engine(baked)}
            if with_openvino and way == "matmul":
                engines["openvino"] = openvino_engine(baked)
            for engine, run in engines.items():
                answers = [run(np.asarray(image)[None]) for image in images]
                far = {name: max(map(distance, answers, others)) for name, others in {**native, "timm": timms}.items()}
                tops = sum(map(same_top, answers, timms))
                batch = distance(run(np.stack([np.asarray(images[0])] * 2))[1:], answers[0])
                good = far[mode] <= TOLERANCE and tops == len(images) and batch < 1e-5 and sound
                passed, failed = passed + good, failed + (not good)
                print_row([model.stem, way, engine, f"{far['float']:.1e}", f"{far['exact']:.1e}", mode, f"{far['timm']:.1e}",
                           f"{tops} of {len(images)}", "same" if batch < 1e-5 else f"{batch:.1e}",
                           "passes" if sound else "fails", "ok" if good else "FAILED"])
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
    print(f"Largest relative L2 distances over {arguments.sizes} photos, at most {TOLERANCE} from what a row is held to:\n")
    print_row(COLUMNS)
    print_row(["-" * width for width in WIDTHS])
    counts = [check_model(model, arguments.fovea, arguments.sizes, with_openvino) for model in arguments.models]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
