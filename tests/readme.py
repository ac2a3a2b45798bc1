#!/usr/bin/env python3
"""Compiles the C++ programs of README.md and runs those that take a model: a reader's first try works.

Environment: TULU_SOURCE_DIR, TULU_BUILD_DIR, TULU_CXX (the compiler), TULU_INCLUDE (folders of the packages, colons
between them). They run on the mini-Tulu, recovered by the build's own program.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["TULU_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["TULU_BUILD_DIR"])
MINI = SOURCE / "examples" / "mini-tulu"


def examples(text):
    """The C++ blocks that are whole programs."""
    return [block for block in re.findall(r"```cpp\n(.*?)```", text, re.S) if "int main(" in block]


def build(code, folder, number):
    source, program = folder / f"example{number}.cpp", folder / f"example{number}"
    source.write_text(code)
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    folders = [f"-idirafter{name}" for name in os.environ["TULU_INCLUDE"].split(":") if name]
    command = [os.environ["TULU_CXX"], *flags, f"-I{SOURCE / 'include'}", *folders, str(source), "-o", str(program), "-pthread"]
    subprocess.run(command, check=True)
    return program


def main():
    programs = examples((SOURCE / "README.md").read_text())
    assert len(programs) >= 2, "README.md has no examples any more"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tuned = folder / "tulu"
        recover = [str(BUILD / "examples" / "recover"), "--quiet", "--path_raw", str(MINI / "base"), "--path_diff",
                   str(MINI / "diff"), "--path_tuned", str(tuned)]
        subprocess.run(recover, check=True, stdout=subprocess.DEVNULL)
        for number, code in enumerate(programs):
            program = build(code, folder, number)
            if "load_llama" not in code:
                continue
            said = subprocess.run([str(program), str(tuned)], check=True, capture_output=True, text=True).stdout
            print(f"example {number} says: {said!r}")
            expected = "Paris" if "chat_session" in code else "6 and 2 positions"
            assert expected in said, f"expected {expected!r}, found {said!r}"


sys.exit(main())
