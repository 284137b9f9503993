#!/usr/bin/env python3
"""Write the TorchScript module that the tests of the torch backend load, src/backends/testdata/sums.pt.

    tools/make_torchscript_case.py

It takes two tensors and returns a tuple: their sum times a weight, and a dictionary of the sum's greatest element and of
a list with the places of both maxima. Needs ./dev setup --backends.
"""

import sys
from pathlib import Path

from torchscript_file import without_debug_records

try:
    import torch
except ImportError as missing:
    sys.exit(f"{Path(__file__).name}: {missing}; run ./dev setup --backends and use .backends/venv/bin/python")


class Sums(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0]))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, dict[str, list[torch.Tensor]]]:
        total = (a + b) * self.weight
        return total, {"largest": [total.max()], "places": [a.argmax(), b.argmax()]}


if __name__ == "__main__":
    target = Path(__file__).resolve().parent.parent / "src/backends/testdata/sums.pt"
    target.parent.mkdir(exist_ok=True)
    torch.jit.script(Sums().eval()).save(str(target))
    without_debug_records(target)
    print(f"wrote {target} ({target.stat().st_size} bytes)")
