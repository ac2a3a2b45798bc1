"""A GGUF file without gguf-py: metadata and tensors."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
# ggml's number: name, elements of a block, bytes of a block
TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 6: ("Q5_0", 32, 22), 8: ("Q8_0", 32, 34),
         12: ("Q4_K", 256, 144), 14: ("Q6_K", 256, 210), 30: ("BF16", 1, 2)}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple  # row-major
    data: bytes


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self):
        size = self.number("<Q")
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element, count = self.number("<I"), self.number("<Q")
            return [self.value(element) for _ in range(count)]
        return self.number(NUMBERS[kind])


def read(path):
    """(metadata, tensors by name in the order of the file)."""
    reader = Reader(Path(path).read_bytes())
    assert reader.data[:4] == b"GGUF" and struct.unpack_from("<I", reader.data, 4) == (3,), path
    reader.at = 8
    tensor_count, entry_count = reader.number("<Q"), reader.number("<Q")
    metadata = {}
    for _ in range(entry_count):
        key = reader.text()
        metadata[key] = reader.value(reader.number("<I"))
    infos = []
    for _ in range(tensor_count):
        name, rank = reader.text(), reader.number("<I")
        shape = tuple(reader.number("<Q") for _ in range(rank))[::-1]
        infos.append((name, shape, TYPES[reader.number("<I")], reader.number("<Q")))
    start = (reader.at + 31) // 32 * 32
    tensors = {}
    for name, shape, (dtype, block, size), offset in infos:
        data = reader.data[start + offset : start + offset + math.prod(shape) // block * size]
        tensors[name] = Tensor(dtype, shape, data)
    return metadata, tensors
