#!/usr/bin/env python3
"""Write the test cases that the onnx package ships as files, for the C++ runner.

    tools/write_onnx_tests.py OUTDIR

Kinds in the index (its form: tools/test_cases.py): "node", those of tools/onnx_node_tests.txt, which must all pass;
"node-other", ONNX's other node cases, which must pass or be refused at load; "light", whole networks with made-up
weights; "simple", "pytorch-converted" and "pytorch-operator". Left out are cases with sequences, optionals or strings:
fovea has none.
"""

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test import loader

from test_cases import CaseWriter, fed_inputs, only_tensors

NODE_TESTS = Path(__file__).resolve().parent / "onnx_node_tests.txt"
DATA = Path(loader.DATA_DIR)
FOLDER_KINDS = ("simple", "pytorch-converted", "pytorch-operator")


def read_tensors(folder: Path, word: str) -> list[onnx.TensorProto]:
    count = len(list(folder.glob(f"{word}_*.pb")))
    return [onnx.load_tensor(str(folder / f"{word}_{index}.pb")) for index in range(count)]


def write_nodes(writer: CaseWriter) -> list[str]:
    """Returns the names of those that must pass and were not found."""
    wanted = set(NODE_TESTS.read_text().split())
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = loader.load_model_tests(kind="node")
    for case in sorted(cases, key=lambda case: case.name):
        if only_tensors(case.model):
            kind = "node" if case.name in wanted else "node-other"
            writer.add(kind, case.name, case.model, case.data_sets, case.rtol, case.atol)
            wanted.discard(case.name)
    return sorted(wanted)


def write_folders(writer: CaseWriter, kind: str):
    for case in sorted(loader.load_model_tests(kind=kind), key=lambda case: case.name):
        folder = Path(case.model_dir)
        model = onnx.load(str(folder / "model.onnx"))
        if not only_tensors(model):
            continue
        data_sets = [
            (read_tensors(data, "input"), read_tensors(data, "output"))
            for data in sorted(folder.glob("test_data_set_*"))
        ]
        writer.add(kind, case.name, model, data_sets, case.rtol, case.atol)


def write_light(writer: CaseWriter):
    """The networks of data/light; as in ONNX's own runner their input is a ramp from 0 to 1."""
    for data in sorted((DATA / "real").glob("*/data.json")):
        settings = json.loads(data.read_text())
        path = DATA / "light" / Path(settings["url"]).name
        if not path.exists():
            continue
        model = onnx.load(str(path))
        inputs = []
        for value in fed_inputs(model):
            shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            size = int(np.prod(shape))
            inputs.append((np.arange(size).reshape(shape) / size).astype(np.float32))
        outputs = [
            onnx.load_tensor(str(path.with_name(f"{path.stem}_output_{i}.pb"))) for i in range(len(model.graph.output))
        ]
        writer.add("light", data.parent.name, model, [(inputs, outputs)], settings["rtol"], settings["atol"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path, help="what it holds already is replaced")
    folder = parser.parse_args().outdir
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "cases.txt").exists():
            parser.error(f"{folder} holds other things than test cases; give a new folder")
        shutil.rmtree(folder)
    writer = CaseWriter(folder)
    missing = write_nodes(writer)
    for kind in FOLDER_KINDS:
        write_folders(writer, kind)
    write_light(writer)
    writer.close()
    kinds = [line.split()[0] for line in writer.lines]
    print(f"{folder}: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)))
    if missing:
        print(
            f"onnx {onnx.__version__} lacks {len(missing)} of the node cases that must pass: {' '.join(missing)}",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
