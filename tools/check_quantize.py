#!/usr/bin/env python3
"""Check that int8 models and calibration tables pass between fovea, ONNX Runtime and OpenVINO.

    .backends/venv/bin/python tools/check_quantize.py [MODEL...] [--fovea build/fovea] [--images DIR] [--answers 4] [--work DIR]
        [--also "PyTorch x86=FILE"]...

Each MODEL (default: models/demo.onnx) is quantised by fovea (u8, s8, symmetric s8, for TensorRT) and by ONNX Runtime's
quantize_static (QDQ and QOperator), by NNCF where that is installed, and, with --also, by whoever made that file of MODEL
(tools/quantize_torch.py has models quantised by PyTorch); every result is run by fovea, ONNX Runtime and OpenVINO on the same photos. Each
cell of the table is two relative L2 distances in percent: from the float model's answer in ONNX Runtime, and from what
fovea answers for the same file. Integer arithmetic leaves runtimes no freedom but where they round (biases, requantisation,
the float parts): a cell is right where the second distance is at most 1.5 times the quantised model's own distance from the
float model, or 1 %, whichever is more. (Two answers that are each off by e in their own direction are 1.4 e apart; models
with random weights come near that, since they magnify each rounding.) Cells beyond are marked; those of OpenVINO are not
counted as wrong, for its rewrites change what it computes: it differs as much from ONNX Runtime on ONNX Runtime's own files
(ViT-B: 11 %). At the end ONNX Runtime reads fovea's tables, and fovea those of ONNX Runtime.
"""
import argparse
import collections
import contextlib
import io
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, create_calibrator,
                                      quantize_static, write_calibration_table)
from onnxruntime.quantization.shape_inference import quant_pre_process

ROOT = Path(__file__).resolve().parent.parent
WAYS = {"fovea u8": [], "fovea s8": ["--activations", "s8"], "fovea symmetric": ["--symmetric"],
        "fovea tensorrt": ["--target", "tensorrt"]}


# OpenVINO has none of these operators; ONNX Runtime makes QLinearConv of convolutions whose input has scales for each
# channel, and then refuses its own node.
REFUSED = {("openvino", "onnxruntime QOperator"), ("onnxruntime", "nncf")}


class Fovea:
    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments), "-q"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"fovea {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def run(self, model, tensor, folder):
        np.save(folder / "x.npy", tensor)
        name = onnx.load(model, load_external_data=False).graph.input[0].name
        self("run", model, "-i", f"{name}={folder}/x.npy", "-o", folder / "out")
        return np.load(next((folder / "out").glob("*.npy")))


def run_onnxruntime(model, tensors):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return [session.run(None, {session.get_inputs()[0].name: tensor})[0] for tensor in tensors]


def run_openvino(model, tensors):
    import openvino
    compiled = openvino.Core().compile_model(str(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [compiled([tensor])[0] for tensor in tensors]


class Reader(CalibrationDataReader):
    def __init__(self, name, tensors):
        self.feeds = iter([{name: tensor} for tensor in tensors])

    def get_next(self):
        return next(self.feeds, None)


def quantize_with_onnxruntime(model, tensors, path, form):
    name = onnx.load(model, load_external_data=False).graph.input[0].name
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    quantize_static(str(prepared), str(path), Reader(name, tensors), quant_format=form, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


def quantize_with_nncf(model, tensors, path):
    import nncf
    graph = onnx.load(model)
    name = graph.graph.input[0].name
    # Its symmetric mode gives each channel of a depthwise convolution's input a scale of its own.
    nncf.set_log_level(logging.ERROR)
    onnx.save(nncf.quantize(graph, nncf.Dataset(tensors, lambda tensor: {name: tensor}), subset_size=len(tensors)), path)


def distance(a, b):
    return 100 * float(np.sqrt(sum(np.sum((x - y) ** 2.0) for x, y in zip(a, b)) / sum(np.sum(y**2.0) for y in b)))


def fused(model):
    """What ONNX Runtime makes of the graph: operators that compute in integers, and those that were left in float."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(model) + ".optimized"
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    counts = collections.Counter(node.op_type for node in onnx.load(options.optimized_model_filepath, load_external_data=False).graph.node)
    integer = sum(n for op, n in counts.items() if op.startswith("QLinear") or op in ("QGemm", "MatMulIntegerToFloat"))
    real = sum(counts[op] for op in ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"))
    return f"{integer} integer, {real} float products"


def check_model(fovea, model, images, count, work, others):
    print(f"\n{model}")
    photos = sorted(path for path in Path(images).rglob("*") if path.suffix in (".jpg", ".png"))
    tensors = []
    for index, photo in enumerate(photos):
        fovea("preprocess", photo, model, "-o", work / "photo.npy")
        tensors.append(np.load(work / "photo.npy"))
    exact = run_onnxruntime(model, tensors[:count])
    made = {}
    for name, flags in WAYS.items():
        made[name] = work / (name.replace(" ", "_") + ".onnx")
        fovea("quantize", model, "--images", images, "-o", made[name], "--compare", 0, "--hold-out", 0, *flags)
        onnx.checker.check_model(str(made[name]), full_check=True)
    for name, form in ("onnxruntime QDQ", QuantFormat.QDQ), ("onnxruntime QOperator", QuantFormat.QOperator):
        made[name] = work / (name.replace(" ", "_") + ".onnx")
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_with_onnxruntime(model, tensors, made[name], form)
    try:
        quantize_with_nncf(model, tensors, work / "nncf.onnx")
        made["nncf"] = work / "nncf.onnx"
    except ModuleNotFoundError:
        print("  nncf is not installed")
    made |= others
    print(f"  {'producer':<22} {'fovea':>14} {'onnxruntime':>16} {'openvino':>16}  ONNX Runtime's graph")
    wrong = 0
    for name, path in made.items():
        cells, own = [], None
        for consumer in "fovea", "onnxruntime", "openvino":
            try:
                if consumer == "fovea":
                    answers = own = [fovea.run(path, tensor, work) for tensor in tensors[:count]]
                else:
                    answers = (run_onnxruntime if consumer == "onnxruntime" else run_openvino)(path, tensors[:count])
            except ModuleNotFoundError:
                cells.append("not installed")
                continue
            except Exception as error:  # noqa: BLE001 - whatever a runtime says is a cell of the table
                cells.append("refused")
                wrong += (consumer, name) not in REFUSED
                print(f"    {name} in {consumer}: {str(error).splitlines()[0][:160]}")
                continue
            error = distance(answers, exact)
            if consumer == "fovea":
                cells.append(f"{error:.2f}")
                quantisation = error
                continue
            if own is None:
                cells.append(f"{error:.2f}")
                continue
            apart = distance(answers, own)
            right = apart <= max(1.0, 1.5 * quantisation)
            wrong += not right and consumer != "openvino"
            cells.append(f"{error:.2f} / {apart:.2f}{'' if right else ' !'}")
        print(f"  {name:<22} {cells[0]:>14} {cells[1]:>16} {cells[2]:>16}  {fused(path)}")
    return wrong


def check_tables(fovea, model, images, work):
    """Tables of fovea in ONNX Runtime's own reader, and tables of ONNX Runtime in fovea."""
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.CalTableFlatBuffers import TrtTable
    wrong = 0
    for suffix in "json", "flatbuffers", "cache", "trt":
        fovea("quantize", model, "--images", images, "-o", work / "t.onnx", "--table", work / f"t.{suffix}", "--compare", 0,
              "--method", "minmax")
    data = TensorsData.from_dict(json.loads((work / "t.json").read_text()))
    reach = {name: max(abs(float(value.lowest)), abs(float(value.highest))) for name, value in data.items()}
    buffer = bytearray((work / "t.flatbuffers").read_bytes())
    table = TrtTable.TrtTable.GetRootAsTrtTable(buffer, 0)
    binary = {table.Dict(i).Key().decode(): float(table.Dict(i).Value()) for i in range(table.DictLength())}
    text = dict((line.rsplit(" ", 1)[0], float(line.rsplit(" ", 1)[1])) for line in (work / "t.cache").read_text().splitlines())
    scales = {}
    for line in (work / "t.trt").read_text().splitlines()[1:]:
        name, digits = line.rsplit(": ", 1)
        scales[name] = 127 * float(np.frombuffer(bytes.fromhex(digits), ">f4")[0])
    for name, other in ("flatbuffers", binary), ("cache", text), ("TensorRT", scales):
        same = other.keys() == reach.keys() and all(np.isclose(other[key], reach[key], rtol=1e-6) for key in reach)
        wrong += not same
        print(f"  table of fovea, {name}: {len(other)} ranges, {'the same as in its .json' if same else 'DIFFERENT'}")
    # The other way round.
    first = onnx.load(model, load_external_data=False).graph.input[0].name
    fovea("preprocess", sorted(Path(images).glob("*.jpg"))[0], model, "-o", work / "photo.npy")
    calibrator = create_calibrator(str(model), augmented_model_path=str(work / "augmented.onnx"), calibrate_method=CalibrationMethod.MinMax)
    calibrator.collect_data(Reader(first, [np.load(work / "photo.npy")]))
    write_calibration_table(calibrator.compute_data(), str(work))
    for suffix in "json", "flatbuffers", "cache":
        out = work / f"from_{suffix}.onnx"
        fovea("quantize", model, "--table-in", work / f"calibration.{suffix}", "-o", out)
        run_onnxruntime(out, [np.load(work / "photo.npy")])
        print(f"  table of onnxruntime, {suffix}: taken by fovea")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=[ROOT / "models/demo.onnx"])
    parser.add_argument("--fovea", type=Path, default=ROOT / "build/fovea")
    parser.add_argument("--images", type=Path, default=ROOT / "models/photos")
    parser.add_argument("--answers", type=int, default=4, help="photos whose answers are compared")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=FILE",
                        help="a model that somebody else quantised, of the one MODEL")
    parser.add_argument("--work", type=Path, help="folder for the models that are made (default: a temporary one)")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    fovea = Fovea(options.fovea)
    others = {name: Path(file) for name, file in (text.split("=", 1) for text in options.also)}
    if others and len(options.models) != 1:
        parser.error("--also is for one MODEL")
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for model in options.models:
            wrong += check_model(fovea, model, options.images, options.answers, work, others)
            wrong += check_tables(fovea, model, options.images, work)
    print(f"\n{wrong} wrong" if wrong else "\nall right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
