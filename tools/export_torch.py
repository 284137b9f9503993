#!/usr/bin/env python3
"""Write what other runtimes take of the PyTorch module behind an ONNX file, beside that file, and check each against it.

    tools/export_torch.py resnet50.onnx
    tools/export_torch.py flowers.onnx --timm resnet18d --arguments '{"num_classes": 19}' --weights best.safetensors
    tools/export_torch.py resnet50.onnx --kinds pt2 --batch 8 --threads 2

pt: TorchScript, any batch (resnet50.pt). pt2: AOTInductor's code for this CPU, batch 1 to 64 (resnet50.pt2), or one batch
and number of threads, which is a little faster (resnet50.b8.pt2). ncnn: resnet50.ncnn.param and .bin, by pnnx, batch 1.
MODEL.torch.json says which module it is; with --timm this script writes it. Needs ./dev setup --backends.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).name

try:
    import numpy as np
    import onnxruntime
    import reference_models
    import torch
    from export_timm import MAX_BATCH, quiet
except ImportError as missing:
    sys.exit(f"{PROGRAM}: {missing}; run ./dev setup --backends and use .backends/venv/bin/python")

TOLERANCE = {"module": 1e-4, "pt": 1e-4, "pt2": 1e-4, "ncnn": 1e-3}  # relative L2 against the ONNX file

PNNX_LIMIT_S = 600


class Reference:
    """The ONNX file's answer on one example."""

    def __init__(self, model: Path, example: torch.Tensor):
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self.example = example
        self.outputs = session.run(None, {session.get_inputs()[0].name: example.numpy()})
        self.inputs, self.results = session.get_inputs(), session.get_outputs()

    def described(self, batch: int | None) -> dict[str, str]:
        """What fovea's torch backend reads in a package: "name dtype shape" of each input and output, a line each."""

        def lines(ports, arrays) -> str:
            shapes = [[batch or "?", *array.shape[1:]] for array in arrays]
            return "\n".join(
                f"{port.name} {array.dtype.name} {'x'.join(map(str, shape))}"
                for port, array, shape in zip(ports, arrays, shapes, strict=True)
            )

        return {
            "fovea.inputs": lines(self.inputs, [self.example.numpy()]),
            "fovea.outputs": lines(self.results, self.outputs),
            "fovea.precision": "fp32",
        }

    def check(self, kind: str, outputs) -> float:
        """Relative L2 of the worst output. Raises ValueError where it is over the tolerance."""
        outputs = [outputs] if isinstance(outputs, (torch.Tensor, np.ndarray)) else list(outputs)
        errors = [
            np.linalg.norm(np.asarray(got).reshape(want.shape) - want) / np.linalg.norm(want)
            for got, want in zip(outputs, self.outputs, strict=True)
        ]
        error = float(max(errors))
        if not error <= TOLERANCE[kind]:
            raise ValueError(f"its outputs are not those of the ONNX file (relative L2 {error:.1e})")
        return error


def write_pt(module: torch.nn.Module, reference: Reference, path: Path) -> tuple[list[Path], float]:
    with torch.no_grad(), quiet():
        traced = torch.jit.freeze(torch.jit.trace(module, reference.example, check_trace=False))
    with torch.no_grad():
        error = reference.check("pt", traced(reference.example))
    target = path.with_suffix(".pt")
    traced.save(str(target))
    return [target], error


def write_pt2(
    module: torch.nn.Module, reference: Reference, path: Path, batch: int | None, threads: int
) -> tuple[list[Path], float]:
    """For any batch, code that asks at run time how many threads there are; for a given one, code for `threads`."""
    batch_name = {0: torch.export.Dim("batch", min=1, max=MAX_BATCH)}
    example = reference.example
    if batch is not None:
        example = example[:1].repeat(batch, *[1] * (example.ndim - 1))
    elif example.shape[0] == 1:
        example = example.repeat(2, *[1] * (example.ndim - 1))  # 1 would be taken for a constant
    # Export thinks that a free batch is at least 2; the code serves 1 as well, but its check of inputs would not.
    settings = {"freezing": True, "cpp.dynamic_threads": batch is None, "aot_inductor.check_lowerbound": batch is not None}
    settings["aot_inductor.metadata"] = reference.described(batch) | {"fovea.threads": str(threads) if batch else "any"}
    if batch is not None:
        settings |= {"cpp.threads": threads, "max_autotune": True}
    target = path.with_suffix(".pt2" if batch is None else f".b{batch}.pt2")
    with torch.no_grad(), quiet():
        program = torch.export.export(module, (example,), dynamic_shapes=None if batch else (batch_name,))
        torch._inductor.aoti_compile_and_package(program, package_path=str(target), inductor_configs=settings)
    with torch.no_grad():
        outputs = torch._inductor.aoti_load_package(str(target))(example if batch else reference.example)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    return [target], reference.check("pt2", [output[: reference.example.shape[0]] for output in outputs])


def write_ncnn(module: torch.nn.Module, reference: Reference, path: Path) -> tuple[list[Path], float]:
    import ncnn
    import pnnx

    targets = [path.with_suffix(f".ncnn.{kind}") for kind in ("param", "bin")]
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".pnnx-") as name:
        folder = Path(name)
        with torch.no_grad(), quiet():
            torch.jit.freeze(torch.jit.trace(module, reference.example, check_trace=False)).save(str(folder / "m.pt"))
        shape = ",".join(map(str, reference.example.shape))
        command = [str(Path(pnnx.__file__).parent / "pnnx"), "m.pt", f"inputshape=[{shape}]", "fp16=0"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=PNNX_LIMIT_S)
        except subprocess.TimeoutExpired:  # seen with EVA-02
            raise ValueError(f"pnnx did not end within {PNNX_LIMIT_S} s") from None
        if done.returncode != 0 or not (folder / "m.ncnn.param").is_file():
            raise ValueError(f"pnnx does not convert it (exit code {done.returncode})")
        check = Path(__file__).parent / "peers" / "check_ncnn.py"  # in a process of its own: ncnn dies of what it lacks
        np.save(folder / "x.npy", reference.example[0].numpy())
        command = [sys.executable, str(check), str(folder), str(len(reference.outputs))]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise ValueError(f"ncnn {ncnn.__version__} does not run what pnnx wrote: {said}")
        error = reference.check("ncnn", [np.load(folder / f"out{i}.npy") for i in range(len(reference.outputs))])
        for target, source in zip(targets, ("m.ncnn.param", "m.ncnn.bin"), strict=True):
            shutil.move(folder / source, target)
    return targets, error


def export(model: Path, kinds: list[str], batch: int | None = None, threads: int = 1) -> int:
    """Writes the kinds beside `model` and says so; returns how many failed. Raises ValueError without a usable sidecar."""
    description = reference_models.read_sidecar(model)
    module, example = reference_models.make(description, model.parent)
    reference = Reference(model, example[:1])
    with torch.no_grad():
        reference.check("module", module(reference.example))
    writers = {
        "pt": lambda: write_pt(module, reference, model),
        "pt2": lambda: write_pt2(module, reference, model, batch or description.get("batch"), threads),
        "ncnn": lambda: write_ncnn(module, reference, model),
    }
    failed = 0
    for kind in kinds:
        start = time.monotonic()
        try:
            files, error = writers[kind]()
            sizes = ", ".join(f"{file} ({file.stat().st_size / 1e6:.1f} MB)" for file in files)
            print(f"wrote {sizes}: relative L2 {error:.1e}, {time.monotonic() - start:.0f} s", flush=True)
        except Exception as error:  # one of the many that exporters raise
            failed += 1
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            print(f"no {kind} of {model}: {said[:300]}", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--kinds", default="pt,pt2,ncnn", help="what to write (default: pt,pt2,ncnn)")
    parser.add_argument("--batch", type=int, metavar="N", help="compile the pt2 for this batch only")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="... and for so many threads")
    parser.add_argument("--timm", metavar="NAME", help="the module is this model of timm's: write MODEL.torch.json")
    parser.add_argument("--arguments", type=json.loads, default={}, metavar="JSON", help="... made with these arguments")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="... and these weights (.safetensors, .pth)")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    if not set(kinds) <= {"pt", "pt2", "ncnn"}:
        parser.error(f"--kinds {arguments.kinds}: of pt, pt2, ncnn, with commas")
    if not arguments.model.is_file():
        parser.error(f"{arguments.model}: no such file")
    if arguments.timm:
        shape = onnxruntime.InferenceSession(str(arguments.model), providers=["CPUExecutionProvider"]).get_inputs()[0].shape
        description = {"library": "timm", "name": arguments.timm, "arguments": arguments.arguments, "input": shape[1:]}
        if arguments.weights:
            description["weights"] = str(arguments.weights.resolve())
        reference_models.write_sidecar(arguments.model, description)
    try:
        return 1 if export(arguments.model, kinds, arguments.batch, arguments.threads) else 0
    except (ValueError, RuntimeError) as error:
        sys.exit(f"{PROGRAM}: {arguments.model}: {error}")


if __name__ == "__main__":
    sys.exit(main())
