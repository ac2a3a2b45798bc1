#!/usr/bin/env python3
"""Writes the models beside it: random weights, and what transformers computes with them.

Made by transformers 4.46.3 on torch 1.13 (Debian's), on the processor, in float32 whatever the type of the stored
weights. Each folder has config.json and model.safetensors as save_pretrained writes them, ids.npy (int32 [tokens]),
logits.npy (float32 [tokens, vocabulary], of one pass over ids) and, but for dynamic scaling, whose cached keys keep the
angles of a shorter sequence there, greedy.npy (int32, the first 8 ids and the 200 that follow greedily). The seed of
each is the first for which the two largest logits are never closer than 1e-4 of the largest one, so that the
continuation does not hang on a rounding. Usage: make_goldens.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

TOKENS, PROMPT, NEW = 24, 8, 200
MARGIN = 1e-4
BASE = dict(vocab_size=64, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=256, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2)  # fmt: skip
f32, f16, bf16 = torch.float32, torch.float16, torch.bfloat16
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)  # fmt: skip
DYNAMIC = dict(rope_type="dynamic", factor=2.0)
CASES = {
    "mha": (f32, {}),
    "gqa": (bf16, dict(hidden_size=32, num_attention_heads=8, num_key_value_heads=2)),
    "mqa": (f16, dict(hidden_size=24, num_attention_heads=6, num_key_value_heads=1)),
    "tied": (f32, dict(tie_word_embeddings=True, hidden_size=24)),
    "bias": (f32, dict(attention_bias=True, mlp_bias=True, num_key_value_heads=2)),
    "theta": (bf16, dict(rope_theta=500000.0, hidden_size=32, num_attention_heads=2)),
    "linear": (f16, dict(rope_scaling=dict(rope_type="linear", factor=3.0))),
    "dynamic": (f32, dict(rope_scaling=DYNAMIC, max_position_embeddings=16, num_attention_heads=2)),
    "llama3": (bf16, dict(rope_scaling=LLAMA3, hidden_size=32, num_attention_heads=2, num_key_value_heads=1)),
    "head_dim": (f32, dict(hidden_size=20, head_dim=6)),
    "odd": (f16, dict(hidden_size=30, num_attention_heads=3, intermediate_size=37, vocab_size=67, rms_norm_eps=1e-5)),
    "one": (f32, dict(hidden_size=2, num_attention_heads=1, intermediate_size=3, num_hidden_layers=1, vocab_size=11)),
}


def make_model(config, dtype, seed):
    """Random weights that are numbers of `dtype`, in float32; matrices keep the size of what they multiply."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, values in model.named_parameters():
            if values.ndim == 1 and name.endswith(".weight"):
                values.copy_(1 + 0.1 * torch.randn_like(values))
            elif values.ndim == 1:
                values.copy_(0.2 * torch.randn_like(values))
            else:
                values.copy_(1.5 * torch.randn_like(values) / values.shape[1] ** 0.5)
            values.copy_(values.to(dtype).float())
    return model


def continue_greedily(model, ids):
    """The ids with NEW more, and the smallest distance of the two largest logits, of the largest one."""
    ids, margin, cache, new = list(ids), 1.0, None, torch.tensor(ids)[None]
    for _ in range(NEW):
        result = model(new, past_key_values=cache, use_cache=True)
        cache, last = result.past_key_values, result.logits[0, -1]
        best = torch.topk(last, 2)
        margin = min(margin, float((best.values[0] - best.values[1]) / last.abs().max()))
        ids.append(int(best.indices[0]))
        new = torch.tensor([[ids[-1]]])
    return ids, margin


def write(folder, dtype, changes):
    config = LlamaConfig(**{**BASE, **changes})
    for seed in range(1, 1000):
        model = make_model(config, dtype, seed)
        generator = np.random.default_rng(seed)
        ids = [1] + [int(i) for i in generator.integers(3, config.vocab_size, TOKENS - 1)]
        with torch.no_grad():
            logits = model(torch.tensor(ids)[None]).logits[0].numpy()
            if folder.name == "dynamic":
                break
            greedy, margin = continue_greedily(model, ids[:PROMPT])
            if margin > MARGIN and len(set(greedy[-50:])) > 2:
                np.save(folder / "greedy.npy", np.array(greedy, np.int32))
                break
    model.to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    np.save(folder / "ids.npy", np.array(ids, np.int32))
    np.save(folder / "logits.npy", logits.astype(np.float32))
    print(folder.name, "seed", seed, "largest logit", abs(logits).max())


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    target = target.parent if target.is_file() else target
    for name, (dtype, changes) in CASES.items():
        (target / name).mkdir(parents=True, exist_ok=True)
        write(target / name, dtype, changes)
    print("transformers", transformers.__version__, "torch", torch.__version__)
