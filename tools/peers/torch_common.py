"""What the PyTorch workers share: the module behind an ONNX file, in the wanted precision."""

import importlib
import sys
from pathlib import Path

import numpy as np
from onnx_file import output_names
from protocol import Load, Refusal, Worker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tools/: reference_models

HAS_BF16 = {"avx512_bf16", "amx_bf16", "bf16", "avx_ne_convert"}  # as /proc/cpuinfo names them


class TorchWorker(Worker):
    """Loads the module that MODEL.torch.json describes and runs it eagerly. Precisions: fp32; bf16, all of it."""

    def __init__(self, channels_last: bool = False):
        self.channels_last = channels_last

    def prepare(self, request: Load):
        request.need_precision("fp32", "bf16")
        import reference_models
        import torch

        torch.set_num_threads(request.threads)
        torch.set_num_interop_threads(1)
        torch.set_float32_matmul_precision("highest")
        self.torch, self.reference_models = torch, reference_models
        self.dtype = torch.bfloat16 if request.precision == "bf16" else torch.float32
        self.library = f"PyTorch {torch.__version__.split('+')[0]} eager{', channels last' if self.channels_last else ''}"
        self.names = output_names(request.model)
        try:
            self.description = reference_models.read_sidecar(request.model)
            if self.description["library"] not in ("timm", "transformers"):
                raise ValueError(f"it names a module of {self.description['library']!r}, which is not known here")
        except ValueError as error:
            raise Refusal(str(error), "export the model with tools/export_reference.py or tools/export_torch.py") from error

        importlib.import_module(self.description["library"])  # seconds that are not the model's
        if self.dtype == torch.bfloat16 and not HAS_BF16.intersection(Path("/proc/cpuinfo").read_text().split()):
            self.facts = ["this CPU has no bf16 instructions"]

    def module(self, request: Load):
        module, _ = self.reference_models.make(self.description, request.model.parent)
        return self.placed(module.to(self.dtype))

    def placed(self, value):
        return value.to(memory_format=self.torch.channels_last) if self.channels_last else value

    def bind(self, request: Load):
        tensors = [self.torch.from_numpy(array) for array in request.inputs.values()]
        self.arguments = [self.placed(t.to(self.dtype) if t.is_floating_point() else t) for t in tensors]

    def load(self, request: Load):
        self.model = self.module(request)
        self.bind(request)

    def run(self):
        with self.torch.inference_mode():
            return self.model(*self.arguments)

    def outputs(self, result) -> dict[str, np.ndarray]:
        tensors = [result] if isinstance(result, self.torch.Tensor) else list(result)
        return {name: tensor.float().numpy() for name, tensor in zip(self.names, tensors, strict=True)}
