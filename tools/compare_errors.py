#!/usr/bin/env python3
"""Errors against double precision: each runtime's answers on one input beside PyTorch's in fp64, as Markdown tables.

    tools/compare_errors.py resnet50.onnx vitb16.onnx --fovea build/fovea [--threads 1] [--keep DIR] [-o errors.md]

fp32: native's relative L2 may be at most max(1e-5, twice ONNX Runtime's). bf16: at most 1.8 times that of direct bf16
products, which is the same module in fp64 with the operands of each convolution and matrix product rounded to bf16 and
nothing else. Outputs are compared one by one and the worst counts. The input is normal, from a fixed seed, the same for
all. The module behind MODEL.onnx is made as MODEL.torch.json says (tools/export_reference.py, tools/export_torch.py write
it). `--keep DIR` keeps inputs and the answers in fp64, and takes what lies there. The exit code is 1 where a goal is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(__file__).name

try:
    import numpy as np
    import reference_models
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError as missing:
    sys.exit(f"{PROGRAM}: {missing}; run ./dev setup --backends and use .backends/venv/bin/python")

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from onnx_file import output_names  # noqa: E402
from protocol import NUMPY_SAFE  # noqa: E402

OPERANDS = {  # product: the places of its two operands among its arguments
    "aten::convolution": (0, 1),
    "aten::linear": (0, 1),
    "aten::mm": (0, 1),
    "aten::bmm": (0, 1),
    "aten::addmm": (1, 2),
    "aten::baddbmm": (1, 2),
}
UNKNOWN = ("conv", "mm", "matmul", "linear", "attention", "einsum", "gemm")
LIMIT_S = 3600


class RoundedProducts(TorchDispatchMode):
    """Rounds both operands of every product to bf16; products, sums and all else stay in the module's own type."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.name().split(".")[0]
        if name in OPERANDS:
            arguments = list(arguments)
            for place in OPERANDS[name]:
                arguments[place] = arguments[place].to(torch.bfloat16).to(arguments[place].dtype)
        elif any(word in name for word in UNKNOWN):
            raise NotImplementedError(f"{name} is a product whose operands are not rounded here")
        return function(*arguments, **(keywords or {}))


@dataclass
class Case:
    model: Path
    inputs: dict[str, Path]
    exact: dict[str, np.ndarray]  # the answer in fp64
    rounded: dict[str, np.ndarray] | None  # ... with the operands of products rounded to bf16
    threads: int
    errors: dict[tuple[str, str], float | str] = field(default_factory=dict)  # (precision, runtime): error, or why not


def relative_l2(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> float:
    """|got - want| / |want| of the worst output."""
    worst = 0.0
    for name, exact in want.items():
        if got[name].shape != exact.shape:
            return float("inf")
        difference = np.linalg.norm(got[name].astype(np.float64).ravel() - exact.ravel())
        worst = max(worst, float(difference / np.linalg.norm(exact.ravel())))
    return worst if worst == worst else float("inf")


def answers(module: torch.nn.Module, example: torch.Tensor, names: list[str], rounded: bool) -> dict[str, np.ndarray]:
    """The module's outputs in fp64, attention written out as products and softmax."""
    with torch.no_grad(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        if rounded:
            with RoundedProducts():
                result = module(example)
        else:
            result = module(example)
    tensors = [result] if isinstance(result, torch.Tensor) else list(result)
    return {name: tensor.double().numpy() for name, tensor in zip(names, tensors, strict=True)}


def make_case(model: Path, folder: Path, threads: int, with_bf16: bool) -> Case:
    import onnxruntime

    description = reference_models.read_sidecar(model)
    names = output_names(model)
    port = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    input_file, exact_file, rounded_file = (folder / f"{model.stem}.{kind}.npz" for kind in ("input", "fp64", "bf16"))
    values = np.random.default_rng(1).standard_normal([description.get("batch") or 1, *description["input"]])
    np.save(plain := input_file.with_suffix(".npy"), values.astype(np.float32))
    wanted = [(exact_file, False)] + ([(rounded_file, True)] if with_bf16 else [])
    if not all(path.is_file() for path, _ in wanted):
        module = reference_models.make(description, model.parent)[0].double()
        example = torch.from_numpy(np.load(plain)).double()
        for path, rounded in wanted:
            if not path.is_file():
                np.savez(path, **answers(module, example, names, rounded))
    load = lambda path: dict(np.load(path))  # noqa: E731
    return Case(model, {port: plain}, load(exact_file), load(rounded_file) if with_bf16 else None, threads)


def run_fovea(case: Case, fovea: str, backend: str, precision: str, options: list[str]) -> dict[str, np.ndarray] | str:
    """The outputs by name; a sentence where there are none."""
    with tempfile.TemporaryDirectory() as folder:
        command = [fovea, "run", str(case.model), "--backend", backend, "--precision", precision, "-o", folder, "--no-cache"]
        command += ["--threads", str(case.threads)] + options
        for name, path in case.inputs.items():
            command += ["-i", f"{name}={path}"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {name: np.load(f"{folder}/{NUMPY_SAFE.sub('_', name)}.npy") for name in case.exact}


def run_worker(case: Case, program: str, precision: str) -> dict[str, np.ndarray] | str:
    """The same by a worker of tools/peers (docs/bench-workers.md)."""
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "model": str(case.model),
            "precision": precision,
            "batch": 1,
            "threads": case.threads,
            "inputs": [{"name": name, "file": str(path)} for name, path in case.inputs.items()],
            "outputs": folder,
        }
        command = [sys.executable, str(Path(__file__).resolve().parent / "peers" / program)]
        lines = json.dumps({"load": request}) + "\n" + json.dumps({"stop": {}}) + "\n"
        done = subprocess.run(command, input=lines, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
        reply = json.loads((done.stdout.splitlines() or ["{}"])[0])
        if "loaded" not in reply:
            return reply.get("failed", f"exit code {done.returncode}")
        return {entry["name"]: np.load(entry["file"]) for entry in reply["loaded"]["outputs"]}


def measure(case: Case, precision: str, runtime: str, run):
    try:
        got = run()
    except subprocess.TimeoutExpired:
        got = f"took longer than {LIMIT_S} s"
    if isinstance(got, str):
        print(f"{case.model.stem}, {precision}, {runtime}: {got}", file=sys.stderr, flush=True)
        case.errors[precision, runtime] = "-"
    else:
        case.errors[precision, runtime] = relative_l2(got, case.exact)


def row(case: Case, precision: str, runtimes: list[str], limit: float) -> tuple[str, bool]:
    """The table's line; whether native is within the limit."""
    shown = [case.errors[precision, runtime] for runtime in runtimes]
    native = case.errors[precision, "native"]
    holds = isinstance(native, float) and native <= limit
    cells = [f"{value:.1e}" if isinstance(value, float) else value for value in [*shown, limit]]
    return f"| {case.model.stem} | " + " | ".join(cells) + f" | {'yes' if holds else 'NO'} |", holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--fovea", default="build/fovea", help="the program, with its plugins beside it (default: build/fovea)")
    parser.add_argument("--precision", default="fp32,bf16", help="of fp32, bf16, with commas (default: both)")
    parser.add_argument("--threads", type=int, default=1, help="of every runtime (default: 1)")
    parser.add_argument("--no-inductor", action="store_true", help="without PyTorch's compiler, which takes minutes a model")
    parser.add_argument("-O", dest="options", action="append", default=[], metavar="KEY=VALUE", help="an option of native")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where inputs and answers in fp64 are kept")
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this file too")
    arguments = parser.parse_args()
    precisions = arguments.precision.split(",")
    if not set(precisions) <= {"fp32", "bf16"}:
        parser.error(f"--precision {arguments.precision}: of fp32, bf16, with commas")
    native = [word for option in arguments.options for word in ("-O", option)]
    tables = {"fp32": [], "bf16": []}
    all_hold = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for model in arguments.models:
            try:
                case = make_case(model, folder, arguments.threads, "bf16" in precisions)
            except (ValueError, NotImplementedError) as error:
                sys.exit(f"{PROGRAM}: {model}: {error}")
            for precision in precisions:
                runs = {"native": lambda: run_fovea(case, arguments.fovea, "native", precision, native)}
                if precision == "fp32":
                    runs["ONNX Runtime"] = lambda: run_fovea(case, arguments.fovea, "onnxruntime", precision, [])
                runs["OpenVINO"] = lambda: run_fovea(case, arguments.fovea, "openvino", precision, [])
                if precision == "bf16" and not arguments.no_inductor:
                    runs["inductor"] = lambda: run_worker(case, "torch_inductor.py", precision)
                for runtime, run in runs.items():
                    measure(case, precision, runtime, run)
                if precision == "fp32":
                    peer = case.errors["fp32", "ONNX Runtime"]
                    limit = max(1e-5, 2 * peer if isinstance(peer, float) else 0)
                else:
                    case.errors["bf16", "direct bf16 products"] = relative_l2(case.rounded, case.exact)
                    runs["direct bf16 products"] = None
                    limit = 1.8 * case.errors["bf16", "direct bf16 products"]
                line, holds = row(case, precision, list(runs), limit)
                all_hold &= holds
                if not tables[precision]:
                    head = ["model", *runs, "limit for native", "holds"]
                    tables[precision] += ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
                tables[precision].append(line)
                print(f"{precision} {line}", file=sys.stderr, flush=True)
    text = "\n\n".join(f"{precision}:\n\n" + "\n".join(tables[precision]) for precision in precisions) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text)
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
