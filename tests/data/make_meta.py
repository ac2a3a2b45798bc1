"""Writes tests/data/meta: small checkpoints in Meta's layout and what transformers converts them to.

FOLDER/consolidated.NN.pth and params.json are the checkpoint, FOLDER.safetensors the same model as written by
transformers' convert_llama_weights_to_hf.py. Written with PyTorch 2.2.2 and transformers 4.40.2 (with accelerate).

whole   one file, as many heads of k and v as of q
parts   two model-parallel files, grouped heads, the embedding split by columns as in Llama 1 and 2
rows    the model of `parts` with the embedding split by rows, as in Llama 3: its model is that of parts.safetensors
"""

import json
import os
import shutil
import tempfile

import torch
from transformers.models.llama import convert_llama_weights_to_hf as converter

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "meta")
VOCABULARY, DIM, LAYERS, HEADS, MULTIPLE = 40, 16, 2, 4, 8
INNER = (8 * DIM // 3 + MULTIPLE - 1) // MULTIPLE * MULTIPLE


def tensors(kv_heads, seed):
    generator = torch.Generator().manual_seed(seed)
    head = DIM // HEADS

    def random(*extents, centre=0.0):
        return (torch.randn(*extents, generator=generator) * 0.1 + centre).to(torch.bfloat16)

    out = {"tok_embeddings.weight": random(VOCABULARY, DIM), "norm.weight": random(DIM, centre=1)}
    out["output.weight"] = random(VOCABULARY, DIM)
    for i in range(LAYERS):
        at = f"layers.{i}."
        out[at + "attention.wq.weight"] = random(DIM, DIM)
        out[at + "attention.wk.weight"] = random(kv_heads * head, DIM)
        out[at + "attention.wv.weight"] = random(kv_heads * head, DIM)
        out[at + "attention.wo.weight"] = random(DIM, DIM)
        out[at + "feed_forward.w1.weight"] = random(INNER, DIM)
        out[at + "feed_forward.w2.weight"] = random(DIM, INNER)
        out[at + "feed_forward.w3.weight"] = random(INNER, DIM)
        out[at + "attention_norm.weight"] = random(DIM, centre=1)
        out[at + "ffn_norm.weight"] = random(DIM, centre=1)
    out["rope.freqs"] = 1.0 / (10000 ** (torch.arange(0, head, 2).float() / head))
    return out


def part(name, tensor, number, count, embedding_axis):
    if tensor.dim() == 1:
        return tensor
    axis = 1 if name.endswith(("wo.weight", "w2.weight")) else 0
    if name.startswith("tok_embeddings"):
        axis = embedding_axis
    return tensor.chunk(count, axis)[number].clone()


def save(folder, whole, params, count, embedding_axis=1):
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        mine = {name: part(name, tensor, number, count, embedding_axis) for name, tensor in whole.items()}
        torch.save(mine, f"{folder}/consolidated.{number:02d}.pth")
    with open(f"{folder}/params.json", "w") as file:
        json.dump(params, file)


class NoTokenizer:
    vocab_size = VOCABULARY

    def __init__(self, _):
        pass

    def save_pretrained(self, _):
        pass


def convert(folder, count):
    converter.NUM_SHARDS = {"it": count}
    converter.LlamaTokenizerFast = converter.LlamaTokenizer = NoTokenizer
    with tempfile.TemporaryDirectory() as target:
        converter.write_model(target, folder, "it", tokenizer_path="none", llama_version=2)
        shutil.copy(f"{target}/model.safetensors", f"{folder}.safetensors")


def main():
    params = {"dim": DIM, "multiple_of": MULTIPLE, "n_heads": HEADS, "n_layers": LAYERS, "norm_eps": 1e-05}
    save(f"{OUT}/whole", tensors(HEADS, 1), params | {"vocab_size": -1}, 1)
    convert(f"{OUT}/whole", 1)
    grouped, params = tensors(2, 2), params | {"n_kv_heads": 2, "vocab_size": VOCABULARY}
    save(f"{OUT}/parts", grouped, params, 2)
    convert(f"{OUT}/parts", 2)
    save(f"{OUT}/rows", grouped, params | {"rope_theta": 500000.0}, 2, embedding_axis=0)


main()
