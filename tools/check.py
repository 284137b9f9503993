#!/usr/bin/env python3
"""Style and structure: clang-format, order of layers, length of files, FOVEA_TRY in braces, clang-tidy.

    tools/check.py [--fix] [--no-tidy] [--tests] [--build FOLDER]

The order of layers is that of src/CMakeLists.txt: a file includes only from its own layer and those above it. clang-tidy
takes the compiler's flags from the build folder and remembers there which files it found nothing in: a file is looked at
again when it, or a file of ours that it includes, changed.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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


def braced_tries(text):
    """Offsets of each FOVEA_TRY that stands in a braced list behind another element."""
    for match in re.finditer(r"\bFOVEA_TRY(?:_AT)?\(", text):
        depth, comma = 0, False
        for place in range(match.start() - 1, -1, -1):
            c = text[place]
            if c == ";":
                break
            if c in ")]}":
                depth += 1
            elif c in "([{" and depth:
                depth -= 1
            elif c == "," and not depth:
                comma = True
            elif c == "{":
                # A list's brace follows a name, an operator or another bracket; that of a block a space.
                if comma and re.search(r"([\w>({]|= |, |return )$", text[:place]):
                    yield match.start()
                break
            elif c in "([":
                comma = False  # an argument of a call: only the list around the call counts


def check_tries():
    problems = []
    for path in tracked("*.cc", "*.h"):
        text = path.read_text()
        problems += [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, at) + 1}: what the list made before FOVEA_TRY fails would "
                     "leak: give it a statement of its own" for at in braced_tries(text)]
    return problems


@cache
def ours_included_by(path):
    """The file and all files of ours that it includes, however indirectly."""
    found, waiting = {path}, [path]
    while waiting:
        for name in re.findall(r'^#include "([^"]+)"', waiting.pop().read_text(), re.MULTILINE):
            for folder in ROOT / "src", ROOT / "include":
                if (header := folder / name).is_file() and header not in found:
                    found.add(header)
                    waiting.append(header)
    return sorted(found)


def check_tidy(build, tests):
    commands = {entry["file"]: entry["command"] for entry in json.loads((build / "compile_commands.json").read_text())}
    tool = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True, text=True).stdout
    tool += (ROOT / ".clang-tidy").read_text()
    clean = build / "tidy"
    clean.mkdir(exist_ok=True)

    def tidy(path):
        digest = hashlib.sha256((tool + commands[str(path)]).encode())
        for part in ours_included_by(path):
            digest.update(part.read_bytes())
        stamp = clean / digest.hexdigest()
        if stamp.exists():
            return []
        done = subprocess.run(["clang-tidy", "--quiet", "-p", build, path], cwd=ROOT, capture_output=True, text=True)
        problems = [line for line in done.stdout.splitlines() if re.search(r"(warning|error):", line)]
        if done.returncode and not problems:
            problems = [f"{path.relative_to(ROOT)}: clang-tidy failed: {done.stderr.strip()[-300:]}"]
        if not problems:
            stamp.touch()
        return problems

    # Those that include most take longest: they go first.
    sources = [p for p in tracked("*.cc") if str(p) in commands and (tests or not p.name.endswith("_test.cc"))]
    sources.sort(key=lambda p: -len(ours_included_by(p)))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return sorted({problem for problems in pool.map(tidy, sources) for problem in problems})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fix", action="store_true", help="format the files instead of complaining")
    parser.add_argument("--no-tidy", action="store_true", help="without clang-tidy, which takes minutes")
    parser.add_argument("--tests", action="store_true", help="clang-tidy looks at tests, too: twice the time")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder with compile_commands.json")
    options = parser.parse_args()
    checks = {"format": lambda: check_format(options.fix), "layers": check_layers, "lengths": check_lengths, "tries": check_tries}
    if not options.no_tidy:
        checks["clang-tidy"] = lambda: check_tidy(options.build.resolve(), options.tests)
    failed = 0
    for name, check in checks.items():
        start = time.monotonic()
        problems = check()
        failed += bool(problems)
        print(f"{name}: {'ok' if not problems else f'{len(problems)} problems'} ({time.monotonic() - start:.0f} s)", flush=True)
        print("".join(f"  {p}\n" for p in problems), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
