#!/usr/bin/env python3
"""Style and structure: clang-format, order of layers, length of files, clang-tidy.

    tools/check.py [--fix] [--no-tidy]

The order of layers is that of src/CMakeLists.txt: a file includes only from its own layer and those above it.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 600
LONG_REASON = re.compile(r"Over 600 lines because")


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def layers():
    text = (ROOT / "src/CMakeLists.txt").read_text()
    return re.findall(r"^fovea_layer\((\w+)", text, re.MULTILINE)


def check_layers():
    order = {name: place for place, name in enumerate(layers())}
    problems = []
    for path in tracked("src/**.h", "src/**.cc", "src/**.inc"):
        parts = path.relative_to(ROOT / "src").parts
        if parts[0] not in order:
            problems.append(f"{path.relative_to(ROOT)}: {parts[0]} is no layer of src/CMakeLists.txt")
            continue
        if len(parts) > 3:
            problems.append(f"{path.relative_to(ROOT)}: folders nest deeper than three")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include "(\w+)/', line)
            if not match or match.group(1) == "fovea":
                continue
            target = match.group(1)
            if target not in order or order[target] > order[parts[0]]:
                problems.append(f"{path.relative_to(ROOT)}:{number}: layer {parts[0]} must not include from {target}")
    return problems


def check_lengths():
    problems = []
    for path in tracked("*.cc", "*.h", "*.py", "dev", "*.cmake"):
        text = path.read_text()
        if text.count("\n") > MAX_LINES and not LONG_REASON.search(text):
            problems.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines, but at most {MAX_LINES}: split it, or state in it "
                            'why ("Over 600 lines because ...")')
    return problems


def check_format(fix):
    files = [str(p) for p in tracked("*.cc", "*.h")]
    command = ["clang-format", "-i"] if fix else ["clang-format", "--dry-run", "--Werror"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    return sorted({line.split(": ")[0] + ": not formatted (./dev check --fix)" for line in done.stderr.splitlines() if "error:" in line})


def check_tidy():
    sources = [str(p) for p in tracked("src/**.cc") if not p.name.endswith("_test.cc")]
    done = subprocess.run(["run-clang-tidy", "-quiet", "-p", "build", *sources], cwd=ROOT, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if re.search(r"(warning|error):", line)]


def main():
    fix, tidy = "--fix" in sys.argv, "--no-tidy" not in sys.argv
    checks = {"format": lambda: check_format(fix), "layers": check_layers, "lengths": check_lengths}
    if tidy:
        checks["clang-tidy"] = check_tidy
    failed = 0
    for name, check in checks.items():
        problems = check()
        failed += bool(problems)
        print(f"{name}: {'ok' if not problems else f'{len(problems)} problems'}", flush=True)
        print("".join(f"  {p}\n" for p in problems), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
