#!/usr/bin/env python3
"""Quantise timm models with PyTorch's own tools and export them to ONNX: models to test the int8 engine with.

    tools/quantize_torch.py NAME... --out DIR [--kinds x86,xnnpack] [--images DIR] [--count 8] [--checkpoint FILE]

For NAME it writes the float model DIR/NAME.onnx, and for kind K DIR/NAME.K.onnx:

    x86        PT2E (torchao) with the X86InductorQuantizer: activations u8, weights s8 for each channel; dynamo's exporter
    xnnpack    PT2E with the XNNPACKQuantizer: activations s8, weights s8 for each channel; dynamo's exporter

Weights are random (seed 0) where no checkpoint is given. Needs torch, timm, onnxscript and torchao.
"""

import argparse
import sys
import warnings
from pathlib import Path

import torch

from quantize_reference import inputs

KINDS = ("x86", "xnnpack")


def quantizer(kind: str):
    if kind == "x86":
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

        return x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    # It left PyTorch for ExecuTorch; torchao keeps a copy for its own tests.
    from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

    return XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))


def export_pt2e(model, photos, kind: str, target: Path):
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare_pt2e(torch.export.export(model, (photos[0],)).module(), quantizer(kind))
    with torch.no_grad():
        for photo in photos:
            prepared(photo)
    torch.onnx.export(convert_pt2e(prepared), (photos[0],), target, dynamo=True, external_data=False, verbose=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--kinds", default="x86,xnnpack", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--checkpoint", type=Path)
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    import timm

    warnings.filterwarnings("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False, checkpoint_path=str(args.checkpoint or "")).eval()
        size = model.pretrained_cfg["input_size"][1:]
        photos = [torch.from_numpy(x) for x in inputs(size, args.images, args.count)]
        with torch.no_grad():
            torch.onnx.export(model, (photos[0],), args.out / f"{name}.onnx", dynamo=True, external_data=False, verbose=False)
        for kind in kinds:
            target = args.out / f"{name}.{kind}.onnx"
            export_pt2e(model, photos, kind, target)
            print(f"{target} {target.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
