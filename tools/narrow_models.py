#!/usr/bin/env python3
"""Write ONNX models whose linear layers keep their weights in fewer bits, and compare their answers with ONNX Runtime's.

    tools/narrow_models.py MODEL.onnx --out DIR [--kinds f16,half,int8,int4,nbits4,nbits8] [--check build/fovea]

For MODEL.onnx and kind K it writes DIR/MODEL.K.onnx:

    f16      weights of f16 behind a Cast; all else is f32
    half     the whole graph in f16 (ONNX Runtime's converter), inputs and outputs in f32
    int8     weights s8, a scale for each column, DequantizeLinear
    int4     weights u4 with scales and zero points for blocks of 32 (DequantizeLinear of opset 21, which MODEL must have)
    nbits4   com.microsoft.MatMulNBits of 4 bits, blocks of 32, with zero points (ONNX Runtime's quantizer)
    nbits8   the same of 8 bits, symmetric

--check runs each on normal random numbers with that program, in fp32, and with ONNX Runtime, and prints the relative L2
distance. Needs the packages of requirements-backends.txt.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

KINDS = ("f16", "half", "int8", "int4", "nbits4", "nbits8")
BLOCK = 32


def linear_weights(graph: onnx.GraphProto):
    """(initializer, whether its columns come first) of matrices that MatMul or Gemm reads, and nobody else."""
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    uses: dict[str, list] = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, position))
    for name, tensor in initializers.items():
        users = uses.get(name, [])
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) != 2 or len(users) != 1:
            continue
        node, position = users[0]
        if node.op_type in ("MatMul", "Gemm") and position == 1:
            flags = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            yield tensor, bool(flags.get("transB", 0))


def replace(graph: onnx.GraphProto, tensor: onnx.TensorProto, made: list[onnx.TensorProto], node: onnx.NodeProto):
    """The initializer becomes the result of a node over other ones."""
    graph.initializer.remove(tensor)
    graph.initializer.extend(made)
    graph.node.insert(0, node)


def four_bits(name: str, numbers: np.ndarray) -> onnx.TensorProto:
    flat = numbers.astype(np.uint8).ravel()
    pairs = np.pad(flat, (0, flat.size % 2)).reshape(-1, 2)
    raw = (pairs[:, 0] | pairs[:, 1] << 4).astype(np.uint8).tobytes()
    return helper.make_tensor(name, onnx.TensorProto.UINT4, numbers.shape, raw, raw=True)


def to_f16(model: onnx.ModelProto):
    for tensor, _ in list(linear_weights(model.graph)):
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.f16")
        replace(model.graph, tensor, [half], helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))


def to_int8(model: onnx.ModelProto):
    for tensor, by_rows in list(linear_weights(model.graph)):
        name, weight, axis = tensor.name, numpy_helper.to_array(tensor), 0 if by_rows else 1
        scale = np.maximum(np.abs(weight).max(axis=1 - axis), 1e-9).astype(np.float32) / 127
        levels = np.rint(weight / np.expand_dims(scale, 1 - axis)).astype(np.int8)
        made = [numpy_helper.from_array(levels, f"{name}.i8"), numpy_helper.from_array(scale, f"{name}.scale")]
        replace(model.graph, tensor, made,
                helper.make_node("DequantizeLinear", [t.name for t in made], [name], axis=axis))


def to_int4(model: onnx.ModelProto):
    if next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) < 21:
        raise ValueError("DequantizeLinear of blocks needs opset 21")
    for tensor, by_rows in list(linear_weights(model.graph)):
        name, weight = tensor.name, numpy_helper.to_array(tensor)
        by_depth = weight if by_rows else weight.T  # {columns, depth}
        columns, depth = by_depth.shape
        blocks = -(-depth // BLOCK)
        cut = np.pad(by_depth, ((0, 0), (0, blocks * BLOCK - depth))).reshape(columns, blocks, BLOCK)
        low, high = np.minimum(cut.min(axis=2), 0), np.maximum(cut.max(axis=2), 0)
        scale = (np.maximum(high - low, 1e-9) / 15).astype(np.float32)
        zero = np.clip(np.rint(-low / scale), 0, 15)
        levels = np.clip(np.rint(cut / scale[..., None]) + zero[..., None], 0, 15).reshape(columns, -1)[:, :depth]
        turn = (lambda x: x) if by_rows else np.transpose
        made = [
            four_bits(f"{name}.u4", np.ascontiguousarray(turn(levels))),
            numpy_helper.from_array(np.ascontiguousarray(turn(scale)), f"{name}.scale"),
            four_bits(f"{name}.zero", np.ascontiguousarray(turn(zero))),
        ]
        replace(model.graph, tensor, made,
                helper.make_node("DequantizeLinear", [t.name for t in made], [name], axis=1 if by_rows else 0,
                                 block_size=BLOCK))


def convert(source: Path, kind: str) -> onnx.ModelProto:
    model = onnx.load(source)
    if kind == "half":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(model, keep_io_types=True)
    if kind.startswith("nbits"):
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        bits = int(kind[5:])
        quantizer = MatMulNBitsQuantizer(model, bits=bits, block_size=BLOCK, is_symmetric=bits == 8)
        quantizer.process()
        return quantizer.model.model
    {"f16": to_f16, "int8": to_int8, "int4": to_int4}[kind](model)
    return model


def distance(program: Path, model: Path) -> float:
    """Of the first outputs, beside ONNX Runtime without its optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    value = session.get_inputs()[0]
    shape = [extent if isinstance(extent, int) else 1 for extent in value.shape]
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    want = session.run(None, {value.name: x})[0].astype(np.float64)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", x)
        subprocess.run([program, "run", model, "-i", f"{value.name}={folder}/x.npy", "-o", f"{folder}/out", "-q"], check=True,
                       stdout=subprocess.DEVNULL)
        got = np.load(f"{folder}/out/{session.get_outputs()[0].name}.npy").astype(np.float64)
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--check", type=Path, metavar="FOVEA", help="the program to compare with ONNX Runtime")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for source in arguments.models:
        for kind in arguments.kinds.split(","):
            target = arguments.out / f"{source.stem}.{kind}.onnx"
            try:
                onnx.save(convert(source, kind), target)
            except ValueError as error:
                print(f"{target.name}: left out: {error}")
                continue
            line = f"{target}  {target.stat().st_size / 1e6:.1f} MB"
            if arguments.check:
                found = distance(arguments.check, target)
                # ONNX Runtime rounds between the operators of a graph in f16.
                bad = not found < (2e-2 if kind == "half" else 1e-4)
                failed += bad
                line += f"  from ONNX Runtime: {found:.2e}{'  TOO FAR' if bad else ''}"
            print(line, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
