"""The on-disk form of test cases that write_onnx_tests.py and check_random_ops.py share and the C++ runner reads.

    OUTDIR/cases.txt                       one case a line: kind name rtol atol opsets path, separated by blanks
    OUTDIR/PATH/model.onnx
    OUTDIR/PATH/test_data_set_0/input_0.pb    a TensorProto, named as the graph's input; output_0.pb likewise

`opsets` is "domain:version,...", with "ai.onnx" for the default domain. An output passes when its shape and type are
equal and each |got - want| <= atol + rtol * |want|, with NaN equal to NaN; integers and booleans are compared in the
same way.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

BF16_RTOL = 2.0**-6  # what ONNX's own runner allows for bfloat16 outputs: two steps of its 8-bit significand


def to_proto(value, name: str) -> onnx.TensorProto:
    """A TensorProto of an array (or of a TensorProto) with the given name."""
    if isinstance(value, onnx.TensorProto):
        proto = onnx.TensorProto()
        proto.CopyFrom(value)
        proto.name = name
        return proto
    return numpy_helper.from_array(np.asarray(value), name)


def fed_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The graph's inputs without those that an initializer fills (ONNX before IR version 4 lists both)."""
    filled = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in filled]


def only_tensors(model: onnx.ModelProto) -> bool:
    """False where an input or output is a sequence, an optional, a map, or made of strings."""
    values = [*fed_inputs(model), *model.graph.output]
    return all(
        v.type.HasField("tensor_type") and v.type.tensor_type.elem_type != onnx.TensorProto.STRING for v in values
    )


def opset_summary(model: onnx.ModelProto) -> str:
    return ",".join(f"{entry.domain or 'ai.onnx'}:{entry.version}" for entry in model.opset_import)


class CaseWriter:
    """Writes cases below a folder and, on close, the index."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lines: list[str] = []

    def add(self, kind: str, name: str, model: onnx.ModelProto, data_sets, rtol: float, atol: float):
        """`data_sets` is a list of (inputs, outputs), each a list of arrays or TensorProtos in the graph's order."""
        path = f"{kind}/{name}"
        names = [v.name for v in fed_inputs(model)], [v.name for v in model.graph.output]
        if any(
            proto.data_type == onnx.TensorProto.BFLOAT16
            for _, outputs in data_sets
            for proto in outputs
            if isinstance(proto, onnx.TensorProto)
        ):
            rtol = max(rtol, BF16_RTOL)
        for number, data_set in enumerate(data_sets):
            folder = self.folder / path / f"test_data_set_{number}"
            folder.mkdir(parents=True, exist_ok=True)
            for word, tensors, tensor_names in zip(("input", "output"), data_set, names, strict=True):
                for index, (tensor, tensor_name) in enumerate(zip(tensors, tensor_names, strict=True)):
                    (folder / f"{word}_{index}.pb").write_bytes(to_proto(tensor, tensor_name).SerializeToString())
        (self.folder / path / "model.onnx").write_bytes(model.SerializeToString())
        self.lines.append(f"{kind} {name} {rtol:g} {atol:g} {opset_summary(model)} {path}\n")

    def close(self):
        (self.folder / "cases.txt").write_text("".join(self.lines))
