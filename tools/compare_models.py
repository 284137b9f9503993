#!/usr/bin/env python3
"""Compare fovea with ONNX Runtime (graph optimisations off) on ONNX models: the same random input, the outputs'
relative L2.

    tools/compare_models.py --fovea build/fovea MODEL_OR_DIR... [--tolerance 2e-5] [--repeat N] [-o table.md]

A folder stands for the .onnx files in it. The input is normal, seeded by the model's name; dynamic dimensions are 1
(batch) or 224. Prints a Markdown table as it goes and a summary; the exit code is 0 only if every output is within the
tolerance. The times are of one process each with the same number of threads, for orientation only: fovea's is what
`fovea run` says for the model's run without loading (the whole process if it says nothing).
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

DTYPES = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "uint8": np.uint8,
    "int8": np.int8,
    "bool": np.bool_,
}
RUN_TIME = re.compile(r"\brun\b\D*([\d.]+) ?ms")


@dataclass
class Row:
    name: str
    outputs: str = ""
    error: float = float("nan")  # the largest relative L2 of the outputs
    fovea_ms: float = float("nan")
    onnxruntime_ms: float = float("nan")
    problem: str = ""


def make_inputs(session, name: str) -> dict[str, np.ndarray]:
    """Normal values for floats, bytes for images, zeros and ones for the rest; one seed a model."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    inputs = {}
    for entry in session.get_inputs():
        dtype = DTYPES[re.fullmatch(r"tensor\((\w+)\)", entry.type).group(1)]
        shape = [size if isinstance(size, int) else (1 if axis == 0 else 224) for axis, size in enumerate(entry.shape)]
        if np.issubdtype(dtype, np.floating):
            inputs[entry.name] = random.standard_normal(shape).astype(dtype)
        else:
            inputs[entry.name] = random.integers(0, 256 if dtype == np.uint8 else 2, shape).astype(dtype)
    return inputs


def relative_l2(got: np.ndarray, want: np.ndarray) -> float:
    """|got - want| / |want| in double precision; infinite where shapes differ or only one has a NaN or infinity."""
    if got.shape != want.shape or not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return float("inf")
    got, want = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
    finite = np.isfinite(want)
    difference, norm = np.linalg.norm(got[finite] - want[finite]), np.linalg.norm(want[finite])
    return float(difference / norm) if norm > 0 else float(difference)


def median_ms(action, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def run_onnxruntime(
    path: Path, threads: int, repeat: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Inputs, outputs and the median time of a run."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    if threads:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = make_inputs(session, path.stem)
    outputs = dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))
    return inputs, outputs, median_ms(lambda: session.run(None, inputs), repeat)


def file_name(tensor: str) -> str:
    """fovea writes DIR/<output>.npy with every character that a path could misread replaced."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", tensor) + ".npy"


def run_fovea(fovea: str, path: Path, inputs: dict[str, np.ndarray], names: list[str], threads: int, timeout_s: float):
    """Outputs by name and the time of the run; a string instead where fovea refused or died."""
    with tempfile.TemporaryDirectory() as folder:
        command = [fovea, "run", str(path), "-o", f"{folder}/out"]
        for index, (name, value) in enumerate(inputs.items()):
            np.save(f"{folder}/{index}.npy", value)
            command += ["-i", f"{name}={folder}/{index}.npy"]
        if threads:
            command += ["--threads", str(threads)]
        start = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return f"took longer than {timeout_s:.0f} s"
        elapsed = 1e3 * (time.perf_counter() - start)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [""]
            return f"exit code {done.returncode}: {lines[-1]}"
        said = RUN_TIME.search(done.stdout + done.stderr)
        try:
            outputs = {name: np.load(f"{folder}/out/{file_name(name)}") for name in names}
        except (OSError, ValueError) as error:
            return f"no readable output: {error}"
        return outputs, float(said.group(1)) if said else elapsed


def compare(fovea: str, path: Path, threads: int, repeat: int, timeout_s: float) -> Row:
    row = Row(path.stem)
    try:
        inputs, wanted, row.onnxruntime_ms = run_onnxruntime(path, threads, repeat)
    except Exception as error:
        row.problem = f"ONNX Runtime: {str(error).splitlines()[0][:160]}"
        return row
    row.outputs = ", ".join(f"{name} {'x'.join(map(str, value.shape))}" for name, value in wanted.items())
    done = run_fovea(fovea, path, inputs, list(wanted), threads, timeout_s)
    if isinstance(done, str):
        row.problem = done
        return row
    got, row.fovea_ms = done
    row.error = max(relative_l2(got[name], wanted[name]) for name in wanted)
    return row


def models_in(arguments: list[Path]) -> list[Path]:
    found = []
    for path in arguments:
        if path.is_dir():
            found += sorted(path.glob("*.onnx"))
        elif path.is_file():
            found.append(path)
        else:
            sys.exit(f"{path}: no such file or folder")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL_OR_DIR")
    parser.add_argument("--fovea", default="build/fovea", help="the program (default: build/fovea)")
    parser.add_argument(
        "--tolerance", type=float, default=2e-5, help="largest relative L2 of an output (default: 2e-5)"
    )
    parser.add_argument("--threads", type=int, default=0, help="for both (default: what each takes)")
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of ONNX Runtime (default: 3)")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="seconds for one run of fovea")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    rows, lines = [], []

    def say(line: str):
        print(line, flush=True)
        lines.append(line + "\n")

    say("| model | outputs | relative L2 | fovea ms | ONNX Runtime ms | |")
    say("| --- | --- | ---: | ---: | ---: | --- |")
    for path in models_in(arguments.models):
        row = compare(arguments.fovea, path, arguments.threads, arguments.repeat, arguments.timeout)
        rows.append(row)
        if not row.problem and not row.error <= arguments.tolerance:
            row.problem = "over the tolerance"
        say(
            f"| {row.name} | {row.outputs} | {row.error:.1e} | {row.fovea_ms:.1f} | {row.onnxruntime_ms:.1f} "
            f"| {row.problem} |"
        )
    failed = [row for row in rows if row.problem]
    worst = max((row.error for row in rows if row.error == row.error), default=float("nan"))
    say(
        f"\n{len(rows) - len(failed)} passed, {len(failed)} failed; "
        f"largest relative L2 {worst:.1e}, tolerance {arguments.tolerance:.0e}"
    )
    if arguments.output:
        arguments.output.write_text("".join(lines))
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
