"""Reading .npy files without NumPy, which not every Python has."""

import array
import ast
import struct
import sys

TYPES = {"<f4": "f", "<i4": "i", "<i8": "q"}


def read_npy(path):
    """The shape and the elements, one after the other, of a file of version 1 in C order."""
    content = path.read_bytes()
    if content[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError(f"{path}: not a .npy of version 1.0")
    (size,) = struct.unpack("<H", content[8:10])
    header = ast.literal_eval(content[10 : 10 + size].decode("latin-1"))
    if header["fortran_order"] or header["descr"] not in TYPES:
        raise ValueError(f"{path}: {header}")
    elements = array.array(TYPES[header["descr"]], content[10 + size :])
    if sys.byteorder == "big":
        elements.byteswap()
    return header["shape"], elements
