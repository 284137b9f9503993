#!/usr/bin/env python3
"""fovea bench worker: OpenVINO driven from Python alone, set as fovea's own openvino backend sets it."""

import sys

from protocol import Load, Refusal, Worker, serve

PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # int8: a Q/DQ model, its rest in fp32


class OpenVinoWorker(Worker):
    def prepare(self, request: Load):
        request.need_precision(*PRECISIONS)
        import openvino

        self.openvino = openvino
        self.library = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def load(self, request: Load):
        self.core = self.openvino.Core()
        model = self.core.read_model(str(request.model))
        model.reshape({name: self.openvino.PartialShape(list(array.shape)) for name, array in request.inputs.items()})
        compiled = self.core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": "1",
                "INFERENCE_NUM_THREADS": str(request.threads),
                "INFERENCE_PRECISION_HINT": PRECISIONS[request.precision],
            },
        )
        self.request = compiled.create_infer_request()
        for name, array in request.inputs.items():
            self.request.set_tensor(name, self.openvino.Tensor(array, shared_memory=True))
        took = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if took != PRECISIONS[request.precision]:
            raise Refusal(f"OpenVINO computes in {took} here, not in {request.precision}", "ask for fp32 on this CPU")
        self.names = [port.get_any_name() for port in compiled.outputs]

    def run(self):
        self.request.infer()

    def outputs(self, result):
        return {name: self.request.get_output_tensor(index).data.copy() for index, name in enumerate(self.names)}


if __name__ == "__main__":
    sys.exit(serve(OpenVinoWorker()))
