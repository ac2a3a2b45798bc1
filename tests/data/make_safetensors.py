"""Writes the golden files of tests/data/safetensors with the safetensors package (0.8.0)."""

import ctypes
import json
import pathlib
import struct

import safetensors

FOLDER = pathlib.Path(__file__).parent / "safetensors"

# dtype of the package -> (name in the header, struct code); element i is i, of BOOL it is i % 2.
DTYPES = {
    "bool": ("BOOL", "?"),
    "uint8": ("U8", "B"),
    "int8": ("I8", "b"),
    "uint16": ("U16", "H"),
    "int16": ("I16", "h"),
    "uint32": ("U32", "I"),
    "int32": ("I32", "i"),
    "uint64": ("U64", "Q"),
    "int64": ("I64", "q"),
    "float16": ("F16", "e"),
    "float32": ("F32", "f"),
    "float64": ("F64", "d"),
}


def pack(dtype, count):
    if dtype == "bfloat16":
        return b"".join(struct.pack("<f", i)[2:] for i in range(count))
    code = DTYPES[dtype][1]
    values = [i % 2 == 1 if dtype == "bool" else i for i in range(count)]
    return struct.pack(f"<{count}{code}", *values)


def tensor(dtype, *shape):
    count = 1
    for extent in shape:
        count *= extent
    return {"dtype": dtype, "shape": list(shape), "data": pack(dtype, count)}


def save(name, tensors, metadata=None):
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    buffers = {key: ctypes.create_string_buffer(entry["data"]) for key, entry in tensors.items()}
    specs = {
        key: safetensors.TensorSpec(
            dtype=entry["dtype"],
            shape=entry["shape"],
            data_ptr=ctypes.addressof(buffers[key]),
            data_len=len(entry["data"]),
        )
        for key, entry in tensors.items()
    }
    path.write_bytes(safetensors.serialize(specs, metadata))


def save_index(name, weight_map, total_size):
    index = {"metadata": {"total_size": total_size}, "weight_map": weight_map}
    (FOLDER / name).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main():
    save("every_dtype.safetensors", {name: tensor(name, 2, 3) for name in [*DTYPES, "bfloat16"]})
    save(
        "odd_shapes.safetensors",
        {"scalar": tensor("int32"), "nothing": tensor("float32", 2, 0), "cube": tensor("float16", 2, 1, 3)},
    )
    save(
        "names.safetensors",
        {'quote " and \\ and \n': tensor("uint8", 1), "größe": tensor("uint8", 2)},
        {"format": "pt"},
    )
    save("no_tensors.safetensors", {})
    shards = [
        {"model.embed_tokens.weight": tensor("float32", 4, 2), "model.norm.weight": tensor("float32", 2)},
        {"lm_head.weight": tensor("bfloat16", 4, 2)},
    ]
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save(f"sharded/{name}", shard, {"format": "pt"})
        weight_map.update({key: name for key in shard})
    total = sum(len(entry["data"]) for shard in shards for entry in shard.values())
    save_index("sharded/model.safetensors.index.json", weight_map, total)
    save_index("names.index.json", {"größe": "b.safetensors", "a\tb": "a.safetensors"}, 3)


if __name__ == "__main__":
    main()
