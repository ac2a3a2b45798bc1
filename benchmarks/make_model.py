#!/usr/bin/env python3
"""Writes a LLaMA-shaped model of random weights as safetensors. Needs nothing but Python 3.9.

    make_model.py FOLDER --shape 1.3b [--dtype f16] [--seed 1] [--extra-rows 1] [--max-shard-size 5000000000] [--sparse]
                  [--runnable]

Every weight is a uniformly random mantissa and sign with an exponent from -7 to -4, so that no value is special and all
bits of the type are used. --sparse writes the headers only and leaves the data to a hole in the file: all zero, and no
disk is used. --runnable: for a forward pass, the weights of the norms are 1, and there is a tokenizer.model
(SentencePiece, BPE) with a piece a row: the bytes, small letters with and without a blank before them, and fillers.
Shapes: 10m, 100m, 1.3b, 1.3b-5632 (an intermediate size that the blocks of k-quants divide), 7b, 13b, 65b.
"""

import argparse
import json
import random
import struct
from pathlib import Path

SHAPES = {  # hidden_size, intermediate_size, layers, heads, vocabulary
    "10m": (256, 688, 8, 4, 4000), "100m": (768, 2048, 8, 12, 32000), "1.3b": (2048, 5504, 24, 16, 32000),
    "1.3b-5632": (2048, 5632, 24, 16, 32000),
    "7b": (4096, 11008, 32, 32, 32000), "13b": (5120, 13824, 40, 40, 32000), "65b": (8192, 22016, 80, 64, 32000),
}  # fmt: skip
DTYPES = {  # size in bytes, bits that stay random, bits that are set, name in the file, name in config.json
    "f32": (4, 0x81FFFFFF, 0x3C000000, "F32", "float32"),
    "f16": (2, 0x8FFF, 0x2000, "F16", "float16"),
    "bf16": (2, 0x81FF, 0x3C00, "BF16", "bfloat16"),
}
ONES = {"f32": 0x3F800000, "f16": 0x3C00, "bf16": 0x3F80}
BLOCK = 1 << 22


def tensor_shapes(shape, extra_rows=0):
    """Name and extents of every tensor, in the order in which transformers saves them."""
    hidden, intermediate, layers, _, rows = shape
    out = {"model.embed_tokens.weight": (rows + extra_rows, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        out.update({f"{at}self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"})
        out[f"{at}mlp.gate_proj.weight"] = out[f"{at}mlp.up_proj.weight"] = (intermediate, hidden)
        out[f"{at}mlp.down_proj.weight"] = (hidden, intermediate)
        out[f"{at}input_layernorm.weight"] = out[f"{at}post_attention_layernorm.weight"] = (hidden,)
    out["model.norm.weight"] = (hidden,)
    out["lm_head.weight"] = (rows + extra_rows, hidden)
    return out


def count_of(extents):
    return extents[0] * (extents[1] if len(extents) == 2 else 1)


def split(shapes, size, limit):
    """The names of each shard."""
    shards, used = [[]], 0
    for name, extents in shapes.items():
        bytes_here = count_of(extents) * size
        if shards[-1] and used + bytes_here > limit:
            shards.append([])
            used = 0
        shards[-1].append(name)
        used += bytes_here
    return shards


class Weights:
    """An endless stream of random weights."""

    def __init__(self, dtype, seed, unit_norms):
        size, kept, fixed, _, _ = DTYPES[dtype]
        self.one = ONES[dtype].to_bytes(size, "little") if unit_norms else None
        self.source = random.Random(seed)
        self.kept = int.from_bytes(kept.to_bytes(size, "little") * (BLOCK // size), "little")
        self.fixed = int.from_bytes(fixed.to_bytes(size, "little") * (BLOCK // size), "little")

    def write_tensor(self, file, extents, size):
        if self.one and len(extents) == 1:
            file.write(self.one * extents[0])
        else:
            self.write(file, count_of(extents) * size)

    def write(self, file, count):
        while count > 0:
            block = self.source.getrandbits(8 * BLOCK) & self.kept | self.fixed
            file.write(memoryview(block.to_bytes(BLOCK, "little"))[: min(count, BLOCK)])
            count -= BLOCK


def write_shard(path, shapes, dtype, weights):
    """`weights` of None leaves a hole."""
    size, _, _, type_name, _ = DTYPES[dtype]
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, extents in shapes.items():
        end = offset + count_of(extents) * size
        header[name] = {"dtype": type_name, "shape": list(extents), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if weights is None:
            file.truncate(8 + len(text) + offset)
        else:
            for extents in shapes.values():
                weights.write_tensor(file, extents, size)
    return offset


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(field, content):
    """A string or message field of a protocol buffer."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def tokenizer_model(rows):
    """The bytes of a sentencepiece_model.proto with so many pieces, laid out as LLaMA's is."""
    normal, unknown, control, byte = 1, 2, 3, 6
    pieces = [("<unk>", unknown), ("<s>", control), ("</s>", control)]
    pieces += [(f"<0x{value:02X}>", byte) for value in range(256)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces += [("\u2581" + letter, normal) for letter in letters] + [(letter, normal) for letter in "\u2581" + letters]
    pieces += [(f"\u2581filler{number}", normal) for number in range(rows - len(pieces))]
    out = b""
    for number, (text, kind) in enumerate(pieces):
        score = struct.pack("<f", -max(0, number - 259) if kind == normal else 0)
        out += message(1, message(1, text.encode()) + b"\x15" + score + b"\x18" + varint(kind))
    trainer = varint(3 << 3) + varint(2) + varint(35 << 3) + varint(1)  # model_type BPE, byte_fallback
    normalizer = message(1, b"identity") + varint(3 << 3) + varint(1) + varint(4 << 3) + varint(0)  # a blank first, blanks stay
    return out + message(2, trainer) + message(3, normalizer)


def write_tokenizer(folder, rows):
    (folder / "tokenizer.model").write_bytes(tokenizer_model(rows))
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
              "eos_token": "</s>", "unk_token": "<unk>", "legacy": True}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def write_model(folder, shape, dtype="f16", seed=1, extra_rows=0, max_shard_size=5 * 10**9, sparse=False, runnable=False):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hidden, intermediate, layers, heads, rows = SHAPES[shape]
    shapes = tensor_shapes(SHAPES[shape], extra_rows)
    shards = split(shapes, DTYPES[dtype][0], max_shard_size)
    weights = None if sparse else Weights(dtype, seed, runnable)
    total, weight_map = 0, {}
    for number, names in enumerate(shards, 1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{number:05}-of-{len(shards):05}.safetensors"
        total += write_shard(folder / file, {name: shapes[name] for name in names}, dtype, weights)
        weight_map.update(dict.fromkeys(names, file))
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": intermediate,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": rows + extra_rows,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "hidden_act": "silu", "rope_theta": 10000.0, "bos_token_id": 1,
        "eos_token_id": 2, "tie_word_embeddings": False, "torch_dtype": DTYPES[dtype][4],
    }  # fmt: skip
    if runnable:
        write_tokenizer(folder, rows + extra_rows)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--dtype", choices=DTYPES, default="f16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--extra-rows", type=int, default=0, help="vocabulary rows beyond the shape's, as a diff with [PAD] has"
    )
    parser.add_argument("--max-shard-size", type=int, default=5 * 10**9, help="bytes")
    parser.add_argument("--sparse", action="store_true", help="zeros in a hole instead of random weights")
    parser.add_argument("--runnable", action="store_true", help="norms of 1 and a tokenizer.model")
    print(f"{write_model(**vars(parser.parse_args())):,} bytes of weights")


if __name__ == "__main__":
    main()
