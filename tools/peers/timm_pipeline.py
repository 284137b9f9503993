#!/usr/bin/env python3
"""fovea bench worker: timm's way from a photo to scores: Pillow, timm's evaluation transform, the model in PyTorch.

Takes the key "photo" of the request to load; a batch is that photo, read as often. Needs MODEL.torch.json.
"""

import argparse
import sys
import time
from pathlib import Path

from onnx_file import recipe
from photo_worker import PhotoWorker
from protocol import Load, Refusal, serve
from torch_common import TorchWorker


class PipelineWorker(TorchWorker, PhotoWorker):
    def __init__(self, compiled: bool):
        super().__init__()
        self.compiled = compiled

    def prepare(self, request: Load):
        super().prepare(request)
        if request.photo is None or not request.photo.is_file():
            raise Refusal(f"there is no photo to start from ({request.photo})", 'send "photo" with the request to load')
        if self.description["library"] != "timm":
            raise Refusal(f"{request.model.name} is no model of timm's", "choose a timm classifier")
        import timm
        from PIL import Image
        from timm.data import create_transform, resolve_data_config

        self.open, self.resolve, self.create_transform = Image.open, resolve_data_config, create_transform
        way = "inductor" if self.compiled else "eager"
        self.library = f"timm {timm.__version__} on PyTorch {self.torch.__version__.split('+')[0]} {way}"
        self.recipe = recipe(request.model)
        self.photo, self.batch, self.threads = request.photo, request.batch, request.threads

    def load(self, request: Load):
        self.model = self.module(request)
        config = self.resolve(self.recipe or {"input_size": tuple(self.description["input"])}, model=self.model)
        self.transform = self.create_transform(**config, is_training=False)
        if self.compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            self.model = self.torch.compile(self.model, dynamic=False)
            self.run()  # compiles

    def decode(self, path: Path):
        with self.open(path) as photo:
            return photo.convert("RGB")

    def prepare_photo(self, image):
        return self.transform(image)[None].to(self.dtype)

    def infer(self, tensor):
        with self.torch.inference_mode():
            return self.model(tensor).float().numpy()

    def run(self):
        images = [self.transform(self.decode(self.photo)) for _ in range(self.batch)]
        self.arguments = [self.torch.stack(images).to(self.dtype)]
        return super().run()

    def stages(self, photo: Path) -> dict[str, float]:
        clock = time.perf_counter
        start = clock()
        image = self.decode(photo)
        decoded = clock()
        self.arguments = [self.transform(image)[None].to(self.dtype)]
        prepared = clock()
        scores = super().run()
        inferred = clock()
        scores.float().softmax(-1).topk(min(5, scores.shape[-1])).indices.tolist()
        ended = clock()
        times = (decoded - start, prepared - decoded, inferred - prepared, ended - inferred)
        return dict(zip(("decode", "preprocess", "infer", "postprocess"), (1e3 * t for t in times), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true", help="run the model through inductor, weights frozen")
    sys.exit(serve(PipelineWorker(parser.parse_args().compile)))
