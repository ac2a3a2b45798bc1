"""What the figures were measured on and with."""

import datetime
import os
import platform
import subprocess

from .builds import ROOT
from .process import processors

FLAGS = ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
         "amx_int8", "asimddp", "i8mm", "bf16", "sve"]  # fmt: skip


def cpu_description():
    """Model and the flags that matter here."""
    said = subprocess.run(["lscpu"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout
    fields = {}
    for line in said.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    present = fields.get("Flags", "").split()
    family = "/".join(fields.get(key, "?") for key in ("CPU family", "Model", "Stepping"))
    return {"cpu": fields.get("Model name", platform.machine()), "family": family, "caches": fields.get("L3 cache", ""),
            "flags": [flag for flag in FLAGS if flag in present]}  # fmt: skip


def describe(threads):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {**cpu_description(), "processors": processors(), "threads": threads, "memory_gib": round(memory / 2**30, 1),
            "system": platform.platform()}  # fmt: skip


def git(*command):
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def stamp():
    """Date and commit of a row."""
    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return {"date": date, "commit": (git("rev-parse", "--short", "HEAD") or "unknown") + changed}
