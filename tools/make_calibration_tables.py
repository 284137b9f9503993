#!/usr/bin/env python3
"""Write the reference calibration tables of src/quantize/testdata with ONNX Runtime's own writer.

    .backends/venv/bin/python tools/make_calibration_tables.py

Three tables, each as .json, .cache and .flatbuffers: `minmax` (numbers as scalars and as arrays of one, extreme sizes,
names of every kind), `entropy` (with histograms) and `defect`, in which a range reaches further down than up: ONNX Runtime
writes the wrong number for it into the last two.
"""
import shutil
import tempfile
from pathlib import Path

import numpy as np
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.quant_utils import write_calibration_table

FOLDER = Path(__file__).resolve().parent.parent / "src/quantize/testdata"


def scalar(value):
    return np.float32(value)


def array(value):
    return np.array([value], np.float32)


TABLES = {
    "minmax": (CalibrationMethod.MinMax, {
        "data": (array(-0.54), array(1.1)),
        "onnx::Conv_329": (scalar(0), scalar(6)),
        "(Unnamed Layer* 22) [Constant]_output": (scalar(-1e-7), scalar(1e-7)),
        "tiny": (scalar(0), array(np.float32(1.17549435e-38))),
        "huge": (array(-3e20), scalar(3.4e38)),
        "sixteen": (scalar(0), scalar(1e16)),
        "fifteen": (scalar(0), scalar(123456789012345)),
        "small": (scalar(0), scalar(0.00012345)),
        "größe": (scalar(-2), scalar(2.5)),
        "/layer1/layer1.0/relu/Relu_output_0": (scalar(0), scalar(17.25)),
    }),
    "entropy": (CalibrationMethod.Entropy, {
        "input": (scalar(-0.5), scalar(0.75), np.array([1, 5, 0, 2]), np.linspace(-1, 1, 5).astype(np.float32)),
        "x": (scalar(0), scalar(0.25), np.array([7]), np.array([0, 0.25], np.float32)),
    }),
    "defect": (CalibrationMethod.MinMax, {
        "conv": (scalar(-5.549), scalar(1.1)),
        "negative": (scalar(-3), scalar(-1)),
    }),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, (method, data) in TABLES.items():
        with tempfile.TemporaryDirectory() as folder:
            write_calibration_table(TensorsData(method, data), folder)
            for suffix in "json", "cache", "flatbuffers":
                shutil.copyfile(Path(folder) / f"calibration.{suffix}", FOLDER / f"{name}.{suffix}")


if __name__ == "__main__":
    main()
