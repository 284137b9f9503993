"""Building and timing of TVM's schedule candidates in this process.

MetaSchedule's own builder and runner start processes that import TVM again, and give up on each after 30 s; here a candidate
costs what compiling and running it costs. A candidate that dies takes the search with it: the records on disk stay.
"""

import itertools
import time

import tvm
import tvm.s_tir.tensor_intrin  # what candidates may be made of
from tvm.driver import build as tvm_build
from tvm.ir.utils import derived_object
from tvm.s_tir.meta_schedule.builder import BuilderResult, PyBuilder
from tvm.s_tir.meta_schedule.runner import EvaluatorConfig, PyRunner, PyRunnerFuture, RunnerResult
from tvm.s_tir.meta_schedule.runner.utils import alloc_argument_common, run_evaluator_common
from tvm.s_tir.transform import RemoveWeightLayoutRewriteBlock

SLOWEST_S = 2.0  # a candidate whose first run takes longer is not timed any further


class Candidates:
    """Compiled candidates by a name that stands where MetaSchedule wants a path."""

    def __init__(self):
        self.modules = {}
        self.names = (f"candidate {number}" for number in itertools.count())


@derived_object
class Builder(PyBuilder):
    def __init__(self, candidates: Candidates):
        super().__init__()
        self.candidates = candidates

    def build(self, build_inputs):
        return [self.build_one(one) for one in build_inputs]

    def build_one(self, one):
        try:
            module = RemoveWeightLayoutRewriteBlock(skip_tensor_rewrite=True)(one.mod)
            name = next(self.candidates.names)
            self.candidates.modules[name] = tvm_build(module, target=one.target)
            return BuilderResult(name, None)
        except Exception as error:  # candidates that do not lower are usual
            return BuilderResult(None, str(error))


@derived_object
class Done(PyRunnerFuture):
    def __init__(self, seconds, error):
        super().__init__()
        self.seconds, self.error = seconds, error

    def done(self):
        return True

    def result(self):
        return RunnerResult(self.seconds, self.error)


@derived_object
class Runner(PyRunner):
    def __init__(self, candidates: Candidates):
        super().__init__()
        self.candidates = candidates
        self.random_fill = tvm.get_global_func("tvm.contrib.random.random_fill_for_measure")

    def run(self, runner_inputs):
        return [self.run_one(one) for one in runner_inputs]

    def run_one(self, one):
        module = self.candidates.modules.pop(str(one.artifact_path))
        try:
            described = [info.as_json() for info in one.args_info]
            arguments = alloc_argument_common(self.random_fill, tvm.cpu(), described, 1)
            start = time.monotonic()
            once = run_evaluator_common(module, tvm.cpu(), EvaluatorConfig(1, 1, 0, False), arguments)
            if time.monotonic() - start > SLOWEST_S:
                return Done(once, None)
            return Done(run_evaluator_common(module, tvm.cpu(), EvaluatorConfig(1, 3, 10, False), arguments), None)
        except Exception as error:  # the same
            return Done(None, str(error))
