"""Writes the golden blocks of this folder with ggml's reference functions.

usage: make_blocks.py LLAMA_CPP      (a source tree of llama.cpp; made with vendor/llama.cpp of llama-cpp-python 0.3.16)

ggml/src/ggml-quants.c alone is compiled, without contraction, so that no sum depends on the processor. origin.txt has
the SHA-256 of that file.
weights.bin: 6144 float32. TYPE.bin: the blocks that quantize_row_TYPE_ref makes of them (none for iq4_nl), then blocks of
1024 weights with random bits, then their weights as dequantize_row_TYPE makes them, float32.
"""

import ctypes
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TYPES = {"q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34), "iq4_nl": (32, 18),
         "q4_K": (256, 144), "q5_K": (256, 176), "q6_K": (256, 210)}  # fmt: skip
HERE = Path(__file__).parent


def weights(rng):
    rows = [rng.standard_normal(256) * scale for scale in (1, 0.02, 0.02, 1e-4, 3e4, 1e-8)]
    rows += [np.zeros(256), np.full(256, -0.0), np.full(256, 0.37), np.full(256, -2.5), np.arange(256) - 128.0]
    rows += [np.abs(rng.standard_normal(256)), -np.abs(rng.standard_normal(256)), rng.uniform(5, 6, 256)]
    rows += [rng.standard_normal(256) * (rng.random(256) < 0.03), rng.choice([-1.0, 0.0, 1.0], 256)]
    outlier = rng.standard_normal(256) * 0.01
    outlier[[3, 40, 200]] = 7, -9, 65504
    rows += [outlier, rng.standard_normal(256) * 1e-38, rng.standard_normal(256) * 1e-41]
    half = np.repeat([1.0, 0.0], 128) * rng.standard_normal(256)
    rows += [half, rng.standard_cauchy(256), rng.standard_normal(256) * np.repeat(10.0 ** -np.arange(8), 32)]
    rows += [rng.integers(-8, 8, 256) * 0.5, rng.standard_t(3, 256) * 0.05]
    return np.concatenate(rows).astype(np.float32)


def compile_quants(ggml):
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "quants.so"
        options = [f"-I{ggml / name}" for name in ("include", "src", "src/ggml-cpu")]
        # Of the rest of ggml only what checks whole files would be called.
        absent = ["ggml_abort", "ggml_row_size", "ggml_type_name", "ggml_type_size"]
        options += [f"-Wl,--defsym={name}=0" for name in absent]
        flags = ["-O1", "-DNDEBUG", "-ffp-contract=off", "-fPIC", "-shared"]
        subprocess.run(["cc", *flags, *options, str(ggml / "src/ggml-quants.c"), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library))


def main(tree):
    source = Path(tree) / "ggml/src/ggml-quants.c"
    ggml = compile_quants(source.parent.parent)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    (HERE / "origin.txt").write_text(f"make_blocks.py with llama.cpp's ggml/src/ggml-quants.c, sha256 {digest}\n")
    rng = np.random.default_rng(20261129)
    floats = weights(rng)
    assert len(floats) == 6144
    (HERE / "weights.bin").write_bytes(floats.tobytes())
    pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
    for name, (block, size) in TYPES.items():
        out = b""
        if name != "iq4_nl":
            blocks = np.zeros(len(floats) // block * size, np.uint8)
            getattr(ggml, f"quantize_row_{name}_ref")(pointer(floats), pointer(blocks), ctypes.c_int64(len(floats)))
            out = blocks.tobytes()
        bits, decoded = b"", b""
        while len(decoded) < 1024 * 4:
            one, values = rng.integers(0, 256, size, dtype=np.uint8), np.zeros(block, np.float32)
            getattr(ggml, f"dequantize_row_{name}")(pointer(one), pointer(values), ctypes.c_int64(block))
            if np.isfinite(values).all():
                bits, decoded = bits + one.tobytes(), decoded + values.tobytes()
        (HERE / f"{name.lower()}.bin").write_bytes(out + bits + decoded)


if __name__ == "__main__":
    main(*sys.argv[1:])
