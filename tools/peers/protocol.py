"""The protocol of fovea bench's outside workers, for workers in Python (docs/bench-workers.md).

A worker is a class with prepare, load, run and outputs, and a program that calls serve(Worker()).
"""

import gc
import json
import os
import re
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# What the libraries of this process read when they are loaded: they must not start more threads than asked for.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TVM_NUM_THREADS")
NUMPY_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class Refusal(Exception):
    """The worker cannot do what was asked: why, in one sentence, and what to do about it.

    `unavailable`: not because of the model, but because this machine lacks something.
    """

    def __init__(self, reason: str, fix: str, unavailable: bool = False):
        super().__init__(reason)
        self.answer = {"failed": reason, "fix": fix} | ({"unavailable": True} if unavailable else {})


@dataclass
class Load:
    """A request to load a model."""

    model: Path
    precision: str
    batch: int
    threads: int
    inputs: dict[str, np.ndarray]
    outputs: Path
    photo: Path | None = None

    @staticmethod
    def parse(request: dict) -> "Load":
        try:
            inputs = {entry["name"]: np.load(entry["file"], allow_pickle=False) for entry in request.get("inputs", [])}
            load = Load(
                model=Path(request["model"]),
                precision=str(request.get("precision", "fp32")),
                batch=int(request.get("batch", 1)),
                threads=int(request.get("threads", 1)),
                inputs=inputs,
                outputs=Path(request["outputs"]),
                photo=Path(request["photo"]) if request.get("photo") else None,
            )
        except KeyError as missing:
            raise Refusal(f"the request to load lacks {missing}", "send every field of docs/bench-workers.md") from None
        except (TypeError, ValueError, OSError) as error:
            raise Refusal(f"the request to load cannot be used: {error}", "see docs/bench-workers.md") from error
        if load.batch < 1 or load.threads < 1:
            raise Refusal("batch and threads must be 1 or more", "see docs/bench-workers.md")
        return load

    def need_precision(self, *known: str):
        if self.precision not in known:
            raise Refusal(f"this worker has no precision {self.precision}", f"ask for {' or '.join(known)}")


class Worker:
    """One way of running a model. A process loads one model and lives as long as its measurement."""

    library = ""  # name and version, known after prepare(): "OpenVINO 2026.4.1"
    facts: list[str] = []  # what else the row should say, known after load()
    kept: Load | None = None  # the request, and with it the input arrays, as long as the worker lives

    def prepare(self, request: Load):
        """Imports, and what else belongs to the process rather than to the model. Not timed."""

    def load(self, request: Load):
        """Loads and compiles the model, and binds the inputs. Timed: load_s."""
        raise NotImplementedError

    def run(self):
        """One run on the inputs. Timed, alone; returns what outputs() takes."""
        raise NotImplementedError

    def outputs(self, result) -> dict[str, np.ndarray]:
        """The outputs of a run under the names that the ONNX model gives them. Not timed."""
        raise NotImplementedError

    def files(self, request: Load) -> list[Path]:
        """What load() reads: its size is shown."""
        return [request.model]

    def stages(self, photo: Path) -> dict[str, float]:
        """One pass from a photo to scores, in ms: decode, preprocess, infer, postprocess."""
        raise Refusal("this worker does not begin with a photo", "leave out --stages for it")


def timed_runs(run, runs: int, seconds: float) -> list[float]:
    """Milliseconds of each run, until `runs` are done or `seconds` have passed: at least one."""
    clock = time.perf_counter_ns
    times = []
    gc.collect()
    gc.disable()
    try:
        end = clock() + int(seconds * 1e9)
        while len(times) < max(runs, 1):
            start = clock()
            run()
            stop = clock()
            times.append(max(stop - start, 1) / 1e6)
            if stop >= end:
                break
    finally:
        gc.enable()
    return times


def save_outputs(arrays: dict[str, np.ndarray], folder: Path) -> list[dict]:
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for name, array in arrays.items():
        path = folder / f"{NUMPY_SAFE.sub('_', name)}.npy"
        np.save(path, np.ascontiguousarray(array))
        saved.append({"name": name, "file": str(path)})
    return saved


def answer_load(worker: Worker, request: dict) -> dict:
    load = Load.parse(request)
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(load.threads)
    if not load.model.is_file():
        raise Refusal(f"{load.model}: no such file", "check the path of the model")
    try:
        worker.prepare(load)
    except ImportError as missing:
        fix = "run ./dev setup --backends and start the worker with .backends/venv/bin/python"
        raise Refusal(str(missing), fix, unavailable=True) from missing
    worker.kept = load  # libraries read its arrays where they lie
    start = time.perf_counter()
    worker.load(load)
    loaded = time.perf_counter()
    result = worker.run()
    first = time.perf_counter()
    saved = save_outputs(worker.outputs(result), load.outputs)
    return {
        "loaded": {
            "library": worker.library,
            "load_s": loaded - start,
            "first_s": first - loaded,
            "outputs": saved,
            "facts": worker.facts,
            "disk_mb": sum(path.stat().st_size for path in worker.files(load)) / 1e6,
        }
    }


def answer_stages(worker: Worker, request: dict) -> dict:
    rows = []
    for photo in request["photos"]:
        passes = [worker.stages(Path(photo)) for _ in range(max(int(request.get("runs", 5)), 1))]
        rows.append({"photo": photo} | {stage: float(np.median([one[stage] for one in passes])) for stage in passes[0]})
    return {"stages": rows}


def answer_folder(worker: Worker, request: dict) -> dict:
    if not hasattr(worker, "folder"):
        raise Refusal("this worker does not begin with photos", "choose one that does")
    return {"folder": {"seconds": worker.folder([str(photo) for photo in request["photos"]])}}


def answer_request(worker: Worker, request, is_loaded: bool) -> dict:
    kind, fields = next(iter(request.items())) if isinstance(request, dict) and len(request) == 1 else (None, None)
    if not isinstance(fields, dict):
        raise Refusal("a request is an object with one member", "see docs/bench-workers.md")
    if kind == "load" and not is_loaded:
        return answer_load(worker, fields)
    if kind in ("run", "stages", "folder") and not is_loaded:
        raise Refusal("no model is loaded", 'send "load" first')
    if kind == "run":
        return {"ms": timed_runs(worker.run, int(fields.get("runs", 30)), float(fields.get("seconds", 3.0)))}
    if kind == "stages":
        return answer_stages(worker, fields)
    if kind == "folder":
        return answer_folder(worker, fields)
    raise Refusal(f'this worker does not answer "{kind}" now', 'send "load" once, then "run", then "stop"')


def answer(worker: Worker, line: str, is_loaded: bool) -> dict:
    """The answer to one line; what goes wrong becomes a "failed" with the reason in one sentence."""
    try:
        return answer_request(worker, json.loads(line), is_loaded)
    except Refusal as refusal:
        return refusal.answer
    except Exception as error:  # a library's own words, shortened to a sentence; the whole goes to stderr
        traceback.print_exc()
        first = next((part.strip() for part in str(error).splitlines() if part.strip()), "no message")
        return {"failed": f"{type(error).__name__}: {first[:300]}", "fix": "the worker's stderr has the whole error"}


def serve(worker: Worker) -> int:
    """Answers requests from stdin until "stop" or the end of the file. What libraries print goes to stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # from here on only `replies` reaches fovea
    is_loaded = False
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            if "stop" in json.loads(line):
                break
        except (ValueError, TypeError):
            pass  # answer() says what is wrong with it
        reply = answer(worker, line, is_loaded)
        is_loaded |= "loaded" in reply
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
        if "failed" in reply and not is_loaded:
            return 1
    return 0
