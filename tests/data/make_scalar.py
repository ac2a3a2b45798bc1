"""Writes scalar.txt: float32 bits and torch's float16 and bfloat16 of them, in hexadecimal.

    ATEN_CPU_CAPABILITY=default python make_scalar.py      (torch 1.13 or later)

ATEN_CPU_CAPABILITY=default: torch 1.13's AVX2 kernel makes 0xFFFF of every bfloat16 NaN, its scalar code and all
later versions make 0x7FC0.
"""

import pathlib

import numpy
import torch

patterns = []
for sign in (0, 0x80000000):
    # zero, float32 subnormals, the edges of f16's subnormals, normals and overflow, infinity, quiet and signalling NaNs
    edges = [0, 1, 0x7FFFFF, 0x800000, 0x33000000, 0x33800000, 0x33C00000, 0x38000000, 0x387FC000, 0x387FE000,
             0x38800000, 0x3F800000, 0x477FE000, 0x477FF000, 0x47800000, 0x7F7F8000, 0x7F7FFFFF, 0x7F800000]
    for edge in edges:
        patterns += [sign | (edge + d) for d in (-1, 0, 1) if 0 <= edge + d <= 0x7F800000]
    # ties of both formats, to even and to odd
    patterns += [sign | (exponent << 23) | fraction
                 for exponent in (100, 104, 110, 113, 127, 142)
                 for fraction in (0x1000, 0x3000, 0x0FFF, 0x1001, 0x8000, 0x18000, 0x7FFF, 0x8001, 0x7FF000, 0x7F8000)]
    patterns += [sign | nan for nan in (0x7F800001, 0x7FABCDEF, 0x7FC00000, 0x7FFFFFFF)]

bits = numpy.array(sorted(set(patterns)), dtype=numpy.uint32)
floats = torch.from_numpy(bits.view(numpy.float32))
columns = [floats.to(dtype).view(torch.int16).numpy().view(numpy.uint16)
           for dtype in (torch.float16, torch.bfloat16)]
lines = [f"{f32:08x} {f16:04x} {bf16:04x}\n" for f32, f16, bf16 in zip(bits, *columns)]
pathlib.Path(__file__).with_name("scalar.txt").write_text("".join(lines))
