#!/usr/bin/env python3
"""Times recover against copying the same bytes, and against weight_diff.py, side by side in one run.

    recover.py --dir FOLDER [--program build/examples/recover] [--shape 1.3b] [--runs 5] [--threads N]
               [--weight-diff SCRIPT --python PYTHON --tokenizer tokenizer.model] [--weight-diff-runs 1]
    recover.py --dir FOLDER --memory [--program …]

Makes a float16 base and a float16 diff of random weights (make_model.py) in FOLDER, where they stay for the next time,
and then in turn, RUNS times over:
  recover       recover → float32, which ends with its files synced to disk
  copy          `cp --reflink=never` of base and diff, then `sync -f`
  weight_diff   weight_diff.py recover --test_inference False (torch and transformers), without a sync
Inputs are read once before each run, so that they are in the page cache; outputs are removed and the disk is idle
before each run. Medians are printed. With --weight-diff the results are compared bit for bit, and any difference is a
failure. --memory: the peak resident memory of a 13B-shaped pair of sparse files really recovered to float16 (needs
26 GB of disk), and of a 65B-shaped pair by --dry-run. Needs 20 GB of disk, 45 GB with --memory.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from make_model import SHAPES, count_of, tensor_shapes, write_model

MIB = 1 << 20
TOKENIZER_CONFIG = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "pad_token": "<unk>", "unk_token": "<unk>",
                    "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True, "model_max_length": 2048}  # fmt: skip


class Measured(NamedTuple):
    seconds: float
    processor_seconds: float
    peak: int  # VmHWM of the program itself, in bytes


def peak_of(pid, so_far):
    """VmHWM, which only grows: ru_maxrss would start at the size of this script."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return max(so_far, int(line.split()[1]) * 1024)
    except OSError:
        pass
    return so_far


def run_measured(command):
    """What a command took; ends the benchmark when it fails."""
    with tempfile.TemporaryFile() as stderr:
        started = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=stderr)
        peak, pid = 0, 0
        while pid == 0:
            time.sleep(0.01)
            peak = peak_of(process.pid, peak)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            stderr.seek(0)
            sys.exit(f"{command[0]} ended with {process.returncode}: {stderr.read().decode(errors='replace')[-2000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak)


def read_all(folder):
    for path in sorted(folder.iterdir()):
        with open(path, "rb", buffering=0) as file:
            while file.read(4 * MIB):
                pass


def settle(folders, outputs):
    """Removes what earlier runs wrote, writes back what is dirty, reads the inputs into the page cache."""
    for path in outputs:
        shutil.rmtree(path, ignore_errors=True)
    subprocess.run(["sync"], check=True)
    for folder in folders:
        read_all(folder)


def need_disk(folder, size):
    free = shutil.disk_usage(folder).free
    if free < size:
        sys.exit(f"{folder}: {size / 1e9:.0f} GB of disk are needed, {free / 1e9:.0f} GB are free")


def prepare(folder, shape, seed, tokenizer):
    """The model in `folder`, unless an earlier run has left it there."""
    done = folder / "made.txt"
    if not done.exists() or done.read_text() != shape:
        shutil.rmtree(folder, ignore_errors=True)
        write_model(folder, shape, "f16", seed=seed)
        done.write_text(shape)
    if tokenizer:
        shutil.copy(tokenizer, folder / "tokenizer.model")
        (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
    return folder


def recover_command(options, base, diff, tuned, dtype):
    command = [
        options.program,
        "--path_raw",
        base,
        "--path_diff",
        diff,
        "--path_tuned",
        tuned,
        "--dtype",
        dtype,
        "--quiet",
    ]
    return command + (["--threads", options.threads] if options.threads else [])


def tensors_of(folder):
    """(file, offset, size) of every tensor's data, by name."""
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            out[name] = (path, 8 + length + first, last - first, entry["dtype"], entry["shape"])
    return out


def compare(ours, theirs):
    """Ends the benchmark unless every tensor is the same bit for bit."""
    left, right = tensors_of(ours), tensors_of(theirs)
    if left.keys() != right.keys():
        sys.exit(f"DIFFERENT: tensors on one side only: {sorted(left.keys() ^ right.keys())[:5]}")
    for name in left:
        if left[name][3:] != right[name][3:]:
            sys.exit(f"DIFFERENT: {name}: {left[name][3:]} and {right[name][3:]}")
        with open(left[name][0], "rb") as a, open(right[name][0], "rb") as b:
            a.seek(left[name][1])
            b.seek(right[name][1])
            rest = left[name][2]
            while rest > 0:
                size = min(rest, 16 * MIB)
                if a.read(size) != b.read(size):
                    sys.exit(f"DIFFERENT: {name}")
                rest -= size


def machine():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def speed(options):
    need_disk(
        options.dir, 9 * parameters(options.shape) + 4 * parameters(options.shape) * (2 if options.weight_diff else 1)
    )
    base = prepare(options.dir / "base", options.shape, 1, options.tokenizer)
    diff = prepare(options.dir / "diff", options.shape, 2, options.tokenizer)
    tuned, copy, reference = (options.dir / name for name in ("tuned", "copy", "reference"))
    script = f"cp -r --reflink=never '{base}' '{diff}' '{copy}' && sync -f '{copy}'"
    theirs = [options.python, options.weight_diff, "recover", "--path_raw", base, "--path_diff", diff,
              "--path_tuned", reference, "--test_inference", "False"]  # fmt: skip
    results = {"recover": [], "copy": [], "weight_diff": []}
    for number in range(options.runs):
        settle((base, diff), (copy, tuned))
        results["recover"].append(run_measured(recover_command(options, base, diff, tuned, "float32")))
        if options.weight_diff and number < options.weight_diff_runs:
            settle((base, diff), (copy, reference))
            results["weight_diff"].append(run_measured(theirs))
            compare(tuned, reference)
        settle((base, diff), (copy, tuned, reference))
        copy.mkdir()
        results["copy"].append(run_measured(["sh", "-c", script]))
        print(
            f"run {number + 1}: "
            + ", ".join(f"{name} {runs[-1].seconds:.2f} s" for name, runs in results.items() if runs),
            file=sys.stderr,
        )
    settle((), (copy, tuned, reference))
    report(options, results)


def parameters(shape):
    return sum(map(count_of, tensor_shapes(SHAPES[shape]).values()))


def report(options, results):
    size = 8 * parameters(options.shape)
    print(
        f"{options.shape}: {parameters(options.shape):,} parameters, float16 + float16 → float32, {size / 1e9:.2f} GB read and written"
    )
    print(f"{machine()}, {datetime.date.today()}; median of {options.runs}, in turn")
    print(f"\n{'':12} {'seconds':>8} {'min–max':>14} {'CPU s':>6} {'GB/s':>6} {'/ recover':>10} {'peak MiB':>9}")
    ours = statistics.median(run.seconds for run in results["recover"])
    for name, runs in results.items():
        if not runs:
            continue
        seconds = [run.seconds for run in runs]
        median = statistics.median(seconds)
        spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
        peak = max(run.peak for run in runs) / MIB
        cpu = statistics.median(run.processor_seconds for run in runs)
        print(
            f"{name:12} {median:8.2f} {spread:>14} {cpu:6.1f} {size / 1e9 / median:6.2f} {median / ours:10.2f} {peak:9.0f}"
        )
    if results["weight_diff"]:
        print("\nEvery tensor equals weight_diff.py's bit for bit.")


def memory(options):
    """Peak resident memory where it could depend on the size of the model."""
    size = 2 * parameters("13b")
    need_disk(options.dir, size + 10**9)
    print(f"{machine()}, {datetime.date.today()}\n")
    tuned = options.dir / "tuned"
    for shape, dry in (("1.3b", False), ("13b", False), ("65b", True)):
        base, diff = (options.dir / f"sparse-{shape}-{side}" for side in ("base", "diff"))
        for folder, extra in ((base, 0), (diff, 1)):
            shutil.rmtree(folder, ignore_errors=True)
            write_model(folder, shape, "f16", extra_rows=extra, sparse=True)
        shutil.rmtree(tuned, ignore_errors=True)
        run = run_measured(recover_command(options, base, diff, tuned, "float16") + (["--dry-run"] if dry else []))
        what = "--dry-run" if dry else "recovered to float16"
        print(
            f"{shape:5} {parameters(shape) / 1e9:5.1f} B parameters, sparse, {what:21} {run.seconds:7.1f} s {run.peak / MIB:6.0f} MiB peak",
            flush=True,
        )
        for folder in (base, diff, tuned):
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--program", default=Path(__file__).resolve().parents[1] / "build/examples/recover")
    parser.add_argument("--shape", choices=SHAPES, default="1.3b")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--weight-diff", help="the original script")
    parser.add_argument("--weight-diff-runs", type=int, default=1)
    parser.add_argument("--python", default=sys.executable, help="a Python with torch, transformers and fire")
    parser.add_argument("--tokenizer", help="a SentencePiece model, which weight_diff.py needs")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    if options.weight_diff and not options.tokenizer:
        parser.error("--weight-diff needs --tokenizer")
    options.dir.mkdir(parents=True, exist_ok=True)
    if options.memory:
        memory(options)
    else:
        speed(options)


if __name__ == "__main__":
    main()
