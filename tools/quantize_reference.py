#!/usr/bin/env python3
"""Quantise ONNX models with ONNX Runtime's quantizer, as its users do: models to test the int8 engine with.

    tools/quantize_reference.py MODEL.onnx... --out DIR [--kinds qdq,qdq_s8,qoperator,dynamic] [--images DIR] [--count 8]

For MODEL.onnx and kind K it writes DIR/MODEL.K.onnx:

    qdq        Q/DQ pairs, activations u8, weights s8 for each channel
    qdq_s8     Q/DQ pairs, activations s8 and symmetric, weights s8 for each channel
    qdq_u8     Q/DQ pairs, activations u8, weights u8 for the tensor (with a zero point)
    products   qdq, but of convolutions and matrix products alone
    qoperator  QLinearConv, QLinearMatMul, ...; weights s8 for the tensor
    dynamic    DynamicQuantizeLinear, MatMulInteger, ConvInteger

Calibration takes the photos of a folder (short side to the input, centre, ImageNet's mean and deviation), or normal
random numbers where none is given. Needs the packages of requirements-backends.txt.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
from onnxruntime.quantization.shape_inference import quant_pre_process

KINDS = ("qdq", "qdq_s8", "qdq_u8", "products", "qoperator", "dynamic")


class Photos(CalibrationDataReader):
    """Feeds for the model's one image input."""

    def __init__(self, model: onnx.ModelProto, images: Path | None, count: int):
        value = model.graph.input[0]
        dims = [d.dim_value if d.HasField("dim_value") else 0 for d in value.type.tensor_type.shape.dim]
        height, width = dims[2] or 224, dims[3] or 224
        self.feeds = iter([{value.name: x} for x in inputs((height, width), images, count)])

    def get_next(self):
        return next(self.feeds, None)


def inputs(size: tuple[int, int], images: Path | None, count: int):
    """`count` inputs {1, 3, height, width}."""
    random = np.random.default_rng(1)
    if images is None:
        return [random.standard_normal((1, 3, *size)).astype(np.float32) for _ in range(count)]
    from PIL import Image, ImageOps

    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    files = sorted(p for p in images.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    chosen = [files[i] for i in random.permutation(len(files))[:count]]
    fitted = [ImageOps.fit(Image.open(p).convert("RGB"), size[::-1], Image.Resampling.BICUBIC) for p in chosen]
    pixels = [(np.asarray(image, np.float32) / 255 - mean) / deviation for image in fitted]
    return [np.ascontiguousarray(p.transpose(2, 0, 1)[None]) for p in pixels]


def quantise(source: Path, prepared: Path, kind: str, target: Path, images: Path | None, count: int):
    if kind == "dynamic":
        # The quantizer turns the weights of Gemm and leaves their old shapes standing in value_info, which ONNX's shape
        # inference then refuses; it finds all shapes itself.
        model = onnx.load(prepared)
        del model.graph.value_info[:]
        quantization.quantize_dynamic(model, target, weight_type=QuantType.QInt8, per_channel=False)
        return
    symmetric = kind == "qdq_s8"
    quantization.quantize_static(
        prepared,
        target,
        Photos(onnx.load(source, load_external_data=False), images, count),
        quant_format=QuantFormat.QOperator if kind == "qoperator" else QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "MatMul", "Gemm"] if kind == "products" else None,
        per_channel=kind not in ("qoperator", "qdq_u8"),
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QUInt8 if kind == "qdq_u8" else QuantType.QInt8,
        extra_options={"ActivationSymmetric": symmetric, "WeightSymmetric": kind != "qdq_u8"},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--kinds", default="qdq", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--count", type=int, default=8)
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    args.out.mkdir(parents=True, exist_ok=True)
    for source in args.models:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            for kind in kinds:
                target = args.out / f"{source.stem}.{kind}.onnx"
                quantise(source, prepared, kind, target, args.images, args.count)
                print(f"{target} {target.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
