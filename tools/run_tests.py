#!/usr/bin/env python3
"""Run every test program of a build folder, and ONNX's own and random cases; the last line is "N passed, N failed".

    tools/run_tests.py BUILD_FOLDER [PRESET]

Programs whose code differs by instruction set run once for each that this CPU has (FOVEA_ISA).
"""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ISA_SENSITIVE = {"test_kernels", "test_image", "test_cpu"}
PASSED = [re.compile(r"^\[  PASSED  \] (\d+) test"), re.compile(r"(\d+) passed")]
FAILED = [re.compile(r"^\[  FAILED  \] (\d+) test"), re.compile(r"(\d+) failed")]


def isas():
    flags = Path("/proc/cpuinfo").read_text().split()
    names = ["portable"]
    if "avx2" in flags and "fma" in flags:
        names.append("avx2")
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags):
        names.append("avx512")
    return names


def count(patterns, text):
    """The number in the last line that one of the patterns finds; None where no line has one."""
    found = [int(match.group(1)) for line in text.splitlines() for p in patterns if (match := p.search(line))]
    return found[-1] if found else None


class Totals:
    def __init__(self):
        self.passed = self.failed = 0

    def run(self, title, command, **environment):
        start = time.monotonic()
        done = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", cwd=ROOT)
        passed, failed = count(PASSED, done.stdout) or 0, count(FAILED, done.stdout) or 0
        if done.returncode != 0 and failed == 0:
            failed = 1  # a crash, or a failure outside the counted cases
        if done.returncode == 0 and passed + failed == 0:
            passed = 1  # a script that says yes or no
        self.passed += passed
        self.failed += failed
        print(f"{title:<44} {passed:6} passed {failed:4} failed  {time.monotonic() - start:6.1f} s", flush=True)
        if failed:
            print(done.stdout[-20000:], flush=True)


def cases(script, folder, *arguments):
    """Folder with the cases that a script of tools/ writes; written again only when the script or its packages changed."""
    stamp = folder / "stamp"
    sources = [ROOT / "tools" / f"{script}.py", ROOT / "tools" / "requirements-test.txt", *sorted((ROOT / "tools").glob("*_cases.py"))]
    text = "".join(path.read_text() for path in sources)
    if not stamp.exists() or stamp.read_text() != text:
        subprocess.run([sys.executable, ROOT / "tools" / f"{script}.py", str(folder), *arguments], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stamp.write_text(text)
    return str(folder)


def main():
    build = Path(sys.argv[1]).resolve()
    preset = sys.argv[2] if len(sys.argv) > 2 else "release"
    totals = Totals()
    emulator = ["qemu-aarch64"] if preset == "aarch64" else []
    programs, tools = build / "src", ROOT / "tools"
    for program in sorted(programs.glob("test_*")):
        if not os.access(program, os.X_OK) or program.is_dir():
            continue
        command = [*emulator, str(program), "--gtest_brief=1"]
        for isa in isas() if program.name in ISA_SENSITIVE and not emulator else [""]:
            totals.run(f"{program.name} {isa}".strip(), command, **({"FOVEA_ISA": isa} if isa else {}))

    onnx_cases = [*emulator, str(programs / "onnx_cases")]
    # Its other node cases are there to be looked at (--kind node-other): they need bf16 rounded as NumPy does, or sequences.
    kinds = [word for kind in ("node", "light", "pytorch-converted", "pytorch-operator") for word in ("--kind", kind)]
    for engine in "reference", "native":
        onnx = cases("write_onnx_tests", build / "cases" / "onnx")
        totals.run(f"ONNX's own cases, {engine}", [*onnx_cases, onnx, *kinds, "--engine", engine])
        random = cases("check_random_ops", build / "cases" / "random")
        totals.run(f"random cases beside ONNX Runtime, {engine}", [*onnx_cases, random, "--engine", engine])
    if not emulator:
        totals.run("pixels beside Pillow", [sys.executable, tools / "check_pillow_parity.py", programs / "fovea_parity", "--cases", "500"])
        totals.run("demo photos beside ONNX Runtime", [sys.executable, tools / "compare_demo.py", "--fovea", build / "fovea", "--onnxruntime"])
        totals.run("baked demo in ONNX Runtime", [sys.executable, tools / "check_bake.py", "--fovea", build / "fovea", "--onnxruntime"])
        for backend in ("onnxruntime", "openvino", "torch"):
            if (build / "plugins" / f"libfovea_backend_{backend}.so").exists():
                totals.run(f"demo photos, backend {backend}", [sys.executable, tools / "compare_demo.py", "--fovea", build / "fovea",
                           "--onnxruntime", "--backend", backend])
            else:
                print(f"demo photos, backend {backend}: left out, the plugin was not built (./dev setup --backends=ci)")
        totals.run("protocol of the bench workers", [sys.executable, tools / "peers" / "protocol_test.py"])
        totals.run("a project that uses the installed package", [sys.executable, tools / "check_package.py", build])
    print(f"{totals.passed} passed, {totals.failed} failed")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
