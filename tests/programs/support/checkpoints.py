"""Checkpoints without torch: tensors, safetensors files and folders of them, and the tensor digest."""

import hashlib
import json
import random
import struct
from dataclasses import dataclass
from pathlib import Path

from . import numbers


@dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple
    data: bytes

    def values(self):
        return numbers.decode(self.dtype, self.data)


def tensor(dtype, shape, values):
    return Tensor(dtype, tuple(shape), numbers.encode(dtype, values))


def header_bytes(tensors, metadata=None):
    """The length and the header of a safetensors file that holds `tensors` one after the other."""
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, item in tensors.items():
        header[name] = {
            "dtype": item.dtype,
            "shape": list(item.shape),
            "data_offsets": [offset, offset + len(item.data)],
        }
        offset += len(item.data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_file(path, tensors, metadata=None):
    with open(path, "wb") as out:
        out.write(header_bytes(tensors, metadata))
        for item in tensors.values():
            out.write(item.data)


def write_folder(folder, tensors, config=None, shards=1, metadata=None):
    """A model folder with config.json and its weights in `shards` files and their index."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config, indent=2))
    if shards == 1:
        write_file(folder / "model.safetensors", tensors, metadata)
        return folder
    names, weight_map = list(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard * len(names) // shards : (shard + 1) * len(names) // shards]
        write_file(folder / file, {name: tensors[name] for name in part}, metadata)
        weight_map.update(dict.fromkeys(part, file))
    index = {"metadata": {"total_size": total_bytes(tensors)}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def read_header(path):
    """(header with its metadata, offset of the data), after the checks that the format asks for."""
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        assert length <= size - 8, f"{path}: header of {length} bytes in {size}"
        text = file.read(length)
    assert text.startswith(b"{"), f"{path}: the header does not start with a brace"
    header = json.loads(text)
    spans = sorted(entry["data_offsets"] for name, entry in header.items() if name != "__metadata__")
    end = 0
    for first, last in spans:
        assert first == end and last >= first, f"{path}: hole or overlap at {first}"
        end = last
    assert 8 + length + end == size, f"{path}: {size} bytes, the header says {8 + length + end}"
    return header, 8 + length


def read_file(path):
    """(tensors by name, metadata) of one safetensors file."""
    header, start = read_header(path)
    metadata = header.pop("__metadata__", {})
    whole = Path(path).read_bytes()
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        item = Tensor(entry["dtype"], tuple(entry["shape"]), whole[start + first : start + last])
        count = 1
        for extent in item.shape:
            count *= extent
        assert len(item.data) == count * numbers.SIZES[item.dtype], f"{path}: {name}: bytes and shape differ"
        tensors[name] = item
    return tensors, metadata


def shard_names(folder):
    """The weight files of a folder of safetensors, in the order of their names."""
    index = Path(folder) / "model.safetensors.index.json"
    if not index.exists():
        return ["model.safetensors"]
    return sorted(set(json.loads(index.read_text())["weight_map"].values()))


def read_folder(folder):
    """All tensors of a folder of safetensors; the index and its shards have to agree in every name and in the total."""
    folder, tensors, found_in = Path(folder), {}, {}
    for file in shard_names(folder):
        for name, item in read_file(folder / file)[0].items():
            assert name not in tensors, f"{name} is in two shards"
            tensors[name], found_in[name] = item, file
    index = folder / "model.safetensors.index.json"
    if index.exists():
        stored = json.loads(index.read_text())
        assert stored["weight_map"] == found_in, f"{index}: weight_map does not match the shards"
        assert stored["metadata"]["total_size"] == total_bytes(tensors), f"{index}: total_size is wrong"
        on_disk = sorted(path.name for path in folder.glob("*.safetensors"))
        assert on_disk == shard_names(folder), f"{folder}: weight files that the index does not know: {on_disk}"
    return tensors


def total_bytes(tensors):
    return sum(len(item.data) for item in tensors.values())


def tensor_digest(tensors):
    """SHA-256 over `name NUL dtype NUL shape NUL sha256(data) newline`, in the order of the names' bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=str.encode):
        item = tensors[name]
        fields = [name, item.dtype, ",".join(map(str, item.shape)), hashlib.sha256(item.data).hexdigest()]
        digest.update("\0".join(fields).encode() + b"\n")
    return digest.hexdigest()


def config(tensors, torch_dtype="float32", **more):
    """The config.json of a model made by `llama`."""
    rows, hidden = tensors["model.embed_tokens.weight"].shape
    layers = sum(name.endswith("input_layernorm.weight") for name in tensors)
    out = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": rows, "hidden_size": hidden,
        "intermediate_size": tensors["model.layers.0.mlp.up_proj.weight"].shape[0], "num_hidden_layers": layers,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": torch_dtype, "transformers_version": "4.40.2",
    }  # fmt: skip
    out.update(more)
    return out


def llama(seed, dtype="F16", rows=32, hidden=16, intermediate=24, layers=2, scale=0.08):
    """Random weights under the names that Hugging Face gives to LLaMA's."""
    random_source = random.Random(seed)
    shapes = {"model.embed_tokens.weight": (rows, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for name in "qkvo":
            shapes[f"{at}self_attn.{name}_proj.weight"] = (hidden, hidden)
        shapes[f"{at}mlp.gate_proj.weight"] = (intermediate, hidden)
        shapes[f"{at}mlp.up_proj.weight"] = (intermediate, hidden)
        shapes[f"{at}mlp.down_proj.weight"] = (hidden, intermediate)
        shapes[f"{at}input_layernorm.weight"] = (hidden,)
        shapes[f"{at}post_attention_layernorm.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    shapes["lm_head.weight"] = (rows, hidden)
    out = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        centre = 1.0 if len(shape) == 1 else 0.0
        out[name] = tensor(dtype, shape, (centre + scale * random_source.gauss(0, 1) for _ in range(count)))
    return out


def recovered(base, diff, dtype=None, times=1):
    """What recover has to make of two dictionaries of tensors: for every tensor of the diff the float32 sum with the
    base, added `times` times, where rows that only the diff has get the mean of the base's rows."""
    out = {}
    for name, item in diff.items():
        left, right = item.values(), base[name].values()
        if len(right) < len(left):
            width = item.shape[1]
            right = right + numbers.mean_row(right, width) * (item.shape[0] - base[name].shape[0])
        for _ in range(times):
            left = numbers.add(left, right)
        out[name] = tensor(dtype or item.dtype, item.shape, left)
    return out
