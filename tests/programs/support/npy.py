"""Reading .npy files without NumPy, which not every Python has."""

import array
import ast
import struct
import sys

TYPES = {"<f4": "f", "<i4": "i", "<i8": "q"}


def read_npy(path):
    """(type, shape, elements) of a file of version 1 in C order, the header padded as numpy.save does it."""
    content = path.read_bytes()
    if content[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError(f"{path}: not a .npy of version 1.0")
    (size,) = struct.unpack("<H", content[8:10])
    if (10 + size) % 64 != 0 or content[9 + size : 10 + size] != b"\n":
        raise ValueError(f"{path}: a header of {size} bytes, or one without a line end")
    header = ast.literal_eval(content[10 : 10 + size].decode("latin-1"))
    if set(header) != {"descr", "fortran_order", "shape"} or header["fortran_order"] or header["descr"] not in TYPES:
        raise ValueError(f"{path}: {header}")
    elements = array.array(TYPES[header["descr"]], content[10 + size :])
    if sys.byteorder == "big":
        elements.byteswap()
    return header["descr"], header["shape"], elements
