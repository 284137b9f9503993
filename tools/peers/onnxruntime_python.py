#!/usr/bin/env python3
"""fovea bench worker: ONNX Runtime driven from Python alone, set as fovea's own onnxruntime backend sets it."""

import argparse
import sys

from protocol import Load, Worker, serve


class OnnxRuntimeWorker(Worker):
    def __init__(self, spinning: bool):
        self.spinning = spinning

    def prepare(self, request: Load):
        request.need_precision("fp32", "int8")  # int8: a Q/DQ model
        import onnxruntime

        self.onnxruntime = onnxruntime
        self.library = f"ONNX Runtime {onnxruntime.__version__}{'' if self.spinning else ', no spinning'}"

    def load(self, request: Load):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.execution_mode = self.onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self.onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if self.spinning else "0")
        self.session = self.onnxruntime.InferenceSession(
            str(request.model), options, providers=["CPUExecutionProvider"]
        )
        self.binding = self.session.io_binding()
        for name, array in request.inputs.items():
            self.binding.bind_cpu_input(name, array)
        self.names = [output.name for output in self.session.get_outputs()]
        for name in self.names:
            self.binding.bind_output(name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self, result):
        return dict(zip(self.names, self.binding.copy_outputs_to_cpu(), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-spinning", action="store_true", help="let idle threads sleep between the parts of a run")
    sys.exit(serve(OnnxRuntimeWorker(not parser.parse_args().no_spinning)))
