#!/usr/bin/env python3
"""Writes quantised_types.txt: the types that llama.cpp's llama_model_quantize gives to the tensors of LLaMA models.

Made with llama-cpp-python 0.3.16 (llama.cpp of 2025-08) and its gguf package: each configuration becomes a GGUF file of
zeros with few rows a matrix, since a type depends on the length of the rows, on the name and on the shape of the model
alone; the library quantises it and the types are read back. After a line for each configuration,

    model CONFIGURATION LAYERS HEADS KEY_VALUE_HEADS TIED

a line for each kind of matrix, with its name in transformers without "model.layers.N." and ".weight" and with its type
in each layer, or the one type that it has in all:

    WANTED NAME ROWS COLUMNS TYPE...

Without norms, which are vectors and stay F32.
"""

import ctypes
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

OUT = Path(__file__).resolve().parent / "quantised_types.txt"
# name: layers, heads, key-value heads, hidden, intermediate, tied. Widths are small where they are multiples of 256.
MODELS = {
    "llama7b": (32, 4, 4, 256, 512, False),
    "smollm2": (30, 9, 3, 576, 1536, True),
    "grouped70b": (80, 8, 2, 256, 512, False),
    "even65b": (80, 4, 4, 256, 512, False),
    "grouped70b_narrow": (80, 8, 2, 288, 320, False),
    "one": (1, 4, 4, 256, 288, True),
    "three": (3, 4, 4, 320, 256, False),
    "row": (9, 4, 1, 256, 512, False),
}
WANTED = {
    "q4_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q5_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1,
    "q5_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_0,
    "q5_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_1,
    "f16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "bf16": llama_cpp.LLAMA_FTYPE_MOSTLY_BF16,
    "f32": llama_cpp.LLAMA_FTYPE_ALL_F32,
}
ROWS = 4
LINEAR = {
    "attn_q": ("self_attn.q_proj", "hidden"),
    "attn_k": ("self_attn.k_proj", "hidden"),
    "attn_v": ("self_attn.v_proj", "hidden"),
    "attn_output": ("self_attn.o_proj", "hidden"),
    "ffn_gate": ("mlp.gate_proj", "hidden"),
    "ffn_up": ("mlp.up_proj", "hidden"),
    "ffn_down": ("mlp.down_proj", "inner"),
}


def tensors_of(name):
    """(GGUF names, name in transformers, rows, columns) of every kind of matrix."""
    layers, _, _, hidden, inner, tied = MODELS[name]
    yield ["token_embd.weight"], "model.embed_tokens", ROWS, hidden
    if not tied:
        yield ["output.weight"], "lm_head", ROWS, hidden
    for short, (long, columns) in LINEAR.items():
        rows = 1 if name == "row" and short in ("attn_k", "attn_v") else ROWS
        size = {"hidden": hidden, "inner": inner}[columns]
        yield [f"blk.{layer}.{short}.weight" for layer in range(layers)], long, rows, size


def write_model(path, name):
    layers, heads, key_value_heads, hidden, inner, _ = MODELS[name]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    for tensors, _, rows, columns in tensors_of(name):
        for tensor in tensors:
            writer.add_tensor(tensor, np.zeros((rows, columns), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantise(source, target, ftype):
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.nthread = ftype, 1
    status = llama_cpp.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(options))
    assert status == 0, f"{source} to type {ftype}"
    return {tensor.name: tensor.tensor_type.name.lower() for tensor in gguf.GGUFReader(target).tensors}


def main():
    quiet = llama_cpp.llama_log_callback(lambda level, text, user: None)
    llama_cpp.llama_log_set(quiet, None)
    lines = []
    for name, (layers, heads, key_value_heads, _, _, tied) in MODELS.items():
        lines.append(f"model {name} {layers} {heads} {key_value_heads} {int(tied)}")
        with tempfile.TemporaryDirectory() as scratch:
            source, target = Path(scratch) / "f32.gguf", Path(scratch) / "out.gguf"
            write_model(source, name)
            for wanted, ftype in WANTED.items():
                types = quantise(source, target, ftype)
                for tensors, long, rows, columns in tensors_of(name):
                    found = [types[tensor] for tensor in tensors]
                    each = found[:1] if len(set(found)) == 1 else found
                    lines.append(" ".join([wanted, long, str(rows), str(columns), *each]))
    OUT.write_text("\n".join(lines) + "\n")


main()
