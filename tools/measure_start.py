#!/usr/bin/env python3
"""How fast each way of running a model starts, and how much memory it takes at most.

    tools/measure_start.py resnet50.onnx vitb16.onnx --rounds 7

For each model and each way a worker of `fovea bench` is started, asked to load the model and to run it once, and ended. Ways
take turns. `first answer` counts from the start of the process to the outputs on the disk; `load` and `first run` are what the
worker says; `RSS` is its peak (VmHWM). The files are in the page cache, as after a recent start. Shown are medians.

Ways: native (the ONNX file), native+file (an engine file of fovea compile), native+cache (the engine cache), onnxruntime,
openvino+cache (its cache_dir).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy


def peak_rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return float("nan")


def start_once(command, request):
    begin = time.perf_counter()
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    worker.stdin.write(json.dumps({"load": request}) + "\n")
    worker.stdin.flush()
    answer = json.loads(worker.stdout.readline())
    seconds = time.perf_counter() - begin
    rss = peak_rss_mb(worker.pid)
    worker.stdin.close()
    worker.wait()
    if "loaded" not in answer:
        raise RuntimeError(answer.get("failed", "no answer"))
    loaded = answer["loaded"]
    return {"answer": seconds, "load": loaded["load_s"], "first": loaded["first_s"], "rss": rss}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--fovea", default="build/fovea")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--ways", default="native,native+file,native+cache,onnxruntime,openvino+cache")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for model in options.models:
            measure(model.resolve(), folder, options)


def measure(model, folder, options):
    engine_file = folder / (model.stem + ".fovea")
    compiled = subprocess.run(
        [options.fovea, "compile", str(model), "-o", str(engine_file), "--threads", str(options.threads), "--precision",
         options.precision, "--format", "json"], check=True, capture_output=True, text=True)
    shape = json.loads(compiled.stdout)["plans"][0]["inputs"][0]
    inspected = subprocess.run([options.fovea, "inspect", str(model), "--format", "json"], check=True, capture_output=True,
                               text=True)
    name = json.loads(inspected.stdout)["inputs"][0]["name"]
    array = folder / "input.npy"
    numpy.save(array, numpy.random.default_rng(0).standard_normal(shape).astype(numpy.float32))
    request = {"precision": options.precision, "batch": shape[0], "threads": options.threads,
               "inputs": [{"name": name, "file": str(array)}], "outputs": str(folder / "out"), "photo": ""}

    figures = {}
    ways = options.ways.split(",")
    for turn in range(options.rounds + 1):  # the first fills caches and does not count
        for way in ways if turn % 2 else reversed(ways):
            backend, _, extra = way.partition("+")
            command = [options.fovea, "bench-worker", "--backend", backend]
            command += ["--cache", str(folder / "cache")] if extra == "cache" else ["--no-cache"]
            path = engine_file if extra == "file" else model
            try:
                figure = start_once(command, request | {"model": str(path)})
            except RuntimeError as error:
                figures.setdefault(way, str(error))
                continue
            if turn > 0:
                figures.setdefault(way, []).append(figure)

    print(f"{model.stem}, {options.precision}, {options.threads} threads, batch {shape[0]}: {options.rounds} rounds")
    print(f"  {'':<16} {'first answer':>14} {'load':>10} {'first run':>10} {'RSS':>10}")
    for way in ways:
        if isinstance(figures.get(way), str):
            print(f"  {way:<16} {figures[way]}")
            continue
        median = {key: statistics.median(f[key] for f in figures[way]) for key in figures[way][0]}
        print(f"  {way:<16} {median['answer'] * 1e3:11.0f} ms {median['load'] * 1e3:7.0f} ms {median['first'] * 1e3:7.0f} ms "
              f"{median['rss']:7.0f} MB")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
