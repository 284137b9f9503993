#!/usr/bin/env python3
"""Install fovea into a temporary folder, build a project that finds it there, and classify a photo with it.

    tools/check_package.py BUILD_FOLDER
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def same_compiler(build: Path) -> list[str]:
    """The project links what a sanitizer instrumented only with the same compiler and the same flag."""
    cache = dict(re.findall(r"^(\w+):\w+=(.+)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE))
    flags = [f"-DCMAKE_CXX_COMPILER={cache['CMAKE_CXX_COMPILER']}"]
    if "FOVEA_SANITIZE" in cache:
        flags.append(f"-DCMAKE_CXX_FLAGS=-fsanitize={cache['FOVEA_SANITIZE']}")
    return flags


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        prefix, other = Path(folder, "prefix"), Path(folder, "build")
        run("cmake", "--install", build, "--prefix", prefix)
        run("cmake", "-S", ROOT / "cmake/package_test", "-B", other, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
            "-DCMAKE_BUILD_TYPE=Release", *same_compiler(build))  # fmt: skip
        run("cmake", "--build", other)
        answer = run(other / "package_test", ROOT / "models/demo.onnx", ROOT / "models/photos/coffee.jpg")
    print(answer, end="")
    return 0 if answer.splitlines()[0].endswith("coffee") else 1


if __name__ == "__main__":
    sys.exit(main())
