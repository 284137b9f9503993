#!/usr/bin/env python3
"""Write models/demo.pt, the demo's model as TorchScript for `--backend torch`, from models/demo.safetensors.

    tools/trace_demo.py

Needs ./dev setup --export; run it after tools/train_demo.py.
"""

import torch
from safetensors.torch import load_file

import demo_model
from torchscript_file import without_debug_records

if __name__ == "__main__":
    weights = load_file(str(demo_model.CHECKPOINT))
    model = demo_model.create(weights["fc.bias"].shape[0])
    model.load_state_dict(weights)
    model.eval()
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.zeros(1, 3, 128, 128), check_trace=False)
        target = demo_model.ONNX.with_suffix(".pt")
        torch.jit.freeze(traced).save(str(target))
    without_debug_records(target)
