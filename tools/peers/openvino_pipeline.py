#!/usr/bin/env python3
"""fovea bench worker: from a photo to scores with OpenVINO and its PrePostProcessor.

OpenVINO resizes without antialiasing, so its answers to large photos are not timm's: it is here because it is what its
users would take. Pillow decodes and crops the photo to the square that the recipe keeps; OpenVINO resizes, normalises
and lays out. The photo's size is a part of the compiled model, as its own samples have it."""

import sys
from pathlib import Path

import numpy as np
from onnx_file import recipe
from photo_worker import PhotoWorker
from protocol import Load, Refusal, serve

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoPipeline(PhotoWorker):
    def prepare(self, request: Load):
        request.need_precision(*PRECISIONS)
        import openvino

        self.openvino = openvino
        self.library = f"OpenVINO {openvino.__version__.split('-')[0]}, PrePostProcessor (no antialiasing)"
        self.recipe = recipe(request.model)
        if self.recipe is None:
            raise Refusal("the model has no fovea.recipe in its metadata", "export it with tools/export_timm.py")

    def load(self, request: Load):
        from openvino import Layout, Type
        from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

        core = self.openvino.Core()
        model = core.read_model(str(request.model))
        height, width = self.recipe["input_size"][-2:]
        model.reshape([1, 3, height, width])
        steps = PrePostProcessor(model)
        photo = steps.input()
        photo.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(ColorFormat.RGB)
        photo.tensor().set_spatial_dynamic_shape()
        photo.model().set_layout(Layout("NCHW"))
        mean, deviation = ([255 * value for value in self.recipe[key]] for key in ("mean", "std"))
        photo.preprocess().convert_element_type(Type.f32).resize(ResizeAlgorithm.RESIZE_CUBIC).mean(mean).scale(deviation)
        compiled = core.compile_model(steps.build(), "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(request.threads),
            "INFERENCE_PRECISION_HINT": PRECISIONS[request.precision],
        })
        self.request = compiled.create_infer_request()
        self.remember(request, [port.get_any_name() for port in compiled.outputs])

    def prepare_photo(self, image):
        # The square in the middle that the crop would keep.
        side = round(min(image.size) * self.recipe["crop_pct"])
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return np.array(image.crop((left, top, left + side, top + side)))[None]  # OpenVINO wants it writeable

    def infer(self, tensor):
        self.request.infer([self.openvino.Tensor(tensor, shared_memory=True)])
        return self.request.get_output_tensor(0).data.copy()


if __name__ == "__main__":
    sys.exit(serve(OpenVinoPipeline()))
