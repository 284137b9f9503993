#!/usr/bin/env python3
"""fovea bench worker: PyTorch's compiler (inductor), weights frozen into the code.

Needs MODEL.torch.json beside the model (tools/export_reference.py, tools/export_torch.py) and a C++ compiler.
Loading compiles: seconds to minutes the first time, less from inductor's cache afterwards.
"""

import argparse
import sys

from protocol import Load, serve
from torch_common import TorchWorker


class InductorWorker(TorchWorker):
    def __init__(self, autotune: bool):
        super().__init__()
        self.autotune = autotune

    def prepare(self, request: Load):
        super().prepare(request)
        import torch._inductor.config as config

        config.freezing = True  # constants: folded BatchNorm, weights packed ahead
        config.max_autotune = self.autotune
        config.cpp.threads = request.threads  # written into the code, and part of its key in inductor's cache
        self.library = self.library.replace("eager", "inductor" + (" max-autotune" if self.autotune else ""))

    def load(self, request: Load):
        self.model = self.torch.compile(self.module(request), dynamic=False)
        self.bind(request)
        self.run()  # compiles


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--autotune", action="store_true", help="choose kernels by timing them: compiles for minutes")
    sys.exit(serve(InductorWorker(parser.parse_args().autotune)))
