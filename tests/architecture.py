#!/usr/bin/env python3
"""The rules of include/tulu/ that a compiler does not check.

usage: architecture.py FOLDER      one line per broken rule, exit status 1 when there are any
       architecture.py --self-test  each rule notices a header that breaks it
"""

import re
import sys
import tempfile
from pathlib import Path

# A header includes its own folder or a folder of a lower level.
LEVELS = {
    "core": 0,
    "scalar": 1, "io": 1, "sampling": 1, "chat": 1,
    "tensor": 2, "simd": 2, "tokenizer": 2,
    "kernel": 3, "checkpoint": 3,
    "diff": 4, "model": 4,
    "convert": 5, "generation": 5,
}
UMBRELLA = "tulu.hpp"
# Below all folders: these include nothing of tulu, everybody may include them.
FOUNDATION = ("fwd.hpp", "version.hpp")

# Third-party headers: (what, pattern of the header, pattern of the files that may include it, how many of them may).
THIRD_PARTY = [
    ("Eigen", r"(unsupported/)?Eigen/", r"(scalar|tensor)/eigen\.hpp", 1),
    ("xsimd", r"xsimd/", r"simd/.*", 1),
    ("nlohmann/json", r"nlohmann/", r"io/json\.hpp", None),
    ("intrinsics", r"\w*intrin\.h$|cpuid\.h$|arm_\w+\.h$", r"simd/.*|core/cpu\.hpp", None),
]
STANDARD = re.compile(r"[a-z_0-9]+$")
POSIX = re.compile(r"(sys/|linux/)?[a-z_0-9]+\.h$")

LONGEST = 400
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)")
PROCESS = re.compile(r"(?<![\w.])(?:std::(?:cout|cerr|clog|abort|exit|terminate|v?f?printf)\b|(?:abort|exit|assert|v?f?printf)\s*\()")
COMMENT_OR_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)


def folder_of(name):
    return name.split("/")[0] if "/" in name else None


def tulu_include_problem(name, target):
    """Why the header `name` must not include <tulu/`target`>, or None."""
    if target == UMBRELLA:
        return "includes the umbrella header"
    if target in FOUNDATION or name == UMBRELLA:
        return None
    if name in FOUNDATION:
        return f"is below all folders but includes <tulu/{target}>"
    own, other = folder_of(name), folder_of(target)
    if other not in LEVELS or own not in LEVELS:
        return f"includes <tulu/{target}>: no level is known for {own if own not in LEVELS else other}/"
    if own != other and LEVELS[other] >= LEVELS[own]:
        return f"(level {LEVELS[own]}) includes <tulu/{target}> (level {LEVELS[other]})"
    return None


def third_party_problem(name, header):
    for what, pattern, allowed, _ in THIRD_PARTY:
        if re.match(pattern, header):
            return None if re.fullmatch(allowed, name) else f"includes <{header}>: {what} is not for this file"
    if STANDARD.match(header) or POSIX.match(header):
        return None
    return f"includes <{header}>: not a header of the standard library, of POSIX or of a known package"


def code_of(text):
    """`text` without comments and the content of strings, line for line."""
    def blank(match):
        return ('""' if match[0][0] == '"' else "") + "\n" * match[0].count("\n")
    return COMMENT_OR_STRING.sub(blank, text)


def problems_of_file(name, text, includers):
    lines = text.splitlines()
    if len(lines) > LONGEST:
        yield f"has {len(lines)} lines, more than {LONGEST}"
    if not any(line.strip() == "#pragma once" for line in lines):
        yield "has no #pragma once"
    if "/" in name and folder_of(name) not in LEVELS:
        yield f"lies in {folder_of(name)}/, which has no level"
    if "/" not in name and name not in (UMBRELLA, *FOUNDATION):
        yield "lies in no folder"
    for line in lines:
        if include := INCLUDE.match(line):
            quote, header = include[1], include[2]
            if quote == '"':
                yield f'includes "{header}" with quotes'
            elif header.startswith("tulu/"):
                problem = tulu_include_problem(name, header.removeprefix("tulu/"))
                if problem:
                    yield problem
            else:
                for what, pattern, _, _ in THIRD_PARTY:
                    if re.match(pattern, header):
                        includers.setdefault(what, set()).add(name)
                problem = third_party_problem(name, header)
                if problem:
                    yield problem
        elif (define := DEFINE.match(line)) and not define[1].startswith("TULU_"):
            yield f"defines the macro {define[1]}, not TULU_…"
    for call in PROCESS.findall(code_of(text)):
        yield f"prints or ends the process: {call}"


def problems_of(root):
    found = []
    includers = {}
    headers = sorted(root.rglob("*.hpp"))
    for path in headers:
        name = path.relative_to(root).as_posix()
        found += [f"{name}: {problem}" for problem in problems_of_file(name, path.read_text(), includers)]
    for what, _, _, most in THIRD_PARTY:
        names = sorted(includers.get(what, ()))
        if most is not None and len(names) > most:
            found.append(f"{what} has more than one includer: {', '.join(names)}")
    if not headers:
        found.append(f"{root}: no header")
    return found


GOOD = {
    "version.hpp": "#define TULU_VERSION_MAJOR 0",
    "tulu.hpp": "#include <tulu/diff/recover.hpp>",
    "core/error.hpp": "#include <string>\n// std::abort() \n",
    "core/cpu.hpp": "#include <cpuid.h>\nstatic_assert(true);",
    "io/json.hpp": "#include <nlohmann/json.hpp>\n#include <sys/mman.h>\n#include <tulu/core/error.hpp>",
    "simd/x86/avx.hpp": "#include <immintrin.h>\n#include <tulu/scalar/bf16.hpp>\n#include <tulu/version.hpp>",
    "simd/adaptor.hpp": '#include <xsimd/xsimd.hpp>\ninline const char* text = "assert(x) // no";',
    "scalar/bf16.hpp": "#include <tulu/scalar/traits.hpp>",
    "diff/recover.hpp": "#include <tulu/checkpoint/open.hpp>\n" + "\n" * (LONGEST - 2),
}
# (file, content, what is said about it)
BAD = [
    ("core/up.hpp", "#include <tulu/io/file.hpp>", "(level 0) includes <tulu/io/file.hpp> (level 1)"),
    ("diff/side.hpp", "#include <tulu/model/llama.hpp>", "(level 4) includes <tulu/model/llama.hpp> (level 4)"),
    ("core/all.hpp", "#include <tulu/tulu.hpp>", "includes the umbrella header"),
    ("fwd.hpp", "#include <tulu/core/error.hpp>", "is below all folders but includes"),
    ("io/quotes.hpp", '#include "file.hpp"', 'includes "file.hpp" with quotes'),
    ("io/second.hpp", "#include <nlohmann/json.hpp>", "nlohmann/json is not for this file"),
    ("kernel/intrinsics.hpp", "  #  include <immintrin.h>", "intrinsics is not for this file"),
    ("simd/second.hpp", "#include <xsimd/xsimd.hpp>", "xsimd has more than one includer"),
    ("model/eigen.hpp", "#include <Eigen/Core>", "Eigen is not for this file"),
    ("core/cli.hpp", "#include <CLI/CLI.hpp>", "not a header of the standard library"),
    ("core/doctest.hpp", "#include <doctest/doctest.h>", "not a header of the standard library"),
    ("core/benchmark.hpp", "#include <benchmark/benchmark.h>", "not a header of the standard library"),
    ("misc/drawer.hpp", "", "which has no level"),
    ("stray.hpp", "", "lies in no folder"),
    ("core/long.hpp", "\n" * LONGEST, f"has {LONGEST + 1} lines"),
    ("core/macro.hpp", "#define MAX(a, b) a", "defines the macro MAX"),
    ("core/print.hpp", "void f() { std::cout << 1; }", "prints or ends the process: std::cout"),
    ("core/assert.hpp", "void f(int x) { assert(x); }", "prints or ends the process: assert("),
]


def write(root, name, content, guard="#pragma once\n"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(guard + content)
    return path


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if not problems_of(root):
            failures.append("an empty folder passes")
        for name, content in GOOD.items():
            write(root, name, content)
        failures += [f"good file: {problem}" for problem in problems_of(root)]
        bad = [(name, content, said, "#pragma once\n") for name, content, said in BAD]
        bad.append(("core/unguarded.hpp", "", "has no #pragma once", ""))
        for name, content, said, guard in bad:
            path = write(root, name, content, guard)
            found = problems_of(root)
            path.unlink()
            if len(found) != 1 or said not in found[0]:
                failures.append(f"{name}: expected one problem '{said}', found {found}")
    return failures


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    problems = self_test() if arguments[0] == "--self-test" else problems_of(Path(arguments[0]))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main(sys.argv[1:])
