"""Builds tulu's programs, and llama.cpp from the source package of llama-cpp-python."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from .process import processors, run_logged, say

ROOT = Path(__file__).resolve().parents[2]
LLAMA_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release", "GGML_NATIVE": "ON", "BUILD_SHARED_LIBS": "OFF", "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF", "LLAMA_BUILD_SERVER": "OFF", "LLAMA_BUILD_APP": "OFF", "LLAMA_BUILD_MTMD": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF", "GGML_CCACHE": "OFF", "LLAMA_OPENSSL": "OFF", "LLAMA_CURL": "OFF",
}  # fmt: skip


def definitions(options):
    return [f"-D{name}={value}" for name, value in options.items()]


def build_tulu(folder):
    """The build folder."""
    build, log = folder / "tulu", folder / "tulu.log"
    options = definitions({"CMAKE_BUILD_TYPE": "Release", "TULU_BUILD_TESTS": "OFF"})
    run_logged(["cmake", "-S", ROOT, "-B", build, *options], log)
    programs = ["convert", "quantize", "chat", "benchmark-llama_bench", "benchmark-peaks"]
    targets = [f"tulu-{name}" for name in programs]
    run_logged(["cmake", "--build", build, "--parallel", processors(), "--target", *targets], log)
    return build


def download_llama(folder, version):
    """The source package of this version, or else of the newest that can be had."""
    # Only this package from source: what builds it comes as wheels.
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-cache-dir", "--no-binary", "llama-cpp-python", "--no-deps",
               "--dest", str(folder)]  # fmt: skip
    env = {**os.environ, "TMPDIR": str(scratch)}
    with open(folder / "pip.log", "ab") as log:
        got = subprocess.run([*command, f"llama-cpp-python=={version}"], stdout=log, stderr=log, env=env, check=False)
    if got.returncode != 0:
        say(f"note: llama-cpp-python {version} cannot be had: the newest instead")
        run_logged([*command, "llama-cpp-python"], folder / "pip.log", env)
    return max(folder.glob("llama_cpp_python-*.tar.gz"), key=lambda path: path.stat().st_mtime)


def unpack(package, folder):
    """The folder that the package unpacks to; its name is complete only when its contents are."""
    name = package.name.removesuffix(".tar.gz")
    if not (folder / name).exists():
        partial = folder / f"{name}.partial"
        with tarfile.open(package) as archive:
            archive.extractall(partial)
        (partial / name).rename(folder / name)
        partial.rmdir()
    return folder / name


def keep_tile_shapes(source):
    """Works around g++ 12, which drops the shapes of AMX tiles before they are loaded: the program would end by SIGILL."""
    path = source / "ggml" / "src" / "ggml-cpu" / "amx" / "mmq.cpp"
    load, kept = "_tile_loadconfig(&tc);", '__asm__ volatile("" : : "m"(tc)); '
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if load in text and kept not in text:
        path.write_text(text.replace(load, kept + load), encoding="utf-8")


def build_llama(folder, version):
    """The folder with llama-bench and llama-completion (llama-cli in older versions)."""
    packages = [folder / f"llama_cpp_python-{version}.tar.gz"]
    package = packages[0] if packages[0].exists() else download_llama(folder, version)
    source = unpack(package, folder) / "vendor" / "llama.cpp"
    keep_tile_shapes(source)
    build = folder / (source.parents[1].name + "-build")
    log = folder / "llama.log"
    completes = "llama-completion" if (source / "tools" / "completion").exists() else "llama-cli"
    if not (build / "bin" / "llama-bench").exists() or not (build / "bin" / completes).exists():
        run_logged(["cmake", "-S", source, "-B", build, *definitions(LLAMA_OPTIONS)], log)
        targets = ["--target", "llama-bench", completes]
        run_logged(["cmake", "--build", build, "--parallel", processors(), *targets], log)
    return build / "bin", re.sub(r".*-([0-9.]+)\.tar\.gz", r"llama-cpp-python \1", package.name)
