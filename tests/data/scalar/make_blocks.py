"""Writes the golden blocks of this folder with ggml's reference functions.

usage: make_blocks.py libggml-base.so      (of llama-cpp-python 0.3.16, built without -march, so without FMA)

weights.bin: 6144 float32. TYPE.bin: the blocks that quantize_row_TYPE_ref makes of them (none for iq4_nl), then blocks of
1024 weights with random bits, then their weights as dequantize_row_TYPE makes them, float32.
"""

import ctypes
import sys
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


def main(library):
    ggml = ctypes.CDLL(library)
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
