#!/usr/bin/env python3
"""Tests of the workers' protocol, with a worker that only adds numbers. Needs NumPy only; prints "N passed, N failed"."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from protocol import Load, Refusal, Worker, serve, timed_runs


class Adder(Worker):
    """Adds its inputs. A model file that says "crash", "noise" or "refuse" makes it behave so."""

    def prepare(self, request: Load):
        request.need_precision("fp32")
        self.library = "adder 1.0"

    def load(self, request: Load):
        self.manner = request.model.read_text()
        if self.manner == "refuse":
            raise Refusal("it will not", "ask nicely")
        if self.manner == "crash":
            raise RuntimeError("first line\nsecond line")
        self.arrays = list(request.inputs.values())

    def run(self):
        if self.manner == "noise":
            print("libraries chatter on stdout", flush=True)
        return sum(self.arrays)

    def outputs(self, result):
        return {"sum/of:all": result}

    def stages(self, photo: Path):
        if self.manner == "noise":
            return super().stages(photo)
        return dict.fromkeys(("decode", "preprocess", "infer", "postprocess"), 1.5)


class Conversation:
    """A worker process, as fovea talks to it."""

    def __init__(self):
        command, pipe = [sys.executable, __file__, "--worker"], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def say(self, line: str) -> dict:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self, request) -> dict:
        return self.say(json.dumps(request))

    def end(self, last_words: str = "") -> int:
        self.errors = self.process.communicate(last_words, timeout=60)[1]
        return self.process.returncode


class ProtocolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def request(self, manner: str = "plain", **changes) -> dict:
        (self.folder / "model.onnx").write_text(manner)
        np.save(self.folder / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
        np.save(self.folder / "b.npy", np.full((2, 3), 10, dtype=np.float32))
        fields = {
            "model": str(self.folder / "model.onnx"),
            "precision": "fp32",
            "batch": 2,
            "threads": 1,
            "inputs": [{"name": n, "file": str(self.folder / f"{n}.npy")} for n in "ab"],
            "outputs": str(self.folder / "out"),
        }
        return {"load": {key: value for key, value in (fields | changes).items() if value is not None}}

    def test_loads_runs_and_stops(self):
        worker = Conversation()
        loaded = worker.ask(self.request())["loaded"]
        self.assertEqual(loaded["library"], "adder 1.0")
        self.assertGreaterEqual(loaded["load_s"], 0)
        self.assertGreaterEqual(loaded["first_s"], 0)
        self.assertEqual(loaded["facts"], [])
        self.assertGreater(loaded["disk_mb"], 0)
        self.assertEqual([output["name"] for output in loaded["outputs"]], ["sum/of:all"])
        self.assertEqual(Path(loaded["outputs"][0]["file"]), self.folder / "out" / "sum_of_all.npy")
        np.testing.assert_array_equal(np.load(loaded["outputs"][0]["file"]), [[10, 11, 12], [13, 14, 15]])
        times = worker.ask({"run": {"runs": 5, "seconds": 60}})["ms"]
        self.assertEqual(len(times), 5)
        self.assertTrue(all(time >= 0 for time in times))
        self.assertEqual(worker.end('{"stop": {}}\n'), 0)

    def test_end_of_input_is_stop(self):
        worker = Conversation()
        worker.ask(self.request())
        self.assertEqual(worker.end(), 0)

    def test_one_run_at_least(self):
        worker = Conversation()
        worker.ask(self.request())
        self.assertEqual(len(worker.ask({"run": {"runs": 1000000, "seconds": 0}})["ms"]), 1)
        self.assertEqual(len(worker.ask({"run": {"runs": 0, "seconds": 9}})["ms"]), 1)
        worker.end()

    def test_what_libraries_print_stays_out_of_the_answers(self):
        worker = Conversation()
        self.assertIn("loaded", worker.ask(self.request("noise")))
        self.assertEqual(len(worker.ask({"run": {"runs": 2, "seconds": 9}})["ms"]), 2)
        worker.end()
        self.assertIn("chatter", worker.errors)

    def test_refusals_say_why_and_what_to_do(self):
        worker = Conversation()
        self.assertEqual(worker.ask(self.request("refuse")), {"failed": "it will not", "fix": "ask nicely"})
        self.assertEqual(worker.end(), 1)

    def test_errors_of_libraries_become_one_sentence(self):
        worker = Conversation()
        self.assertEqual(worker.ask(self.request("crash"))["failed"], "RuntimeError: first line")
        worker.end()
        self.assertIn("second line", worker.errors)

    def test_requests_that_cannot_be_used(self):
        for changes, wanted in [
            ({"precision": "fp8"}, "precision fp8"),
            ({"outputs": None}, "'outputs'"),
            ({"threads": 0}, "1 or more"),
            ({"threads": "many"}, "cannot be used"),
            ({"inputs": [{"name": "a", "file": "/nonexistent.npy"}]}, "cannot be used"),
            ({"model": "/nonexistent.onnx"}, "no such file"),
        ]:
            with self.subTest(changes=changes):
                worker = Conversation()
                reply = worker.ask(self.request(**changes))
                self.assertIn(wanted, reply["failed"])
                self.assertTrue(reply["fix"])
                self.assertEqual(worker.end(), 1)

    def test_stages_of_photos(self):
        worker = Conversation()
        worker.ask(self.request())
        stages = {"decode": 1.5, "preprocess": 1.5, "infer": 1.5, "postprocess": 1.5}
        self.assertEqual(worker.ask({"stages": {"photos": ["/a.jpg"], "runs": 3}}), {"stages": [{"photo": "/a.jpg"} | stages]})
        worker.end()
        other = Conversation()
        other.ask(self.request("noise"))
        self.assertIn("does not begin with a photo", other.ask({"stages": {"photos": ["/a.jpg"]}})["failed"])
        other.end()

    def test_lines_that_are_no_requests(self):
        for line in ["{", "[]", "17", '{"dance": {}}', '{"run": {}}']:
            with self.subTest(line=line):
                worker = Conversation()
                self.assertIn("failed", worker.say(line))
                worker.end()

    def test_a_wrong_line_after_loading_does_not_end_the_worker(self):
        worker = Conversation()
        worker.ask(self.request())
        self.assertIn("failed", worker.ask(self.request()))
        self.assertIn("failed", worker.ask({"run": {"runs": "x"}}))
        self.assertEqual(len(worker.ask({"run": {"runs": 3, "seconds": 60}})["ms"]), 3)
        self.assertEqual(worker.end(), 0)

    def test_timed_runs_stop_at_what_comes_first(self):
        calls = []
        self.assertEqual(len(timed_runs(lambda: calls.append(1), 4, 60)), 4)
        self.assertEqual(len(calls), 4)


def main() -> int:
    text = io.StringIO()
    with contextlib.redirect_stderr(text):
        result = unittest.main(exit=False, argv=sys.argv[:1]).result
    failed = len(result.failures) + len(result.errors)
    print(text.getvalue() if failed else "", end="")
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(serve(Adder()) if "--worker" in sys.argv else main())
