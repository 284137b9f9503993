#!/usr/bin/env python3
"""How far --resize float and scaled are from Pillow's pixels, and how often the model's first label stays the same.

    ninja -C build fovea_parity
    tools/check_resize_modes.py build/src/fovea_parity [--crops 200] [--models models/demo.onnx ...] [--seed 0]

Photos are random crops of those in models/photos, enlarged to between 300 and 3000 pixels with a sensor's grain, as JPEG;
noise is noise of the same sizes. Each is resized as timm does to the sizes of common recipes by both, and compared in
levels of 0 to 255. The models run in ONNX Runtime, once on Pillow's pixels and once on fovea's. The exit code is 1 where
`float` leaves its tolerances on photos that are made smaller (at most 1.5 levels, mean 0.35), or `scaled` changes more
than one label in a hundred.
"""
import argparse
import collections
import io
import json
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from check_bake import pillow_transform, same_top
from check_pillow_parity import Fovea

ROOT = Path(__file__).resolve().parent.parent
RECIPES = [(224, 0.875), (224, 0.95), (128, 0.9), (448, 1.0)]


def random_photo(rng, numbers):
    path = rng.choice(sorted(path for path in (ROOT / "models/photos").iterdir() if path.suffix in (".jpg", ".png")))
    image = Image.open(path).convert("RGB")
    width, height = (round(side * rng.uniform(0.6, 1)) for side in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    factor = rng.uniform(300, 3000) / min(width, height)
    image = image.crop((left, top, left + width, top + height))
    image = image.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
    pixels = np.asarray(image) + numbers.normal(0, 3, (image.height, image.width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def jpeg(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="JPEG", quality=90)
    return out.getvalue()


def ask(fovea, data, mode, size, crop_pct):
    height, width, values = fovea.ask(data, op="timm", resize=mode, size=f"{size}x{size}", crop_pct=crop_pct, mode="center",
                                      filter="bicubic", mean="0,0,0", std="1,1,1")
    return np.frombuffer(values, np.float32).reshape(3, height, width) * 255


def pillow(data, size, crop_pct):
    recipe = {"crop_pct": crop_pct, "interpolation": "bicubic", "mean": [0, 0, 0], "std": [1, 1, 1]}
    return pillow_transform(recipe, size, size)(Image.open(io.BytesIO(data)).convert("RGB"))[0] * 255


class Model:
    def __init__(self, path):
        import onnx
        import onnxruntime

        self.name = path.stem
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        properties = onnx.load(str(path), load_external_data=False).metadata_props
        recipe = json.loads({entry.key: entry.value for entry in properties}["fovea.recipe"])
        self.size, self.crop_pct = recipe["input_size"][-1], recipe["crop_pct"]
        self.mean, self.std = (np.float32(recipe[key]).reshape(3, 1, 1) for key in ("mean", "std"))

    def __call__(self, levels):
        tensor = ((levels / np.float32(255) - self.mean) / self.std)[None].astype(np.float32)
        return self.session.run(None, {self.session.get_inputs()[0].name: tensor})[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the driver: BUILD/src/fovea_parity")
    parser.add_argument("--crops", type=int, default=200)
    parser.add_argument("--models", type=Path, nargs="*", default=[ROOT / "models/demo.onnx"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    fovea, models = Fovea(arguments.program), [Model(path) for path in arguments.models]
    largest, means, same = collections.Counter(), collections.defaultdict(list), collections.Counter()
    for number in range(arguments.crops):
        rng = random.Random(f"{arguments.seed}/{number}")
        numbers = np.random.default_rng(rng.getrandbits(32))
        pixels = random_photo(rng, numbers)
        photo = jpeg(pixels)
        noise = jpeg(numbers.integers(0, 256, pixels.shape, np.uint8)) if number % 4 == 0 else None
        size, crop_pct = rng.choice(RECIPES)
        for kind, data in (("photo", photo), ("noise", noise)):
            if data is None:
                continue
            wanted = pillow(data, size, crop_pct)
            way = "smaller" if min(pixels.shape[:2]) >= size / crop_pct else "larger"
            for mode in ("exact", "float", "scaled"):
                apart = np.abs(ask(fovea, data, mode, size, crop_pct) - wanted)
                key = (kind, way, mode)
                largest[key] = max(largest[key], float(apart.max()))
                means[key].append(float(apart.mean()))
        for model in models:
            wanted = model(pillow(photo, model.size, model.crop_pct))
            for mode in ("float", "scaled"):
                answer = model(ask(fovea, photo, mode, model.size, model.crop_pct))
                same[model.name, mode] += int(answer[0].argmax() == wanted[0].argmax())
                same[model.name, mode, "but for ties"] += bool(same_top(answer, wanted))
    for key in sorted(largest):
        print(f"{key[0]} made {key[1]}, {key[2]:<7} largest {largest[key]:6.2f} levels, mean {np.mean(means[key]):.3f} "
              f"(of one photo at most {max(means[key]):.3f}), {len(means[key])} photos")
    for key in sorted(same):
        print(f"{key[0]}, {key[1]}: the same first label on {same[key]} of {arguments.crops}{', ties counted as the same' if len(key) > 2 else ''}")
    float_key = ("photo", "smaller", "float")
    wrong = [key for key in largest if key[2] == "exact" and largest[key] > 1e-3]
    if largest[float_key] > 1.501 or max(means[float_key], default=0) > 0.35:
        wrong.append(float_key)
    wrong += [key for key in same if key[1] == "scaled" and len(key) == 2 and same[key] < 0.99 * arguments.crops]
    print(f"{len(largest) + len(same) - len(wrong)} passed, {len(wrong)} failed{': ' if wrong else ''}{'; '.join(map(' '.join, wrong))}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
