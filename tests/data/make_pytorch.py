"""Writes tests/data/pytorch: small checkpoints of torch.save and, beside each, what they hold.

NAME.pt is the checkpoint, NAME.txt has one line a tensor: name, dtype, extents, the elements in row-major order as
little-endian hexadecimal. Written with PyTorch 1.13 (Debian bookworm's python3-torch, 1.13.0a0). Writing again gives
other bytes: storage keys of the legacy layout are addresses.
"""

import io
import os
import zipfile
from collections import OrderedDict

import torch

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch")
DTYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32",
    torch.int64: "I64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
}


def elements(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.clone().storage().untyped().tolist())


def expect(name, tensors):
    with open(f"{OUT}/{name}.txt", "w") as out:
        for key, tensor in tensors.items():
            extents = ",".join(map(str, tensor.shape))
            out.write(f"{key}|{DTYPES[tensor.dtype]}|{extents}|{elements(tensor).hex()}\n")


def save(name, checkpoint, tensors=None, **options):
    torch.save(checkpoint, f"{OUT}/{name}.pt", **options)
    expect(name, checkpoint if tensors is None else tensors)


def all_dtypes():
    generator = torch.Generator().manual_seed(1)
    out = OrderedDict()
    for dtype, name in DTYPES.items():
        values = torch.randn(3, 5, generator=generator) * 50
        out[f"layer.{name}"] = (values > 0) if dtype == torch.bool else values.abs().to(dtype)
    out["scalar"] = torch.tensor(1.5)
    out["empty"] = torch.zeros(0, 4, dtype=torch.float16)
    return out


def views():
    half = torch.arange(9 * 7, dtype=torch.float16).reshape(9, 7)
    cube = torch.arange(2 * 3 * 4, dtype=torch.int64).reshape(2, 3, 4)
    return OrderedDict(
        whole=half,
        transposed=half[2:-1, 1:-1].t(),
        rows=half[3:6],
        block=half[3:6, 2:5],
        stepped=half[::2, 1::3],
        column=half[:, 4],
        permuted=cube.permute(2, 0, 1),
        outer_first=cube.permute(1, 0, 2)[:, 1:],
        expanded=cube[0, 0].expand(3, 4),
        expanded_inside=cube[0, :, :1].expand(3, 5),
        one=cube[1, 2, 3],
    )


def swap(data, size):
    return b"".join(data[i:i + size][::-1] for i in range(0, len(data), size))


def save_zip_big_endian(name, tensors):
    """What a big-endian machine writes: `byteorder` says big, and the storages are swapped."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(f"{OUT}/{name}.pt", "w") as target:
        sizes = [tensor.element_size() for tensor in tensors.values()]  # of the storages 0, 1, …
        for entry in source.namelist():
            data = source.read(entry)
            if entry.startswith("archive/data/"):
                data = swap(data, sizes[int(entry.rsplit("/", 1)[1])])
            target.writestr(zipfile.ZipInfo(entry), data)
        target.writestr(zipfile.ZipInfo("archive/byteorder"), "big")
    expect(name, tensors)


def save_legacy_big_endian(name, tensors):
    """A big-endian machine writes little_endian False, and its storages little-endian all the same."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer, _use_new_zipfile_serialization=False)
    key = b"X\x0d\x00\x00\x00little_endianq\x02"
    data = buffer.getvalue()
    assert data.count(key + b"\x88") == 1
    data = data.replace(key + b"\x88", key + b"\x89")
    open(f"{OUT}/{name}.pt", "wb").write(data)
    loaded = torch.load(io.BytesIO(data))
    assert all(elements(loaded[key]) == elements(tensor) for key, tensor in tensors.items())
    expect(name, tensors)


def main():
    os.makedirs(OUT, exist_ok=True)
    old = dict(_use_new_zipfile_serialization=False)
    save("zip_dtypes", all_dtypes())
    save("legacy_dtypes", all_dtypes(), **old)
    save("zip_views", views())
    save("legacy_views", views(), **old)
    save("zip_protocol4", views(), pickle_protocol=4)
    save_zip_big_endian("zip_big_endian", all_dtypes())
    save_legacy_big_endian("legacy_big_endian", all_dtypes())
    torch.manual_seed(2)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2)).half()
    save("zip_module", module.state_dict())
    save("zip_parameters", dict(module.named_parameters()))
    nested = dict(epoch=3, note="text", nothing=None, rate=0.5, flag=True, dtype=torch.float16,
                  state_dict=module.state_dict())
    save("zip_nested", nested, module.state_dict())
    save("legacy_nested", dict(model=module.state_dict(), step=2**40), module.state_dict(), **old)


main()
