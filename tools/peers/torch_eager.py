#!/usr/bin/env python3
"""fovea bench worker: PyTorch, eager. `fovea bench m.onnx --worker "eager=.backends/venv/bin/python tools/peers/torch_eager.py"`

Needs MODEL.torch.json beside the model (tools/export_reference.py, tools/export_torch.py).
"""

import argparse
import sys

from protocol import serve
from torch_common import TorchWorker

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels-last", action="store_true", help="weights and images in NHWC, as convolutions prefer")
    sys.exit(serve(TorchWorker(parser.parse_args().channels_last)))
