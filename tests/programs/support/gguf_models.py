"""Models to be converted, and llama.cpp to compare with."""

import shutil
import subprocess
from pathlib import Path

from . import checkpoints
from .programs import SOURCE
from .tokenizer_files import pythons

BASE = SOURCE / "examples" / "mini-tulu" / "base"
ORACLE = Path(__file__).with_name("llama_cpp_oracle.py")
ROWS = 768  # pieces of the tokenizer of BASE


def write_model(folder, hidden=256, intermediate=512, dtype="F32"):
    """A folder of random weights with the tokenizer of BASE; its tensors."""
    tensors = checkpoints.llama(3, dtype, rows=ROWS, hidden=hidden, intermediate=intermediate, layers=1)
    config = checkpoints.config(tensors, num_attention_heads=4, num_key_value_heads=4)
    checkpoints.write_folder(folder, tensors, config)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(BASE / name, folder)
    return tensors


def find_llama_cpp():
    """An interpreter that has llama_cpp, or None."""
    for python in pythons():
        probe = subprocess.run([python, "-c", "import llama_cpp"], capture_output=True)
        if probe.returncode == 0:
            return python
    return None


def llama_cpp(python, *arguments):
    subprocess.run([python, str(ORACLE), *map(str, arguments)], check=True, timeout=600)
