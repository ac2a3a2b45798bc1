"""Tensor elements as Python numbers, and back, with the rounding of IEEE 754 (to nearest, ties to even)."""

import math
import struct
from array import array

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FORMATS = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i", "I16": "h", "I8": "b", "U8": "B", "BOOL": "?"}


def decode(dtype, data):
    """The numbers in `data`, the little-endian bytes of a tensor."""
    count = len(data) // SIZES[dtype]
    if dtype == "BF16":
        halves = struct.unpack(f"<{count}H", data)
        return list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(half << 16 for half in halves))))
    return list(struct.unpack(f"<{count}{_FORMATS[dtype]}", data))


def encode(dtype, values):
    """The little-endian bytes of finite `values` rounded to `dtype`."""
    values = list(values)
    if dtype == "BF16":
        bits = struct.unpack(f"<{len(values)}I", struct.pack(f"<{len(values)}f", *values))
        return struct.pack(f"<{len(values)}H", *((b + 0x7FFF + (b >> 16 & 1)) >> 16 for b in bits))
    return struct.pack(f"<{len(values)}{_FORMATS[dtype]}", *values)


def f32(values):
    """`values` rounded to float32."""
    return array("f", values).tolist()


def add(left, right):
    """Sums in float32: both sides are float32 numbers, so rounding their sum in double once more is exact."""
    return f32(x + y for x, y in zip(left, right, strict=True))


def subtract(left, right):
    """Differences in float32."""
    return f32(x - y for x, y in zip(left, right, strict=True))


def mean_row(values, width):
    """The mean of the rows of a matrix, each element rounded to float32 once."""
    rows = len(values) // width
    return f32(math.fsum(values[column::width]) / rows for column in range(width))
