#!/usr/bin/env python3
"""Write a bundle for `fovea verify`: a photo and what Python makes of it, stage by stage.

    tools/make_bundle.py MODEL.onnx PHOTO -o DIR                    # timm's transform, ONNX Runtime
    tools/make_bundle.py --timm resnet50 [--checkpoint F] PHOTO -o DIR     # timm's transform, PyTorch
    tools/make_bundle.py MODEL.onnx PHOTO -o DIR --transform mine.py       # a transform of your own

The recipe comes from the model's metadata (fovea.recipe; docs/metadata.md), or from timm. Where timm is missing, its
transform is done with Pillow alone. `mine.py` defines `resize(image) -> image` and `normalise(image) -> array`, both of
one photo; either torchvision or transformers can stand behind them. The folder gets the photo, decoded.npy and
resized.npy (u8, height x width x 3), input.npy (what the model takes), output.npy and bundle.json.
"""
import argparse
import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from check_bake import pillow_transform


def timm_stages(recipe):
    """timm's evaluation transform cut in two: up to the cropped photo, and from there on."""
    from timm.data import create_transform

    keys = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    steps = create_transform(**{key: recipe[key] for key in keys if key in recipe}, is_training=False).transforms
    names = [type(step).__name__ for step in steps]
    cut = next(i for i, name in enumerate(names) if name in ("MaybeToTensor", "ToTensor", "PILToTensor"))

    def apply(part):
        def run(value):
            for step in part:
                value = step(value)
            return value
        return run

    normalise = apply(steps[cut:])
    return apply(steps[:cut]), lambda image: normalise(image).numpy()


def pillow_stages(recipe):
    """The same with Pillow: without mean and std the transform ends in the pixels, over 255."""
    height, width = recipe["input_size"][-2:]
    plain = pillow_transform({**recipe, "mean": [0, 0, 0], "std": [1, 1, 1]}, height, width)

    def resize(image):
        return Image.fromarray(np.rint(plain(image)[0].transpose(1, 2, 0) * 255).astype(np.uint8))

    def normalise(image):
        pixels = np.asarray(image, np.float32) / np.float32(255)
        return ((pixels - np.float32(recipe["mean"])) / np.float32(recipe["std"])).transpose(2, 0, 1)

    return resize, normalise


def own_stages(path):
    spec = importlib.util.spec_from_file_location("mine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.resize, lambda image: np.asarray(module.normalise(image))


def onnx_model(path):
    """A function from input to output, the recipe, and what it is called."""
    import onnx
    import onnxruntime

    metadata = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return (lambda tensor: session.run(None, {name: tensor})[0], json.loads(metadata.get("fovea.recipe", "null")),
            f"ONNX Runtime {onnxruntime.__version__}")


def timm_model(name, checkpoint):
    import timm
    import torch

    model = timm.create_model(name, pretrained=checkpoint is None, checkpoint_path=checkpoint or "").eval()

    def run(tensor):
        with torch.no_grad():
            return model(torch.from_numpy(tensor)).numpy()

    return run, timm.data.resolve_model_data_config(model), f"timm {timm.__version__}, PyTorch {torch.__version__}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="an .onnx file")
    parser.add_argument("photo", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--timm", help="a model of timm instead of a file")
    parser.add_argument("--checkpoint", help="its weights (default: the pretrained ones)")
    parser.add_argument("--transform", type=Path, help="a Python file with resize() and normalise()")
    parser.add_argument("--pillow", action="store_true", help="timm's transform with Pillow alone")
    arguments = parser.parse_args()
    if bool(arguments.timm) == bool(arguments.model):
        parser.error("give MODEL.onnx or --timm NAME")
    run, recipe, runtime = timm_model(arguments.timm, arguments.checkpoint) if arguments.timm else onnx_model(arguments.model)
    if arguments.transform:
        (resize, normalise), transform = own_stages(arguments.transform), arguments.transform.name
    elif recipe is None:
        parser.error(f"{arguments.model} has no fovea.recipe in its metadata: give --transform FILE.py")
    else:
        try:
            if arguments.pillow:
                raise ImportError
            import timm

            (resize, normalise), transform = timm_stages(recipe), f"timm {timm.__version__}'s transform"
        except ImportError:
            import PIL

            (resize, normalise), transform = pillow_stages(recipe), f"timm's transform with Pillow {PIL.__version__}"

    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    photo = folder / ("photo" + arguments.photo.suffix.lower())
    if photo.resolve() != arguments.photo.resolve():
        shutil.copyfile(arguments.photo, photo)
    decoded = Image.open(photo).convert("RGB")
    resized = resize(decoded)
    tensor = np.ascontiguousarray(normalise(resized), np.float32)
    tensor = tensor[None] if tensor.ndim == 3 else tensor
    stages = {"decoded": np.asarray(decoded), "resized": np.asarray(resized), "input": tensor, "output": run(tensor)}
    for name, value in stages.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(value))
    files = {"photo": photo.name, **{name: f"{name}.npy" for name in stages}}
    made_by = f"{transform}, {runtime}"
    (folder / "bundle.json").write_text(json.dumps({**files, "made_by": made_by}, indent=2) + "\n")
    print(f"{folder}: {made_by}; {', '.join(f'{name} {value.dtype} {value.shape}' for name, value in stages.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
