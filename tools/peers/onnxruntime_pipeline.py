#!/usr/bin/env python3
"""fovea bench worker: from a photo to scores with ONNX Runtime; timm's transform with Pillow and NumPy, or, with
--baked FILE, a model that `fovea bake` wrote, which takes the decoded photo as it is."""

import argparse
import sys
from pathlib import Path

import numpy as np
from onnx_file import recipe
from photo_worker import PhotoWorker
from protocol import Load, Refusal, serve

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tools/: check_bake


class OnnxRuntimePipeline(PhotoWorker):
    def __init__(self, baked: Path | None):
        self.baked = baked

    def prepare(self, request: Load):
        request.need_precision("fp32")
        import onnxruntime

        self.onnxruntime = onnxruntime
        self.library = f"ONNX Runtime {onnxruntime.__version__} {'on the baked model' if self.baked else 'with Pillow, NumPy'}"
        self.recipe = recipe(request.model)
        if self.recipe is None and not self.baked:
            raise Refusal("the model has no fovea.recipe in its metadata", "export it with tools/export_timm.py")

    def load(self, request: Load):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = self.baked or request.model
        self.session = self.onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.remember(request, [output.name for output in self.session.get_outputs()])
        if not self.baked:
            from check_bake import pillow_transform

            height, width = self.recipe["input_size"][-2:]
            self.transform = pillow_transform(self.recipe, height, width)

    def prepare_photo(self, image):
        return np.asarray(image)[None] if self.baked else np.ascontiguousarray(self.transform(image))

    def infer(self, tensor):
        return self.session.run(None, {self.input: tensor})[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baked", type=Path)
    sys.exit(serve(OnnxRuntimePipeline(parser.parse_args().baked)))
