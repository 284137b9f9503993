#!/usr/bin/env python3
"""fovea bench worker: torchvision's own way from a photo to scores: its JPEG decoder (libjpeg-turbo), transforms v2 on
tensors of bytes with antialiasing, the model in PyTorch.

Sizes follow the recipe, crop modes "center" and "squash"; the pixels are not Pillow's to the bit. Takes the key "photo" of
the request to load. Needs MODEL.torch.json. Photos that are no JPEG are decoded by torchvision's general decoder."""

import argparse
import sys
from pathlib import Path

from onnx_file import recipe
from photo_worker import PhotoWorker
from protocol import Load, Refusal, serve
from torch_common import TorchWorker


class TorchvisionPipeline(TorchWorker, PhotoWorker):
    def __init__(self, compiled: bool):
        super().__init__()
        self.compiled = compiled

    def prepare(self, request: Load):
        super().prepare(request)
        import torchvision

        if self.description["library"] != "timm":
            raise Refusal(f"{request.model.name} is no model of timm's", "choose a timm classifier")
        self.recipe = recipe(request.model)
        if self.recipe is None:
            raise Refusal("the model has no fovea.recipe in its metadata", "export it with tools/export_timm.py")
        self.torchvision = torchvision
        way = "inductor" if self.compiled else "eager"
        self.library = (f"torchvision {torchvision.__version__.split('+')[0]}, decode_jpeg and transforms v2, on PyTorch "
                        f"{self.torch.__version__.split('+')[0]} {way}")

    def load(self, request: Load):
        from torchvision.transforms import v2

        height, width = self.recipe["input_size"][-2:]
        pct = self.recipe.get("crop_pct") or 0.875
        size = [int(height / pct), int(width / pct)]
        if height == width and self.recipe.get("crop_mode") != "squash":
            size = size[:1]
        filters = {name: getattr(v2.InterpolationMode, name.upper()) for name in ("bicubic", "bilinear")}
        if self.recipe["interpolation"] not in filters:
            raise Refusal(f"torchvision has no {self.recipe['interpolation']} for tensors", "choose another model")
        self.transform = v2.Compose([
            v2.Resize(size, interpolation=filters[self.recipe["interpolation"]], antialias=True),
            v2.CenterCrop([height, width]),
            v2.ToDtype(self.torch.float32, scale=True),
            v2.Normalize(self.recipe["mean"], self.recipe["std"]),
        ])
        self.model = self.module(request)
        if self.compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            self.model = self.torch.compile(self.model, dynamic=False)
        self.remember(request, self.names)
        self.run()  # compiles

    def decode(self, path: Path):
        from torchvision.io import ImageReadMode, decode_image, decode_jpeg, read_file

        data = read_file(str(path))
        is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
        return decode_jpeg(data, mode=ImageReadMode.RGB) if is_jpeg else decode_image(data, mode=ImageReadMode.RGB)

    def prepare_photo(self, image):
        return self.transform(image)[None].to(self.dtype)

    def infer(self, tensor):
        with self.torch.inference_mode():
            return self.model(tensor).float().numpy()

    def run(self):
        return PhotoWorker.run(self)

    def outputs(self, result):
        return PhotoWorker.outputs(self, result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true", help="run the model through inductor, weights frozen")
    sys.exit(serve(TorchvisionPipeline(parser.parse_args().compile)))
