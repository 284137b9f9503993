#!/usr/bin/env python3
"""fovea bench worker: ncnn, on MODEL.ncnn.param and MODEL.ncnn.bin beside MODEL.onnx (tools/export_torch.py --ncnn).

ncnn knows no batch: the images of a batch run one after the other. bf16: weights and activations are stored in bf16 and
computed in fp32.
"""

import sys

import numpy as np
from onnx_file import output_names
from protocol import Load, Refusal, Worker, serve


class NcnnWorker(Worker):
    def prepare(self, request: Load):
        request.need_precision("fp32", "bf16")
        import ncnn

        self.ncnn = ncnn
        self.library = f"ncnn {ncnn.__version__}"
        self.names = output_names(request.model)
        self.param, self.bin = request.model.with_suffix(".ncnn.param"), request.model.with_suffix(".ncnn.bin")
        if not (self.param.is_file() and self.bin.is_file()):
            raise Refusal(f"{self.param} or its .bin is not there", "tools/export_torch.py --ncnn writes them")
        if len(request.inputs) != 1:
            raise Refusal(f"the model has {len(request.inputs)} inputs", "this worker takes models with one input")

    def load(self, request: Load):
        self.net = self.ncnn.Net()
        options = self.net.opt
        options.num_threads = request.threads
        options.use_vulkan_compute = False
        options.use_bf16_storage = request.precision == "bf16"
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        if self.net.load_param(str(self.param)) != 0 or self.net.load_model(str(self.bin)) != 0:
            raise Refusal(f"ncnn does not read {self.param}", "write it again with tools/export_torch.py --ncnn")
        images = np.ascontiguousarray(next(iter(request.inputs.values())))
        self.images = [self.ncnn.Mat(image).clone() for image in images]  # each aligned, as ncnn's own are

    def run_one(self, image):
        extractor = self.net.create_extractor()
        extractor.input("in0", image)
        mats = []
        for index in range(len(self.names)):
            code, mat = extractor.extract(f"out{index}")
            if code != 0:
                raise RuntimeError(f"ncnn could not compute out{index} (code {code})")
            mats.append(mat)
        return mats

    def run(self):
        return [self.run_one(image) for image in self.images]

    def files(self, request: Load):
        return [self.param, self.bin]

    def outputs(self, result):
        return {name: np.stack([np.array(mats[i]) for mats in result]) for i, name in enumerate(self.names)}


if __name__ == "__main__":
    sys.exit(serve(NcnnWorker()))
