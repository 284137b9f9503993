#!/usr/bin/env python3
"""Write random cases of convolution, pooling, matrix product, resize and quantisation, with expected outputs.

    tools/check_random_ops.py OUTDIR [--count 2000] [--seed 0] [--op conv]

The expected outputs are ONNX Runtime's (graph optimisations off), and each is compared with a second opinion: exact
integer arithmetic for the quantised operators, tools/second_opinions.py for pools and transposed convolutions, ONNX's
reference evaluator for the others. Where the two differ ONNX Runtime is known to leave ONNX's text or arithmetic:
quantised cases then expect the exact result (it saturates sums of unsigned times full signed bytes on CPUs without
VNNI), others are drawn again. The report at the end counts both, and the cases for which there is no second opinion.
The form of the files and of the index is that of tools/test_cases.py, so the C++ runner takes them as it takes ONNX's
own; the kind is "random".

Tolerances: sums of products may differ by 8 units in the last place of the sum of absolute products, interpolation by
64 of the largest input (one step for bytes), what is divided or scaled once by one or two; all else is exact.
"""

import argparse
import collections
import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from random_cases import GENERATORS, Case, Draw
from second_opinions import OPINIONS
from test_cases import CaseWriter

ATTEMPTS = 100
MAX_OUTPUT = 400_000

onnxruntime.set_default_logger_severity(4)  # it warns of attributes that are deprecated, which is the point here


def build(case: Case, output_types: list[int] | None = None) -> onnx.ModelProto:
    """The model of one node; outputs without a known type get ONNX Runtime's."""
    names = [name if value is not None else "" for name, value in case.inputs.items()]
    while names and names[-1] == "":
        names.pop()
    node = helper.make_node(case.op, names, list(case.outputs), **case.attributes)
    inputs, initializers = [], []
    for name, value in case.inputs.items():
        if value is None:
            continue
        if name in case.constants:
            initializers.append(numpy_helper.from_array(value, name))
        else:
            inputs.append(
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            )
    types = output_types or [TensorProto.UNDEFINED] * len(case.outputs)
    outputs = [
        helper.make_tensor_value_info(name, kind, None) if kind else onnx.ValueInfoProto(name=name)
        for name, kind in zip(case.outputs, types)
    ]
    graph = helper.make_graph([node], case.op, inputs, outputs, initializers)
    return helper.make_model(
        graph, ir_version=8 if case.opset < 20 else 10, opset_imports=[helper.make_opsetid("", case.opset)]
    )


def feeds(case: Case) -> dict[str, np.ndarray]:
    return {name: value for name, value in case.inputs.items() if value is not None and name not in case.constants}


def run_onnxruntime(case: Case) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(build(case).SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds(case))


def tolerances(case: Case) -> tuple[float, float]:
    """(rtol, atol) that follow from the case's arithmetic."""
    if not case.products:
        x = case.inputs.get("x")
        if case.absolute == 0:
            return case.relative, 0.0
        return case.relative, case.absolute * float(np.abs(x).max(initial=0)) if x.dtype == np.float32 else 1.0
    absolute = Case(
        case.op,
        case.opset,
        {n: v if v is None else np.abs(v) for n, v in case.inputs.items()},
        {k: abs(v) if k in ("alpha", "beta") else v for k, v in case.attributes.items()},
        case.outputs,
    )
    sums = run_onnxruntime(absolute)[0]
    return 0.0, 8 * float(np.finfo(sums.dtype).eps) * float(sums.max(initial=0))


def same(got, want, rtol: float, atol: float) -> bool:
    return len(got) == len(want) and all(
        g.shape == w.shape
        and g.dtype == w.dtype
        and np.allclose(g.astype(np.float64), w.astype(np.float64), rtol=rtol, atol=atol, equal_nan=True)
        for g, w in zip(got, want)
    )


def second_opinion(case: Case) -> list[np.ndarray] | None:
    """None where there is none: a case that it does not cover, or a rounding that is too close to call."""
    if case.exact is not None:
        return case.exact(case, run_onnxruntime)
    if case.op in OPINIONS:
        return OPINIONS[case.op](case)
    if any(axis < 0 for axis in case.attributes.get("axes", [])):  # which the evaluator fails on
        rank = case.inputs["x"].ndim
        case = dataclasses.replace(case, attributes=case.attributes | {"axes": [a % rank for a in case.attributes["axes"]]})
    try:
        return [np.asarray(output) for output in ReferenceEvaluator(build(case)).run(None, feeds(case))]
    except Exception:
        return None


def draw_case(generator, seed: str, counts: dict[str, collections.Counter]) -> tuple[Case, list[np.ndarray]] | None:
    """A case that ONNX Runtime runs, with its expected outputs."""
    for attempt in range(ATTEMPTS):
        case = generator(Draw(f"{seed}:{attempt}"))
        try:
            outputs = run_onnxruntime(case)
        except Exception:
            continue  # attributes that do not go together, or that ONNX Runtime lacks
        if any(output.size == 0 or output.size > MAX_OUTPUT for output in outputs):
            continue
        other = second_opinion(case)
        if other is None:
            if case.exact is not None:
                continue
            counts["alone"][case.op] += 1
        elif not same(other, outputs, *tolerances(case)):
            counts["disputed"][case.op] += 1
            if case.exact is None:
                continue
            outputs = other
        return case, outputs
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path, help="what it holds already is replaced")
    parser.add_argument("--count", type=int, default=sum(GENERATORS.values()))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--op", help="only the generators whose name contains this, such as conv or resize")
    arguments = parser.parse_args()
    folder = arguments.outdir
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "cases.txt").exists():
            parser.error(f"{folder} holds other things than test cases; give a new folder")
        shutil.rmtree(folder)
    chosen = {g: n for g, n in GENERATORS.items() if not arguments.op or arguments.op.lower() in g.__name__}
    if not chosen:
        parser.error(f"--op {arguments.op}: there are {', '.join(g.__name__ for g in GENERATORS)}")
    writer, counts = CaseWriter(folder), {"disputed": collections.Counter(), "alone": collections.Counter()}
    share = arguments.count / sum(chosen.values())
    for generator, weight in chosen.items():
        for index in range(max(1, round(weight * share))):
            drawn = draw_case(generator, f"{arguments.seed}:{generator.__name__}:{index}", counts)
            if drawn is None:
                sys.exit(f"{generator.__name__} {index}: {ATTEMPTS} draws gave no case that ONNX Runtime runs")
            case, outputs = drawn
            types = [helper.np_dtype_to_tensor_dtype(output.dtype) for output in outputs]
            writer.add(
                "random",
                f"{generator.__name__}_{index:03}",
                build(case, types),
                [(list(feeds(case).values()), outputs)],
                *tolerances(case),
            )
    writer.close()
    print(f"{folder}: {len(writer.lines)} cases")
    for title, key in (
        ("ONNX Runtime and the second opinion differed", "disputed"),
        ("without a second opinion", "alone"),
    ):
        print(f"{title}: {', '.join(f'{op} {count}' for op, count in counts[key].items()) or 'none'}")


if __name__ == "__main__":
    main()
