#!/usr/bin/env python3
"""Check that fovea names the demo's photos as PyTorch and timm do: top-1 is the file's name, top-5 probabilities within
1e-4.

    tools/compare_demo.py [--fovea build/fovea] [--backend NAME] [--onnxruntime] [PHOTO...]

The other side is the checkpoint models/demo.safetensors in PyTorch behind timm's evaluation transform; where PyTorch is
missing, or with --onnxruntime, it is models/demo.onnx in ONNX Runtime behind the same steps written with Pillow.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import demo_model

TOLERANCE = 1e-4


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()


def torch_classifier(num_classes: int):
    """A function from photo to probabilities: timm's transform, PyTorch's network."""
    import torch
    from safetensors.torch import load_file

    model, transform = demo_model.create(num_classes), demo_model.evaluation_transform()
    model.load_state_dict(load_file(str(demo_model.CHECKPOINT)))
    model.eval()

    def classify(path: Path) -> np.ndarray:
        with torch.no_grad():
            return softmax(model(transform(Image.open(path).convert("RGB"))[None])[0].numpy())

    return classify


def pillow_transform(image: Image.Image) -> np.ndarray:
    """timm's evaluation transform for a square input and crop mode "center", with Pillow alone."""
    recipe = demo_model.PREPROCESSING
    size = recipe["input_size"][-1]
    short = int(size / recipe["crop_pct"])
    width, height = image.size
    target = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    image = image.resize(target, Image.Resampling.BICUBIC)
    left, top = int(round((image.width - size) / 2.0)), int(round((image.height - size) / 2.0))
    pixels = np.asarray(image.crop((left, top, left + size, top + size)), np.float32) / np.float32(255)
    return ((pixels - np.float32(recipe["mean"])) / np.float32(recipe["std"])).transpose(2, 0, 1)[None]


def onnxruntime_classifier():
    import onnxruntime

    session = onnxruntime.InferenceSession(str(demo_model.ONNX), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda path: softmax(session.run(None, {name: pillow_transform(Image.open(path).convert("RGB"))})[0][0])


def fovea_answers(fovea: str, backend: str, paths: list[Path]) -> dict[str, list[dict]]:
    """File name -> top-5, from `fovea classify --format json`."""
    command = [fovea, "classify", str(demo_model.ONNX), *map(str, paths), "--topk", "5", "--format", "json"]
    command += ["--backend", backend]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(answer["image"]).name: answer["top"] for answer in answers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path, help="default: all of models/photos")
    parser.add_argument("--fovea", default="build/fovea")
    parser.add_argument("--backend", default="native", help="what fovea runs the model with")
    parser.add_argument(
        "--onnxruntime", action="store_true", help="compare with ONNX Runtime and Pillow even where PyTorch is there"
    )
    arguments = parser.parse_args()
    labels = [path.stem for path in demo_model.photos()]
    paths = arguments.photos or demo_model.photos()
    try:
        if arguments.onnxruntime:
            raise ImportError
        classify, other = torch_classifier(len(labels)), "PyTorch and timm"
    except ImportError:
        classify, other = onnxruntime_classifier(), "ONNX Runtime and Pillow"
    answers = fovea_answers(arguments.fovea, arguments.backend, paths)
    failed, largest = 0, 0.0
    print(
        f"| photo | top-1 | probability | largest difference of the top-5 from {other} | |\n"
        "| --- | --- | ---: | ---: | --- |"
    )
    for path in paths:
        top, wanted = answers.get(path.name, []), classify(path)
        differences = [abs(entry["probability"] - wanted[entry["index"]]) for entry in top]
        difference = max(differences, default=float("nan"))
        problems = [
            text
            for wrong, text in [
                (len(top) != 5, "no five answers"),
                (not top or top[0]["label"] != path.stem, "top-1 is not the file's name"),
                (any(e["label"] != labels[e["index"]] for e in top), "a label that does not belong to its index"),
                (max(differences, default=1) > TOLERANCE, f"differs by more than {TOLERANCE:g}"),
            ]
            if wrong
        ]
        failed += bool(problems)
        largest = max(largest, *differences, 0.0)
        first = top[0] if top else {"label": "", "probability": float("nan")}
        print(
            f"| {path.name} | {first['label']} | {first['probability']:.4f} | {difference:.1e} | "
            f"{'; '.join(problems)} |"
        )
    print(f"\n{len(paths) - failed} passed, {failed} failed; largest difference {largest:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
