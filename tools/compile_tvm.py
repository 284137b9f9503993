#!/usr/bin/env python3
"""Compile an ONNX model with Apache TVM into a shared library for this CPU, which fovea's tvm backend runs.

    tools/compile_tvm.py resnet50.onnx --threads 2 --trials 64

writes resnet50.tvm.so (resnet50.b8.tvm.so for --batch 8) and resnet50.tvm.json, which says what lies in it: function,
inputs, outputs, shapes, threads, trials. Shapes are fixed. TVM's own kernels are plain loops; --trials N lets MetaSchedule
try N variants of each operator and keep the fastest (ResNet-50 has 28 operators: it takes its time; records are
kept in resnet50.tvm.records and used again, --trials 0 uses what is there). Untuned code is many times slower and says
nothing about TVM: the sidecar's "trials" tells. --trials is experimental; run it on a machine at rest. Needs ./dev setup --backends.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).name

try:
    import numpy as np
    import onnx
    import onnxruntime
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx
    from tvm.s_tir import meta_schedule
except ImportError as missing:
    sys.exit(f"{PROGRAM}: {missing}; run ./dev setup --backends and use .backends/venv/bin/python")

EVOLVE_FROM = 32  # trials an operator from which the search learns a cost model and breeds variants


def ports(values, batch: int) -> list[dict]:
    """Name, shape and type of the graph's inputs or outputs, free first dimensions set to the batch.

    Raises ValueError where another dimension is free.
    """
    found = []
    for value in values:
        tensor = value.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        if dims and dims[0] is None:
            dims[0] = batch
        if None in dims:
            raise ValueError(f'"{value.name}" has a free dimension besides the batch; export the model with a fixed size')
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        found.append({"name": value.name, "shape": dims, "dtype": dtype})
    return found


def lowered(model: onnx.ModelProto, inputs: list[dict]) -> tvm.IRModule:
    """The model as fused loop nests, still unscheduled; weights are constants whose layout tuning may choose."""
    module = from_onnx(model, shape_dict={port["name"]: port["shape"] for port in inputs})
    return tvm.transform.Sequential(
        [
            relax.transform.DecomposeOpsForInference(),
            relax.transform.CanonicalizeBindings(),
            relax.get_pipeline("zero"),
            relax.transform.AttachAttrLayoutFreeBuffers(),
        ]
    )(module)


def tune(module: tvm.IRModule, target: tvm.target.Target, records: Path, trials: int) -> int:
    """Searches a schedule for each operator, `trials` variants of each; returns how many operators there are."""
    tasks = meta_schedule.relax_integration.extract_tasks(module, target)
    if trials > 0:
        import tvm_measure  # takes a minute: it parses every tensor intrinsic that TVM has

        candidates = tvm_measure.Candidates()
        search = meta_schedule.search_strategy.EvolutionarySearch(population_size=128, genetic_num_iters=3)
        if trials < EVOLVE_FROM:  # too few to learn from: random variants
            search = meta_schedule.search_strategy.ReplayTrace()
        meta_schedule.relax_integration.tune_relax(
            module,
            {},
            target,
            str(records),
            max_trials_global=trials * len(tasks),
            max_trials_per_task=trials,
            num_trials_per_iter=min(trials, 32),
            builder=tvm_measure.Builder(candidates),
            runner=tvm_measure.Runner(candidates),
            strategy=search,
            seed=1,
        )
    return len(tasks)


def compiled(module: tvm.IRModule, target: tvm.target.Target, records: Path):
    """The executable, with the best schedules on record and weights laid out as they want them."""
    passes = []
    if (records / "database_workload.json").is_file():
        passes = [
            relax.transform.MetaScheduleApplyDatabase(str(records)),
            relax.transform.SplitLayoutRewritePreproc(),
            relax.transform.FoldConstant(),
        ]
    with target:
        module = tvm.transform.Sequential(passes)(module)
        return tvm.compile(module, target=target)


def check(library: Path, model: Path, inputs: list[dict]) -> tuple[float, float]:
    """Relative L2 against ONNX Runtime on random inputs, and the least time of ten runs in ms."""
    random = np.random.default_rng(0)
    arrays = {port["name"]: random.standard_normal(port["shape"]).astype(port["dtype"]) for port in inputs}
    want = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, arrays)
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
    arguments = [tvm.runtime.tensor(array) for array in arrays.values()]
    times = []
    for _ in range(10):
        start = time.perf_counter()
        got = machine["main"](*arguments)
        times.append(1e3 * (time.perf_counter() - start))
    got = [got] if isinstance(got, tvm.runtime.Tensor) else list(got)
    errors = [np.linalg.norm(g.numpy() - w) / np.linalg.norm(w) for g, w in zip(got, want, strict=True)]
    return float(max(errors)), min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="tune for so many (default: all)")
    parser.add_argument("--trials", type=int, default=0, help="variants to try for each operator (default: 0)")
    parser.add_argument("-o", "--output", type=Path, help="library to write (default: MODEL.tvm.so, MODEL.bN.tvm.so)")
    arguments = parser.parse_args()
    path, batch = arguments.model, arguments.batch
    if not path.is_file() or batch < 1 or arguments.threads < 1 or arguments.trials < 0:
        parser.error(f"{path} must be a file, the numbers positive")
    library = arguments.output or path.with_suffix(f"{'' if batch == 1 else f'.b{batch}'}.tvm.so")
    sidecar, records = library.with_suffix(".json"), library.with_suffix(".records")
    os.environ["TVM_NUM_THREADS"] = str(arguments.threads)  # read when its thread pool starts
    model = onnx.load(str(path))
    constants = {tensor.name for tensor in model.graph.initializer}
    try:
        inputs = ports([value for value in model.graph.input if value.name not in constants], batch)
        outputs = ports(model.graph.output, batch)
    except ValueError as error:
        sys.exit(f"{PROGRAM}: {path}: {error}")
    cpu = tvm.get_global_func("target.llvm_get_system_cpu")()
    description = {"kind": "llvm", "mcpu": cpu, "num-cores": arguments.threads}
    target = tvm.target.Target(description)
    try:
        module = lowered(model, inputs)
        records.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        tasks = tune(module, target, records, arguments.trials)
        tuned = time.monotonic() - start
        measured = sum(1 for _ in (records / "database_tuning_record.json").open()) if any(records.iterdir()) else 0
        draft = library.with_suffix(".draft.so")
        compiled(module, target, records).export_library(str(draft))
    except (RuntimeError, ValueError, NotImplementedError) as error:  # an operator it does not know, mostly
        sys.exit(f"{PROGRAM}: TVM {tvm.__version__} cannot compile {path}: {str(error).strip().splitlines()[-1][:300]}")
    draft.replace(library)
    sidecar.write_text(
        json.dumps(
            {
                "tvm": tvm.__version__,
                "function": "main",
                "inputs": inputs,
                "outputs": outputs,
                "target": description,
                "threads": arguments.threads,
                "operators": tasks,
                "trials": measured,
            },
            indent=2,
        )
        + "\n"
    )
    error, least = check(library, path, inputs)
    how = f"{measured} trials on record for {tasks} operators" if measured else "untuned: its speed says nothing about TVM"
    print(f"wrote {library} ({library.stat().st_size / 1e6:.1f} MB) and {sidecar.name} for {cpu}: {how} ({tuned:.0f} s)")
    print(f"relative L2 against ONNX Runtime {error:.1e}; {least:.1f} ms with {arguments.threads} threads")
    return 0 if error < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
